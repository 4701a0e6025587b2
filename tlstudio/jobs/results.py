"""Owns what jobs give back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from tlstudio.jobs.base import Record
from tlstudio.jobs.estimate import DecodingCosts, Estimate, NetworkCosts, Work, at_once, estimate
from tlstudio.jobs.previews import LabelsResult, PreviewResult
from tlstudio.jobs.requests import ExportFormat
from tlstudio.jobs.scanning import Finding, LeftOut, ScanResult
from tlstudio.jobs.training import Recipe


class CloserLookResult(Record):
    """What stands out by what the network `backbone` sees in the pictures; each finding once."""

    kind: Literal["closer_look"] = "closer_look"
    folder: str
    backbone: str
    pictures: int
    findings: tuple[Finding, ...]


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


class EstimateResult(Record):
    """What the estimate of a training rests on: measured costs, and the work as far as it is the
    same for every freeze plan. `features_there` is the share of the pictures whose features are in
    the cache, `rows_there` the same behind so many stages."""

    kind: Literal["estimate"] = "estimate"
    costs: NetworkCosts
    decoding: DecodingCosts
    train: int
    val: int
    classes: int
    start: float
    features_there: float = 0.0
    rows_there: dict[int, float] = Field(default_factory=dict)

    def of(self, recipe: Recipe, frozen: int, *, scratch: bool = False) -> Estimate:
        """The estimate with the first `frozen` stages frozen."""
        work = self._work(frozen, scratch=scratch)
        return estimate(self.costs, self.decoding, work, recipe)

    def at_once(self, recipe: Recipe, frozen: int, memory: int) -> int:
        """How many pictures of a batch `memory` bytes are expected to hold; 0 for all."""
        return at_once(self.costs, self._work(frozen), recipe, memory)

    def _work(self, frozen: int, *, scratch: bool = False) -> Work:
        return Work(
            train=self.train,
            val=self.val,
            classes=self.classes,
            frozen=frozen,
            scratch=scratch,
            features_there=self.features_there,
            rows_there=self.rows_there.get(frozen, 0.0),
            start=self.start,
        )


class TrainResult(Record):
    """What a run came to. Accuracies are fractions on the validation pictures.

    `kept` says which model is shipped: the probe where training did not beat it. `epochs` is the
    number of epochs run, `best_epoch` the best of them (from 1). A run that was finished before its
    first epoch ended has no `trained_accuracy` and 0 for both.

    `phase_seconds` says where the time went: start, decode, cache, probe, fine_tune, export.
    `estimate_seconds` is what was expected beforehand.
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
    phase_seconds: dict[str, float] = Field(default_factory=dict)
    estimate_seconds: float | None = None


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

    `confusion[i][j]` counts the pictures of class i that were called class j. `part` says which of
    the run's own pictures these were; None for those of a folder. `locked` is the number of test
    pictures that the run has.
    """

    kind: Literal["evaluation"] = "evaluation"
    run: str
    part: Literal["val", "test"] | None = None
    locked: int = 0
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


class Check(Record):
    """One thing that the doctor looked at. `says` is a sentence, `remedy` what to do about it; a
    "note" is worth knowing and no problem."""

    name: str
    state: Literal["ok", "note", "problem"] = "ok"
    says: str
    remedy: str = ""


class DoctorResult(Record):
    """`devices` lists the best one first. `checks` is what was looked at; all is well where none of
    them is a problem."""

    kind: Literal["doctor"] = "doctor"
    versions: dict[str, str]
    platform: str
    devices: tuple[DeviceInfo, ...]
    folders: dict[str, str]
    checks: tuple[Check, ...] = ()

    @property
    def problems(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.state == "problem")


Result = (
    ScanResult
    | CloserLookResult
    | PreviewResult
    | LabelsResult
    | SampleResult
    | IdentifiedWeights
    | WeightsResult
    | EstimateResult
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
