"""Owns an export from start to end: written out of sight, checked there, then shown."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.datasets.patience import Patience
from tlstudio.errors import ExportError, StorageError
from tlstudio.evaluation.evaluate import Labelled, held_out_pictures
from tlstudio.evaluation.predictors import NetworkPredictor
from tlstudio.exporting.certificate import Certificate, certify
from tlstudio.exporting.formats import Format
from tlstudio.exporting.onnx_format import ONNX
from tlstudio.exporting.torchvision_format import TORCHVISION
from tlstudio.jobs import ExportFormat, ExportJob, ExportResult
from tlstudio.projects.atomic import storage_errors, sync_folder
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Task
from tlstudio.training.model_folder import TrainedModel, load_model

FORMATS: dict[ExportFormat, Format] = {"onnx": ONNX, "torchvision": TORCHVISION}


def export(job: ExportJob) -> Task[ExportResult]:
    """Writes a run's model into the folder `job.out` and checks it in its own runtime.

    The folder may exist or not; a file in it is never overwritten. The files appear when they have
    been run on the run's validation pictures and agree with the model. Whatever goes wrong before,
    and closing this generator, leaves the folder as it was.

    Raises `RunError`, `ExportError`, and `StorageError` for a full or read-only disk.
    """
    kind = FORMATS[job.format]
    run, model, out = RunFolder.open(Path(job.run)), load_model(Path(job.run)), Path(job.out)
    pictures = held_out_pictures(run)
    _check_free(out, kind)
    with _workplace(out) as workplace:
        yield from kind.write(model, workplace)
        certificate = yield from _certified(kind, model, workplace, pictures)
        size = sum((workplace / name).stat().st_size for name in kind.files)
        _check_free(out, kind)
        _put_in_place(workplace, out, kind)
    return ExportResult(
        format=job.format,
        files=tuple(str(out / name) for name in kind.files),
        runtime=kind.runtime(model),
        n=certificate.n,
        same_answer=certificate.same_answer,
        largest_difference=certificate.largest_difference,
        bytes=size,
        code=kind.code(model),
    )


def _certified(
    kind: Format, model: TrainedModel, folder: Path, pictures: Labelled
) -> Task[Certificate]:
    # The model as it is shown everywhere else, on the CPU: certificates are computed in fp32.
    tested = NetworkPredictor(
        model.card.classes,
        model.network,
        Preprocessing(model.card.preprocessing),
        torch.device("cpu"),
        model.card.reading.choices,
    )
    patience = yield from Patience.of([str(pictures.folder)], "The export")
    exported = kind.open(folder, model)
    return (yield from certify(tested, exported, pictures.files, patience))


def _check_free(out: Path, kind: Format) -> None:
    # os.path says no where Path would raise; a folder without rights is reported when it is made.
    if os.path.isfile(out):  # noqa: PTH113
        raise StorageError(f"{out} is a file, not a folder.", "Choose another folder.")
    for name in kind.files:
        if os.path.lexists(out / name):
            raise ExportError(
                f"There already is a {name} in {out}, and it is not overwritten.",
                "Choose another folder, or move that file away.",
            )


@contextlib.contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """A hidden folder in `out` that is gone afterwards, and `out` with it if nothing came of it."""
    missing: list[Path] = []
    try:
        with storage_errors(out):
            missing += [folder for folder in (out, *out.parents) if not folder.exists()]
            out.mkdir(parents=True, exist_ok=True)
            workplace = Path(tempfile.mkdtemp(dir=out, prefix=".export-", suffix=".part"))
        try:
            yield workplace
        except StorageError as error:
            # The hidden folder means nothing to the user; the one that was asked for does.
            message = error.message.replace(str(workplace), str(out))
            raise StorageError(message, error.hint) from error
        finally:
            shutil.rmtree(workplace, ignore_errors=True)
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):  # it holds the export, or was never made
                folder.rmdir()


def _put_in_place(workplace: Path, out: Path, kind: Format) -> None:
    """Moves the files, the one that makes the export whole last; all of them or none."""
    moved: list[Path] = []
    try:
        for name in kind.files:
            with storage_errors(out / name):
                with (workplace / name).open("rb+") as file:
                    os.fsync(file.fileno())
                (workplace / name).replace(out / name)
                moved.append(out / name)
                sync_folder(out)
    except BaseException:
        for done in moved:
            done.unlink(missing_ok=True)
        raise
