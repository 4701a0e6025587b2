"""Owns the ONNX file: 8-bit pictures of any size in, probabilities out, class names inside."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import onnxruntime
import torch
from torch.export import Dim
from torch.onnx import OnnxExporterError, ONNXProgram

import tlstudio
from tlstudio.errors import ExportError
from tlstudio.evaluation.predictors import OnnxPredictor
from tlstudio.exporting.formats import Format
from tlstudio.projects.atomic import storage_errors
from tlstudio.tasks import Progress, Task
from tlstudio.training.model_folder import Classifier, TrainedModel

FILE = "model.onnx"
MAX_SIDE = 16_384
"""The greatest height and width that a file promises to take."""
MAX_BYTES = 1_800_000_000
"""One file can't hold 2 GB; the graph needs some room beside the weights."""

_OPSET = 20
_MAX_BATCH = 65_536
_INPUT = (
    "pictures: uint8 [n, height, width, 3], upright RGB in 0..255, every picture of a batch of one"
    " size. Resizing, cropping and normalisation are inside."
)
_CODE = """\
import json, os, numpy
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or it tells its maker of your model
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession("model.onnx")
classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
picture = ImageOps.exif_transpose(Image.open("picture.jpg")).convert("RGB")
probabilities = session.run(None, {"pictures": numpy.asarray(picture)[None]})[0][0]
print(classes[probabilities.argmax()], probabilities.max())
"""


def write(model: TrainedModel, folder: Path) -> Task[None]:
    """Writes `model.onnx`. Raises `ExportError` and `StorageError`.

    The exporter can't be interrupted, and while it traces it changes torch for the whole process.
    It therefore runs in a thread that is waited for: closing this generator returns when the
    exporter has ended and drops what it made. That was measured at 6 to 9 seconds for SqueezeNet
    and at 42 for MobileNetV2 while other programs kept both cores busy.
    """
    _check_size(model)
    made: list[ONNXProgram] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            made.append(_traced(model.classifier()))
        except Exception as error:  # handed over to the thread that waits
            errors.append(error)

    thread = threading.Thread(target=work, name="onnx export")
    thread.start()
    try:
        while thread.is_alive():
            yield Progress(phase="export", done=0, total=0, unit="steps")
            thread.join(0.1)
    finally:
        thread.join()
    if errors:
        raise _explained(errors[0])
    _describe(made[0], model)
    with storage_errors(folder / FILE):
        made[0].save(folder / FILE)


def _check_size(model: TrainedModel) -> None:
    size = sum(value.nbytes for value in model.network.state_dict().values())
    if size > MAX_BYTES:
        raise ExportError(
            f"This network has {size / 1e9:.1f} GB of weights, too many for one ONNX file.",
            "Export it as a torchvision model instead.",
        )


def _traced(classifier: Classifier) -> ONNXProgram:
    sizes = {
        0: Dim("n", min=1, max=_MAX_BATCH),
        1: Dim("height", min=1, max=MAX_SIDE),
        2: Dim("width", min=1, max=MAX_SIDE),
    }
    # Sides that differ from each other and from 1: the exporter would take equal ones for one.
    example = torch.zeros(2, 300, 401, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        classifier,
        (example,),
        dynamo=True,
        dynamic_shapes={"pictures": sizes},
        opset_version=_OPSET,
        input_names=["pictures"],
        output_names=["probabilities"],
        verbose=False,
    )
    assert program is not None
    return program


def _describe(program: ONNXProgram, model: TrainedModel) -> None:
    """Puts into the file what its user must know, and takes out what is nobody's business.

    The exporter notes for each node from which file and line of this computer it came. Without that
    and without a date, one model gives one file, byte for byte.
    """
    for node in program.model.graph.all_nodes():
        node.metadata_props.clear()
    program.model.producer_name = "TL Studio"
    program.model.producer_version = tlstudio.__version__
    program.model.graph.name = model.card.backbone
    program.model.metadata_props.update(
        {
            "classes": json.dumps(model.card.classes, ensure_ascii=False),
            "program": "TL Studio",
            "version": tlstudio.__version__,
            "backbone": model.card.backbone,
            "input": _INPUT,
            "reading": model.card.reading.model_dump_json(),
            "max_side": str(MAX_SIDE),
        }
    )


def _explained(error: Exception) -> Exception:
    if not isinstance(error, (OnnxExporterError, RuntimeError)):
        return error
    failure = ExportError(
        "This network could not be turned into an ONNX file.",
        "Export it as a torchvision model instead, and report this with the log.",
    )
    failure.__cause__ = error
    return failure


ONNX = Format(
    files=(FILE,),
    write=write,
    open=lambda folder, _model: OnnxPredictor(folder / FILE),
    runtime=lambda _model: f"onnxruntime {onnxruntime.__version__}",
    code=lambda _model: _CODE,
)
