"""What a user would miss if a table of labels were read wrongly."""

from __future__ import annotations

import csv
from datetime import date
from functools import partial
from pathlib import Path, PureWindowsPath

import numpy as np
import openpyxl
import pytest

from tlstudio.bounded import on_network
from tlstudio.datasets import placing, tables
from tlstudio.datasets.listing import Listing, list_dataset
from tlstudio.datasets.tables import open_table
from tlstudio.errors import DatasetError, UsageError
from tlstudio.jobs import DatasetSpec, TableSource
from tlstudio.tasks import Event, Logged, Warned, drive


def touch(folder: Path, *files: str) -> None:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def table(folder: Path, *rows: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_bytes("\n".join(rows).encode(encoding))
    return file


def listed(file: Path, folder: Path | None = None, **columns: str) -> Listing:
    source = TableSource.model_validate({"file": str(file), **columns})
    spec = DatasetSpec(folder=str(folder or file.parent), table=source)
    return drive(list_dataset(spec), lambda _: None)


def labels(listing: Listing) -> dict[str, str]:
    return {found.file: found.folder for found in listing.files}


def reasons(listing: Listing) -> dict[str, str]:
    return {left.file: left.reason for left in listing.left_out}


# --- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_separators_and_encodings_are_found_out(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    written = [
        ("Datei", "Klasse", "Größe"),
        ("ä.png", f"a {separator} b", "1,5"),
        ("b.png", 'say "x"\ntwice', "2;5"),
        ("c.png", "", "3"),
    ]
    file = tmp_path / "t.csv"
    with file.open("w", encoding=encoding, newline="") as opened:
        csv.writer(opened, delimiter=separator).writerows(written)
    read = open_table(str(file))
    assert (read.columns, *read.rows()) == tuple(written)


def test_rows_of_other_lengths_blank_rows_and_double_names_are_put_right(tmp_path: Path) -> None:
    file = table(tmp_path, "", "a,a,", "1,2,3,4", ",,", "5", " 6 , 7 ,8")
    read = open_table(str(file))
    assert read.columns == ("a", "a (2)", "column 3")
    assert list(read.rows()) == [("1", "2", "3"), ("5", "", ""), ("6", "7", "8")]


def test_a_table_without_names_of_columns_loses_no_row(tmp_path: Path) -> None:
    read = open_table(str(table(tmp_path, "x.png,cat", "y.png,dog")))
    assert read.columns == ("column 1", "column 2")
    assert list(read.rows()) == [("x.png", "cat"), ("y.png", "dog")]


def test_the_line_that_excel_puts_first_names_the_separator(tmp_path: Path) -> None:
    read = open_table(str(table(tmp_path, "sep=;", "file;label", "a,b.png;x")))
    assert (read.columns, *read.rows()) == (("file", "label"), ("a,b.png", "x"))


def workbook(file: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(file)
    return file


def test_a_workbook_reads_as_it_is_shown(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["file", "grade", "ok", "day", "size"],
        ["a.png", 3, True, date(2024, 5, 1), 2.5],
        ["b.png", 4.0, False, None, "x "],
    ]
    file = workbook(tmp_path / "t.xlsx", first=rows, second=[["only"], ["this"]])
    read = open_table(str(file))
    assert read.sheets == ("first", "second")
    assert list(read.rows()) == [
        ("a.png", "3", "TRUE", "2024-05-01", "2.5"),
        ("b.png", "4", "FALSE", "", "x"),
    ]
    assert list(open_table(str(file), "second").rows()) == [("this",)]
    with pytest.raises(DatasetError, match="no sheet “third”"):
        open_table(str(file), "third")


def refused(file: Path, words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        list(open_table(str(file)).rows())
    assert caught.value.hint


def test_what_is_no_table_is_refused_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(tmp_path / "none.csv", "can't be opened")
    refused(table(tmp_path, ""), "is empty")
    refused(table(tmp_path, "PK", name="t.xlsx"), "no workbook")
    refused(table(tmp_path, "x", name="t.xls"), "before 2007")
    refused(table(tmp_path, "a,b", '1,"' + "x" * 200_000), "to its end")
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    refused(table(tmp_path, "a,b", "1,2", "3,4", "5,6"), "more than 2 rows")
    book = workbook(tmp_path / "u.xlsx", s=[["file"], ["x" * 100]])
    monkeypatch.setattr(tables, "_MOST_UNPACKED", 1000)
    refused(book, "is too large")
    monkeypatch.setattr(tables, "MOST_BYTES", 2)
    refused(table(tmp_path, "a,b"), "is the most")


def test_a_damaged_workbook_is_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    rows: list[list[object]] = [["file", "label"], *([f"{n}.png", "ab"[n % 2]] for n in range(50))]
    whole = workbook(tmp_path / "t.xlsx", s=rows).read_bytes()
    rng = np.random.default_rng(0)
    refusals = 0
    for _ in range(100):
        broken = bytearray(whole)
        at = rng.integers(0, len(broken), 8)
        for place, value in zip(at, rng.integers(0, 256, 8), strict=True):
            broken[place] = value
        file = tmp_path / "broken.xlsx"
        file.write_bytes(broken[: rng.integers(1, 2 * len(broken))])
        try:
            list(open_table(str(file)).rows())
        except DatasetError:
            refusals += 1
    assert refusals > 50


def test_damaged_text_is_read_or_refused_and_nothing_else_happens(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(9)))
    rows = [
        "file,label,part",
        *(f'"{n}.png",{"ab"[n % 2]},{"train" if n < 6 else "val"}' for n in range(9)),
    ]
    whole = "\r\n".join(rows).encode()
    rng = np.random.default_rng(0)
    read, refusals = 0, list[DatasetError]()
    for number in range(300):
        broken = bytearray(whole)
        for place in rng.integers(0, len(broken), 1 + number % 9):
            broken[place] = rng.choice(list(b'\x00\xff",;\n\r\xfe\x80') + list(range(256)))
        file = tmp_path / "broken.csv"
        file.write_bytes(broken[: rng.integers(1, 2 * len(broken))])
        try:
            read += len(listed(file).files) > 0
        except DatasetError as error:
            refusals.append(error)
    assert all(error.hint for error in refusals)
    assert read > 50


# --- what it says --------------------------------------------------------------------------------


def test_columns_are_guessed_and_said(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(6)))
    rows = (f"{n},{n}.png,{'MF'[n % 2]},{'nv' if n < 4 else 'mel'},Training" for n in range(5))
    file = table(tmp_path, "id,scan,sex,dx,fold", *rows, "5,5.png,M,mel,TEST")
    events: list[Event] = []
    spec = DatasetSpec(folder=str(tmp_path), table=TableSource(file=str(file)))
    listing = drive(list_dataset(spec), events.append)
    assert labels(listing) == {
        **{f"{n}.png": "nv" for n in range(4)},
        "4.png": "mel",
        "5.png": "mel",
    }
    assert [found.part for found in listing.files] == ["train"] * 5 + ["test"]
    assert listing.part_folders == {"train": "Training", "test": "TEST"}
    assert listing.source == "table"
    said = next(event.message for event in events if isinstance(event, Logged))
    assert "pictures from “scan”, labels from “dx”, the split from “fold”." in said


def test_a_column_that_may_be_groups_is_told_and_counts_only_when_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(12)))
    rows = (f"{n}.png,{'ab'[n % 2]},p{n // 2}" for n in range(12))
    file = table(tmp_path, "file,label,Patient_ID", *rows)
    for group, told in ((None, 1), ("", 0), ("Patient_ID", 0)):
        events: list[Event] = []
        source = TableSource(file=str(file), group=group)
        spec = DatasetSpec(folder=str(tmp_path), table=source)
        listing = drive(list_dataset(spec), events.append)
        assert len([event for event in events if isinstance(event, Warned)]) == told
        assert len({found.group for found in listing.files}) == (6 if group else 1)


def test_named_columns_go_before_guesses(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    file = table(tmp_path, "file,label,other,split,who", "a.png,1,x,train,p1", "b.png,2,y,test,p1")
    listing = listed(file, label="other", part="", group="who")
    assert labels(listing) == {"a.png": "x", "b.png": "y"}
    assert listing.part_folders == {}
    assert {found.group for found in listing.files} == {"p1"}
    with pytest.raises(UsageError, match="no column “nothing”"):
        listed(file, label="nothing")


def test_labels_that_are_numbers_stay_texts(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    file = table(tmp_path, "file,label", "a.png,01", "b.png,1", "c.png,10")
    assert listed(file).classes == {"train": ("01", "1", "10")}


def test_names_lead_to_files_as_people_write_them(tmp_path: Path) -> None:
    other = tmp_path / "other"
    touch(tmp_path, "here/x/a.png", "here/x/B.JPG", "here/c.png", "here/c.txt", "here/x/ä b.png")
    touch(other, "d.png")
    file = table(
        tmp_path / "here",
        "file,label",
        "x\\a.png,1",  # another system's slashes
        "./x/b.jpg,2",  # other capitals
        "c,1",  # no ending, and a text of the same name beside it
        "x/ä b.png,2",
        f"{other}/d.png,1",
        "../other/d.png,1",  # the same once more
        "x/../x/a.png,1",
    )
    assert labels(listed(file)) == {
        "x/a.png": "1",
        "x/B.JPG": "2",
        "c.png": "1",
        "x/ä b.png": "2",
        f"{other}/d.png": "1",
    }


@pytest.mark.parametrize("prefix", ["", "/home/somebody/set/", "C:\\Users\\me\\", "old/"])
def test_files_are_found_behind_folders_that_are_gone_or_not_named(
    tmp_path: Path, prefix: str
) -> None:
    touch(tmp_path, "set/images/cat1.png", "set/images/dog1.png")
    file = table(tmp_path / "set", "file,label", f"{prefix}cat1.png,c", f"{prefix}dog1,d")
    assert labels(listed(file)) == {"images/cat1.png": "c", "images/dog1.png": "d"}


def test_a_name_that_two_folders_hold_is_never_taken_from_the_wrong_one(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{part}/{n}.png" for part in ("train", "test") for n in range(4)))
    rows = ("id,label", *(f"{n},{'ab'[n % 2]}" for n in range(4)))
    with pytest.raises(DatasetError, match="Several files could be meant"):
        listed(table(tmp_path, *rows))
    named = listed(table(tmp_path, *rows, name="train.csv"))
    assert list(labels(named)) == [f"train/{n}.png" for n in range(4)]


def test_rows_that_can_not_be_used_are_left_out_with_reasons(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{n}.png" for n in range(9)))
    file = table(
        tmp_path,
        "file,label,part,who",
        "0.png,a,train,p",
        "1.png,b,,p",
        "gone.png,a,train,p",
        "2.png,,train,p",
        "3.png,a,train,p",
        "3.png,b,train,p",
        "4.png,a,train,p",
        "4.png,a,val,p",
        "5.png,a,holdout,p",
        "6.png,c,val,p",
        "7.png,a,train,p",
        "7.png,a,train,q",
        "0.png,a,train,p",
        ",a,train,p",
        "8.png,a,val,p",
    )
    listing = listed(file, picture="file", label="label", part="part", group="who")
    assert labels(listing) == {"0.png": "a", "1.png": "b", "8.png": "a"}
    assert [found.part for found in listing.files] == ["train", "train", "val"]
    assert reasons(listing) == {
        "gone.png": "The table names it, but there is no such file.",
        "2.png": "Its row in the table has no label.",
        "3.png": "The table gives it two labels: “a” and “b”.",
        "4.png": "The table puts it into two parts of the split.",
        "5.png": "Its part “holdout” is none of train, val and test.",
        "6.png": "No training picture of the table has its label “c”.",
        "7.png": "The table puts it into two groups: “p” and “q”.",
        "labels.csv, row 14": "The row names no picture.",
    }


def test_a_table_that_leads_nowhere_or_to_one_class_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png")
    with pytest.raises(DatasetError, match="names files that are there"):
        listed(table(tmp_path, "file,label", "x,1", "y,2"), label="label")
    with pytest.raises(DatasetError, match="only one label, “1”"):
        listed(table(tmp_path, "file,label", "a.png,1", "b.png,1"), picture="file", label="label")
    with pytest.raises(DatasetError, match="no such file"):
        listed(table(tmp_path, "file,label", "c.png,1"), picture="file", label="label")


def test_another_computer_is_not_asked_for_a_picture_of_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png", "share/c.png")
    monkeypatch.setattr(placing, "on_network", partial(on_network, kind=PureWindowsPath))
    asked: list[str] = []

    def read(folder: str) -> object:
        asked.append(folder)
        return reading(folder)

    reading = placing._read
    monkeypatch.setattr(placing, "_read", read)
    rows = (r"\\host\share\x.png,1", "//host/share/x.png,2", "a.png,1", "b.png,2", "c.png,2")
    listing = listed(table(tmp_path, "file,label", *rows))
    assert {each.file for each in listing.left_out} == {r"\\host\share\x.png", "//host/share/x.png"}
    assert {each.reason for each in listing.left_out} == {placing.DISTANT}
    assert not [folder for folder in asked if "host" in folder]
