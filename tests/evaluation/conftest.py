"""Owns the run that the tests of evaluation share; none of them changes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation.made_run import made_run


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("evaluated"), "squeezenet1_1")
