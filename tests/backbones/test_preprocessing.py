"""The one preprocessing against torchvision's own transforms."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F  # noqa: N812

from tlstudio.backbones.catalogue import catalogue
from tlstudio.backbones.preprocessing import Preprocessing

SPECS = {
    weights.preprocessing: f"{entry.id} {weights.name}"
    for entry in catalogue()
    for weights in entry.weights
}


@pytest.mark.parametrize("size", [(300, 401), (401, 300), (37, 51), (1000, 333), (256, 256)])
@pytest.mark.parametrize("spec", SPECS, ids=SPECS.values())
def test_pixels_are_torchvisions_in_double_precision(spec, size) -> None:  # type: ignore[no-untyped-def]
    """In single precision torchvision's own positions are off by up to a ten-thousandth."""
    generator = torch.Generator().manual_seed(1)
    picture = torch.randint(0, 256, (1, *size, 3), dtype=torch.uint8, generator=generator)
    wanted = F.resize(
        picture.permute(0, 3, 1, 2).double(),
        [spec.resize],
        interpolation=InterpolationMode(spec.interpolation),
        antialias=True,
    )
    wanted = F.center_crop(wanted, [spec.crop, spec.crop])
    wanted = F.normalize(wanted / 255, list(spec.mean), list(spec.std))

    got = Preprocessing(spec)(picture)

    assert got.dtype == torch.float32
    torch.testing.assert_close(got.double(), wanted, rtol=0, atol=5e-6)
