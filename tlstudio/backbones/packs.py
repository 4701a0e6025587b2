"""Owns packs: weights in one file that carries them to a computer without a network.

A pack is a zip file without compression: the weights under `weights/`, and a manifest. What is read
from one is looked for under the names of the catalogue and checked against it; no path in the pack
is ever followed.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Literal

from pydantic import ValidationError

import tlstudio
from tlstudio.backbones.catalogue import Backbone, Weights
from tlstudio.backbones.foreign_files import MANIFEST, check_file, refuse_foreign
from tlstudio.backbones.weights import (
    SIZE_TOLERANCE,
    Obtained,
    find_weights,
    named,
    obtain_named,
    own_file,
)
from tlstudio.bounded import zip_file
from tlstudio.errors import UsageError, WeightsError
from tlstudio.jobs import PackWeights, Record, UnpackWeights, WeightsName, WeightsResult
from tlstudio.projects.atomic import replacing
from tlstudio.tasks import Logged, Meter, Task, Warned

VERSION = 1

_CHUNK = 1024 * 1024
_MANIFEST_BYTES = 1024 * 1024
_AGAIN = "Copy it again, or make a new one with `tlstudio weights pack`."


class Packed(Record):
    """One file in a pack. Name, size and licence are for whoever looks into it."""

    backbone: str
    variant: str
    file: str
    bytes: int
    sha256: str
    licence: str
    commercial: bool


class Manifest(Record):
    format: Literal["tlstudio-weights"] = "tlstudio-weights"
    version: int = VERSION
    program: str
    weights: tuple[Packed, ...]


# --- into a pack ----------------------------------------------------------------------------------


def pack(job: PackWeights) -> Task[WeightsResult]:
    """Writes the weights into the file, which appears when it is complete.

    Raises `WeightsError` for weights that can't be had and `StorageError` for the disk.
    """
    target = Path(job.file).expanduser()
    _refuse_target(target)
    if any(not weights.sha256 for _, weights in named(job.weights)):
        raise UsageError(
            "Weights whose SHA-256 is not published, as most of timm's, can't be packed: nobody "
            "could check them.",
            "Copy the file that `tlstudio weights download` wrote, and give it with --weights.",
        )
    # What comes with the program is on the other computer, too.
    chosen = [
        WeightsName(backbone=entry.id, variant=weights.name)
        for entry, weights in named(job.weights)
        if weights.url is not None
    ]
    if not chosen:
        raise UsageError(
            "There is nothing to pack: these weights come with the program.",
            "Name others; `tlstudio backbones` lists them.",
        )
    obtained = yield from obtain_named(chosen)
    packed = []
    with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for each in obtained:
            one = yield from _add(archive, each)
            packed.append(one)
        manifest = Manifest(program=f"TL Studio {tlstudio.__version__}", weights=tuple(packed))
        archive.writestr(zipfile.ZipInfo(MANIFEST), manifest.model_dump_json(indent=1))
    return WeightsResult(weights=tuple(each.kept() for each in obtained), pack=str(target))


def _refuse_target(target: Path) -> None:
    if target.suffix.lower() != ".zip":
        raise UsageError(
            f"A pack is a .zip file, and {target.name} is none.",
            "Name the file last: tlstudio weights pack resnet50 weights.zip",
        )
    if target.exists():
        raise UsageError(f"{target} is there already.", "Choose another name, or remove it.")


def _add(archive: zipfile.ZipFile, each: Obtained) -> Task[Packed]:
    # A fixed date: the same weights give the same pack.
    info = zipfile.ZipInfo(_name(each.weights))
    info.file_size = size = each.path.stat().st_size
    digest, meter = hashlib.sha256(), Meter("weights", size, "bytes")
    with each.path.open("rb") as source, archive.open(info, "w") as out:
        while chunk := source.read(_CHUNK):
            out.write(chunk)
            digest.update(chunk)
            yield from meter.at(source.tell())
    if not digest.hexdigest().startswith(each.weights.sha256):
        raise WeightsError(f"{each.path} changed while it was packed.", "Try again.")
    return Packed(
        backbone=each.entry.id,
        variant=each.weights.name,
        file=each.weights.file,
        bytes=size,
        sha256=digest.hexdigest(),
        licence=each.weights.licence,
        commercial=each.weights.commercial,
    )


def _name(weights: Weights) -> str:
    return f"weights/{weights.file}"


# --- out of a pack --------------------------------------------------------------------------------


def unpack(job: UnpackWeights) -> Task[WeightsResult]:
    """Puts the weights of a pack into the program's own folder, each whole or not at all.

    What is there already stays. Weights that this version's catalogue does not have are left out
    with a warning. Raises `WeightsError` where the pack is none, damaged, or holds other bytes than
    were published, and `StorageError` for the disk.
    """
    path = Path(job.file).expanduser()
    obtained = []
    with _damage(path), _opened(path) as archive:
        chosen = []
        for packed in _manifest(archive, path).weights:
            known = _known(packed)
            if known is None:
                yield Warned(
                    message=f"{packed.variant} of {packed.backbone} is left out: this version of "
                    "TL Studio does not know it.",
                    hint="Update TL Studio to use it.",
                )
            else:
                _refuse_other(path, archive.getinfo(_name(known[1])), packed, known[1])
                chosen.append(known)
        for entry, weights in chosen:
            found = yield from find_weights(weights)
            if found is None:
                yield from _take_out(archive, path, weights)
            else:
                yield Logged(message=f"{weights.name} of {entry.name} is here already: {found}.")
            obtained.append(Obtained(entry, weights, found or own_file(weights), found is None))
    return WeightsResult(weights=tuple(each.kept() for each in obtained), pack=str(path))


# What Python's zip module raises for damaged and hostile files.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    OSError,  # a place before the beginning of the file; our own disk's are StorageErrors
    RuntimeError,
    ValueError,
)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise WeightsError(f"The pack {path} is damaged.", _AGAIN) from error


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    head = check_file(path)
    if not head.startswith(b"PK"):
        refuse_foreign(path, head)
        raise _no_pack(path)
    with ExitStack() as stack:
        try:
            found = stack.enter_context(zip_file(path))
        except zipfile.BadZipFile as error:
            raise WeightsError(
                f"The pack {path} is incomplete or damaged: its end is missing.", _AGAIN
            ) from error
        yield found


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    if MANIFEST not in archive.namelist():
        raise _no_pack(path)
    with archive.open(MANIFEST) as file:
        text = file.read(_MANIFEST_BYTES)
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise _no_pack(path) from error
    if manifest.version > VERSION:
        raise WeightsError(
            f"The pack {path} was made by a newer version ({manifest.program}).",
            "Update TL Studio on this computer.",
        )
    return manifest


def _known(packed: Packed) -> tuple[Backbone, Weights] | None:
    try:
        (known,) = named([WeightsName(backbone=packed.backbone, variant=packed.variant)])
    except UsageError:
        return None
    return known


def _refuse_other(path: Path, info: zipfile.ZipInfo, packed: Packed, weights: Weights) -> None:
    """Before anything is written: what claims to be other bytes, or too many, is not taken out."""
    if not packed.sha256.startswith(weights.sha256) or info.file_size > _most(weights):
        raise _not_published(path, weights)


def _take_out(archive: zipfile.ZipFile, path: Path, weights: Weights) -> Task[None]:
    digest, done = hashlib.sha256(), 0
    meter = Meter("weights", weights.bytes, "bytes")
    with archive.open(_name(weights)) as source, replacing(own_file(weights)) as temporary:
        with temporary.open("wb") as out:
            while chunk := _read(source, path):
                out.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if done > _most(weights):
                    raise _not_published(path, weights)
                yield from meter.at(done)
        if not digest.hexdigest().startswith(weights.sha256):
            raise _not_published(path, weights)


def _read(source: IO[bytes], path: Path) -> bytes:
    """The stick that holds the pack may be pulled out: that is not a failure of our own disk."""
    try:
        return source.read(_CHUNK)
    except OSError as error:
        raise WeightsError(
            f"The pack {path} can't be read to its end ({error.strerror or error}).", _AGAIN
        ) from error


def _most(weights: Weights) -> int:
    """Bytes that these weights may have: a few kilobytes can be made to unpack into a full disk."""
    return weights.bytes + SIZE_TOLERANCE


def _not_published(path: Path, weights: Weights) -> WeightsError:
    return WeightsError(
        f"What {path} holds as {weights.file} is not the published file: its size or its "
        "SHA-256 is wrong.",
        f"It was damaged or changed on its way, and was not taken over. {_AGAIN}",
    )


def _no_pack(path: Path) -> WeightsError:
    return WeightsError(
        f"{path} is not a pack of weights.",
        "Choose a file that `tlstudio weights pack` wrote.",
    )
