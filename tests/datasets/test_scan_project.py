"""What a user would miss if a second look forgot what the first one settled: corrections, parts,
what was moved; and what the window reads from the index instead of the result."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tlstudio.datasets.scan import scan
from tlstudio.jobs import Changes, DatasetSpec, Grouping, ScanJob, ScanResult
from tlstudio.projects.corrections import ClassName, Corrections
from tlstudio.projects.index import Index
from tlstudio.projects.project import Project
from tlstudio.tasks import drive

Pictures = Callable[..., None]
Scanned = Callable[..., ScanResult]


def index_of(result: ScanResult) -> Index:
    return Index(Project(Path(result.project)))


def numbers(result: ScanResult) -> dict[str, int]:
    return {entry.file: entry.id for entry in index_of(result).entries()}


def parts(result: ScanResult) -> dict[str, str]:
    return {picture.file: picture.part for picture in result.files}


def labels(result: ScanResult) -> dict[str, str]:
    return {picture.file: picture.label for picture in result.files}


def test_corrections_are_followed_and_the_folder_stays_as_it_is(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    for name in ("ant", "bee", "wasp", "moth"):
        pictures(name, 10)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    first = scanned()
    ids, corrections = numbers(first), Corrections(index_of(first).project)
    corrections.relabel([ids["ant/000.png"]], "bee")
    corrections.relabel([ids["ant/001.png"]], "hornet")
    corrections.relabel([ids["ant/002.png"]], "hornet")
    corrections.exclude([ids["ant/003.png"]], True)
    corrections.set_classes(
        {"wasp": ClassName("bee"), "moth": ClassName("moth", excluded=True), "ant": ClassName("A")}
    )
    result = scanned()
    assert result.classes == {"A": 6, "bee": 21, "hornet": 2}
    assert list(result.classes) == ["A", "bee", "hornet"], "label order is not that of the folders"
    assert result.names == {"ant": "A", "wasp": "bee"}
    assert labels(result)["ant/000.png"] == "bee"
    assert labels(result)["wasp/000.png"] == "bee"
    reasons = {each.file: each.reason for each in result.left_out}
    assert reasons["ant/003.png"] == "You left it out."
    assert reasons["moth/009.png"] == "You left its class out."
    assert len(reasons) == 11
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert result.fingerprint != first.fingerprint


def test_the_job_s_names_go_over_the_project_s_and_one_name_merges(
    pictures: Pictures, scanned: Scanned
) -> None:
    for name in ("a", "b", "c"):
        pictures(name, 5)
    Corrections(index_of(scanned()).project).set_classes({"a": ClassName("x")})
    assert list(scanned().classes) == ["x", "b", "c"]
    assert scanned(class_names={"a": "y", "c": "b"}).classes == {"y": 5, "b": 10}


def test_adding_changing_moving_and_removing_is_told_and_moves_nobody_else(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 40)
    pictures("dog", 40)
    first = scanned()
    assert first.changes is None
    pictures("cat", 6, start=100)
    (root / "cat/000.png").rename(root / "cat/renamed.png")
    (root / "cat/001.png").unlink()
    shutil.copy(root / "dog/000.png", root / "cat/002.png")
    second = scanned()
    assert second.changes == Changes(added=6, changed=1, moved=1, removed=1)
    old, new = parts(first), parts(second)
    assert new["cat/renamed.png"] == old["cat/000.png"]
    same = set(old) & set(new) - {"cat/002.png", "dog/000.png"}
    assert {file: new[file] for file in same} == {file: old[file] for file in same}
    assert scanned().changes == Changes()


def test_a_correction_goes_with_a_file_that_is_moved(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 5)
    pictures("dog", 5)
    first = scanned()
    Corrections(index_of(first).project).relabel([numbers(first)["cat/000.png"]], "dog")
    (root / "cat/sub").mkdir()
    (root / "cat/000.png").rename(root / "cat/sub/new name.png")
    assert labels(scanned())["cat/sub/new name.png"] == "dog"


def test_the_locked_test_part_is_the_same_for_every_seed(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 40)
    pictures("dog", 20)
    runs = [scanned(seed=seed, test_fraction=0.2) for seed in range(3)]
    locked = [{file for file, part in parts(run).items() if part == "test"} for run in runs]
    assert locked[0] == locked[1] == locked[2]
    assert runs[0].parts == {
        "cat": {"train": 26, "val": 6, "test": 8},
        "dog": {"train": 13, "val": 3, "test": 4},
    }
    held_back = [{file for file, part in parts(run).items() if part == "val"} for run in runs]
    assert held_back[0] != held_back[1]
    assert parts(scanned()) == parts(runs[0]), "what was said of the test part is not remembered"


def test_the_usual_test_set_is_locked_away_once_and_gives_way_to_a_decision(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 40)
    pictures("dog", 39)
    assert scanned(usual_test=True).split.test == 0
    pictures("dog", 1, start=500)
    usual = scanned(usual_test=True)
    assert usual.test_fraction == 0.15
    assert usual.split.test == 12
    assert parts(scanned()) == parts(usual), "a test set that was drawn is not remembered"
    assert scanned(test_fraction=0).split.test == 0
    assert scanned(usual_test=True).split.test == 0


@pytest.mark.parametrize("part", ["val", "test"])
def test_pictures_with_a_split_of_their_own_get_no_test_set_beside_it(
    pictures: Pictures, scanned: Scanned, part: str
) -> None:
    for name in ("cat", "dog"):
        pictures(f"train/{name}", 60)
        pictures(f"{part}/{name}", 12, start=500)
    assert scanned(usual_test=True).split.test == (24 if part == "test" else 0)


def test_a_grouping_is_remembered_until_another_is_chosen(
    pictures: Pictures, scanned: Scanned
) -> None:
    for patient in range(8):
        pictures(f"cat/p{patient}", 5)
        pictures(f"dog/p{patient}", 5)
    grouped = scanned(grouping=Grouping(folder_level=1))
    assert scanned().grouping == grouping_of(grouped)
    sides: dict[str, set[str]] = {}
    for file, part in parts(scanned()).items():
        sides.setdefault(file.split("/")[1], set()).add(part)
    assert all(len(side) == 1 for side in sides.values())
    assert scanned(grouping=Grouping()).grouping == Grouping()


def grouping_of(result: ScanResult) -> Grouping:
    assert result.grouping == Grouping(folder_level=1)
    return result.grouping


def test_a_group_column_that_is_named_later_draws_anew_and_sets_nobody_aside(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 30)
    pictures("dog", 30)
    lines = [
        f"{name}/{number:03d}.png,{name},p{number // 5}"
        for name in ("cat", "dog")
        for number in range(30)
    ]
    (root / "labels.csv").write_text("\n".join(["file,label,patient", *lines]))
    table = {"file": str(root / "labels.csv"), "picture": "file", "label": "label"}
    assert scanned(table=table).split.groups == 0
    grouped = scanned(table={**table, "group": "patient"})
    assert (grouped.split.groups, grouped.split.aside) == (6, 0)
    sides: dict[str, set[str]] = {}
    for picture in grouped.files:
        sides.setdefault(picture.group, set()).add(picture.part)
    assert all(len(side) == 1 for side in sides.values())


def test_a_look_that_lists_nothing_leaves_everything_in_the_index(
    root: Path, pictures: Pictures, scanned: Scanned, tmp_path: Path
) -> None:
    pictures("cat", 10)
    pictures("dog", 10)
    shutil.copy(root / "cat/000.png", root / "cat/copy.png")
    (root / "dog/broken.png").write_bytes(b"\x89PNG")
    (root / "beside.txt").write_text("not a picture")
    listed = scanned()
    spec = DatasetSpec(folder=str(root))
    bare = drive(scan(ScanJob(dataset=spec, listed=False), tmp_path / "cache"), lambda _: None)
    assert (bare.files, bare.left_out, bare.converted, bare.findings) == ((), (), (), ())
    assert bare.classes == listed.classes
    assert bare.parts == listed.parts
    assert bare.fingerprint == listed.fingerprint
    index = index_of(bare)
    assert tuple(index.findings()) == listed.findings
    assert listed.findings, "the copy and the broken file went unseen"
    entries = list(index.entries())
    assert {each.file: each.reason for each in entries if each.verdict == "left_out"} == {
        each.file: each.reason for each in listed.left_out
    }
    used = {each.file: (each.label, each.part) for each in entries if each.part is not None}
    assert used == {each.file: (each.label, each.part) for each in listed.files}


def test_an_unchanged_data_set_comes_to_the_same_again(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 30)
    pictures("dog", 30)
    shutil.copy(root / "cat/000.png", root / "cat/copy.png")
    first = scanned()
    again = scanned()
    assert again.changes == Changes()
    assert again.model_copy(update={"changes": None}) == first


@pytest.mark.parametrize("value", [{"draws": 1}, [[]], "x", {"test": {"fraction": "a"}}, None])
def test_settings_of_another_form_are_as_if_they_were_not_there(
    pictures: Pictures, scanned: Scanned, value: object
) -> None:
    pictures("cat", 10)
    pictures("dog", 10)
    first = scanned()
    project = index_of(first).project
    for key in ("draws", "outcome", "grouping", "test_fraction"):
        project.set_setting(key, value)
    again = scanned()
    assert again.model_copy(update={"changes": None}) == first


def test_another_project_knows_nothing_of_the_first(
    pictures: Pictures, scanned: Scanned, tmp_path: Path
) -> None:
    pictures("cat", 5)
    pictures("dog", 5)
    first = scanned()
    Corrections(index_of(first).project).set_classes({"cat": ClassName("C")})
    assert "C" in scanned().classes
    other = scanned(project=str(tmp_path / "other"))
    assert "C" not in other.classes
    assert other.project == str(tmp_path / "other")


@pytest.mark.parametrize("fraction", [0.05, 0.5])
def test_another_share_for_validation_keeps_who_is_there_as_far_as_it_can(
    pictures: Pictures, scanned: Scanned, fraction: float
) -> None:
    pictures("cat", 40)
    pictures("dog", 40)
    held = {file for file, part in parts(scanned()).items() if part == "val"}
    now = scanned(validation_fraction=fraction)
    changed = {file for file, part in parts(now).items() if part == "val"}
    assert len(changed) == round(80 * fraction)
    assert changed <= held or changed >= held
