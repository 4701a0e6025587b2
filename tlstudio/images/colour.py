"""Owns how the colours that a file means become those of sRGB, which everything here is in."""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image, ImageCms

APPLIED = "colour profile applied"
IGNORED = "colour profile damaged, not applied"

_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


def to_srgb(picture: Image.Image, profile: bytes | None, done: list[str]) -> Image.Image:
    """A picture in the modes RGB, L or CMYK as RGB in sRGB, by its ICC profile where it has one.

    A profile that is damaged or of other colours than the picture's is ignored, as every viewer
    does, and `done` says so. White stays white.
    """
    if profile:
        try:
            transform = _transform(bytes(profile), picture.mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            done.append(IGNORED)
        else:
            if transform is not None:
                done.append(APPLIED)
                changed = transform.apply(picture)
                changed.info.pop("icc_profile", None)
                return changed
    return picture.convert("RGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How `mode` becomes sRGB; None where the profile is that of sRGB itself. Most cameras write
    the same few profiles into all of their pictures."""
    given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if _MODES.get(given.profile.xcolor_space.strip()) != mode:
        raise ValueError("the profile is of other colours")
    if mode == "RGB" and "srgb" in ImageCms.getProfileDescription(given).lower():
        return None
    return ImageCms.ImageCmsTransform(
        given,
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        intent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        # Several threads use one transform.
        flags=ImageCms.Flags.NOCACHE | ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
