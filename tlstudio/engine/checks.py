"""Owns the doctor's checks that need no process of their own: each looks at one thing."""

from __future__ import annotations

import ctypes
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from PIL import Image

import tlstudio
from tlstudio.backbones.catalogue import Weights, catalogue
from tlstudio.backbones.weights import find_weights
from tlstudio.engine.trials import ANEW
from tlstudio.errors import EngineError
from tlstudio.images.first_look import first_looks
from tlstudio.jobs import Check
from tlstudio.projects import places
from tlstudio.projects.database import tighten
from tlstudio.projects.migrations import SCHEMA
from tlstudio.projects.project import FILE

PACKAGES = (
    *("torch", "torchvision", "onnx", "onnxruntime", "onnxscript", "pillow", "numpy"),
    *("safetensors", "pydantic", "PySide6-Essentials", "pyqtgraph", "filelock", "openpyxl"),
    *("platformdirs", "psutil", "rich", "send2trash", "truststore", "typer", "wakepy"),
)
OPTIONAL = {
    "imagecodecs": "Some compressed TIFF files",
    "pi-heif": "HEIC pictures, as iPhones take them,",
    "pydicom": "DICOM pictures",
    "tifffile": "TIFF files of microscopes",
    "timm": "The networks of timm",
}
_ENOUGH_SPACE, _ENOUGH_TEMPORARY = 2 * 10**9, 2 * 10**8
_DAY = 86_400
_MOST_PROJECTS, _PROJECTS_S = 200, 10.0
_STEPS = 200_000_000
"""Of SQLite's machine, for one project: some seconds, in which a large one is looked through."""
_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
}
_LIBRARIES_X11 = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
}
"""What Qt loads of the system (doc.qt.io/qt-6/linux-requirements.html), and what brings it on
Debian and Ubuntu; other systems call their packages much alike."""


def packages() -> tuple[dict[str, str], list[Check]]:
    """The versions of the packages, and those that are missing."""
    versions, found = {}, []
    for name in (*PACKAGES, *OPTIONAL):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found.append(_missing(name))
    return versions, found


def _missing(name: str) -> Check:
    if name not in OPTIONAL:
        says = f"The package {name} is missing."
        return Check(name="packages", state="problem", says=says, remedy=ANEW)
    extra = "timm" if name == "timm" else "formats"
    says = f"{OPTIONAL[name]} need the package {name}, which is not installed."
    remedy = f"Where you have some: “pip install tlstudio[{extra}]”, or use an installer."
    return Check(name="packages", state="note", says=says, remedy=remedy)


def folders(paths: Iterable[Path]) -> list[Check]:
    """Whether each of the program's own folders may be written to and has room."""
    return [each for path in paths for each in _room_in(path, _ENOUGH_SPACE)]


def temporary_folder() -> list[Check]:
    """Whether libraries find a place for what they write in between."""
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:
        says = "There is no folder for temporary files that can be written to."
        remedy = "Make one, and name it in the environment variable TMPDIR (on Windows: TEMP)."
        return [Check(name="temporary files", state="problem", says=says, remedy=remedy)]
    wrong = _room_in(folder, _ENOUGH_TEMPORARY)
    return wrong or [Check(name="temporary files", says=f"They have room in {folder}.")]


def _room_in(folder: Path, enough: float) -> list[Check]:
    try:
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"tlstudio")
        free = shutil.disk_usage(existing).free
    except OSError as error:
        says = f"{folder} can't be written to ({error.strerror})."
        remedy = "Correct its rights, or check its disk."
        return [Check(name="folders", state="problem", says=says, remedy=remedy)]
    if free >= enough:
        return []
    says = f"Only {free / 1e9:.1f} GB are free for {folder}."
    return [Check(name="folders", state="problem", says=says, remedy="Make some room on its disk.")]


def clock() -> list[Check]:
    """A clock that stands before the program was made is wrong, and downloads fail with it."""
    made = Path(tlstudio.__file__).stat().st_mtime
    now = time.time()
    if now >= made - _DAY:
        return [Check(name="clock", says="The clock of this computer seems right.")]
    says = (
        f"The clock of this computer says {datetime.fromtimestamp(now, UTC):%Y-%m-%d}, but the "
        f"program was installed on {datetime.fromtimestamp(made, UTC):%Y-%m-%d}."
    )
    remedy = "Set the clock: downloads fail with a wrong one, and runs seem older than they are."
    return [Check(name="clock", state="problem", says=says, remedy=remedy)]


def bundled_backbone() -> list[Check]:
    """Whether the network that comes with the program is whole."""
    return [
        _whole(entry.name, weights)
        for entry in catalogue()
        for weights in entry.weights
        if weights.url is None and weights.file
    ]


def _whole(name: str, weights: Weights) -> Check:
    looking = find_weights(weights)
    try:
        while True:
            next(looking)
    except StopIteration as stop:
        if stop.value is not None:
            return Check(name="network", says=f"{name}, which comes with the program, is whole.")
    says = f"{name}, which comes with the program, is missing or damaged."
    return Check(name="network", state="problem", says=says, remedy=ANEW)


def projects() -> list[Check]:
    """Whether the databases of the newest projects can be read and are whole."""
    until = time.monotonic() + _PROJECTS_S
    files = sorted(places.projects_folder().glob(f"*/{FILE}"), key=_changed, reverse=True)
    looked = 0
    found: list[Check] = []
    for file in files[:_MOST_PROJECTS]:
        if time.monotonic() > until:
            break
        looked += 1
        wrong = _wrong_with(file)
        if wrong is not None:
            found.append(wrong)
    if not found and files:
        says = f"{looked} of {len(files)} projects were looked at and are whole."
        found.append(Check(name="projects", says=says))
    return found


def _wrong_with(file: Path) -> Check | None:
    try:
        address = f"{file.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=1)) as database:
            tighten(database, _STEPS)
            version = database.execute("PRAGMA user_version").fetchone()[0]
            (says,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        if "interrupted" in str(error):
            return None
        version, says = 0, str(error)
    if version > SCHEMA:
        sentence = f"The project in {file.parent} was made by a newer version of TL Studio."
        return Check(
            name="projects", state="note", says=sentence, remedy="Update this program to open it."
        )
    if says == "ok":
        return None
    sentence = f"The project in {file.parent} can't be read ({says})."
    remedy = (
        "Bring back a copy of this folder, or delete it: the pictures are elsewhere and can be "
        "looked through anew."
    )
    return Check(name="projects", state="problem", says=sentence, remedy=remedy)


def _changed(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def first_look() -> list[Check]:
    """Whether the process that looks at pictures starts and reads one."""
    name = "pictures"
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            file = Path(folder) / "doctor.png"
            Image.new("RGB", (16, 16), (200, 90, 30)).save(file)
            looks = [look for found in first_looks([(0, str(file))]) for _, look in found]
    except (EngineError, OSError) as error:
        says = f"No picture can be looked at: {error}"
        return [Check(name=name, state="problem", says=says, remedy=ANEW)]
    if looks[0].reason:
        says = f"A picture that is right can't be read: {looks[0].reason}"
        return [Check(name=name, state="problem", says=says, remedy=ANEW)]
    return [Check(name=name, says="Pictures can be looked at.")]


def missing_libraries() -> list[str]:
    """The system's packages that Qt needs on Linux and that are not there."""
    x11 = bool(os.environ.get("DISPLAY")) and not os.environ.get("WAYLAND_DISPLAY")
    needed = {**_LIBRARIES, **(_LIBRARIES_X11 if x11 else {})}
    return [package for library, package in needed.items() if not _loads(library)]


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
