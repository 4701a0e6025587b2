"""Owns the one preprocessing: upright 8-bit pixels to what a backbone reads, as a torch module.

Training's checks, evaluation, `predict` and every export run this module, so that what is exported
is what was tested.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tlstudio.backbones.catalogue import PreprocessingSpec


class Preprocessing(nn.Module):
    """uint8 pictures (N, H, W, 3) to normalised float32 (N, 3, crop, crop).

    The shorter side is resized to `resize` px with antialiasing in 32-bit floating point and
    without rounding; then comes torchvision's centre crop. Sizes are computed in whole numbers
    only, which gives torchvision's values and can be exported with free height and width.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: PreprocessingSpec) -> None:
        super().__init__()
        self.spec = spec
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 3, 1, 2).to(torch.float32)
        height, width = x.shape[-2], x.shape[-1]
        shorter = torch.sym_min(height, width)
        resize, crop = self.spec.resize, self.spec.crop
        size = [resize * height // shorter, resize * width // shorter]
        x = nn.functional.interpolate(
            x,
            size=size,  # type: ignore[arg-type]  # symbolic while being exported
            mode=self.spec.interpolation,
            antialias=True,
            align_corners=False,
        )
        top, left = _crop_offset(size[0] - crop), _crop_offset(size[1] - crop)
        x = x[..., top : top + crop, left : left + crop]
        return (x / 255.0 - self.mean) / self.std


def _crop_offset(margin: int | torch.SymInt) -> int | torch.SymInt:
    """Half of `margin`, rounded as torchvision's centre crop rounds: half to even."""
    half = margin // 2
    return half + (margin % 2) * (half % 2)
