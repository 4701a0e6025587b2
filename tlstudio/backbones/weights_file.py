"""Owns how a weights file is read: its tensors by name, and none of its code."""

from __future__ import annotations

import argparse
import contextlib
import pickletools
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from tlstudio.backbones.foreign_files import (
    check_file,
    damaged,
    holds_code,
    is_safetensors,
    refuse_foreign,
)
from tlstudio.errors import WeightsError

_WRAPPERS = (
    # Averaged weights come first: where a checkpoint has both, they are the ones that were shipped.
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "model_state_dict",
    "state_dict",
    "model",
    "net",
    "network",
    "teacher",
    "student",
    "module",
    "weights",
    "params",
    "backbone",
    "encoder",
)
"""What training programs call the weights inside a checkpoint."""

_DEPTH = 5  # wrappers in wrappers; a hostile file could hold itself


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU. No code in the file is ever run.

    What a training program puts around the weights is taken off; what it puts before their names is
    left for `recognition.spellings`. Raises `WeightsError`, which says what else the file is.
    """
    head = check_file(path)
    refuse_foreign(path, head)
    if is_safetensors(path, head):
        return _named_tensors(path, _read_safetensors(path))
    return _named_tensors(path, _read_pickle(path))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path) from error


def _read_pickle(path: Path) -> Any:
    try:
        # Checkpoints often hold the arguments of their training. A Namespace only takes names and
        # values that went through the same restricted unpickler.
        # What torch thinks of a pickle's age is of no use to the user.
        with torch.serialization.safe_globals([argparse.Namespace]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged or hostile file brings about any exception there is in the unpickler, and all of
    # them mean the same.
    except Exception as error:
        # How the restricted unpickler names what it refuses.
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        name = refused[1] if refused else _code_in_pickle(path)
        if name is not None:
            raise holds_code(path, name) from error
        raise damaged(path) from error


def _code_in_pickle(path: Path) -> str | None:
    """The first function or class that a pickle without torch's wrapping asks for, if it does;
    torch's own are named only where there is no other. The file is taken apart, not run."""
    with path.open("rb") as file:
        names = [name for name in _globals(file) if name != "collections.OrderedDict"]
    foreign = [name for name in names if not name.startswith("torch.")]
    return next(iter(foreign + names), None)


def _globals(pickle: BinaryIO) -> Iterator[str]:
    strings = ["", ""]
    # The end of the pickle, or of what can be read of it: a text may claim to be of any length.
    with contextlib.suppress(ValueError, MemoryError):
        for operation, argument, _ in pickletools.genops(pickle):
            if operation.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif operation.name == "STACK_GLOBAL":  # takes the two names put down before it
                yield ".".join(strings)
            elif isinstance(argument, str):
                strings = [strings[1], argument]


def _named_tensors(path: Path, loaded: Any) -> dict[str, Tensor]:
    state = _unwrapped(loaded)
    if not _holds_tensors(state):
        raise WeightsError(
            f"{path} can be read, but it does not hold the weights of a network.",
            "Choose a file with a network's state_dict.",
        )
    return {name: value.detach() for name, value in state.items()}


def _unwrapped(loaded: Any) -> Any:
    """The weights in a training checkpoint: what has a known name, or the only thing like them."""
    for _ in range(_DEPTH):
        if not isinstance(loaded, Mapping) or _holds_tensors(loaded):
            break
        inner = [loaded[name] for name in _WRAPPERS if isinstance(loaded.get(name), Mapping)]
        inner = [part for part in inner if part] or [
            p for p in loaded.values() if _holds_tensors(p)
        ]
        if not inner:
            break
        loaded = inner[0]
    return loaded


def _holds_tensors(value: Any) -> bool:
    """Whether this is a state_dict: names, and a tensor of plain numbers for each."""
    return (
        isinstance(value, Mapping)
        and len(value) > 0
        and all(
            isinstance(name, str)
            and isinstance(tensor, Tensor)
            and tensor.layout == torch.strided
            and tensor.nbytes <= tensor.untyped_storage().nbytes()  # not one number a million times
            for name, tensor in value.items()
        )
    )
