"""Owns what every test shares: a home of its own, and the real data where there is some."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import tlstudio.__main__  # noqa: F401  (settles how torch's threads wait, before torch is loaded)


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs, caches and settings of a test lie in a folder that no other test and no user sees."""
    monkeypatch.setenv("TLSTUDIO_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def data() -> Path:
    """The folder of real pictures and weights, which is no part of the project."""
    folder = os.environ.get("TLSTUDIO_TEST_DATA")
    if not folder:
        pytest.skip("TLSTUDIO_TEST_DATA is not set: it names the folder of real pictures")
    return Path(folder)
