"""Owns the weights that the tests read and load: torchvision's own start, from a fixed seed."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models import get_model

State = dict[str, Tensor]


def state_of(identifier: str, classes: int = 10) -> State:
    torch.manual_seed(3)
    state: State = get_model(identifier, weights=None, num_classes=classes).state_dict()
    return state


def same(a: State, b: State) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
