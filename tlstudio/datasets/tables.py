"""Owns how a file becomes a table of texts: CSV and its relatives, and Excel workbooks.

The text's encoding and what separates the columns are found out. Cells are texts without blanks
around them: a number in a workbook reads as it is shown, 3 and not 3.0.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from tlstudio.bounded import content, opened, zip_file
from tlstudio.datasets.folders import looks_like_picture
from tlstudio.errors import DatasetError
from tlstudio.projects.spreadsheet import meant

MOST_ROWS = 2_000_000
MOST_BYTES = 200_000_000
_MOST_UNPACKED = 400_000_000
_MOST_KEPT = 200_000
_MOST_COLUMNS = 1_000
_WORKBOOKS = (".xlsx", ".xlsm")
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be read, again and again. `columns` are the names in its first row, or
    made-up ones where that holds a picture; each occurs once. `sheets` are a workbook's."""

    file: str
    columns: tuple[str, ...]
    sheets: tuple[str, ...]
    _reader: _Text | _Workbook
    _headed: bool

    def rows(self) -> Iterator[tuple[str, ...]]:
        """The rows below the names, without empty ones, each with a text for every column.

        Raises `DatasetError` where the file is damaged or too long.
        """
        width = len(self.columns)
        padding = ("",) * width
        for number, row in enumerate(islice(_filled(self._reader), int(self._headed), None)):
            if number >= MOST_ROWS:
                raise DatasetError(
                    f"The table {self.file} has more than {MOST_ROWS:,} rows.",
                    "Split it into several, each with pictures of its own.",
                )
            yield (*row, *padding)[:width] if len(row) != width else row


def open_table(file: str, sheet: str | None = None) -> Table:
    """The table in `file`, or on a sheet of that workbook, the first without a name.

    Raises `DatasetError` where there is none that can be read.
    """
    try:
        with opened(file) as source:
            size = os.fstat(source.fileno()).st_size
    except OSError as error:
        raise _unreadable(file, error) from error
    if size > MOST_BYTES:
        raise DatasetError(
            f"The table {file} has {size / 1e6:,.0f} MB; {MOST_BYTES / 1e6:,.0f} is the most.",
            "Keep only the columns with the pictures and their labels.",
        )
    ending = os.path.splitext(file)[1].lower()  # noqa: PTH122
    if ending == ".xls":
        raise DatasetError(
            f"{file} is a workbook in the format of before 2007, which can't be read.",
            "Open it in Excel or LibreOffice and save it as .xlsx or .csv.",
        )
    reader = _Workbook.opened(file, sheet) if ending in _WORKBOOKS else _Text.opened(file)
    top = list(islice(_filled(reader), 2))
    if not top:
        raise DatasetError(
            f"The table {file} is empty.",
            "It needs a row for each picture, with its file and its label.",
        )
    headed = not any(map(looks_like_picture, top[0]))
    names = top[0] if headed else ("",) * len(top[0])
    return Table(file, _distinct(names), reader.sheets, reader, headed)


def _filled(reader: _Text | _Workbook) -> Iterator[tuple[str, ...]]:
    return (row for row in reader.rows() if any(row))


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each column's name, with a number where it has none or one that came before."""
    named: list[str] = []
    for number, name in enumerate(names[:_MOST_COLUMNS], 1):
        wanted = name or f"column {number}"
        tries = chain([wanted], (f"{wanted} ({n})" for n in range(2, _MOST_COLUMNS + 2)))
        named.append(next(each for each in tries if each not in named))
    return tuple(named)


def _unreadable(file: str, error: OSError) -> DatasetError:
    return DatasetError(
        f"The table {file} can't be opened ({error.strerror or error}).",
        "Check the path, and that you may read it.",
    )


# --- text ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    file: str
    encoding: str
    separator: str
    skipped: int
    sheets: tuple[str, ...] = ()

    @classmethod
    def opened(cls, file: str) -> _Text:
        try:
            encoding = _encoding(file)
            with _text(file, encoding) as text:
                start = text.read(100_000)
        except OSError as error:
            raise _unreadable(file, error) from error
        except UnicodeError as error:
            raise cls._damaged(file) from error
        first, _, rest = start.partition("\n")
        if first.lower().startswith("sep=") and len(first.strip()) == 5:  # as Excel writes it
            return cls(file, encoding, first.strip()[4], 1)
        return cls(file, encoding, _separator(start if rest else first), 0)

    def rows(self) -> Iterator[tuple[str, ...]]:
        try:
            with _text(self.file, self.encoding) as text:
                for row in islice(csv.reader(text, delimiter=self.separator), self.skipped, None):
                    yield tuple(meant(cell.strip()) for cell in row)
        except csv.Error as error:
            raise DatasetError(
                f"The table {self.file} can't be read to its end ({error}).",
                "Look for a quotation mark that is opened and not closed again.",
            ) from error
        except UnicodeError as error:
            raise self._damaged(self.file) from error
        except OSError as error:
            raise _unreadable(self.file, error) from error

    @staticmethod
    def _damaged(file: str) -> DatasetError:
        return DatasetError(
            f"{file} is not the text that a table would be.",
            "Save the table as CSV in UTF-8, or as .xlsx.",
        )


def _text(file: str, encoding: str) -> IO[str]:
    errors = "replace" if encoding == "cp1252" else "strict"
    return open(file, encoding=encoding, errors=errors, newline="")  # noqa: PTH123


def _encoding(file: str) -> str:
    """By its first bytes; UTF-8 where all of it is that, else what Windows writes in the West."""
    with opened(file) as source:
        start = source.read(4)
        if start.startswith(codecs.BOM_UTF8):
            return "utf-8-sig"
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if start[1:2] == b"\0":
            return "utf-16-le"
        decoder = codecs.getincrementaldecoder("utf-8")()
        source.seek(0)
        try:
            while block := source.read(1 << 20):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _separator(start: str) -> str:
    """What cuts the first rows into columns most evenly; a comma where nothing cuts them."""
    lines = start.splitlines()[:200]

    def evenness(separator: str) -> tuple[bool, float, int]:
        try:
            rows = [row for row in csv.reader(lines[:-1] or lines, delimiter=separator) if row]
        except csv.Error:
            return False, 0, 0
        widths = Counter(map(len, rows))
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        return width > 1, count / max(len(rows), 1), width

    return max(_SEPARATORS, key=evenness)


# --- workbooks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Workbook:
    """Its texts are read once: unpacking them takes longer than anything else. Rows are kept where
    they are not too many."""

    file: str
    sheet: str
    sheets: tuple[str, ...]
    _workbook: Any
    _kept: list[tuple[str, ...]]

    @classmethod
    def opened(cls, file: str, sheet: str | None) -> _Workbook:
        workbook = _workbook(file)
        sheets = tuple(each.title for each in workbook.worksheets)
        if not sheets:
            raise _no_workbook(file)
        if sheet is not None and sheet not in sheets:
            raise DatasetError(
                f"The workbook {file} has no sheet “{sheet}”.",
                f"Its sheets are {', '.join(sheets[:20])}.",
            )
        return cls(file, sheet or sheets[0], sheets, workbook, [])

    def rows(self) -> Iterator[tuple[str, ...]]:
        if self._kept:
            yield from self._kept
            return
        rows: list[tuple[str, ...]] = []
        try:
            sheet = self._workbook[self.sheet]
            sheet.reset_dimensions()  # what a file says of its own size need not be true
            for row in sheet.iter_rows(values_only=True):
                texts = tuple(map(_cell, row[:_MOST_COLUMNS]))
                if len(rows) <= _MOST_KEPT:
                    rows.append(texts)
                yield texts
        except _BROKEN as error:
            raise _no_workbook(self.file) from error
        if len(rows) <= _MOST_KEPT:
            self._kept.extend(rows)


_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    ParseError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What reading a damaged workbook stumbles over."""


def _workbook(file: str) -> Any:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with zip_file(Path(file)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > _MOST_UNPACKED:
            raise DatasetError(
                f"The workbook {file} is too large: {unpacked / 1e6:,.0f} MB unpacked.",
                "Save the one sheet that is needed as CSV.",
            )
        packed = io.BytesIO(content(Path(file), MOST_BYTES))
        return load_workbook(packed, read_only=True, data_only=True, keep_links=False)
    except (*_BROKEN, InvalidFileException) as error:
        raise _no_workbook(file) from error


def _no_workbook(file: str) -> DatasetError:
    return DatasetError(
        f"{file} is damaged, or no workbook.",
        "Open it in Excel or LibreOffice and save it again, as .xlsx or .csv.",
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    return value.isoformat() if isinstance(value, date) else str(value).strip()
