"""Owns the features that the frozen network gives for pictures: what the probe and the head read."""

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


@dataclass(frozen=True)
class Pictures:
    """The pictures of one part: paths, names relative to the data set, and class indices (N,)."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: Tensor

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class Features:
    """Pooled features (N, D), and the largest value of each channel at any position (D,)."""

    pooled: Tensor
    largest: Tensor


def compute_features(
    network: StagedNetwork, preprocessing: Preprocessing, pictures: Pictures, device: torch.device
) -> Task[Features]:
    """Runs all stages, in evaluation mode, over the unvaried pictures."""
    network.eval()
    largest = torch.zeros(network.feature_width)

    def pooled(batch: Tensor) -> Tensor:
        maps = network.run(batch)
        peaks = maps.amax(dim=(0, *range(2, maps.ndim))).float().cpu()
        torch.maximum(largest, peaks, out=largest)
        return network.pool(maps)

    rows = yield from every_picture(pictures, preprocessing, pooled, device, "features")
    return Features(rows, largest)


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
