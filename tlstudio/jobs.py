"""Owns the specifications and results that cross a file or a pipe: plain, validated, versioned.

Nothing here imports torch or Qt. Paths are strings, so that a job file reads the same everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from tlstudio.errors import UsageError


class Spec(BaseModel):
    """A frozen specification; unknown fields are refused, so that a typing error never passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(BaseModel):
    """A frozen result; unknown fields are ignored: an older program can read a newer one's."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Device = Literal["auto", "cpu", "cuda", "mps"]

# --- what to learn from -------------------------------------------------------------------------


class DatasetSpec(Spec):
    """A folder with one sub-folder a class, or with `train/` and `val/` (and `test/`) above them.

    `class_names` renames classes (folder name -> shown name); the folder itself is never changed.
    `validation_fraction` counts only where the folder brings no validation pictures of its own.
    """

    folder: str
    validation_fraction: float = Field(default=0.2, ge=0.05, le=0.5)
    class_names: dict[str, str] = {}


class WeightsSpec(Spec):
    """Where a backbone starts: weights of the catalogue, a local file, the model of an earlier
    run, or random numbers by request.

    `variant` names a set of the catalogue's weights, None the default. With a file, a run or random
    numbers it only says whose preprocessing is meant.
    """

    source: Literal["published", "file", "scratch", "run"] = "published"
    file: str | None = None
    run: str | None = None
    variant: str | None = None

    @model_validator(mode="after")
    def _path_belongs_to_source(self) -> Self:
        if (self.source == "file") != (self.file is not None):
            raise ValueError("a weights file is given exactly when the source is 'file'")
        if (self.source == "run") != (self.run is not None):
            raise ValueError("a run is given exactly when the source is 'run'")
        return self


class BackboneSpec(Spec):
    """A network of the catalogue, and how it starts.

    `input_size` is the side of the square pictures it looks at, in px; None for the size that its
    weights were made for.
    """

    id: str
    weights: WeightsSpec = WeightsSpec()
    input_size: int | None = Field(default=None, ge=1, le=4096)


# --- how to learn -------------------------------------------------------------------------------


class Augmentation(Spec):
    """How training pictures are varied. Fractions are of the picture or of the pixel range.

    `crop_scale` is the smallest share of the picture's area that a random crop keeps (1 keeps the
    whole picture); `rotation` is in degrees to either side; `hue` in turns of the colour circle.
    """

    crop_scale: float = Field(default=0.6, gt=0, le=1)
    flip_horizontal: bool = True
    flip_vertical: bool = False
    rotation: float = Field(default=0, ge=0, le=180)
    brightness: float = Field(default=0.1, ge=0, lt=1)
    contrast: float = Field(default=0.1, ge=0, lt=1)
    saturation: float = Field(default=0.1, ge=0, lt=1)
    hue: float = Field(default=0, ge=0, le=0.5)

    @property
    def varies(self) -> bool:
        """Whether two views of a picture can differ at all."""
        return self != AUGMENTATIONS["none"]


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": Augmentation(
        crop_scale=1, flip_horizontal=False, brightness=0, contrast=0, saturation=0
    ),
    "light": Augmentation(),
    "strong": Augmentation(
        crop_scale=0.35, rotation=15, brightness=0.25, contrast=0.25, saturation=0.25, hue=0.02
    ),
    "any-orientation": Augmentation(crop_scale=0.6, flip_vertical=True, rotation=180),
}
"""Presets by name. `any-orientation` is for pictures without an up: microscopy, fabric, aerial."""


class HeadSpec(Spec):
    """The classifier: one linear layer, or a hidden layer of `hidden` units with ReLU before it."""

    hidden: int | None = Field(default=None, ge=2, le=8192)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Recipe(Spec):
    """How the head and the unfrozen stages are trained, starting from the linear probe.

    `learning_rate` is the head's peak rate. The last stage learns at `stage_rate` times that, each
    earlier one at `stage_decay` times its successor. Rates warm up over `warmup` of all steps and
    decay as a cosine. `batchnorm_statistics` says whether unfrozen BatchNorm layers keep their
    running statistics ("fixed") or follow the new pictures ("update"). `patience` is the number of
    epochs without improvement after which training stops by itself; None never stops early.

    For long trainings: `averaging` is the decay a step of a running average of the weights, which
    is what is then checked and kept (0: the weights themselves). `sizes` are sides in pixels of
    the training pictures, each for an equal share of the epochs (empty: the backbone's input
    size). With `decoded_side` training pictures are decoded once, shrunk until the shorter side
    has that many pixels, and kept in the cache. `precision` "fastest" computes the steps in
    bfloat16 where the device has circuits for it; figures always come from 32 bits.
    """

    epochs: int = Field(default=10, ge=1, le=10_000)
    batch_size: int = Field(default=32, ge=1, le=4096)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    stage_rate: float = Field(default=0.1, gt=0, le=1)
    stage_decay: float = Field(default=0.85, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    warmup: float = Field(default=0.1, ge=0, le=0.5)
    label_smoothing: float = Field(default=0, ge=0, lt=1)
    class_weights: Literal["none", "balanced"] = "none"
    augmentation: Augmentation = Augmentation()
    patience: int | None = Field(default=5, ge=1)
    batchnorm_statistics: Literal["fixed", "update"] = "fixed"
    averaging: float = Field(default=0, ge=0, lt=1)
    sizes: tuple[int, ...] = ()
    decoded_side: int | None = Field(default=None, ge=16, le=4096)
    precision: Literal["float32", "fastest"] = "float32"
    head: HeadSpec = HeadSpec()

    def from_scratch(self) -> Recipe:
        """The same for a backbone of random numbers: it learns everywhere at one rate, from the
        statistics of its own pictures, and its first epochs may well bring nothing."""
        changes = {"learning_rate": 1e-3, "stage_rate": 1.0, "stage_decay": 1.0, "patience": None}
        return self.model_copy(update={**changes, "batchnorm_statistics": "update"})


Freeze = int | str
"""The first k stages (a number), all up to and including a stage (its name), "all" or "none"."""


class TrainingJob(Spec):
    """Everything that decides a model. The same job gives the same weights, whoever runs it."""

    version: Literal[1] = 1
    dataset: DatasetSpec
    backbone: BackboneSpec
    freeze: Freeze = "all"
    recipe: Recipe = Recipe()
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: Device = "auto"

    @field_validator("freeze")
    @classmethod
    def _number_as_number(cls, freeze: Freeze) -> Freeze:
        """The command line says "14" and the window 14: one plan, one job file."""
        return int(freeze) if isinstance(freeze, str) and freeze.isdecimal() else freeze


S = TypeVar("S", bound=Spec)


def load_training_job(file: Path) -> TrainingJob:
    """Reads a `job.json`. Raises `UsageError` with the first thing that is wrong with it."""
    return _load(TrainingJob, file, "job", "Correct it, or let `tlstudio train` write a new one.")


def load_recipe(file: Path) -> Recipe:
    """Reads a recipe as JSON; what it leaves out is as usual. Raises `UsageError` likewise."""
    return _load(Recipe, file, "recipe", "Correct it; a run's job.json shows how one is written.")


def _load(kind: type[S], file: Path, what: str, hint: str) -> S:
    try:
        return kind.model_validate_json(file.read_bytes())
    except OSError as error:
        raise UsageError(
            f"The {what} file {file} can't be read ({error.strerror}).", "Check the path."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"The {what} file {file} is not valid: {where}: {first['msg']}.", hint
        ) from error


# --- what the engine can be asked to run --------------------------------------------------------


class ScanJob(Spec):
    """Looks through a folder of pictures; the result is a `ScanResult`."""

    kind: Literal["scan"] = "scan"
    dataset: DatasetSpec
    seed: int = 0


class SampleJob(Spec):
    """Draws the sample pictures into `folder`; the result is a `SampleResult`."""

    kind: Literal["sample"] = "sample"
    folder: str
    seed: int = 0
    pictures_per_class: int = Field(default=60, ge=4, le=10_000)


class WeightsName(Spec):
    """A set of the catalogue's weights; without a `variant` the network's default."""

    backbone: str
    variant: str | None = None


class IdentifyWeights(Spec):
    """Finds out whose weights are in `file`; the result is an `IdentifiedWeights`."""

    kind: Literal["identify"] = "identify"
    file: str


class DownloadWeights(Spec):
    """Fetches what is missing of these weights; the result is a `WeightsResult`."""

    kind: Literal["download"] = "download"
    weights: tuple[WeightsName, ...] = Field(min_length=1)


class PackWeights(Spec):
    """Fetches what is missing and writes all of it into the one file `file`; a `WeightsResult`."""

    kind: Literal["pack"] = "pack"
    weights: tuple[WeightsName, ...] = Field(min_length=1)
    file: str


class UnpackWeights(Spec):
    """Puts the weights in the pack `file` where the program finds them; a `WeightsResult`."""

    kind: Literal["unpack"] = "unpack"
    file: str


class TrainRun(Spec):
    """Trains `job` into the new run folder `run`; the result is a `TrainResult`.

    Only with `download` may published weights that are not on this computer be fetched.
    """

    kind: Literal["train"] = "train"
    job: TrainingJob
    run: str
    cache: str | None = None
    download: bool = False


class ResumeRun(Spec):
    """Carries on the interrupted run in `run`; the result is a `TrainResult`."""

    kind: Literal["resume"] = "resume"
    run: str
    cache: str | None = None


class FinishRun(Spec):
    """Makes the model of an interrupted run from its best epoch so far; a `TrainResult`."""

    kind: Literal["finish"] = "finish"
    run: str


class EvaluateJob(Spec):
    """Scores a run on its validation pictures, or on `folder`; an `EvaluationResult`."""

    kind: Literal["evaluate"] = "evaluate"
    run: str
    folder: str | None = None
    device: Device = "auto"


class PredictJob(Spec):
    """Answers for pictures or folders of them; `model` is a run or a model folder."""

    kind: Literal["predict"] = "predict"
    model: str
    inputs: tuple[str, ...] = Field(min_length=1)
    device: Device = "auto"


ExportFormat = Literal["onnx", "torchvision"]


class ExportJob(Spec):
    """Writes a run's model in `format` into the folder `out` and checks it; an `ExportResult`."""

    kind: Literal["export"] = "export"
    run: str
    format: ExportFormat = "onnx"
    out: str


class DoctorJob(Spec):
    """Looks at versions, devices and folders; the result is a `DoctorResult`."""

    kind: Literal["doctor"] = "doctor"


Job = (
    ScanJob
    | SampleJob
    | IdentifyWeights
    | DownloadWeights
    | PackWeights
    | UnpackWeights
    | TrainRun
    | ResumeRun
    | FinishRun
    | EvaluateJob
    | PredictJob
    | ExportJob
    | DoctorJob
)
JOBS: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="kind")])


# --- what they give back ------------------------------------------------------------------------


Part = Literal["train", "val", "test"]


class LeftOut(Record):
    """A file that is not used, and why; `file` is relative to the folder, with forward slashes."""

    file: str
    reason: str


class Picture(Record):
    """A picture that is used; `file` is relative to the folder, with forward slashes."""

    file: str
    label: str
    part: Part


class Split(Record):
    """How many pictures each part has. `given` is true where the folder brought its own split."""

    given: bool
    train: int
    val: int
    test: int


class ScanResult(Record):
    """`classes` maps each class, in label order, to its number of pictures over all parts."""

    kind: Literal["scan"] = "scan"
    folder: str
    pictures: int
    classes: dict[str, int]
    split: Split
    left_out: tuple[LeftOut, ...] = ()
    files: tuple[Picture, ...] = ()


class SampleResult(Record):
    kind: Literal["sample"] = "sample"
    folder: str
    pictures: int
    classes: dict[str, int]


class IdentifiedWeights(Record):
    """The network of the catalogue whose weights a file holds.

    `variant` names the published set that the file is, None where it is none of them; `classes` is
    the number of classes of its head, None where it has no plain one.
    """

    kind: Literal["identified"] = "identified"
    file: str
    backbone: str
    name: str
    variant: str | None
    classes: int | None


class KeptWeights(Record):
    """A set of the catalogue's weights on this computer; `new` where this job brought it."""

    backbone: str
    variant: str
    file: str
    bytes: int
    licence: str
    commercial: bool
    new: bool


class WeightsResult(Record):
    """`pack` is the file that holds them all, where one was written or read."""

    kind: Literal["weights"] = "weights"
    weights: tuple[KeptWeights, ...]
    pack: str | None = None


class TrainResult(Record):
    """What a run came to. Accuracies are fractions on the validation pictures.

    `kept` says which model is shipped: the probe where training did not beat it. `epochs` is the
    number of epochs run, `best_epoch` the best of them (from 1). A run that was finished before its
    first epoch ended has no `trained_accuracy` and 0 for both.
    """

    kind: Literal["train"] = "train"
    run: str
    model: str
    kept: Literal["probe", "trained"]
    val_accuracy: float
    probe_accuracy: float
    trained_accuracy: float | None
    best_epoch: int
    epochs: int
    seconds: float


class Prediction(Record):
    """One picture's answer; `probabilities` follow the order of the classes and sum to 1."""

    file: str
    label: str
    confidence: float
    probabilities: tuple[float, ...]


class ScoredPrediction(Prediction):
    """An answer beside the truth; `picture` is the file's full path."""

    truth: str
    picture: str


class EvaluationResult(Record):
    """`accuracy_low` and `accuracy_high` bound the 95 % Wilson interval.

    `confusion[i][j]` counts the pictures of class i that were called class j.
    """

    kind: Literal["evaluation"] = "evaluation"
    run: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    n: int
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    predictions: tuple[ScoredPrediction, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class PredictionResult(Record):
    kind: Literal["predictions"] = "predictions"
    classes: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    left_out: tuple[LeftOut, ...] = ()


class ExportResult(Record):
    """An export and its certificate: what its own runtime says of the validation pictures.

    `same_answer` of `n` pictures get the same class; `largest_difference` is the largest absolute
    difference of a probability. `code` is a short program that uses the file.
    """

    kind: Literal["export"] = "export"
    format: ExportFormat
    files: tuple[str, ...]
    runtime: str
    n: int
    same_answer: int
    largest_difference: float
    bytes: int
    code: str


class DeviceInfo(Record):
    """A device that can train. `id` is what `--device` takes; `memory` is in bytes."""

    id: str
    name: str
    memory: int | None = None
    cores: int | None = None


class DoctorResult(Record):
    """`devices` lists the best one first. `problems` are sentences; empty means all is well."""

    kind: Literal["doctor"] = "doctor"
    versions: dict[str, str]
    platform: str
    devices: tuple[DeviceInfo, ...]
    folders: dict[str, str]
    problems: tuple[str, ...] = ()


Result = (
    ScanResult
    | SampleResult
    | IdentifiedWeights
    | WeightsResult
    | TrainResult
    | EvaluationResult
    | PredictionResult
    | ExportResult
    | DoctorResult
)
_RESULTS: TypeAdapter[Result] = TypeAdapter(Annotated[Result, Field(discriminator="kind")])


def result_from_dict(values: dict[str, Any]) -> Result:
    """Reads a result as it came over a pipe; raises pydantic's `ValidationError` otherwise."""
    return _RESULTS.validate_python(values)
