"""Owns how a head with a hidden layer is made ready for the epochs."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs.estimate import HEAD_EPOCHS
from tlstudio.tasks import Meter, Task
from tlstudio.training.sources import FeatureSource


def warm_head(
    network: StagedNetwork, source: FeatureSource, class_weights: Tensor, device: torch.device
) -> Task[None]:
    """Fits the head on the features of the frozen stages first, so that its random start does not
    disturb those that are unfrozen (Kumar et al., "Fine-tuning can distort pretrained features",
    2022). `class_weights` (C,) lie on `device`."""
    optimizer = torch.optim.AdamW(network.head.parameters(), lr=1e-3)
    meter = Meter("probe", HEAD_EPOCHS, "steps")
    for epoch in range(1, HEAD_EPOCHS + 1):
        network.train()
        for inputs, labels in source.batches(epoch, 0):
            loss = cross_entropy(
                source.logits(inputs.to(device)), labels.to(device), weight=class_weights
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        yield from meter.at(epoch)
