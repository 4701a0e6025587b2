"""Owns what the frozen network gives for pictures: the features that probe and head read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.tasks import Phase, Task
from tlstudio.training.inference import check_pictures, vanished

POSITIONS, SAMPLED_BATCHES = 256, 16
"""How many positions of how many batches are kept at most: a few megabytes in the checkpoint."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of one part: paths, names relative to the data set, and class indices (N,)."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.files)

    def sample(self, most: int) -> Pictures:
        """At most `most` of them, evenly spaced: the list is in the order of the classes."""
        step = -(-len(self) // most)
        return Pictures(self.files[::step], self.names[::step], self.labels[::step])


@dataclass(frozen=True)
class Features:
    """Pooled features (N, D), and features at single positions of some pictures (P, D).

    Where the network gives vectors there are no positions: P is 0.
    """

    pooled: Tensor
    positions: Tensor


def compute_features(
    network: StagedNetwork, preprocessing: Preprocessing, pictures: Pictures, device: torch.device
) -> Task[Features]:
    """Runs all stages, in evaluation mode, over the unvaried pictures."""
    network.eval()
    positions = [torch.zeros(0, network.feature_width)]

    def pooled(batch: Tensor) -> Tensor:
        maps = network.run(batch)
        if maps.ndim == 4 and len(positions) <= SAMPLED_BATCHES:
            every = maps.flatten(2).transpose(1, 2).flatten(0, 1)
            positions.append(every[:: -(-len(every) // POSITIONS)].float().cpu())
        return network.pool(maps)

    rows = yield from every_picture(pictures, preprocessing, pooled, device, "features")
    return Features(rows, torch.cat(positions))


def every_picture(
    pictures: Pictures,
    preprocessing: Preprocessing,
    forward: Callable[[Tensor], Tensor],
    device: torch.device,
    phase: Phase,
) -> Task[Tensor]:
    """`forward` of all pictures, (N, K) on the CPU. Raises `DatasetError` if one can't be read: a
    figure that silently rests on fewer pictures than it says would not be honest."""
    checked = yield from check_pictures(pictures.files, preprocessing, forward, device, phase=phase)
    for index, error in checked.failed:
        raise vanished(pictures.files[index], error) from error
    return torch.from_numpy(checked.values)
