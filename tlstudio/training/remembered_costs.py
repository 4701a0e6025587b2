"""Owns the memory of what networks cost on this computer: when it is believed, and when measured
again."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path

import torch
from pydantic import ValidationError

from tlstudio.backbones.catalogue import Backbone
from tlstudio.bounded import record
from tlstudio.errors import StorageError
from tlstudio.jobs import NetworkCosts, Precision, Record
from tlstudio.projects.atomic import write_text
from tlstudio.training.devices import available_devices

VERSION = 1
TRIES = 3
"""Measured so often beside other programs, the fastest is believed: this computer is like that."""
RECENT = 600.0
"""Seconds for which other programs are taken to go on as when costs were measured beside them."""

Seconds = tuple[float, ...]


class Measured(Record):
    """What is kept in a file; `facts` are all that the costs depend on, `at` is the time of day."""

    version: int
    facts: dict[str, str]
    tries: int
    at: float
    costs: NetworkCosts

    @property
    def settled(self) -> bool:
        recent = 0 <= time.time() - self.at < RECENT
        return self.costs.steady or self.tries >= TRIES or recent


def facts_of(entry: Backbone, size: int, device: torch.device, threads: int) -> dict[str, str]:
    """All that the costs of a network depend on."""
    name = next(each.name for each in available_devices() if each.id == device.type)
    return {
        "device": f"{device.type} {name}",
        "threads": str(threads),
        "torch": torch.__version__,
        "backbone": entry.id,
        "size": str(size),
    }


def file_of(cache: Path, facts: dict[str, str]) -> Path:
    """Where the costs that depend on `facts` are kept."""
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]
    return cache / "measured" / f"{key}.json"


def recall(file: Path, facts: dict[str, str]) -> Measured | None:
    """What was remembered; None where there is nothing, or nothing that can be believed."""
    try:
        found = record(Measured, file)
    except (OSError, ValidationError):
        return None
    stages = len(found.costs.parameters)
    every = (*found.costs.frozen.values(), *found.costs.learning.values())
    sound = stages > 0 and all(len(each) == stages and min(each) >= 0 for each in every)
    return found if found.version == VERSION and found.facts == facts and sound else None


def remember(file: Path, facts: dict[str, str], tries: int, costs: NetworkCosts) -> None:
    """Keeps costs; where that can't be done they are measured again next time."""
    kept = Measured(version=VERSION, facts=facts, tries=tries, at=time.time(), costs=costs)
    with contextlib.suppress(StorageError):
        write_text(file, kept.model_dump_json(indent=1))


def fastest(known: NetworkCosts, new: NetworkCosts) -> NetworkCosts:
    """Other programs can make a network look slower and never faster: the better of each."""
    return new.model_copy(
        update={
            "frozen": _better(known.frozen, new.frozen),
            "learning": _better(known.learning, new.learning),
            "checking": min(known.checking or new.checking, new.checking, key=sum),
        }
    )


def _better(
    known: dict[Precision, Seconds], new: dict[Precision, Seconds]
) -> dict[Precision, Seconds]:
    both = {**known, **new}
    return {name: min(known.get(name, each), each, key=sum) for name, each in both.items()}
