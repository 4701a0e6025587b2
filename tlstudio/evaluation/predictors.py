"""Owns how a model is asked, whatever holds it: a run, a model folder, an exported ONNX file."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import torch
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    RuntimeException,
)
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NoSuchOperator
from torch import Tensor, nn

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import PictureError, RunError
from tlstudio.evaluation.onnx_graph import stands_alone
from tlstudio.jobs import Reading
from tlstudio.tasks import Meter, Phase, Task
from tlstudio.training.devices import resolve_device, usable_cores
from tlstudio.training.inference import (
    Checked,
    Pixels,
    Read,
    check_pictures,
    in_order_or_waiting,
    read_picture,
)
from tlstudio.training.model_folder import ReadingCard, load_model

_UNREADABLE_GRAPHS = (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    NoSuchFile,
    NoSuchOperator,
    RuntimeException,
)
_UNCOMPUTABLE = (RuntimeException, Fail, InvalidArgument, NoSuchOperator, ValueError)


class Predictor(Protocol):
    """A model that gives probabilities for pictures; `classes` name them in order."""

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def reading(self) -> Reading:
        """How its pictures are read."""
        ...

    def check(self, files: Sequence[Path], phase: Phase, read: Read | None = None) -> Task[Checked]:
        """Probabilities (N, C) of the files that can be read, with progress in `phase`; `read`
        gives the pixels, by default as the model's pictures are read."""
        ...


def open_predictor(path: Path, device: str = "auto") -> Predictor:
    """The model in `path`. An ONNX file always runs on the CPU. Raises `RunError`, `UsageError`."""
    if path.suffix.lower() == ".onnx":
        return OnnxPredictor(path)
    chosen = resolve_device(device)
    model = load_model(path)
    return NetworkPredictor(
        model.card.classes,
        model.network,
        Preprocessing(model.card.preprocessing),
        chosen,
        model.card.reading.choices,
    )


class NetworkPredictor:
    """Asks a torch network that gives logits."""

    def __init__(
        self,
        classes: tuple[str, ...],
        network: nn.Module,
        preprocessing: Preprocessing,
        device: torch.device,
        reading: Reading,
    ) -> None:
        self.classes, self.reading = classes, reading
        self._network = network.to(device).eval()
        self._preprocessing = preprocessing
        self._device = device

    def check(self, files: Sequence[Path], phase: Phase, read: Read | None = None) -> Task[Checked]:
        checked = yield from check_pictures(
            files,
            self._preprocessing,
            self._probabilities,
            self._device,
            phase=phase,
            read=read or partial(read_picture, reading=self.reading),
        )
        return checked

    def _probabilities(self, pictures: Tensor) -> Tensor:
        # In double precision, so that they sum to 1 in more digits than are shown.
        return torch.softmax(self._network(pictures).cpu().double(), dim=1)


class OnnxPredictor:
    """Asks a file that this program exported, by onnxruntime alone and a picture at a time."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise RunError(f"There is no file {file}.", "Check the path.")
        if not stands_alone(file):
            raise _not_ours(file)
        onnxruntime.disable_telemetry_events()  # Windows has no variable for it
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Pictures differ in size: what is kept for one of them is of no use for the next.
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
            facts = self._session.get_modelmeta().custom_metadata_map
            self.classes = tuple(str(name) for name in json.loads(facts["classes"]))
            self._max_side = int(facts["max_side"])
            self.reading = ReadingCard.model_validate_json(facts.get("reading", "{}")).choices
        except _UNREADABLE_GRAPHS as error:
            raise RunError(
                f"{file} can't be read: it is damaged or no ONNX file.", "Export the run again."
            ) from error
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise _not_ours(file) from error
        asked = {each.name for each in self._session.get_inputs()}
        if asked != {"pictures"} or len(self._session.get_outputs()) != 1:
            raise _not_ours(file)

    def check(self, files: Sequence[Path], phase: Phase, read: Read | None = None) -> Task[Checked]:
        pixels_of = read or partial(read_picture, reading=self.reading)

        def bounded(file: Path) -> Pixels:
            pixels = pixels_of(file)
            if max(pixels.shape) > self._max_side:
                raise PictureError(f"The picture is wider or higher than {self._max_side} pixels.")
            return pixels

        meter = Meter(phase, len(files))
        rows: list[np.ndarray] = []
        indices: list[int] = []
        failed: list[tuple[int, PictureError]] = []
        yield from meter.at(0)
        # Pictures wait at their own size here: no more of them than are needed to keep busy.
        reading = in_order_or_waiting(bounded, files, ahead=2 + usable_cores())
        with contextlib.closing(reading):
            for future in reading:
                if future is not None:
                    index = len(indices) + len(failed)
                    try:
                        rows.append(self._answer(future.result()))
                        indices.append(index)
                    except PictureError as error:
                        failed.append((index, error))
                yield from meter.at(len(indices) + len(failed))
        values = np.stack(rows) if rows else np.zeros((0, len(self.classes)), np.float32)
        return Checked(values, tuple(indices), tuple(failed))

    def _answer(self, pixels: Pixels) -> np.ndarray:
        try:
            (probabilities,) = self._session.run(["probabilities"], {"pictures": pixels[None]})
        except _UNCOMPUTABLE as error:
            raise PictureError("The model could not compute this picture.") from error
        if np.shape(probabilities) != (1, len(self.classes)):
            raise PictureError("The model gives another number of answers than it has classes.")
        row: np.ndarray = probabilities[0]
        return row


def _not_ours(file: Path) -> RunError:
    return RunError(
        f"{file} was not exported by this program, so its classes are not known.",
        "Choose a run, a model folder, or an ONNX file from the Export page.",
    )
