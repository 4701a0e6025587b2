"""Owns the numbers behind the training curves: folded in one event at a time, bounded in size."""

from __future__ import annotations

from dataclasses import dataclass

from tlstudio.tasks import Epoch, Event, ProbeFitted, Resumed, Step

RUNNING_POINTS = 2000
EPOCH_POINTS = 1000


class Series:
    """A growing line of at most `limit` points: when it is full, neighbours are averaged in pairs.

    From then on that many points are gathered before one is added, so that all of them stand for
    the same number of values. Adding costs the same however long the run is.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._per_point = 1
        self._gathered: list[tuple[float, float]] = []
        self.x: list[float] = []
        self.y: list[float] = []

    def add(self, x: float, y: float) -> None:
        self._gathered.append((x, y))
        if len(self._gathered) < self._per_point:
            return
        xs, ys = zip(*self._gathered, strict=True)
        self._gathered = []
        self.x.append(sum(xs) / len(xs))
        self.y.append(sum(ys) / len(ys))
        if len(self.x) >= self._limit:
            self.x, self.y = _pair_means(self.x), _pair_means(self.y)
            self._per_point *= 2

    def cut_after(self, x: float) -> None:
        """Forgets what lies beyond `x`: it will be lived through again."""
        self._gathered = [pair for pair in self._gathered if pair[0] <= x]
        while self.x and self.x[-1] > x:
            self.x.pop()
            self.y.pop()

    def __len__(self) -> int:
        return len(self.x)


def _pair_means(values: list[float]) -> list[float]:
    return [(a + b) / 2 for a, b in zip(values[::2], values[1::2], strict=False)]


@dataclass
class Chart:
    """One quantity over the epochs: while an epoch runs, at its end, and on validation pictures."""

    running: Series
    train: Series
    val: Series

    @classmethod
    def empty(cls) -> Chart:
        return cls(Series(RUNNING_POINTS), Series(EPOCH_POINTS), Series(EPOCH_POINTS))

    def of_epochs(self) -> tuple[Series, Series]:
        return self.train, self.val

    def span(self, extra: float | None = None) -> tuple[float, float] | None:
        """The lowest and highest value worth showing; None while there is nothing.

        Of the running values the outermost 2 % on either side are left out: the first batches of
        a run would otherwise press everything else flat.
        """
        running = sorted(self.running.y)
        cut = len(running) // 50
        values = running[cut : len(running) - cut] if running else []
        values = [*values, *self.train.y, *self.val.y]
        if extra is not None:
            values.append(extra)
        return (min(values), max(values)) if values else None


HEIGHTS = (0.92, 0.71, 0.5, 0.29, 0.08)


def free_height(
    chart: Chart, across: tuple[float, float], span: tuple[float, float], extra: float | None
) -> float:
    """Where words may stand that reach over these epochs, as a share of the plot's height `span`:
    as far from the curves (and from the level `extra`) as there is room."""
    left, right = across
    low, high = span
    taken = [] if extra is None else [extra]
    for series in (chart.running, chart.train, chart.val):
        taken += [y for x, y in zip(series.x, series.y, strict=True) if left <= x <= right]
    shares = [(y - low) / (high - low) for y in taken if high > low]
    return max(HEIGHTS, key=lambda height: min((abs(height - s) for s in shares), default=0.0))


class CurveData:
    """What the plots show. Accuracies are in per cent; x counts epochs, with fractions."""

    def __init__(self) -> None:
        self.loss = Chart.empty()
        self.accuracy = Chart.empty()
        self.probe: float | None = None
        self.best_epoch: int | None = None
        self.best_accuracy: float | None = None
        self.best_loss: float | None = None
        self.epochs = 0
        self.last_epoch: Epoch | None = None
        self._x = 0.0
        self._steps_an_epoch = 0.0

    def add(self, event: Event) -> bool:
        """Folds an event in; says whether there is anything new to draw."""
        match event:
            case Step():
                self._add_step(event)
            case Epoch():
                self._add_epoch(event)
            case ProbeFitted():
                self.probe = 100 * event.val_accuracy
            case Resumed():
                self._rewind(event)
            case _:
                return False
        return True

    @property
    def furthest(self) -> float:
        """The right end of the x axis: the planned epochs, or less while a long run is young."""
        shown = 10
        while shown < self._x:
            shown *= 2
        return float(min(shown, self.epochs)) if self.epochs else 1.0

    def finish(self) -> None:
        """The run is over: the axis ends where the run did."""
        if self.last_epoch is not None:
            self.epochs = self.last_epoch.epoch

    def _rewind(self, event: Resumed) -> None:
        """The run is carried on from there: what came after it is lived through again."""
        steps = self._steps_an_epoch
        self._x = event.resumed_at_step / steps if steps else float(event.epoch)
        for chart in (self.loss, self.accuracy):
            chart.running.cut_after(self._x)
            for series in chart.of_epochs():
                series.cut_after(event.epoch)

    def _add_step(self, event: Step) -> None:
        self.epochs, self._steps_an_epoch = event.epochs, event.steps / event.epochs
        self._x = event.epochs * event.step / max(event.steps, 1)
        self.loss.running.add(self._x, event.train_loss)
        self.accuracy.running.add(self._x, 100 * event.train_accuracy)

    def _add_epoch(self, event: Epoch) -> None:
        if self.last_epoch is not None and event.epoch <= self.last_epoch.epoch:
            for series in (*self.loss.of_epochs(), *self.accuracy.of_epochs()):
                series.cut_after(event.epoch - 1)
        self.epochs, self.last_epoch, self._x = event.epochs, event, float(event.epoch)
        self.loss.train.add(event.epoch, event.train_loss)
        self.loss.val.add(event.epoch, event.val_loss)
        self.accuracy.train.add(event.epoch, 100 * event.train_accuracy)
        self.accuracy.val.add(event.epoch, 100 * event.val_accuracy)
        if event.best_epoch == event.epoch:
            self.best_loss = event.val_loss
        self.best_epoch = event.best_epoch
        self.best_accuracy = 100 * event.best_val_accuracy
