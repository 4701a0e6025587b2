"""What a user would not learn of a stray picture, or of a copy that only a network recognises."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from training.made_jobs import nothing

from tlstudio.cli import run
from tlstudio.engine.runner import task_for
from tlstudio.errors import WeightsError
from tlstudio.jobs import (
    BackboneSpec,
    CloserLook,
    CloserLookResult,
    DatasetSpec,
)
from tlstudio.tasks import drive
from tlstudio.training import views

SIDE = 64


def picture(seed: int, channel: int) -> Image.Image:
    """Soft blotches of mostly one colour."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 90, (6, 6, 3), dtype=np.uint8)
    coarse[..., channel] += rng.integers(60, 160, (6, 6), dtype=np.uint8)
    return Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 24; `red` has a checkerboard among them, `blue` two copies of its own."""
    root = tmp_path / "pictures"
    for channel, name in ((0, "red"), (2, "blue")):
        (root / name).mkdir(parents=True)
        for number in range(24):
            picture(100 * channel + number, channel).save(root / name / f"{number:02d}.png")
    board = (np.indices((SIDE, SIDE)).sum(0) // 2 % 2 * 255).astype(np.uint8)
    Image.fromarray(board).save(root / "red" / "board.png")
    picture(205, 2).save(root / "blue" / "again.jpg", quality=60)
    shutil.copy(root / "blue" / "07.png", root / "blue" / "same.png")
    return root


def look(folder: Path) -> CloserLookResult:
    job = CloserLook(
        dataset=DatasetSpec(folder=str(folder)),
        backbone=BackboneSpec(id="compact_resnet"),
        cache=str(folder.parent / "cache"),
        device="cpu",
    )
    result = drive(task_for(job), nothing)
    assert isinstance(result, CloserLookResult)
    return result


def test_a_stray_is_found_and_copies_are_left_to_the_scan(folder: Path) -> None:
    result = look(folder)
    assert result.pictures == 51
    odd = [each for each in result.findings if each.kind == "odd_one_out"]
    assert [each.files for each in odd] == [("red/board.png",)]
    assert odd[0].classes == ("red",)
    assert [each for each in result.findings if each.kind == "near_duplicate"] == []


def test_a_second_look_makes_no_picture_ready_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = look(folder)

    def refused(*_: object) -> None:
        raise AssertionError("a picture was made ready though its features are in the cache")

    monkeypatch.setattr(views.ViewMaker, "make", refused)
    assert look(folder) == first


def test_weights_that_are_not_here_are_not_fetched(folder: Path) -> None:
    job = CloserLook(
        dataset=DatasetSpec(folder=str(folder)), backbone=BackboneSpec(id="efficientnet_v2_l")
    )
    with pytest.raises(WeightsError):
        drive(task_for(job), nothing)


def test_the_command_line_adds_what_it_found_to_the_findings(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["scan", str(folder), "--closer", "--json"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    kinds = [finding["kind"] for finding in result["findings"]]
    assert {"exact_duplicate", "near_duplicate", "odd_one_out"} <= set(kinds)
    weights = [finding["weight"] for finding in result["findings"]]
    assert weights == sorted(weights, reverse=True)
