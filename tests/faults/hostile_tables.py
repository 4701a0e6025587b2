"""Hostile tables and caches."""

from __future__ import annotations

import io
import os
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
from faults.hostile import (
    REFUSED,
    Case,
    Place,
    Work,
    harmless,
    refused,
    sparse,
)
from faults.hostile_weights import TABLES, Call

from tlstudio.datasets.listing import list_dataset
from tlstudio.datasets.tables import open_table
from tlstudio.datasets.verdicts import recall
from tlstudio.jobs import (
    DatasetSpec,
    TableSource,
)
from tlstudio.tasks import drive
from tlstudio.training.decoded import _is_whole
from tlstudio.training.remembered_probe import _recall


def read_table(file: Path) -> Work:
    return lambda: list(open_table(str(file)).rows())


@refused
def table_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "t.csv")
    return read_table(place.folder / "t.csv")


@refused
def table_that_never_ends(place: Place) -> Work:
    (place.folder / "t.csv").symlink_to("/dev/zero")
    return read_table(place.folder / "t.csv")


@refused
def table_of_a_terabyte(place: Place) -> Work:
    return read_table(sparse(place.folder / "t.csv"))


@refused
def table_in_one_line(place: Place) -> Work:
    file = place.folder / "t.csv"
    file.write_bytes(b"file,label\n" + b"x" * 50_000_000)
    return read_table(file)


@refused
def table_whose_quotation_never_ends(place: Place) -> Work:
    file = place.folder / "t.csv"
    file.write_bytes(b'file,label\n"' + b"x,\n" * 1_000_000)
    return read_table(file)


def workbook_with(name: str, content: bytes) -> Case:
    def case(place: Place) -> Work:
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in (["file", "label"], ["a.png", "x"], ["b.png", "y"]):
            book.active.append(row)
        plain, file = io.BytesIO(), place.folder / "t.xlsx"
        book.save(plain)
        filled = content.replace(b"SECRET", (place.outside / "secret").as_uri().encode())
        with (
            zipfile.ZipFile(plain) as source,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
        ):
            for info in source.infolist():
                target.writestr(
                    info.filename, filled if info.filename == name else source.read(info)
                )
        return read_table(file)

    return case


SHEET = "xl/worksheets/sheet1.xml"


def _sheet(entities: str, text: str) -> bytes:
    """A sheet of two columns whose first cell holds `text`."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    cells = "".join(
        f'<c r="{name}1" t="inlineStr"><is><t>{each}</t></is></c>'
        for name, each in (("A", text), ("B", "label"))
    )
    rows = f'<worksheet xmlns="{space}"><sheetData><row r="1">{cells}</row></sheetData></worksheet>'
    return f'<?xml version="1.0"?><!DOCTYPE x [{entities}]>{rows}'.encode()


_LAUGHS = '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12)
)
REFUSED |= {
    "workbook that laughs a billion times": workbook_with(SHEET, _sheet(_LAUGHS, "&m;")),
    "workbook that reads another file": workbook_with(
        SHEET, _sheet('<!ENTITY x SYSTEM "SECRET">', "&x;")
    ),
    "workbook of many gigabytes": workbook_with(SHEET, bytes(401_000_000)),
    "workbook whose sheet is deep": workbook_with(SHEET, b"<a>" * 200_000),
}


def table_naming(*names: str) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "t.csv"
        rows = "".join(f'"{name}",{"ab"[n % 2]}\n' for n, name in enumerate(names * 2))
        file.write_text(f"file,label\n{rows}")
        spec = DatasetSpec(folder=str(place.folder), table=TableSource(file=str(file)))
        return lambda: drive(list_dataset(spec), lambda _: None)

    return case


REFUSED |= {
    "table that names no file": table_naming("a\0.png", "\0", "." * 5000 + ".png", "~root/x.png"),
    "table that names programs": table_naming(
        "|touch x", "$(touch x)", "`x`", "file:///etc/passwd"
    ),
    "table that names addresses": table_naming("http://localhost/a.png", "ftp://localhost/b.png"),
}


# --- caches --------------------------------------------------------------------------------------


@harmless
def memory_of_verdicts_with_a_view(place: Place) -> Work:
    cache = Path(os.environ["TLSTUDIO_HOME"]) / "cache"
    cache.mkdir(parents=True)
    with sqlite3.connect(cache / "verdicts.sqlite") as database:
        database.execute(
            "CREATE VIEW verdicts AS"
            " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
            " SELECT '/pictures/x' AS path, '' AS reading, '' AS reader,"
            " i AS size, i AS mtime_ns, x'00' AS look FROM n"
        )
        database.execute("PRAGMA user_version = 4")
    database.close()
    return lambda: recall(cache, "/pictures")


@harmless
def decoded_pictures_that_claim_all_memory(place: Place) -> Work:
    index = place.folder / "x.index.npy"
    header = "{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776, 4), }".ljust(117)
    index.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + b"\n")

    def work() -> None:
        assert not _is_whole(place.folder / "x.pixels", 2)

    return work


@harmless
def decoded_pictures_that_are_pickled(place: Place) -> Work:
    np.save(place.folder / "x.index.npy", np.array([Call(os.mkdir, str(place.canary))]))

    def work() -> None:
        assert not _is_whole(place.folder / "x.pixels", 1)

    return work


@harmless
def remembered_probe_that_is_hostile(place: Place) -> Work:
    file = place.folder / "probe.safetensors"
    file.write_bytes(TABLES["tensors behind the end"])
    return lambda: _recall(file, "key")
