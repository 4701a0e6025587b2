"""A checkpoint gives back what went in, or says that it is damaged; never something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.errors import RunError
from tlstudio.jobs import HeadSpec, Recipe
from tlstudio.projects.checkpoint_files import CheckpointFiles
from tlstudio.training.checkpoint import (
    Checkpoint,
    Position,
    ProbeScore,
    learning_state,
    load_learning_state,
    load_optimizer_state,
    optimizer_state,
)
from tlstudio.training.optimizer import build_optimizer

PROBE = ProbeScore(
    strength=0.01, train_loss=0.1 + 0.2, train_accuracy=1 / 3, val_loss=1e-300, val_accuracy=1.0
)
POSITION = Position(
    probe=PROBE, epoch=3, step=7, loss_sum=1 / 7, correct=5, seen=9, best_epoch=2, seconds=12.5
)


@pytest.fixture
def checkpoint() -> Checkpoint:
    random = torch.Generator().manual_seed(0)
    made = Checkpoint(POSITION, {"head.weight": torch.randn(3, 5, generator=random)})
    made.now = {"a/b.c": torch.randn(2, 2, generator=random), "n": torch.tensor(4)}
    made.best = {"a/b.c": torch.randn(2, 2, generator=random).T}
    made.optimizer = {"0.step": torch.tensor(7.0), "0.exp_avg": torch.zeros(0, 4)}
    return made


@pytest.fixture
def file(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    files = CheckpointFiles(tmp_path / "checkpoints")
    checkpoint.save(files)
    return files.newest_first()[0]


def test_everything_comes_back_bit_for_bit(checkpoint: Checkpoint, file: Path) -> None:
    loaded = Checkpoint.load(file)
    assert loaded.position == POSITION
    for part in ("probe", "now", "best", "optimizer"):
        before, after = getattr(checkpoint, part), getattr(loaded, part)
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            assert torch.equal(tensor, after[name])
            assert tensor.dtype == after[name].dtype


def test_one_flipped_bit_anywhere_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        file.write_bytes(damaged)
        with pytest.raises(RunError, match="is damaged"):
            Checkpoint.load(file)


def test_a_file_cut_off_anywhere_is_noticed(file: Path) -> None:
    content = file.read_bytes()
    for length in (*range(0, len(content), 31), len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(RunError, match="is damaged"):
            Checkpoint.load(file)


def test_a_missing_file_and_a_foreign_one_give_sentences(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is damaged"):
        Checkpoint.load(tmp_path / "none")
    (tmp_path / "other").write_text("something else entirely, longer than a header")
    with pytest.raises(RunError, match="is damaged"):
        Checkpoint.load(tmp_path / "other")


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_step_after_loading_is_the_step_that_would_have_come(optimizer: str) -> None:
    """Weights, statistics and moments: nothing that decides the next step is forgotten."""
    recipe = Recipe.model_validate({"optimizer": optimizer, "learning_rate": 0.1})
    pictures = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))

    def fresh() -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        network = build_network(backbone("mobilenet_v3_small"), 3, HeadSpec(dropout=0))
        network.freeze(9, fixed_batchnorm=False)
        return network, build_optimizer(network, recipe)

    def learn(network: nn.Module, chosen: torch.optim.Optimizer) -> None:
        network.train()
        torch.manual_seed(5)
        chosen.zero_grad()
        network(pictures).logsumexp(1).sum().backward()
        chosen.step()

    network, chosen = fresh()
    learn(network, chosen)
    weights, moments = learning_state(network), optimizer_state(chosen)  # type: ignore[arg-type]
    learn(network, chosen)
    again, other = fresh()
    load_learning_state(again, weights)  # type: ignore[arg-type]
    load_optimizer_state(other, moments)
    learn(again, other)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_only_what_may_change_is_kept() -> None:
    network = build_network(backbone("mobilenet_v3_small"), 3, HeadSpec())
    network.freeze(12)
    kept = {name.rsplit(".", 1)[0] for name in learning_state(network)}
    last = nn.ModuleList([part.module for part in network.stages[12:]])
    own = network.network.state_dict(keep_vars=True)
    wanted = {id(t) for t in (*last.parameters(), *last.buffers(), *network.head.parameters())}
    assert kept == {name.rsplit(".", 1)[0] for name, t in own.items() if id(t) in wanted}
