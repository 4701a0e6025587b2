"""What a user would be asked wrongly if the first glance at a folder or table went wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tlstudio.datasets.preview import preview
from tlstudio.errors import DatasetError
from tlstudio.jobs import DatasetSpec, PreviewJob, PreviewResult, TableSource
from tlstudio.tasks import drive


def touch(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def glance(folder: Path, **options: object) -> PreviewResult:
    spec = DatasetSpec.model_validate({"folder": str(folder), **options})
    return drive(preview(PreviewJob(dataset=spec)), lambda _: None)


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        (("cat/1.png", "dog/1.png", "labels.csv"), "class_folders"),
        (("train/cat/1.png", "val/cat/1.png"), "split"),
        (("train/cat/1.png",), "split"),
        (("train/1.png", "tram/1.png"), "class_folders"),
        (("cat_1.png", "cat_2.png"), "flat"),
        (("images/1.png", "labels.csv"), "flat"),
        ((".hidden",), "empty"),
    ],
)
def test_a_folder_is_taken_for_what_it_is(
    tmp_path: Path, files: tuple[str, ...], kind: str
) -> None:
    touch(tmp_path, *files)
    assert glance(tmp_path).looks_like == kind


def test_a_flat_folder_tells_its_names_and_what_they_suggest(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{label}_{n}.png" for label in ("cat", "dog") for n in range(3)))
    touch(tmp_path, "sub/cat_7.png", "notes.pdf")
    result = glance(tmp_path)
    assert result.files == len(result.names) == 8
    assert "sub/cat_7.png" in result.names
    touch(tmp_path, *(f"cat_{n}.png" for n in range(100, 200)))
    (best, *_) = glance(tmp_path).patterns
    assert (best.pattern, best.classes, best.unfitting) == ("{label}_#", {"cat": 104, "dog": 3}, 1)


def test_a_table_tells_its_columns_and_how_many_rows_lead_to_pictures(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(80)))
    rows = [f"p{n // 3},{n}.png,{'ab'[n % 2]},{n * n}" for n in range(90)]
    (tmp_path / "t.csv").write_text("\n".join(["patient,file,label,area", *rows]))
    result = glance(tmp_path, table={"file": str(tmp_path / "t.csv")})
    assert result.columns == ("patient", "file", "label", "area")
    assert result.rows[1] == ("p0", "1.png", "b", "1")
    assert len(result.rows) == 50
    assert (result.row_count, result.pointing, result.problem) == (90, 80, "")
    assert result.classes == {"a": 40, "b": 40}
    assert result.group_column == "patient"
    filled = result.dataset.table
    assert filled == TableSource(
        file=str(tmp_path / "t.csv"), picture="file", label="label", part="", group=None
    )
    other = glance(tmp_path, table={**filled.model_dump(), "picture": "patient"})
    assert (other.pointing, other.problem) == (0, "No row points to a file that is there.")


def test_a_table_beside_pictures_is_found_if_it_is_about_them(tmp_path: Path) -> None:
    touch(tmp_path, *(f"images/{n}.png" for n in range(4)))
    (tmp_path / "a.txt").write_text("Read me, please.\nThank you, then.")
    (tmp_path / "b.csv").write_text("file,label\n0.png,x\n1.png,y\n2.png,x\n3.png,y")
    result = glance(tmp_path)
    assert result.looks_like == "table"
    assert result.dataset.table is not None
    assert result.dataset.table.file == str(tmp_path / "b.csv")
    assert (result.pointing, result.classes) == (4, {"x": 2, "y": 2})


def test_a_table_in_which_nothing_can_be_guessed_is_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,2\n3,4")
    result = glance(tmp_path, table={"file": str(tmp_path / "t.csv")})
    assert result.rows == (("1", "2"), ("3", "4"))
    assert "names files that are there" in result.problem


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="does not exist"):
        glance(tmp_path / "no")
    with pytest.raises(DatasetError, match="can't be opened"):
        glance(tmp_path, table={"file": str(tmp_path / "n.csv")})
