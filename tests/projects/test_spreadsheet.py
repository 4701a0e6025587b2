"""No text in our tables is computed by the program that opens them, and each reads back."""

from __future__ import annotations

import pytest

from tlstudio.projects.spreadsheet import cell, meant, path_cell

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "=", "-a")
TEXTS = ("a.png", "-1", "+1.5", "-1e-7", "'quoted'", "a=b", "", "'", "Fleck ä")


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_like_a_formula_is_written_as_text(text: str) -> None:
    assert not cell(text).startswith(tuple("=+-@\t\r"))
    assert not path_cell(text).startswith(tuple("=+-@\t\r"))
    assert meant(cell(text)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_stays_as_it_is(text: str) -> None:
    assert cell(text) == path_cell(text) == meant(text) == text
