"""Owns the one preprocessing: upright 8-bit pixels to what a backbone reads, as a torch module.

Training's checks, evaluation, `predict` and every export run this module, so that what is exported
is what was tested.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor, nn

from tlstudio.backbones.catalogue import PreprocessingSpec

Size: TypeAlias = int | torch.SymInt
"""A number of pixels; symbolic while a network is being exported with free height and width."""


class Preprocessing(nn.Module):
    """uint8 pictures (N, H, W, 3) to normalised float32 (N, 3, crop, crop).

    The shorter side is resized to `resize` px with antialiasing in 32-bit floating point and
    without rounding; then comes torchvision's centre crop. Sizes are computed in whole numbers
    only, which gives torchvision's values and can be exported with free height and width.

    Resizing is a weighted sum of gathered rows and columns, with weights computed in 64 bits, and
    not `interpolate`: that computes positions in 32 bits, each runtime in its own way, and a model
    that is sure of itself answers differently by more than the tolerance of an export.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: PreprocessingSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[1], pictures.shape[2]
        shorter = torch.sym_min(height, width)
        x = self._resample(pictures, height, self.spec.resize * height // shorter)
        x = self._resample(x.transpose(1, 2), width, self.spec.resize * width // shorter)
        return (x.permute(0, 3, 2, 1) / 255.0 - self.mean) / self.std

    def _resample(self, x: Tensor, old: Size, new: Size) -> Tensor:
        """Resizes dimension 1 of (N, old, M, 3) to `new` pixels, of which the middle `crop` are
        computed: (N, crop, M, 3) float32."""
        crop = self.spec.crop
        indices, weights = self._taps(old, new, x.device)
        taps = weights.shape[1]
        rows = x.index_select(1, indices.flatten()).to(torch.float32)
        rows = rows.reshape(x.shape[0], crop, taps, x.shape[2] * 3)
        return torch.matmul(weights[:, None, :], rows).reshape(x.shape[0], crop, x.shape[2], 3)

    def _taps(self, old: Size, new: Size, device: torch.device) -> tuple[Tensor, Tensor]:
        """Which old pixels each new one rests on, and how much: (crop, taps) int64 and float32.

        The filter is widened by the scale where pictures shrink, as Pillow and torchvision do it.
        """
        reach = 1 if self.spec.interpolation == "bilinear" else 2
        taps = 2 * reach * (old // new + 1) + 2
        exact = torch.float64
        places = torch.arange(self.spec.crop, device=device, dtype=exact)
        places = places + _crop_offset(new - self.spec.crop) + 0.5
        # Tensors, because a symbolic size knows no floating point.
        scale: Tensor = torch.ones(1, device=device, dtype=exact) * old / new  # type: ignore
        centres = places * scale
        step = scale.clamp_min(1.0)
        first = torch.floor(centres - reach * step).to(torch.int64)
        indices = first[:, None] + torch.arange(taps, device=device)
        distances = ((indices.to(exact) + 0.5 - centres[:, None]) / step).abs()
        inside = (indices >= 0) & (indices < old)
        weights = _triangle(distances) if reach == 1 else _cubic(distances)
        weights = weights * inside.to(exact)
        weights = weights / weights.sum(1, keepdim=True)
        return indices.clamp_min(0).clamp_max(old - 1), weights.to(torch.float32)


def _triangle(x: Tensor) -> Tensor:
    return (1 - x).clamp_min(0)


def _cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution with a = -1/2, as Pillow and torchvision use it when antialiasing."""
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, torch.zeros_like(x)))


def _crop_offset(margin: Size) -> Size:
    """Half of `margin`, rounded as torchvision's centre crop rounds: half to even."""
    half = margin // 2
    return half + (margin % 2) * (half % 2)
