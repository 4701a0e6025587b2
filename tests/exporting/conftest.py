"""Owns the runs and the exports that the tests of exporting share; none of them changes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation.made_run import made_run

from tlstudio.exporting.export import export
from tlstudio.jobs import ExportJob, ExportResult, HeadSpec
from tlstudio.tasks import drive


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("exported"), "squeezenet1_1")


@pytest.fixture(scope="session")
def hidden_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose head has a hidden layer."""
    return made_run(tmp_path_factory.mktemp("hidden"), "squeezenet1_1", HeadSpec(hidden=16))


@pytest.fixture(scope="session")
def onnx_export(run: Path, tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    out = tmp_path_factory.mktemp("onnx") / "new" / "folder"
    return drive(export(ExportJob(run=str(run), out=str(out))), lambda event: None)
