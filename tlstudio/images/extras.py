"""Owns what is said where the package for a kind of file is not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from tlstudio.images.opening import UnreachableError


def needed(module: str, kind: str) -> ModuleType:
    """Imports a module of a package that only few files need. Raises `UnreachableError`: the file
    may be read once it is installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise UnreachableError(
            f"{kind} need the package {package}, which the installers of TL Studio bring and"
            " “pip install tlstudio[formats]” adds."
        ) from error
