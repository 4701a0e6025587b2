"""Owns what there is in all projects of this computer together."""

from __future__ import annotations

import contextlib

from tlstudio.errors import StorageError
from tlstudio.projects.own_models import OwnRun, own_runs
from tlstudio.projects.places import runs_folder
from tlstudio.projects.project import Project
from tlstudio.projects.recent import project_folders
from tlstudio.projects.runs import noted_runs


def every_model() -> tuple[OwnRun, ...]:
    """The models of all finished runs, in projects and outside of them, the newest first; projects
    that can't be read are left out."""
    found = list(runs_folder().iterdir()) if runs_folder().is_dir() else []
    for folder in project_folders():
        with contextlib.suppress(StorageError):
            found += noted_runs(Project.open(folder, read_only=True))
    return own_runs(dict.fromkeys(found))
