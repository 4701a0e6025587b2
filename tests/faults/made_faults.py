"""Owns what the proofs about pictures that go away or change share: undisturbed runs to compare
with, and ways of training that read every picture again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from training.made_jobs import UNFROZEN, Trained, job_for, made_pictures, made_weights

from tlstudio.tasks import Event, Progress, Waiting
from tlstudio.training import decoded, sources

Moment = Callable[[Event], bool]

FROZEN: dict[str, Any] = {}
VARIED: dict[str, Any] = {"freeze": UNFROZEN, "recipe": {"views": 0}}


class Undisturbed:
    """Runs on pictures of the same content that nothing happened to, each made once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._made: dict[str, Trained] = {}
        self.weights = made_weights(place, "squeezenet1_1")

    def run(self, **choices: Any) -> Trained:
        key = repr(choices)
        if key not in self._made:
            place = self._place / str(len(self._made))
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TLSTUDIO_HOME", str(place / "home"))
                job = job_for(made_pictures(place / "set"), self.weights, **choices)
                self._made[key] = Trained(job, place / "run")
        return self._made[key]

    def assert_same_weights(self, run: Path, **choices: Any) -> None:
        whole = self.run(**choices)
        for name in ("model.safetensors", "last.safetensors"):
            assert (run / "model" / name).read_bytes() == (whole.model / name).read_bytes(), name


def keep_nothing(patch: pytest.MonkeyPatch) -> None:
    """Every epoch reads every picture from its file."""
    patch.setattr(decoded, "_SPARE", 10**18)
    patch.setattr(sources, "_KEPT", 0)


def in_phase(phase: str) -> Moment:
    return lambda event: isinstance(event, Progress) and event.phase == phase


@dataclass
class Drive:
    """A disk that is pulled out at a moment of a job, and is back once the job has said twice that
    it waits."""

    folder: Path
    moment: Moment
    waits: list[Waiting] = field(default_factory=list)
    pulled: bool = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Waiting):
            self.waits.append(event)
            if len(self.waits) == 2:
                self._away.rename(self.folder)
        elif not self.pulled and self.moment(event):
            self.pulled = True
            self.folder.rename(self._away)

    @property
    def _away(self) -> Path:
        return self.folder.with_name("away")
