"""Owns what is known of a picture file once it was looked at: whether it can be read, what was done
to read it, and a few numbers that findings rest on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Facts:
    """Of a readable picture, upright, as 8-bit RGB. Grey levels are in 0..255.

    `width` and `height` are in px; `format` as Pillow names it, or DICOM. `camera` is the maker and
    model, `taken` the time of the photograph in seconds since 1970 as its clock said (no zone);
    None where the file does not say. `mean` and `spread` are mean and standard deviation of its
    grey levels, once it is scaled down so far that noise does not count. `border` is the mean
    colour of the outermost pixels, `border_spread` how much they vary. `text` is the share of the
    picture, 0 to 1, that looks like burned-in text. `thumb` is the picture squeezed into
    16 x 16 x 3 bytes, rows first.
    """

    width: int
    height: int
    format: str
    camera: str | None
    taken: float | None
    mean: float
    spread: float
    border: tuple[int, int, int]
    border_spread: float
    text: float
    thumb: bytes


@dataclass(frozen=True, slots=True)
class Look:
    """What was said of a file. `reason` says why it can't be read and is empty where it can.

    `lasting` is false where the disk, the rights or the memory failed and not the file. `digest` is
    the SHA-256 of its bytes, `done` what had to be done to show it as 8-bit RGB ("16 bits brought
    to 8"), empty where nothing was.
    """

    reason: str
    lasting: bool = True
    digest: bytes = b""
    done: tuple[str, ...] = ()
    facts: Facts | None = None
