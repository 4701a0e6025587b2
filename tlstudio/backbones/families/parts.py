"""Owns modules for what torchvision's forward passes compute without one, bit for bit the same."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GlobalMean(nn.Module):
    """The mean over all positions, (N, D, H, W) to (N, D).

    Not `AdaptiveAvgPool2d`, which rounds otherwise: a network must not answer differently when it
    runs in stages.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean([2, 3])


class FromImageNetScale(nn.Module):
    """Pictures normalised by ImageNet's means and deviations, to 0.5 and 0.5 for each channel.

    Google's networks learned from those. torchvision prepares pictures alike for all networks, and
    these two correct it themselves when they are built with `transform_input`.
    """

    def forward(self, x: Tensor) -> Tensor:
        red = x[:, 0:1] * (0.229 / 0.5) + (0.485 - 0.5) / 0.5
        green = x[:, 1:2] * (0.224 / 0.5) + (0.456 - 0.5) / 0.5
        blue = x[:, 2:3] * (0.225 / 0.5) + (0.406 - 0.5) / 0.5
        return torch.cat((red, green, blue), 1)


class OwnParameters(nn.Module):
    """What a module holds itself and not through its parts, seen through the module's own table:
    whoever replaces a parameter there (`to`, the exporter) replaces it here."""

    def __init__(self, owner: nn.Module) -> None:
        super().__init__()
        self._parameters = owner._parameters
