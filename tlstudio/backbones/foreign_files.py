"""Owns what is said of a file that can't be weights: that it is not there, or what it is instead.

The window's process asks it too, so nothing here needs torch.
"""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tlstudio.bounded import opened, zip_file
from tlstudio.errors import WeightsError

MANIFEST = "manifest.json"
"""What a pack of weights has, and nothing else that people take for weights."""

_ARCHIVE = "Unpack it and choose the weights file that it holds."
_PYTORCH = "TL Studio reads weights that PyTorch saved: .pth, .pt, .bin or .safetensors."
_AGAIN = "Download it again, or choose another file."
_STATE_DICT = "Get the weights as .safetensors, or saved as a plain state_dict."


_HEAD = 1024

# What Python says of a table of a safetensors file that is none.
_NO_TABLE = (
    struct.error,
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_LARGEST_TABLE = 100_000_000
"""Bytes; safetensors itself reads no larger one."""


@dataclass(frozen=True)
class _Kind:
    start: int
    magic: bytes
    words: str
    hint: str


_KINDS = (
    _Kind(0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them", _PYTORCH),
    _Kind(4, b"TFL3", "a network for TensorFlow Lite", _PYTORCH),
    _Kind(0, b"GGUF", "a language model in the format GGUF", _PYTORCH),
    _Kind(0, b"\x93NUMPY", "an array of NumPy", _PYTORCH),
    _Kind(0, b"\x1f\x8b", "a gzip archive", _ARCHIVE),
    _Kind(0, b"BZh", "a bzip2 archive", _ARCHIVE),
    _Kind(0, b"\xfd7zXZ\0", "an xz archive", _ARCHIVE),
    _Kind(0, b"\x28\xb5\x2f\xfd", "a zstd archive", _ARCHIVE),
    _Kind(0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _ARCHIVE),
    _Kind(0, b"Rar!", "a rar archive", _ARCHIVE),
    _Kind(257, b"ustar", "a tar archive", _ARCHIVE),
    _Kind(0, b"%PDF", "a PDF document", _PYTORCH),
    _Kind(0, b"\x89PNG", "a picture", _PYTORCH),
    _Kind(0, b"\xff\xd8\xff", "a picture", _PYTORCH),
    _Kind(
        0,
        b"version https://git-lfs",
        "a placeholder of Git LFS: the weights themselves were not fetched",
        "Run `git lfs pull` in that folder, or download the file from the project's page.",
    ),
)


def check_file(path: Path) -> bytes:
    """The file's first kilobyte. Raises `WeightsError` unless `path` is a file that can be opened
    and holds something."""
    hint = "Choose a .pth or .safetensors file."
    if path.is_dir():
        inside = [path / name for name in ("model.safetensors", "model/model.safetensors")]
        better = next((f"Choose {file}." for file in inside if file.is_file()), hint)
        raise WeightsError(f"{path} is a folder, not a weights file.", better)
    try:
        with opened(path) as file:
            head = file.read(_HEAD)
    except FileNotFoundError as error:
        raise WeightsError(f"There is no weights file at {path}.", "Check the path.") from error
    except OSError as error:
        reason = f"The weights file {path} can't be opened ({error.strerror})."
        raise WeightsError(reason, hint) from error
    if not head:
        raise WeightsError(f"The weights file {path} is empty.", hint)
    return head


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raises `WeightsError` where the file is something else than weights, or its end is missing.

    `head` holds its first kilobyte. What passes may still be damaged.
    """
    if is_web_page(head):
        raise _is(
            path,
            "a web page",
            "The link led to a page, or a sign-in came in between. Open it in a browser and save "
            "the weights file itself.",
        )
    for kind in _KINDS:
        if head[kind.start :].startswith(kind.magic):
            raise _is(path, kind.words, kind.hint)
    if head.startswith(b"\x08") and head[2:3] in (b"\x12", b"\x1a", b"\x3a", b"\x42"):
        # Both begin with a version and go on with one of these fields.
        raise _is(path, "a whole network, for ONNX or TensorFlow", _PYTORCH)
    if head.startswith(b"PK\3\4"):
        _refuse_foreign_zip(path)
    elif is_safetensors(path, head):
        _refuse_cut_safetensors(path, head)


def is_web_page(head: bytes) -> bool:
    """Whether a file that begins with `head` is text, and opens with an angle bracket.

    The length that a safetensors file begins with can look like a bracket; zero bytes follow it.
    """
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith(b"<") and b"\0" not in head[:8]


def is_safetensors(path: Path, head: bytes) -> bool:
    return path.suffix.lower() == ".safetensors" or head[8:9] == b"{"


def damaged(path: Path) -> WeightsError:
    return WeightsError(
        f"{path} is damaged or is not a weights file.",
        "Download it again, or choose a .pth or .safetensors file.",
    )


def holds_code(path: Path, name: str) -> WeightsError:
    """`name` is the function or class that the file asks for."""
    return WeightsError(
        f"The weights file {path} holds more than numbers ({name}): opening it fully would run "
        "program code from the file. It was not opened.",
        _STATE_DICT,
    )


def _refuse_foreign_zip(path: Path) -> None:
    try:
        with zip_file(path) as archive:
            names = archive.namelist()
            plain = all(each.compress_type == zipfile.ZIP_STORED for each in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, struct.error) as error:
        raise WeightsError(
            f"{path} is incomplete or damaged: its end is missing.", _AGAIN
        ) from error
    parts = {part for name in names for part in name.split("/")}
    if "constants.pkl" in parts:
        raise _is(path, "a TorchScript program: its weights come with program code", _STATE_DICT)
    if "data.pkl" in parts:
        if not plain:  # PyTorch compresses nothing: a few kilobytes could fill the memory
            raise damaged(path)
        return
    if MANIFEST in names:
        raise _is(
            path,
            "a pack of several weights files",
            f"`tlstudio weights unpack {path.name}` puts them where TL Studio finds them.",
        )
    if any(name.endswith(".weights.h5") for name in names):
        raise _is(path, "a network of Keras", _PYTORCH)
    if names and all(name.endswith(".npy") for name in names):
        raise _is(path, "an archive of NumPy arrays", _PYTORCH)
    raise _is(path, "a zip archive of other files", _ARCHIVE)


def _refuse_cut_safetensors(path: Path, head: bytes) -> None:
    """The format begins with the length of its table, which says where each tensor ends."""
    size = path.stat().st_size
    try:
        (length,) = struct.unpack("<Q", head[:8])
        with path.open("rb") as file:
            file.seek(8)
            table = file.read(length) if length <= min(size, _LARGEST_TABLE) else b""
        ends = [
            int(entry["data_offsets"][1])
            for name, entry in json.loads(table).items()
            if name != "__metadata__"
        ]
    except _NO_TABLE as error:
        raise damaged(path) from error
    whole = 8 + length + max(ends, default=0)
    if whole > sys.maxsize:
        raise damaged(path)
    if size < whole:
        raise WeightsError(
            f"{path} is incomplete: {size / 1e6:.1f} of its {whole / 1e6:.1f} MB are there.", _AGAIN
        )


def _is(path: Path, words: str, hint: str) -> WeightsError:
    return WeightsError(f"{path} is {words}.", hint)
