"""Owns where the program keeps its own things: runs, caches, weights, logs."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_NAME = "TL Studio"


def _folder(kind: str, default: str) -> Path:
    """`TLSTUDIO_HOME` puts everything under one folder: tests and portable installations use it."""
    home = os.environ.get("TLSTUDIO_HOME")
    return Path(home) / kind if home else Path(default) / kind


def runs_folder() -> Path:
    return _folder("runs", platformdirs.user_data_dir(_NAME, appauthor=False))


def samples_folder() -> Path:
    return _folder("samples", platformdirs.user_data_dir(_NAME, appauthor=False))


def weights_folder() -> Path:
    return _folder("weights", platformdirs.user_data_dir(_NAME, appauthor=False))


def cache_folder() -> Path:
    """May be deleted at any time."""
    return _folder("cache", platformdirs.user_cache_dir(_NAME, appauthor=False))


def logs_folder() -> Path:
    return _folder("logs", platformdirs.user_log_dir(_NAME, appauthor=False))
