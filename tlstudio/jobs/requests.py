"""Owns what the engine can be asked to run; the first words of each say what it gives back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from tlstudio.jobs.base import Device, Spec
from tlstudio.jobs.dataset import DatasetSpec
from tlstudio.jobs.training import BackboneSpec, TrainingJob


class ScanJob(Spec):
    """Looks through a data set; the result is a `ScanResult`, without `listed` one that leaves
    what there may be many thousands of to the project's index. With `usual_test`, the usual share
    of test pictures is locked away where nobody has decided on one (`usual_test_fraction`)."""

    kind: Literal["scan"] = "scan"
    dataset: DatasetSpec
    seed: int = 0
    listed: bool = True
    usual_test: bool = False


class PreviewJob(Spec):
    """Glances at where a data set is said to be, without looking at pictures; the result is a
    `PreviewResult`."""

    kind: Literal["preview"] = "preview"
    dataset: DatasetSpec


class LabelsJob(Spec):
    """Looks through a data set and writes its labels, as corrected, into the table `out`; the
    result is a `LabelsResult`."""

    kind: Literal["labels"] = "labels"
    dataset: DatasetSpec
    seed: int = 0
    out: str


class CloserLook(Spec):
    """Compares what a network sees in the pictures of a data set: which do not belong to their
    class, and which show the same though their pixels differ; the result is a `CloserLookResult`.

    Without a `backbone` it is the one that is taken where nobody names one.
    """

    kind: Literal["closer_look"] = "closer_look"
    dataset: DatasetSpec
    backbone: BackboneSpec | None = None
    seed: int = 0
    cache: str | None = None
    device: Device = "auto"


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
    """Finds out whose weights are in `file`; the result is an `IdentifiedWeights`.

    `backbone` is the catalogue's network that was expected: of a file that fits none, it is said
    how it differs from that one.
    """

    kind: Literal["identify"] = "identify"
    file: str
    backbone: str | None = None


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

    Only with `download` may published weights that are not on this computer be fetched. With
    `keep_awake` the computer does not fall asleep meanwhile.
    """

    kind: Literal["train"] = "train"
    job: TrainingJob
    run: str
    cache: str | None = None
    download: bool = False
    keep_awake: bool = True


class EstimateJob(Spec):
    """Measures what `job` needs on this computer; the result is an `EstimateResult`, from which
    the estimate follows for every freeze plan and recipe with the same network and pictures."""

    kind: Literal["estimate"] = "estimate"
    job: TrainingJob
    cache: str | None = None


class ResumeRun(Spec):
    """Carries on the interrupted run in `run`; the result is a `TrainResult`."""

    kind: Literal["resume"] = "resume"
    run: str
    cache: str | None = None
    keep_awake: bool = True


class FinishRun(Spec):
    """Makes the model of an interrupted run from its best epoch so far; a `TrainResult`."""

    kind: Literal["finish"] = "finish"
    run: str


class EvaluateJob(Spec):
    """Scores a run on its validation pictures, or on `folder`; an `EvaluationResult`.

    `part` "test" scores it on its locked test pictures instead, and notes in the run that these
    have been looked at.
    """

    kind: Literal["evaluate"] = "evaluate"
    run: str
    folder: str | None = None
    part: Literal["val", "test"] = "val"
    cache: str | None = None
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
    """Looks at versions, devices and folders; the result is a `DoctorResult`. Where it is to be
    `thorough`, everything that training needs is tried out, which takes some seconds."""

    kind: Literal["doctor"] = "doctor"
    thorough: bool = False


Job = (
    ScanJob
    | CloserLook
    | PreviewJob
    | LabelsJob
    | SampleJob
    | IdentifyWeights
    | DownloadWeights
    | PackWeights
    | UnpackWeights
    | EstimateJob
    | TrainRun
    | ResumeRun
    | FinishRun
    | EvaluateJob
    | PredictJob
    | ExportJob
    | DoctorJob
)
JOBS: TypeAdapter[Job] = TypeAdapter(Annotated[Job, Field(discriminator="kind")])
