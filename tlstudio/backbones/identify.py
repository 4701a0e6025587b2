"""Owns the answer to "whose weights are in this file?"."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from tlstudio.backbones.build import ShapesOnly, build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.loading import closest
from tlstudio.backbones.recognition import mismatch, recognise
from tlstudio.backbones.weights import sha256_of
from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.errors import WeightsError
from tlstudio.jobs import HeadSpec, IdentifiedWeights, IdentifyWeights
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
        raise _nobodys(path, state, job.backbone)
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


def _nobodys(path: Path, state: Mapping[str, Tensor], expected: str | None) -> WeightsError:
    tensors = f"{len(state)} tensors, the first of them {next(iter(state))}"
    sentence = (
        f"{path} holds weights of no network that TL Studio knows, or only a part of one "
        f"({tensors})."
    )
    if expected is None:
        return WeightsError(
            sentence,
            "Name the backbone that they should belong to: then it is said what does not fit.",
        )
    entry = backbone(expected)
    with ShapesOnly():
        network = build_network(entry, 2, HeadSpec())
    given, comparison = closest(network, entry, state)
    error = mismatch(entry, comparison, given)
    return WeightsError(f"{sentence} {error.message}", error.hint)
