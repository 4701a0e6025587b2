"""Owns how packages are reached that the program can do without."""

from __future__ import annotations

import importlib
from typing import Any

from tlstudio.errors import MissingPackageError


def timm_package() -> Any:
    """timm, if it is installed; raises `MissingPackageError`."""
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise MissingPackageError(
            "This backbone comes from the package timm, which is not installed.",
            "Install it with `pip install 'tlstudio[timm]'`, or choose another backbone.",
        ) from error
