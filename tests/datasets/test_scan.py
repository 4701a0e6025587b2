"""What a user would miss if a folder were read wrongly: classes, parts, reasons, sentences."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tlstudio.datasets.scan import scan
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import DatasetSpec, ScanJob, ScanResult
from tlstudio.tasks import Event, Progress, drive

Pictures = Callable[..., None]
Scanned = Callable[..., ScanResult]


def refusal(scanned: Scanned, **options: object) -> str:
    """The sentence of a `DatasetError`; it must come with a hint."""
    with pytest.raises(DatasetError) as caught:
        scanned(**options)
    assert caught.value.message.endswith((".", ":"))
    assert caught.value.hint
    return caught.value.message


# --- layouts -------------------------------------------------------------------------------------


def test_one_folder_a_class_is_split_and_listed_in_order(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("dog", 10)
    pictures("cat", 5)
    pictures("cat/indoors/sofa", 5, start=100)
    result = scanned()
    assert result.folder == str(root)
    assert result.classes == {"cat": 10, "dog": 10}
    assert list(result.classes) == ["cat", "dog"]
    assert (result.split.given, result.split.train, result.split.val) == (False, 16, 4)
    assert Counter((entry.label, entry.part) for entry in result.files) == {
        ("cat", "train"): 8,
        ("cat", "val"): 2,
        ("dog", "train"): 8,
        ("dog", "val"): 2,
    }
    parts = ["train", "val", "test"]
    keys = [(parts.index(entry.part), entry.label, entry.file) for entry in result.files]
    assert keys == sorted(keys)
    assert any(entry.file.startswith("cat/indoors/sofa/") for entry in result.files)
    assert scanned().files == result.files
    assert scanned(seed=1).files != result.files


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_a_given_split_is_kept(pictures: Pictures, scanned: Scanned, name: str) -> None:
    for part, count in (("train", 4), (name, 1), ("test", 2)):
        pictures(f"{part}/cat", count)
        pictures(f"{part}/dog", count)
    result = scanned()
    assert result.split.given
    assert (result.split.train, result.split.val, result.split.test) == (8, 2, 4)
    assert result.classes == {"cat": 7, "dog": 7}


def test_without_validation_folder_validation_is_drawn_and_test_pictures_stay_apart(
    pictures: Pictures, scanned: Scanned
) -> None:
    for part in ("train", "test"):
        pictures(f"{part}/cat", 10)
        pictures(f"{part}/dog", 10)
    result = scanned()
    assert not result.split.given
    assert (result.split.train, result.split.val, result.split.test) == (16, 4, 20)
    assert all(entry.file.startswith("test/") == (entry.part == "test") for entry in result.files)


def test_a_class_may_be_called_train(pictures: Pictures, scanned: Scanned) -> None:
    for label in ("train", "tram", "bus"):
        pictures(label, 3)
    assert list(scanned().classes) == ["bus", "train", "tram"]


def test_renamed_classes_keep_their_order_and_their_split(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("a", 10)
    pictures("b", 10)
    plain, renamed = scanned(), scanned(class_names={"a": "zebra", "b": "ant"})
    assert list(renamed.classes) == ["zebra", "ant"]
    assert [(e.file, e.part) for e in renamed.files] == [(e.file, e.part) for e in plain.files]


def test_three_hundred_classes_work(pictures: Pictures, scanned: Scanned) -> None:
    for number in range(300):
        pictures(f"class {number:03d}", 2)
    result = scanned()
    assert len(result.classes) == 300
    assert (result.split.train, result.split.val) == (300, 300)


# --- what is left out ----------------------------------------------------------------------------


def test_what_is_no_picture_is_left_out_with_its_reason(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 3)
    pictures("dog", 3)
    (root / "cat/notes.txt").write_text("two cats")
    (root / "cat/empty.png").touch()
    whole = (root / "dog/000.png").read_bytes()
    (root / "dog/cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "labels.csv").write_text("a,b")
    result = scanned()
    assert {entry.file: entry.reason for entry in result.left_out} == {
        "cat/empty.png": "The file is empty.",
        "cat/notes.txt": "The file is not a picture of a kind that can be read.",
        "dog/cut.png": "The file is cut off.",
        "labels.csv": "It lies beside the class folders, so its class is not known.",
    }
    assert result.pictures == 6


def test_files_that_systems_leave_behind_are_ignored(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 3)
    pictures("dog", 3)
    pictures(".ipynb_checkpoints", 1)
    pictures("__MACOSX/cat", 1)
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "._000.png", "Desktop.INI"):
        (root / "cat" / name).write_bytes(b"x")
    assert scanned().left_out == ()


def test_a_folder_beside_train_and_val_is_named(pictures: Pictures, scanned: Scanned) -> None:
    for folder in ("train/a", "train/b", "val/a", "val/b", "extra"):
        pictures(folder, 1)
    assert [entry.file for entry in scanned().left_out] == ["extra"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_in_circles_end_and_no_picture_counts_twice(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 3)
    pictures("cat/more", 2, start=10)
    pictures("dog", 3)
    (root / "cat/again").symlink_to(root / "cat")
    (root / "cat/all").symlink_to(root)
    (root / "cat/more/dogs").symlink_to(root / "dog")
    (root / "cat/a more").symlink_to(root / "cat/more")
    (root / "cat/self.png").symlink_to(root / "cat/self.png")
    result = scanned()
    assert result.classes == {"cat": 5, "dog": 3}
    reasons = {entry.file: entry.reason for entry in result.left_out}
    assert set(reasons) == {
        "cat/a more",
        "cat/again",
        "cat/all",
        "cat/more/dogs",
        "cat/self.png",
    }
    assert reasons.pop("cat/self.png") == "This is a link that leads back to itself."
    assert set(reasons.values()) == {"This link leads to a folder that is looked through anyway."}


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_class_folders_and_pictures_may_be_links(
    root: Path, tmp_path: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 3)
    pictures("dog", 3)
    (root / "dog").rename(tmp_path / "elsewhere")
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat/link.png").symlink_to(tmp_path / "elsewhere/000.png")
    assert scanned().classes == {"cat": 4, "dog": 3}


def test_odd_names_are_read_and_come_through_json(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("it's “odd” 🐜, 100 %", 2)
    pictures("long " + "n" * 195, 2)
    shutil.copy(
        root / ("long " + "n" * 195) / "000.png", root / ("long " + "n" * 195) / ("f" * 200)
    )
    result = scanned()
    assert result.pictures == 5
    assert (
        ScanResult.model_validate_json(json.dumps(json.loads(result.model_dump_json()))) == result
    )


@pytest.mark.skipif(os.name == "nt", reason="names are always text there")
def test_names_that_are_no_text_are_left_out_and_do_not_break_json(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    pictures("cat", 2)
    pictures("dog", 2)
    try:
        shutil.copytree(root / "cat", root / os.fsdecode(b"d\xe9j\xe0"))
        shutil.copy(root / "cat/000.png", root / "cat" / os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("this file system allows text only")
    result = scanned()
    assert [entry.file for entry in result.left_out] == ["cat/caf\\xe9.png", "d\\xe9j\\xe0"]
    assert list(result.classes) == ["cat", "dog"]
    assert "caf" in result.model_dump_json()


# --- sentences -----------------------------------------------------------------------------------


def test_folders_that_can_not_be_used_say_why(
    root: Path, pictures: Pictures, scanned: Scanned, tmp_path: Path
) -> None:
    assert "does not exist" in refusal(scanned, folder=str(tmp_path / "missing"))
    file = tmp_path / "file.png"
    file.touch()
    assert "is a file, not a folder" in refusal(scanned, folder=str(file))
    assert "is empty" in refusal(scanned)
    Image.new("RGB", (8, 8)).save(root / "1.png")
    assert "no sub-folders" in refusal(scanned)
    (root / "cat").mkdir()
    assert "only one class, “cat”" in refusal(scanned)
    (root / "dog").mkdir()
    assert "no pictures to learn from" in refusal(scanned)
    pictures("cat", 3)
    assert "“dog” has no usable picture" in refusal(scanned)
    pictures("dog", 1)
    (root / "dog/broken.png").write_bytes(b"\x89PNG")
    message = refusal(scanned)
    assert "“dog” has only one usable picture" in message
    assert "dog/broken.png was left out: " in message


def test_a_folder_that_may_not_be_opened_says_so(
    root: Path, pictures: Pictures, scanned: Scanned, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("cat/inner", 2)
    pictures("cat", 2)
    pictures("dog", 2)
    scandir = os.scandir

    def forbidding(closed: str) -> None:
        def opened(path: str) -> object:
            if path == closed:
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", opened)

    forbidding(str(root))
    assert "can't be opened (Permission denied)" in refusal(scanned)
    forbidding(f"{root}/dog")
    assert "The folder dog in" in refusal(scanned)
    forbidding(f"{root}/cat/inner")
    (entry,) = scanned().left_out
    assert entry.file == "cat/inner"
    assert "can't be opened" in entry.reason


def test_parts_with_different_classes_are_named(
    root: Path, pictures: Pictures, scanned: Scanned
) -> None:
    for folder in ("train/a", "train/b", "train/c", "val/a", "val/b", "val/d"):
        pictures(folder, 2)
    message = refusal(scanned)
    assert "“c” only in “train”" in message
    assert "“d” only in “val”" in message
    shutil.rmtree(root / "val/d")
    (root / "val/c").mkdir()
    assert "“c” has no usable picture in “val”" in refusal(scanned)
    pictures("val/c", 1)
    scanned()
    pictures("validation/a", 1)
    assert "“val”, “validation”" in refusal(scanned)


def test_validation_without_training_pictures_is_refused(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("val/a", 2)
    pictures("test/a", 2)
    assert "no “train” folder" in refusal(scanned)


def test_class_names_that_make_no_set_of_classes_are_refused(
    pictures: Pictures, scanned: Scanned
) -> None:
    pictures("a", 2)
    pictures("b", 2)
    with pytest.raises(UsageError, match="no such folder"):
        scanned(class_names={"c": "d"})
    with pytest.raises(UsageError, match="empty name"):
        scanned(class_names={"a": " "})
    assert list(scanned(class_names={"a": "b", "b": "a"}).classes) == ["b", "a"]


# --- being a task --------------------------------------------------------------------------------


def test_progress_ends_with_all_files_and_never_goes_back(root: Path, pictures: Pictures) -> None:
    pictures("a", 30)
    pictures("b", 30)
    events: list[Event] = []
    drive(scan(ScanJob(dataset=DatasetSpec(folder=str(root)))), events.append)
    counted = [event for event in events if isinstance(event, Progress) and event.total]
    for phase in ("scan", "compare"):
        done = [event.done for event in counted if event.phase == phase and event.total == 60]
        assert done[-1] == 60
        assert done == sorted(done)
    phases = [event.phase for event in counted]
    assert phases == sorted(phases, key=["scan", "compare"].index)


# --- real folders --------------------------------------------------------------------------------


def test_ants_and_bees_are_counted_as_they_lie_there(data: Path, tmp_path: Path) -> None:
    folder = data / "images/ants-bees"
    job = ScanJob(dataset=DatasetSpec(folder=str(folder)))
    result = drive(scan(job, tmp_path), lambda _: None)
    on_disk = [path for path in folder.rglob("*") if path.is_file()]
    # 397 photographs, and a GIF that says "image not found", which is a readable picture.
    assert result.pictures == len(on_disk) == 398
    assert [entry.file for entry in result.files if entry.file.endswith("gif")] == [
        "train/ants/imageNotFound.gif"
    ]
    assert result.split.given
    assert (result.split.train, result.split.val) == (245, 153)
    assert result.left_out == ()


def test_brain_mri_gives_a_stratified_split(data: Path, tmp_path: Path) -> None:
    job = ScanJob(dataset=DatasetSpec(folder=str(data / "images/brain-mri")))
    result = drive(scan(job, tmp_path), lambda _: None)
    assert result.classes == {"no": 98, "yes": 155}
    held_back = Counter(entry.label for entry in result.files if entry.part == "val")
    assert held_back == {"no": 20, "yes": 31}
