"""Owns where the program keeps its own things: runs, caches, weights, logs, and what it brings."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_NAME = "TL Studio"


def _folder(kind: str, default: Path) -> Path:
    """`TLSTUDIO_HOME` puts everything under one folder: tests and portable installations use it."""
    home = os.environ.get("TLSTUDIO_HOME")
    return Path(home) / kind if home else default


def runs_folder() -> Path:
    return _folder("runs", _data() / "runs")


def projects_folder() -> Path:
    return _folder("projects", _data() / "projects")


def recent_folder() -> Path:
    """What the home screen knows of each project."""
    return _folder("recent", _data() / "recent")


def samples_folder() -> Path:
    return _folder("samples", _data() / "samples")


def weights_folder() -> Path:
    return _folder("weights", _data() / "weights")


def cache_folder() -> Path:
    """May be deleted at any time."""
    return _folder("cache", Path(platformdirs.user_cache_dir(_NAME, appauthor=False)))


def resources_folder() -> Path:
    """What comes with the program and is no code: inside the package where it is installed, beside
    it in the sources."""
    package = Path(__file__).parents[1]
    inside = package / "resources"
    return inside if inside.is_dir() else package.parent / "resources"


def preferences_file() -> Path:
    config = Path(platformdirs.user_config_dir(_NAME, appauthor=False))
    return _folder("preferences.json", config / "preferences.json")


def logs_folder() -> Path:
    return _folder("logs", Path(platformdirs.user_log_dir(_NAME, appauthor=False)))


def _data() -> Path:
    return Path(platformdirs.user_data_dir(_NAME, appauthor=False))
