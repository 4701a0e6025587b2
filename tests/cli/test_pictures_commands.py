"""Scripts can say which pictures they mean: folders, tables, names of files, groups, shares."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlstudio.cli import run
from tlstudio.jobs import Reading, TrainingJob, TrainRun
from tlstudio.tasks import Task

Captured = pytest.CaptureFixture[str]


def draw(folder: Path, *files: str) -> None:
    rng = np.random.default_rng(len(files))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(folder / file)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A folder of pictures p0-cat-0.png … of two classes from six patients, and a table of them."""
    names = [f"p{n % 6}-{'cat' if n % 2 else 'dog'}-{n}.png" for n in range(36)]
    draw(tmp_path / "flat", *names)
    rows = [f"{name};{name.split('-')[1]};{name.split('-')[0]}" for name in names]
    (tmp_path / "flat" / "labels.csv").write_text("\n".join(["bild;klasse;who", *rows]))
    return tmp_path / "flat"


def answer(capsys: Captured, *arguments: str | Path) -> dict[str, Any]:
    assert run([*map(str, arguments), "--json"]) == 0
    last: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last["type"] == "result"
    return last


def test_a_table_a_pattern_and_folders_of_it_give_the_same_classes(
    flat: Path, tmp_path: Path, capsys: Captured
) -> None:
    table = answer(capsys, "scan", flat / "labels.csv")
    names = answer(capsys, "scan", flat, "--pattern", "*-{label}-*")
    assert table["classes"] == names["classes"] == {"cat": 18, "dog": 18}
    assert [each["file"] for each in names["left_out"]] == ["labels.csv"]
    draw(tmp_path / "may/cat", "a.png", "b.png")
    draw(tmp_path / "june", "cat/a.png", "dog/b.png", "dog/c.png")
    both = answer(capsys, "scan", tmp_path / "may", tmp_path / "june")
    assert both["classes"] == {"cat": 3, "dog": 2}


def test_groups_and_shares_are_as_they_were_asked_for(flat: Path, capsys: Captured) -> None:
    by_name = ("--pattern", "*-{label}-*", "--group", "{group}-*")
    shares = ("--test-fraction", "0.3", "--validation-fraction", "0.2")
    for source in (("scan", flat, *by_name), ("scan", flat / "labels.csv", "--table-group", "who")):
        result = answer(capsys, *source, *shares)
        parts: dict[str, set[str]] = {}
        for each in result["files"]:
            parts.setdefault(each["file"].split("-")[0], set()).add(each["part"])
        assert len(parts) == 6
        assert all(len(each) == 1 for each in parts.values())
        assert Counter(part for (part,) in parts.values()).keys() == {"train", "val", "test"}


def test_the_labels_that_are_written_are_read_as_the_same_data_set(
    flat: Path, tmp_path: Path, capsys: Captured
) -> None:
    (flat / "p9-cat-99.png").write_bytes(b"no picture")
    options = ("--pattern", "*-{label}-*", "--group", "{group}-*", "--test-fraction", "0.2")
    first = answer(capsys, "scan", flat, *options)
    for out in (flat / "out.csv", tmp_path / "else where.csv"):
        written = answer(capsys, "labels", flat, *options, "--out", out)
        assert written["file"] == str(out)
        second = answer(capsys, "scan", out, "--table-group", "group")
        assert second["classes"] == first["classes"]
        assert second["split"]["given"]
        keys = [
            {(Path(each["file"]).name, each["label"], each["part"]) for each in result["files"]}
            for result in (first, second)
        ]
        assert keys[0] == keys[1]


def test_a_split_that_leaves_a_class_unchecked_is_read_back_from_its_table(
    flat: Path, tmp_path: Path, capsys: Captured
) -> None:
    """All pictures of the owls belong together, so none of them checks."""
    draw(flat, *(f"q-owl-{n}.png" for n in range(4)))
    options = ("--pattern", "*-{label}-*", "--group", "{group}-*")
    first = answer(capsys, "scan", flat, *options)
    answer(capsys, "labels", flat, *options, "--out", tmp_path / "labels.csv")
    second = answer(capsys, "scan", tmp_path / "labels.csv")
    for result in (first, second):
        assert result["parts"]["owl"] == {"train": 4, "val": 0, "test": 0}
        assert "unchecked_class" in [finding["kind"] for finding in result["findings"]]


def test_a_rare_class_of_a_table_is_told_and_an_unreadable_one_is_not_trained(
    flat: Path, tmp_path: Path, capsys: Captured
) -> None:
    table = flat / "labels.csv"
    draw(flat, "p0-owl-1.png")
    table.write_text(table.read_text() + "\np0-owl-1.png;owl;p0")
    result = answer(capsys, "scan", table)
    assert result["classes"]["owl"] == 1
    assert {"small_class", "unchecked_class"} <= {each["kind"] for each in result["findings"]}
    (flat / "p0-owl-1.png").write_bytes(b"no picture")
    assert answer(capsys, "scan", table)["left_out"][0]["file"] == "p0-owl-1.png"
    given = ("--backbone", "squeezenet1_1", "--from-scratch", "--run", str(tmp_path / "run"))
    assert run(["train", str(table), *given]) == 1
    assert "The class “owl” has no picture to learn from." in capsys.readouterr().err


def test_a_split_that_the_pictures_bring_can_be_drawn_anew(
    tmp_path: Path, capsys: Captured
) -> None:
    for part, number in (("train", 8), ("val", 2)):
        for name in ("cat", "dog"):
            draw(tmp_path / "own", *(f"{part}/{name}/{n}-{part}.png" for n in range(number)))
    own = answer(capsys, "scan", tmp_path / "own")
    anew = answer(capsys, "scan", tmp_path / "own", "--draw-anew")
    assert (own["split"]["given"], anew["split"]["given"]) == (True, False)
    assert own["classes"] == anew["classes"]
    sides = {(each["file"].split("/")[0], each["part"]) for each in anew["files"]}
    assert sides >= {("train", "val"), ("val", "train")}


def test_train_takes_the_same_options_into_its_job(
    flat: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[TrainingJob] = []

    def refuse(job: TrainRun) -> Task[None]:
        asked.append(job.job)
        raise KeyboardInterrupt

    monkeypatch.setattr("tlstudio.cli.app.task_for", refuse)
    given = ("--backbone", "squeezenet1_1", "--from-scratch", "--run", str(tmp_path / "run"))
    options = ("--table-group", "who", "--burst", "2", "--channels", "3,2,1", "--project", "p")
    options += ("--draw-anew",)
    assert run(["train", str(flat / "labels.csv"), *options, *given]) == 130
    dataset = asked[0].dataset
    assert dataset.table is not None
    assert (dataset.table.file, dataset.table.group) == (str(flat / "labels.csv"), "who")
    assert (dataset.folder, dataset.reading) == (str(flat), Reading(channels=(3, 2, 1)))
    assert dataset.grouping is not None
    assert dataset.grouping.burst == 2
    assert dataset.project == str(Path.cwd() / "p")
    assert not dataset.own_split


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scan",), "No pictures were named"),
        (("scan", "{flat}", "--table-label", "x"), "none was named"),
        (("scan", "{flat}/labels.csv", "--table-label", "x"), "no column “x”"),
        (("scan", "{flat}/labels.csv", "--pattern", "{{label}}_*"), "says the labels already"),
        (("scan", "{flat}", "--pattern", "{{group}}_*"), "has no {label} in it"),
        (("scan", "{flat}", "--group", "a*"), "has neither {label} nor {group}"),
        (("scan", "{flat}", "--channels", "1,2"), "are no channels"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(
    flat: Path, capsys: Captured, arguments: tuple[str, ...], words: str
) -> None:
    assert run([each.format(flat=flat) for each in arguments]) == 2
    told = capsys.readouterr().err.replace("\n", " ")
    assert words in told
