"""Owns the estimate: how long a training will take and what it needs, from measured costs alone.

Nothing here measures or touches a file, so that the window can ask again at every move of a slider.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tlstudio.jobs.base import Record
from tlstudio.jobs.training import Recipe

Precision = Literal["float32", "bfloat16", "float16"]

WORTH = 1.2
"""A faster number format is used from this gain on: below it, digits are worth more than time."""
SAMPLED = 4000
"""Pictures that the probe of a random backbone learns from at most: what that backbone knows of
pictures will all be overwritten, and is a baseline only."""
HEAD_EPOCHS = 30
"""Epochs over the features in which a hidden head is fitted before the stages join in."""
_AROUND = 0.001
"""Seconds that a step takes beside the arithmetic: drawing its batch, telling of it."""
_IN_FLIGHT = 64
"""Pictures that are prepared ahead of the network."""
_SLACK = 1.3
"""Gradients on their way back, and gaps between blocks, beside what the backward pass needs."""
_FILE_ENTRY, _STEP_ENTRY = 400, 300
"""Bytes that a run writes of a picture, and of a step."""
_KEPT_CHECKED = 1_000_000_000
"""Bytes up to which preprocessed validation pictures stay in memory between epochs."""


class NetworkCosts(Record):
    """What a network costs on a device: tuples have one number a stage, in order.

    `frozen` and `learning` are seconds a picture, by number format: forward as the frozen part is
    run, and forward and backward with gradients. `checking` is the forward part of the latter in
    float32. `update` is seconds a step and learning parameter, `step` seconds a step over pooled
    features, with the head and all that a step needs beside the network; `writing` seconds a byte
    onto the disk. `values` are numbers of a picture in a stage's output, `kept` the bytes of a
    picture that stay in memory for the backward pass, `features` what the head reads.

    What was not measured is empty. `steady` is False where the computer was busy meanwhile.
    """

    cpu: bool = True
    frozen: dict[Precision, tuple[float, ...]]
    learning: dict[Precision, tuple[float, ...]] = Field(default_factory=dict)
    checking: tuple[float, ...] = ()
    update: float = 0.0
    step: float = 0.0
    writing: float = 0.0
    values: tuple[int, ...]
    kept: tuple[int, ...] = ()
    parameters: tuple[int, ...]
    features: int
    size: int
    process: int = 0
    steady: bool = True


class DecodingCosts(Record):
    """Seconds a picture on all cores together: `plain` from the file through the preprocessing,
    `first` from the file to what varied views are made of, `varied` from there to such a view.
    `kept` are the bytes of a picture in between."""

    plain: float
    first: float = 0.0
    varied: float = 0.0
    kept: float = 0.0


class Work(Record):
    """What there is to do: pictures, classes, and how many of the stages are frozen.

    `features_there` and `rows_there` are the shares of what the frozen part gives (at its end, and
    where freezing ends) that an earlier run left in the cache. `start` is in seconds.
    """

    train: int
    val: int
    classes: int
    frozen: int
    scratch: bool = False
    features_there: float = 0.0
    rows_there: float = 0.0
    start: float = 0.0


class Estimate(Record):
    """`seconds` for everything if no epoch is left out; `phases` are its parts.

    Memory is what the process holds at its peak (on a graphics card: what the card does), disk what
    run and caches take; `run_bytes` is the most that the run alone does, which no cache can do
    without.
    """

    seconds: float
    seconds_cache: float
    seconds_epoch: float
    memory_bytes: int
    disk_bytes: int
    run_bytes: int
    phases: dict[str, float]


def precisions(costs: NetworkCosts, recipe: Recipe, frozen: int) -> tuple[Precision, Precision]:
    """The number formats of the frozen part and of the stages that learn, for the whole run."""
    if recipe.precision == "float32":
        return "float32", "float32"
    ends = frozen or len(costs.parameters)
    return _worth(costs.frozen, slice(0, ends)), _worth(costs.learning, slice(frozen, None))


def _worth(seconds: dict[Precision, tuple[float, ...]], part: slice) -> Precision:
    total = {name: sum(each[part]) for name, each in seconds.items()}
    if not total.get("float32"):
        return "float32"
    best = min(total, key=lambda name: total[name])
    return best if total["float32"] >= WORTH * total[best] else "float32"


def estimate(costs: NetworkCosts, decoding: DecodingCosts, work: Work, recipe: Recipe) -> Estimate:
    """What this training takes. `costs` must cover learning where anything but the head learns."""
    parts = _Parts(costs, decoding, work, recipe)
    cache, epoch = parts.cache(), parts.epoch()
    phases = {
        "start": work.start,
        "cache": cache,
        "probe": parts.probe(),
        "fine_tune": parts.before_epochs() + recipe.epochs * epoch,
        "export": parts.export(),
    }
    return Estimate(
        seconds=sum(phases.values()),
        seconds_cache=cache,
        seconds_epoch=epoch,
        memory_bytes=round(parts.memory()),
        disk_bytes=round(parts.disk()),
        run_bytes=round(parts.run_disk()),
        phases=phases,
    )


def at_once(costs: NetworkCosts, work: Work, recipe: Recipe, memory: int) -> int:
    """How many pictures of a batch `memory` bytes are expected to hold: half of it, or a quarter,
    and so on; 0 for all."""
    parts = _Parts(costs, DecodingCosts(plain=0), work, recipe)
    if parts.all_frozen:
        return 0
    batch = most = parts.batch
    side = max(recipe.sizes, default=costs.size)
    picture = parts.kept() * side**2 / costs.size**2
    while most > 1 and parts.memory_without_batch() + most * picture > memory:
        most = -(-most // 2)
    return 0 if most == batch else most


def _views(recipe: Recipe) -> tuple[int, int]:
    """Cached views of a training picture, and how many of them are neither the plain picture nor
    its mirror image. None are cached where every epoch wants new ones, or other sizes."""
    if recipe.sizes:
        return 0, 0
    most = min(recipe.views, recipe.epochs)
    flips = recipe.augmentation.flip_horizontal
    if not recipe.augmentation.model_copy(update={"flip_horizontal": False}).varies:
        most = min(most, 2 if flips else 1)
    return most, max(0, most - 1 - flips)


class _Parts:
    """The phases of one training, each on its own."""

    def __init__(
        self, costs: NetworkCosts, decoding: DecodingCosts, work: Work, recipe: Recipe
    ) -> None:
        self.costs, self.decoding, self.work, self.recipe = costs, decoding, work, recipe
        self.frozen_format, self.format = precisions(costs, recipe, work.frozen)
        stages = len(costs.parameters)
        self.all_frozen = work.frozen == stages
        self.steps = -(-work.train // recipe.batch_size)
        self.views, self.varied = _views(recipe) if 0 < work.frozen < stages else (0, 0)
        self.learning = sum(costs.parameters[work.frozen :])

    def together(self, decoding: float, computing: float) -> float:
        """A processor does one after the other; beside a graphics card the slower one counts."""
        return decoding + computing if self.costs.cpu else max(decoding, computing)

    def cache(self) -> float:
        work, costs, decoding = self.work, self.costs, self.decoding
        frozen, exact = costs.frozen[self.frozen_format], costs.frozen["float32"]
        probed = min(work.train, SAMPLED) if work.scratch and work.frozen == 0 else work.train
        missing = 1 - work.features_there
        seconds = self.together(
            missing * (probed + work.val) * decoding.plain,
            missing * (probed * sum(frozen) + work.val * sum(exact)),
        )
        if self.views:
            seconds += (1 - work.rows_there) * (self._other_views() + self._rows() * costs.writing)
        return seconds

    def _other_views(self) -> float:
        """The views beside the plain one, decoded once more for the mirror image."""
        decoding, train = self.decoding, self.work.train
        mirrored = self.views - 1 - self.varied
        decoded = train * (mirrored * decoding.plain + self.varied * decoding.varied)
        if self.varied:
            decoded += train * decoding.first
        frozen = self.costs.frozen[self.frozen_format][: self.work.frozen]
        return self.together(decoded, train * (self.views - 1) * sum(frozen))

    def before_epochs(self) -> float:
        """What comes once before the first epoch: decoding for live views, a hidden head."""
        seconds = self.work.train * self.decoding.first if self.live else 0.0
        if self.recipe.head.hidden is not None:
            seconds += HEAD_EPOCHS * self.steps * self.costs.step
        return seconds

    @property
    def live(self) -> bool:
        """Whether every epoch makes its views anew."""
        return not self.all_frozen and self.views == 0

    def epoch(self) -> float:
        costs, work, k = self.costs, self.work, self.work.frozen
        seconds = self.steps * (costs.step + _AROUND)
        if self.all_frozen:
            return seconds
        computing = work.train * self._scale() * sum(costs.learning[self.format][k:])
        computing += self.steps * costs.update * self.learning
        decoding = 0.0
        if self.live:
            computing += (work.train + work.val) * sum(costs.checking[:k])
            decoding += work.train * self.decoding.varied
            if 12 * costs.size**2 * work.val > _KEPT_CHECKED:
                decoding += work.val * self.decoding.plain
        seconds += self.together(decoding, computing) + work.val * sum(costs.checking[k:])
        return seconds + self._checkpoint() * self.costs.writing

    def _scale(self) -> float:
        """How much larger or smaller than usual the recipe's training pictures are."""
        sizes = self.recipe.sizes or (self.costs.size,)
        return sum(size**2 for size in sizes) / len(sizes) / self.costs.size**2

    def _checkpoint(self) -> float:
        """Bytes of the weights as they are, the best ones, two numbers a weight of the optimiser,
        the running average where there is one, and the probe."""
        head = self.costs.features * self.work.classes
        numbers = 5 if self.recipe.averaging else 4
        return 4 * numbers * (self.learning + head) + 4 * head

    def probe(self) -> float:
        numbers = self.work.train * self.costs.features * max(2, self.work.classes)
        return 0.1 + 6e-8 * numbers

    def export(self) -> float:
        return 0.1 + 12 * sum(self.costs.parameters) * self.costs.writing

    def memory(self) -> float:
        total = self.memory_without_batch()
        if not self.all_frozen:
            total += self.batch * self._scale() * self.kept()
        return total

    @property
    def batch(self) -> int:
        return min(self.recipe.batch_size, self.work.train)

    def kept(self) -> float:
        """Bytes that a picture of the usual size takes in a step."""
        return _SLACK * sum(self.costs.kept[self.work.frozen :])

    def memory_without_batch(self) -> float:
        costs, work = self.costs, self.work
        weights = 4 * sum(costs.parameters)
        total: float = costs.process + 2 * weights + 4 * costs.features * (work.train + work.val)
        if costs.cpu:
            total += 2 * _IN_FLIGHT * 12 * costs.size**2
        if not self.all_frozen:
            total += 12 * self.learning
        return total

    def disk(self) -> float:
        costs, work = self.costs, self.work
        features = costs.features * (2 * work.train + 4 * work.val)
        decoded = work.train * self.decoding.kept if self.live else 0.0
        return features + self._rows() + decoded + self.run_disk()

    def run_disk(self) -> float:
        """The network as it begins, at its best and at its end; the last two checkpoints, the last
        that outlives a power cut, and the next one while it is written; what is said of pictures
        and steps."""
        network = 4 * sum(self.costs.parameters)
        words = _FILE_ENTRY * (self.work.train + self.work.val)
        words += _STEP_ENTRY * self.recipe.epochs * self.steps
        return 3 * network + 4 * self._checkpoint() + words

    def _rows(self) -> float:
        """Bytes of what the frozen part gives where freezing ends, for all cached views."""
        if not self.views:
            return 0.0
        values = self.costs.values[self.work.frozen - 1]
        return values * (2 * self.views * self.work.train + 4 * self.work.val)
