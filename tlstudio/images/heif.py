"""Owns HEIC, in which many phones keep their photographs."""

from __future__ import annotations

from typing import BinaryIO

from tlstudio.images.decoded import Decoded
from tlstudio.images.extras import needed
from tlstudio.images.opening import check_bounds
from tlstudio.images.raster import from_pillow


def decode_heif(file: BinaryIO) -> Decoded:
    """The main picture of `file`, which the decoder turns upright by itself."""
    package = needed("pi_heif", "HEIC pictures")
    # A turn is stored twice, for decoders and in the EXIF; pi_heif takes it out of the latter.
    opened = package.open_heif(file, convert_hdr_to_8bit=True)
    check_bounds(*opened.size)
    picture = opened.to_pillow()
    picture.format = "HEIF"
    return from_pillow(picture)
