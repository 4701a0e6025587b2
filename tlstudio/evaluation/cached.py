"""Owns a run's answers for its own validation pictures where the cache has what the frozen stages
give for them: only the other stages are run, and no picture is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import DatasetError
from tlstudio.jobs import Augmentation
from tlstudio.tasks import Meter, Task
from tlstudio.training.activations import Activations, chunks_of
from tlstudio.training.caching import Caching
from tlstudio.training.devices import resolve_device, usable_cores
from tlstudio.training.features import Features, Pictures
from tlstudio.training.inference import BATCH, Checked, full_precision
from tlstudio.training.model_folder import TrainedModel
from tlstudio.training.phases import Phases
from tlstudio.training.views import PLAIN


def answers_from_cache(
    model: TrainedModel, folder: Path, names: tuple[str, ...], device: str, cache: Path
) -> Task[Checked | None]:
    """Probabilities (N, C) of the pictures called `names`; None where not all of them are in the
    cache as they are now."""
    depth = int(model.card.freeze["stages"])
    if depth == 0:
        return None
    chosen = resolve_device(device)
    torch.set_num_threads(usable_cores())  # as in training: their number shows in the last digits
    network = model.network.to(chosen)
    caching = Caching(
        network=network,
        preprocessing=Preprocessing(model.card.preprocessing),
        augmentation=Augmentation(),
        precision="float32",
        device=chosen,
        cache=cache,
        phases=Phases(),
    )
    labels = torch.zeros(len(names), dtype=torch.long)
    pictures = Pictures(folder, names, labels, model.card.reading.choices)
    try:
        activations = yield from caching.activations(pictures, exact=True)
    except DatasetError:
        return None  # which ones can't be read is said where they are read one by one
    try:
        wanted = [(number, PLAIN) for number in range(len(names))]
        if not caching.have_all(activations, depth, wanted):
            return None
        values = yield from _probabilities(network, activations, depth)
    finally:
        activations.close()
    return Checked(values.numpy().astype(np.float32), tuple(range(len(names))), ())


def _probabilities(network: StagedNetwork, activations: Activations, depth: int) -> Task[Tensor]:
    wanted = [(number, PLAIN) for number in range(len(activations.pictures))]
    meter, found = Meter("evaluate", len(wanted)), list[Tensor]()
    done = 0
    yield from meter.at(done)
    for rows in activations.stream(chunks_of(wanted, BATCH), [depth]):
        if rows is not None:
            with torch.inference_mode(), full_precision():
                logits = _logits(network, rows[depth].to(activations.part.device), depth)
                # In double precision, so that they sum to 1 in more digits than are shown.
                found.append(torch.softmax(logits.cpu().double(), dim=1))
            done += len(found[-1])
        yield from meter.at(done)
    return torch.cat(found)


def _logits(network: StagedNetwork, rows: Tensor, depth: int) -> Tensor:
    if depth == len(network.stages):
        return network.classify_pooled(Features.of(rows).pooled)
    return network.classify(network.run(rows, depth))
