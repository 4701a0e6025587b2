"""Every choice of the recipe reaches the training, and none of them breaks the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from training.made_jobs import UNFROZEN, Trained, job_for
from training.test_train_whole import (
    test_the_accuracy_told_is_what_the_model_file_has as assert_model_has_its_accuracy,
)
from training.test_train_whole import (
    test_torchvision_loads_the_model_and_gives_the_same_logits as assert_torchvision_agrees,
)

from tlstudio.jobs import TrainingJob
from tlstudio.tasks import Epoch, Logged, Step
from tlstudio.training import loop, train
from tlstudio.training.model_folder import load_model
from tlstudio.training.probe import Probe

Jobs = Callable[..., TrainingJob]


@pytest.fixture
def _blind_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that knows nothing, so that whatever training learns is kept."""

    def blind(features: Tensor, _labels: Tensor, classes: int, *_: Any) -> Any:
        yield from ()
        return Probe(torch.zeros(classes, features.shape[1]), torch.eye(classes)[0], 1.0)

    monkeypatch.setattr("tlstudio.training.running.probe_of", blind)


@pytest.mark.usefixtures("_blind_probe")
@pytest.mark.parametrize("freeze", ["all", UNFROZEN])
def test_a_hidden_head_is_kept_and_loads_by_the_cards_own_program(
    freeze: str, job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe: dict[str, Any] = {"epochs": 12, "learning_rate": 1e-2, "patience": None}
    recipe["head"] = {"hidden": 16, "dropout": 0}
    run = Trained(job(freeze=freeze, recipe=recipe), tmp_path / "run")
    assert run.result.kept == "trained"
    layers = [m for m in load_model(run.path).network.head.modules() if isinstance(m, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [16, 3]
    assert_torchvision_agrees(run, monkeypatch)
    assert_model_has_its_accuracy(run, monkeypatch)


@pytest.mark.usefixtures("_blind_probe")
def test_a_hidden_head_on_a_network_with_a_linear_one(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"epochs": 12, "learning_rate": 1e-2, "head": {"hidden": 16}, "patience": None}
    recipe["optimizer"] = "sgd"
    run = Trained(job_for(pictures, None, "mobilenet_v3_small", recipe=recipe), tmp_path / "run")
    assert_torchvision_agrees(run, monkeypatch)
    assert_model_has_its_accuracy(run, monkeypatch)


@pytest.mark.usefixtures("_blind_probe")
def test_sgd_with_momentum_learns(job: Jobs, tmp_path: Path) -> None:
    recipe = {"epochs": 6, "optimizer": "sgd", "learning_rate": 1e-2, "head": {"dropout": 0}}
    run = Trained(job(recipe=recipe), tmp_path / "run")
    assert run.of(Epoch)[-1].train_loss < run.of(Epoch)[0].train_loss


def test_losses_are_smoothed_and_weighted_as_torch_does_it(
    pictures: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []

    def listening(logits: Tensor, labels: Tensor, **options: Any) -> Tensor:
        seen.append(options)
        return cross_entropy(logits, labels, **options)

    monkeypatch.setattr(loop, "cross_entropy", listening)
    folder = tmp_path / "set"
    for file in sorted(pictures.rglob("*.png")):
        if file.parent.name != "red" or file.stem in "0123":
            (folder / file.parent.name).mkdir(parents=True, exist_ok=True)
            (folder / file.parent.name / file.name).write_bytes(file.read_bytes())
    recipe = {"epochs": 1, "label_smoothing": 0.1, "class_weights": "balanced"}
    Trained(job_for(folder, weights, recipe=recipe), tmp_path / "run")
    training = [options for options in seen if options]
    assert len(training) == len(seen) - 1, "the validation loss is plain cross-entropy"
    for options in training:
        assert options["label_smoothing"] == 0.1
        # 4, 4 and 3 pictures to learn from: N / (classes x pictures of the class)
        torch.testing.assert_close(options["weight"], torch.tensor([11 / 12, 11 / 12, 11 / 9]))


def test_dropout_is_drawn_anew_for_every_step_and_the_same_for_every_run(
    job: Jobs, tmp_path: Path
) -> None:
    runs = [
        Trained(job(recipe={"epochs": 1, "head": {"dropout": dropout}}), tmp_path / str(number))
        for number, dropout in enumerate((0.5, 0.5, 0.0))
    ]
    losses = [[step.batch_loss for step in run.of(Step)] for run in runs]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_another_seed_gives_another_model(frozen_run: Trained, job: Jobs, tmp_path: Path) -> None:
    other = Trained(job(seed=1), tmp_path / "run")
    name = "classifier.1.weight"
    last = "last.safetensors"
    assert not torch.equal(other.tensors(last)[name], frozen_run.tensors(last)[name])


def test_training_stops_early_and_says_so(job: Jobs, tmp_path: Path) -> None:
    recipe = {"epochs": 40, "learning_rate": 1.0, "patience": 1}
    run = Trained(job(recipe=recipe), tmp_path / "run")
    assert run.result.epochs == run.result.best_epoch + 1 < 40
    assert any("Stopped after epoch" in event.message for event in run.of(Logged))


def test_a_start_from_nothing_learns_everywhere(pictures: Path, tmp_path: Path) -> None:
    recipe = {"epochs": 1, "learning_rate": 1e-3, "batchnorm_statistics": "update"}
    chosen = job_for(pictures, None, "squeezenet1_1", freeze="none", recipe=recipe)
    run = Trained(chosen, tmp_path / "run")
    torch.manual_seed(chosen.seed)
    start = train.build_network(
        train.find_backbone("squeezenet1_1"), 3, train._linear_head(chosen)
    ).network.state_dict()
    last = run.tensors("last.safetensors")
    assert not [name for name, value in last.items() if torch.equal(value, start[name])]
    card = json.loads((run.model / "model.json").read_text("utf-8"))
    assert card["weights"] == {"source": "scratch", "variant": None}
