"""Owns the answer to "whose weights are in this file?"."""

from __future__ import annotations

from pathlib import Path

from tlstudio.backbones.recognition import recognise
from tlstudio.backbones.weights import sha256_of
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.errors import WeightsError
from tlstudio.jobs import IdentifiedWeights, IdentifyWeights
from tlstudio.tasks import Progress, Task


def identify(job: IdentifyWeights) -> Task[IdentifiedWeights]:
    """Recognises the network by names and shapes, and a published set by the file's SHA-256.

    Raises `WeightsError` for a file that holds no weights, and for those of an unknown network.
    """
    path = Path(job.file).expanduser()
    yield Progress(phase="weights", done=0, total=0, unit="bytes")
    state = read_state_dict(path)
    found = recognise(state)
    if found is None:
        tensors = f"{len(state)} tensors, the first of them {next(iter(state))}"
        raise WeightsError(
            f"{path} holds weights of no network that TL Studio knows, or only a part of one "
            f"({tensors}).",
            "Name the backbone that they should belong to: then it is said what does not fit.",
        )
    entry = found.entry
    digest = yield from sha256_of(path)
    published = [each.name for each in entry.weights if digest and digest.startswith(each.sha256)]
    return IdentifiedWeights(
        file=str(path),
        backbone=entry.id,
        name=entry.name,
        variant=published[0] if published else None,
        classes=found.classes,
    )
