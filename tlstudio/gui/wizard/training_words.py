"""Owns what the training page says about a run: one sentence for each moment of it."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from tlstudio.gui.widgets.basics import duration
from tlstudio.gui.wizard.training_model import TrainingModel
from tlstudio.gui.wizard.training_session import TrainingSession
from tlstudio.jobs import TrainResult

_MB = 1_000_000


def _tr(text: str) -> str:
    return QCoreApplication.translate("TrainPage", text)


def sentence(session: TrainingSession) -> str:
    """What is going on, as one sentence."""
    model = session.model
    if session.stage == "running" and model.waiting is not None:
        return _joined(_tr("Waiting for the pictures"), _where(model))
    if session.stage == "running":
        return _joined(_phase(model), duration(model.seconds_left))
    if session.stage == "finished" and session.result is not None:
        return outcome(session.result)
    if session.stage == "elsewhere":
        elsewhere = _tr("Another window or program trains this")
        return _joined(elsewhere, _where(model), duration(model.seconds_left))
    if session.stage == "ready" and session.read_only:
        return _tr("Nothing can be trained in this window.")
    ended = _tr("Cancelled") if session.cancelled else _tr("Interrupted")
    return {
        "ready": _tr("Everything is set. Training begins when you press Start."),
        "paused": _joined(_tr("Paused"), _where(model)),
        "stopping": _tr("Stopping, and making the model of what was best so far"),
        "cancelling": _tr("Cancelling after this batch; the checkpoint is kept"),
        "interrupted": _joined(ended, _where(model)),
        "failed": _joined(_tr("Training stopped with an error"), _where(model)),
        "finished": "",
    }[session.stage]


def outcome(result: TrainResult) -> str:
    """How the run ended, and which of the two models is kept."""
    if result.trained_accuracy is None:
        return _tr("No epoch was finished: the simpler model, the probe, is kept.")
    if result.kept == "probe":
        return _tr("Training did not beat the probe: the simpler model is kept.")
    points = 100 * (result.trained_accuracy - result.probe_accuracy)
    if points < 0.05:
        return _tr("Training did as well as the probe: the trained model is kept.")
    text = _tr("Training beat the probe by {points:.1f} points: the trained model is kept.")
    return text.format(points=points)


def outcome_detail(result: TrainResult) -> str:
    """The figures behind the outcome."""
    text = _tr("Probe {probe:.1f} %. {time}")
    if result.trained_accuracy is not None:
        text = _tr(
            "Probe {probe:.1f} %, trained {trained:.1f} % in epoch {best} of {epochs}. {time}"
        )
    return text.format(
        probe=100 * result.probe_accuracy,
        trained=100 * (result.trained_accuracy or 0),
        best=result.best_epoch,
        epochs=result.epochs,
        time=_took(result.seconds),
    )


def lost_by_cancelling(model: TrainingModel) -> str:
    """What cancelling now would cost."""
    if model.finished_epochs == 0:
        text = _tr("What was learned since the start is lost; no epoch is finished yet.")
    else:
        text = _tr("What was learned since the end of epoch {epoch} is lost.")
    kept = _tr("The checkpoint is kept: you can carry on from it.")
    return f"{text.format(epoch=model.finished_epochs)} {kept}"


def _phase(model: TrainingModel) -> str:
    text = _tr("Getting ready")
    match model.phase:
        case "scan":
            text = _tr("Looking through the folder")
        case "compare":
            text = _tr("Comparing the pictures")
        case "download":
            text = _bytes(_tr("Downloading the weights"), model)
        case "weights":
            text = _bytes(_tr("Reading the weights"), model)
        case "measure":
            text = _tr("Measuring this computer")
        case "decode":
            text = _counted(_tr("Decoding the pictures once"), model)
        case "features":
            text = _counted(_tr("Looking at the pictures"), model)
        case "probe":
            text = _tr("Fitting the probe: the simplest model, and the one to beat")
        case "train":
            text = _tr("Fine-tuning, epoch {epoch} of {epochs}")
            text = text.format(epoch=model.epoch, epochs=model.epochs)
        case "evaluate":
            text = _counted(_tr("Checking the answers"), model)
    return text


def _bytes(what: str, model: TrainingModel) -> str:
    if model.unit != "bytes" or not model.total:
        return what
    text = _tr("{what}, {done} of {total} MB")
    done, total = round(model.done / _MB), round(model.total / _MB)
    return text.format(what=what, done=done, total=total)


def _counted(what: str, model: TrainingModel) -> str:
    if not model.total:
        return what
    return _tr("{what}, {done:,} of {total:,}").format(
        what=what, done=model.done, total=model.total
    )


def _where(model: TrainingModel) -> str:
    if model.phase != "train":
        return _tr("before the first epoch")
    return _tr("in epoch {epoch} of {epochs}").format(epoch=model.epoch, epochs=model.epochs)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _took(seconds: float) -> str:
    if seconds < 90:
        return _tr("It took {n} seconds.").format(n=max(1, round(seconds)))
    if seconds < 90 * 60:
        return _tr("It took {n} minutes.").format(n=round(seconds / 60))
    return _tr("It took {n:.1f} hours.").format(n=seconds / 3600)
