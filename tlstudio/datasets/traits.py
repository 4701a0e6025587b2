"""Owns what of a picture is not what it shows (size, file format, camera, date, border, written
text, brightness), and how a rule about it is said."""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from tlstudio.datasets.item import Item

Value = float | str | None
Kind = Literal["is", "least", "below", "missing"]

_DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVEN = 10.0
"""A border whose colour varies by fewer grey levels is one of a single colour."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Says something of a trait's value; `value` is None where it says that there is none."""

    kind: Kind
    value: Value = None


@dataclass(frozen=True, slots=True)
class Trait:
    """`of` gives a picture's value, None where it has none; `said` puts a rule behind "All
    pictures of “a” …". Of traits of one `family` the one that predicts best is told.

    `least` is how much more frequent it must be in some classes than in the others, as a fraction,
    to be told; `badness`, 0 to 1, how surely it is no part of what is to be recognised.
    """

    family: str
    of: Callable[[Item], Value]
    said: Callable[[Rule], str]
    hint: str
    least: float
    badness: float


_SIZE = (
    "A model can learn the size, or the sharpness that comes with it, instead of what is shown."
    " Use pictures of one source for all classes, or bring them to one size and shape."
)
_FILE = (
    "A model can learn the traces that it leaves instead of what is shown. Save the pictures of all"
    " classes alike, best from their originals."
)
_CAMERA = (
    "A model can learn the camera instead of what is shown. Photograph each class with each camera,"
    " or check the answers on pictures of another one."
)
_DATE = (
    "What differed between the days (light, background, camera) can be learned instead. Use"
    " pictures of each class from the same days."
)
_BORDER = (
    "A model can learn the border instead of what it surrounds. Crop it off in all pictures, or"
    " give all classes the same one."
)
_EDGE = (
    "If that is no part of what is to be recognised, a model will learn it all the same. Check the"
    " answers on pictures with another background."
)
_TEXT = (
    "A model can learn the writing instead of what is shown. Crop it off, or use pictures without"
    " it."
)
_LIGHT = (
    "Where that comes from the lighting and not from what is shown, it will not hold for new"
    " pictures."
)


def _number(unit: str, digits: int = 0) -> Callable[[Rule], str]:
    """`unit` has a place for "512" or "at least 512"."""

    def said(rule: Rule) -> str:
        value = f"{float(rule.value or 0):,.{digits}f}"
        return unit.format(
            {"is": "", "least": "at least ", "below": "less than "}[rule.kind] + value
        )

    return said


def _shape(rule: Rule) -> str:
    value = float(rule.value or 0)
    if rule.kind == "is" and value == 1:
        return "are exactly as wide as high"
    return _number("are {} times as wide as high", 2)(rule)


def _format(rule: Rule) -> str:
    return f"are {rule.value} files"


def _camera(rule: Rule) -> str:
    if rule.kind == "missing":
        return "do not say with which camera they were taken"
    return f"were taken with a camera “{rule.value}”"


def _date(verb: str) -> Callable[[Rule], str]:
    def said(rule: Rule) -> str:
        if rule.kind == "missing":
            return "do not say when they were taken"
        day = (_EPOCH + timedelta(days=float(rule.value or 0))).strftime("%Y-%m-%d")
        when = {"is": "on", "least": "on or after", "below": "before"}[rule.kind]
        return f"{verb} {when} {day}"

    return said


def _text(rule: Rule) -> str:
    share = round(float(rule.value or 0) * 100, 1)
    if rule.kind == "below":
        return f"have less than {share:g} % of their area covered by what looks like written text"
    return f"have {share:g} % or more of their area covered by what looks like written text"


def _frame_of(item: Item) -> str:
    facts = item.facts
    return colour_name(facts.border) if facts.border_spread < _EVEN else ""


def _frame(rule: Rule) -> str:
    return f"have a plain {rule.value} border" if rule.value else "have no border of one colour"


def colour_name(colour: tuple[int, int, int]) -> str:
    """What most people would call an 8-bit RGB colour."""
    hue, lightness, _ = colorsys.rgb_to_hls(*(level / 255 for level in colour))
    if max(colour) < 40:
        return "black"
    if max(colour) - min(colour) < 30:
        return "white" if lightness > 0.9 else "grey"
    names = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "red")
    ends = (15, 45, 70, 160, 200, 260, 290, 345, 360)
    return next(name for name, end in zip(names, ends, strict=True) if hue * 360 <= end)


def _day(seconds: float | None) -> float | None:
    return None if seconds is None else seconds // _DAY_S


def _level(channel: int) -> Callable[[Item], Value]:
    return lambda item: float(item.facts.border[channel])


_MUCH = "have {} of 255 "

TRAITS = (
    Trait("size", lambda i: float(i.facts.width), _number("are {} px wide"), _SIZE, 0.4, 0.8),
    Trait("size", lambda i: float(i.facts.height), _number("are {} px high"), _SIZE, 0.4, 0.8),
    Trait(
        "size", lambda i: round(i.facts.width / max(i.facts.height, 1), 2), _shape, _SIZE, 0.4, 0.8
    ),
    Trait(
        "size",
        lambda i: float(i.facts.width * i.facts.height),
        _number("have {} pixels"),
        _SIZE,
        0.4,
        0.8,
    ),
    Trait("format", lambda i: i.facts.format, _format, _FILE, 0.4, 0.8),
    Trait("camera", lambda i: i.facts.camera, _camera, _CAMERA, 0.4, 0.8),
    Trait("date", lambda i: _day(i.facts.taken), _date("were taken"), _DATE, 0.6, 0.5),
    Trait("date", lambda i: _day(i.modified), _date("were last changed"), _DATE, 0.8, 0.3),
    Trait("border", _frame_of, _frame, _BORDER, 0.4, 1.0),
    Trait("edge", _level(0), _number(_MUCH + "red at their edge"), _EDGE, 0.7, 0.4),
    Trait("edge", _level(1), _number(_MUCH + "green at their edge"), _EDGE, 0.7, 0.4),
    Trait("edge", _level(2), _number(_MUCH + "blue at their edge"), _EDGE, 0.7, 0.4),
    Trait("text", lambda i: i.facts.text, _text, _TEXT, 0.4, 0.9),
    Trait(
        "light",
        lambda i: float(round(i.facts.mean)),
        _number("have a mean brightness of {} of 255"),
        _LIGHT,
        0.7,
        0.2,
    ),
)
"""In the order in which they are told where they predict equally well. Colours at the edge and
brightness may well belong to what is shown (the sky, the night), so they have to predict better."""
