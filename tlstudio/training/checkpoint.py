"""Owns the checkpoint: everything from which an interrupted run carries on, in one file that is
checked against its checksum."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import RunError
from tlstudio.jobs import Record
from tlstudio.projects.checked import is_whole
from tlstudio.projects.checkpoint_files import CheckpointFiles
from tlstudio.tasks import Warned

Tensors = dict[str, Tensor]
_PARTS = ("probe", "now", "average", "best", "optimizer")


class ProbeScore(Record):
    """What the probe reached; accuracies are fractions, losses mean cross-entropies."""

    strength: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


class Position(Record):
    """Where training stands: `epoch` epochs are done and `step` batches of the next one.

    The running sums belong to the unfinished epoch. `best_epoch` is 0 while there is none.
    `loss_scale` and the `unscathed_steps` since it last changed are those of float16 training.

    `at_once` is how many pictures of a batch memory holds (0: all), `rate_scale` the share of the
    learning rate that is left after training went astray, `first_loss` and `last_loss` the losses
    of the run's first and of its latest batch (0 while there are none), and `high_losses` how many
    of the latest were far too high.

    The run has taken `seconds`, divided into `phase_seconds`, and what it has told fills the first
    `events` bytes of its log.
    """

    version: Literal[1] = 1
    probe: ProbeScore
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    best_epoch: int = 0
    best_accuracy: float = 0.0
    best_loss: float = 0.0
    loss_scale: float = 0.0
    unscathed_steps: int = 0
    at_once: int = 0
    rate_scale: float = 1.0
    first_loss: float = 0.0
    last_loss: float = 0.0
    high_losses: int = 0
    seconds: float = 0.0
    phase_seconds: dict[str, float] = Field(default_factory=dict)
    events: int = 0


class Checkpoint:
    """A position with its tensors, all on the CPU.

    `probe` holds the linear head of the probe, `now` what learns (the head and the unfrozen
    stages), `average` the running average of that where there is one, `best` what was checked at
    the best epoch, `optimizer` the optimiser's moments.
    """

    def __init__(self, position: Position, probe: Tensors) -> None:
        self.position = position
        self.probe = probe
        self.now: Tensors = {}
        self.average: Tensors = {}
        self.best: Tensors = {}
        self.optimizer: Tensors = {}

    def save(self, files: CheckpointFiles) -> None:
        """Adds it to the run's checkpoints. Raises `StorageError`."""
        tensors = {
            f"{part}/{name}": tensor.contiguous()
            for part in _PARTS
            for name, tensor in getattr(self, part).items()
        }
        with files.adding() as temporary:
            save_file(tensors, temporary, {"position": self.position.model_dump_json()})

    @classmethod
    def load(cls, file: Path) -> Checkpoint:
        """Raises `RunError` where the file is damaged: a flipped bit would give wrong weights."""
        try:
            if not is_whole(file):
                raise _damaged(file)
            with safe_open(file, framework="pt") as stored:
                position = (stored.metadata() or {})["position"]
                tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
            checkpoint = cls(Position.model_validate_json(position), {})
        except (OSError, ValidationError, SafetensorError, KeyError) as error:
            raise _damaged(file) from error
        for key, tensor in tensors.items():
            part, _, name = key.partition("/")
            if part not in _PARTS:
                raise _damaged(file)
            getattr(checkpoint, part)[name] = tensor
        return checkpoint


def newest(files: CheckpointFiles) -> tuple[Checkpoint | None, Warned | None]:
    """The newest checkpoint that is whole, with a remark where a newer one is not; None where
    there is none at all. Raises `RunError` where all are damaged."""
    damaged: RunError | None = None
    for file in files.newest_first():
        try:
            checkpoint = Checkpoint.load(file)
        except RunError as error:
            files.distrust(file)
            damaged = damaged or error
            continue
        if damaged is None:
            return checkpoint, None
        return checkpoint, Warned(
            message=f"{damaged.message} The one before it is taken.",
            hint="What was learnt since is learnt again. If it happens often, check the disk.",
        )
    if damaged is not None:
        raise damaged
    return None, None


def learning_state(network: StagedNetwork) -> Tensors:
    """Copies of everything that training may change: the head and the unfrozen stages."""
    frozen = {
        id(tensor)
        for part in network.stages[: network.frozen]
        for tensor in (*part.module.parameters(), *part.module.buffers())
    }
    state = network.network.state_dict(keep_vars=True)
    return {
        name: tensor.detach().cpu().clone()
        for name, tensor in state.items()
        if id(tensor) not in frozen
    }


def load_learning_state(network: StagedNetwork, state: Tensors) -> None:
    """Puts `state`, a part of the network's own state dict, back. Raises `RunError` where it is
    that of another network."""
    own = network.network.state_dict()
    for name, tensor in state.items():
        if name not in own or own[name].shape != tensor.shape:
            raise _foreign()
        own[name].copy_(tensor)


def optimizer_state(optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimiser's moments as named tensors; rates and groups follow from the job."""
    values: dict[str, Any] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value).detach().cpu().clone()
        for index, moments in values.items()
        for name, value in moments.items()
        if value is not None
    }


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: Tensors) -> None:
    """Puts the moments back, each laid out in memory as its parameter: fused steps walk through
    both in the order in which they lie there. Raises `RunError` for those of another optimiser."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, stored in state.items():
        index, _, name = key.partition(".")
        if not (index.isdecimal() and int(index) < len(parameters)):
            raise _foreign()
        moment, parameter = stored, parameters[int(index)]
        if stored.shape == parameter.shape:
            moment = torch.empty_like(parameter, dtype=stored.dtype).copy_(stored)
        moments.setdefault(int(index), {})[name] = moment
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})


def _foreign() -> RunError:
    return RunError("The checkpoint of this run is that of another network.", "Train it anew.")


def _damaged(file: Path) -> RunError:
    return RunError(
        f"The checkpoint {file} is damaged and can't be carried on from.", "Train again."
    )
