"""What would let a model answer by something that is not in the picture, or cry wolf where nothing
is wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_items import Pixels, item, scene
from PIL import Image
from scipy.stats import fisher_exact

from tlstudio.datasets.item import Item
from tlstudio.datasets.shortcuts import log_chance, shortcuts
from tlstudio.datasets.traits import colour_name
from tlstudio.jobs import Finding
from tlstudio.tasks import drive


def found(items: Sequence[Item]) -> list[Finding]:
    return drive(shortcuts(items), lambda _: None)


def varied(number: int, label: str, **more: Any) -> Item:
    """A picture like one out of a camera roll, that says nothing about its class."""
    rng = np.random.default_rng(number)
    width, height = rng.choice([[640, 480], [480, 640], [1024, 768], [500, 375]])
    facts: dict[str, Any] = {
        "width": int(width),
        "height": int(height),
        "format": str(rng.choice(["JPEG", "PNG"])),
        "camera": rng.choice([None, "A", "B"]),
        "taken": float(rng.integers(0, 10**8)),
        "mean": float(rng.uniform(50, 200)),
        "border": tuple(int(level) for level in rng.integers(0, 256, 3)),
        "border_spread": float(rng.uniform(5, 60)),
        "text": float(rng.uniform(0, 0.05)),
        "modified": float(rng.integers(0, 10**8)),
    }
    return item(number, label, **facts | more)


def two_classes(count: int = 40, **of_first: Any) -> list[Item]:
    first = [varied(number, "yes", **of_first) for number in range(count)]
    return first + [varied(1000 + number, "no") for number in range(count)]


PLANTED: dict[str, tuple[dict[str, Any], str]] = {
    "width": ({"width": 512, "height": 512}, "are 512 px wide"),
    "format": ({"format": "BMP"}, "are BMP files"),
    "camera": ({"camera": "Canon"}, "were taken with a camera “Canon”"),
    "taken": ({"taken": 2e8}, "were taken on 1976-05-03"),
    "modified": ({"modified": 2e8}, "were last changed on 1976-05-03"),
    "border": ({"border": (200, 30, 30), "border_spread": 1.0}, "have a plain red border"),
    "text": ({"text": 0.2}, "covered by what looks like written text"),
    "light": ({"mean": 220.0}, "have a mean brightness of"),
}


@pytest.mark.parametrize("trait", PLANTED)
def test_what_gives_a_class_away_is_found_and_said(trait: str) -> None:
    facts, said = PLANTED[trait]
    items = two_classes(**facts)
    (finding,) = found(items)
    assert finding.kind == "shortcut"
    assert finding.sentence.startswith("All 40 pictures of “yes” ")
    assert said in finding.sentence
    assert finding.sentence.endswith("and none of “no”.")
    assert finding.classes == ("yes",)
    assert {file.split("/")[0] for file in finding.files} == {"yes", "no"}


def test_nothing_is_said_where_there_is_nothing() -> None:
    assert found(two_classes()) == []


def test_what_holds_for_nearly_all_is_said_with_its_exceptions() -> None:
    items = two_classes(format="BMP")
    items[:2] = [varied(number, "yes", format="PNG") for number in range(2)]
    items[-1] = varied(2000, "no", format="BMP")
    (finding,) = found(items)
    assert finding.sentence == (
        "95 % of the 40 pictures of “yes” are BMP files, but only 2 % of “no”."
    )


def test_several_classes_that_share_what_gives_them_away_are_named_together() -> None:
    items = [
        varied(100 * which + number, f"class {which}", camera="Canon" if which < 2 else "Nikon")
        for which in range(5)
        for number in range(30)
    ]
    (finding,) = found(items)
    assert finding.classes == ("class 2", "class 3", "class 4")
    assert "Nikon" in finding.sentence
    assert "none of “class 0” and “class 1”" in finding.sentence


def test_a_handful_of_pictures_is_no_evidence() -> None:
    assert found(two_classes(count=6, format="BMP")) == []
    assert found(two_classes(count=4, format="BMP")) == []


def test_a_stronger_shortcut_of_more_pictures_weighs_more() -> None:
    (strong,) = found(two_classes(format="BMP"))
    weak_items = two_classes(format="BMP")
    weak_items[:18] = [varied(number, "yes", format="PNG") for number in range(18)]
    (weak,) = found(weak_items)
    assert 0 < weak.weight < strong.weight <= 1


def test_chance_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        table = rng.integers(0, 40, (2, 2))
        (a, b), (c, d) = table.tolist()
        expected = fisher_exact(table, alternative="greater").pvalue
        assert math.exp(log_chance(a, a + b, a + c, a + b + c + d)) == pytest.approx(expected)


def test_colours_are_called_what_people_call_them() -> None:
    named = {(200, 30, 30): "red", (250, 250, 250): "white", (5, 5, 5): "black"}
    named |= {(120, 120, 125): "grey", (20, 160, 30): "green", (30, 30, 220): "blue"}
    assert {colour: colour_name(colour) for colour in named} == named


# --- real pictures -------------------------------------------------------------------------------


def measured(number: int, label: str, pixels: Pixels) -> Item:
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(float)
    red, green, blue = edge.mean(0).tolist()
    return item(
        number,
        label,
        width=pixels.shape[1],
        height=pixels.shape[0],
        mean=float(pixels.mean()),
        border=(int(red), int(green), int(blue)),
        border_spread=float(edge.std(0).mean()),
    )


def read(folder: Path, framed: str = "") -> list[Item]:
    items: list[Item] = []
    for file in sorted(folder.rglob("*.*")):
        pixels = np.array(Image.open(file).convert("RGB"))
        if file.parent.name == framed:
            inner = pixels[10:-10, 10:-10].copy()
            pixels[:] = (40, 160, 60)
            pixels[10:-10, 10:-10] = inner
        items.append(measured(len(items), file.parent.name, pixels))
    return items


def test_a_coloured_border_on_real_photographs_is_found_and_no_border_is_not(data: Path) -> None:
    folder = data / "images" / "ants-bees" / "val"
    assert found(read(folder)) == []
    (finding,) = found(read(folder, framed="bees"))
    assert "of “bees” have a plain green border, and none of “ants”" in finding.sentence


def test_that_one_class_of_brains_is_cut_to_another_shape_is_found(data: Path) -> None:
    (finding,) = found(read(data / "images" / "brain-mri"))
    assert "times as wide as high" in finding.sentence


def test_labels_by_chance_give_no_false_alarm(data: Path) -> None:
    items = read(data / "images" / "brain-mri")
    rng = np.random.default_rng(0)
    for _ in range(40):
        labels = rng.permutation([each.label for each in items]).tolist()
        shuffled = [
            item(
                each.id,
                label,
                width=each.facts.width,
                height=each.facts.height,
                mean=each.facts.mean,
                border=each.facts.border,
                border_spread=each.facts.border_spread,
            )
            for each, label in zip(items, labels, strict=True)
        ]
        assert found(shuffled) == []


def test_a_border_that_is_only_on_some_scenes_is_no_border_of_the_class() -> None:
    items = [measured(number, "ab"[number % 2], scene(number)) for number in range(60)]
    assert found(items) == []
