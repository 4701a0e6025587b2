"""Owns what a run or a model that came from somebody else may point to: its own files, and pictures
below the folder that it names. Everything beyond needs that this computer has seen it before."""

from __future__ import annotations

from pathlib import Path

from tlstudio.bounded import foreign_in, leaves, on_network
from tlstudio.errors import RunError
from tlstudio.jobs import DatasetSpec, ScanResult
from tlstudio.projects.project import default_folder, is_project, made_here


def refuse_foreign(folder: Path) -> None:
    """Raises `RunError` where the folder of a run or a model holds what leads elsewhere."""
    try:
        foreign = foreign_in(folder)
    except OSError as error:
        raise RunError(
            f"{folder} can't be looked through ({error.strerror}).", "Ask for the right to read it."
        ) from error
    if foreign is not None:
        raise RunError(
            f"{foreign} is a link or no ordinary file: it would lead out of this folder, so nothing"
            " in it is used.",
            "If the folder is your own, put the file itself in place of the link.",
        )


def refuse_elsewhere(run: Path, split: ScanResult, dataset: DatasetSpec) -> None:
    """Raises `RunError` where a run's split names pictures that do not lie below its folder, or
    that lie on another computer. A table may name such pictures, and a folder may be on a network:
    both are good where the same data set was looked through on this computer before."""
    names = [picture.file for picture in split.files]
    outside = [name for name in names if leaves(name)]
    distant = [path for path in (split.folder, *outside) if on_network(path)]
    above = [name for name in outside if not Path(name).is_absolute()]
    suspects = [*above, *distant, *outside]
    known = made_here(run) or is_project(default_folder(dataset))
    if above or (suspects and not known):
        raise RunError(
            f"This run names pictures that do not lie in its folder of pictures: {suspects[0]}."
            " They are not opened.",
            "If it is your own, look through the same pictures once on this computer, and try"
            " again.",
        )
