"""SqueezeNet's head behind its ReLU says the same of maps as of their means, once it is lifted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training.made_jobs import UNFROZEN, checkpoint_of, job_for, nothing, stop_when

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.jobs import HeadSpec, TrainRun
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Answers, Event, drive
from tlstudio.training import train
from tlstudio.training.features import Features
from tlstudio.training.frozen import FrozenPart
from tlstudio.training.inference import preprocessed_batches
from tlstudio.training.outcome import write_outcome
from tlstudio.training.phases import Phases


def is_answers(event: Event) -> bool:
    return isinstance(event, Answers)


def made(head: HeadSpec, pictures: Path) -> tuple[StagedNetwork, Features, torch.Tensor]:
    """A network whose head would lose much behind its ReLU, its features, and its pictures."""
    torch.manual_seed(2)
    entry = backbone("squeezenet1_1")
    network = build_network(entry, 3, head)
    files = tuple(sorted(pictures.rglob("*.png")))
    preprocessing = Preprocessing(entry.variant().preprocessing)
    batches = [batch for batch in preprocessed_batches(files, preprocessing) if batch is not None]
    batch = torch.cat([each.pictures for each in batches])
    full = len(network.stages)
    frozen = FrozenPart(network.eval(), "float32", torch.device("cpu"), preprocessing.spec.crop)
    features = Features.of(frozen(batch, [full])[full])
    last = [m for m in network.head.modules() if isinstance(m, torch.nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.normal_()
        last.weight *= 3 / network.classify_pooled(features.pooled).std()
        last.bias -= 2  # type: ignore[operator]
    return network, features, batch


@pytest.mark.parametrize("hidden", [None, 12])
def test_after_the_lift_pooled_features_give_the_answers_of_the_real_forward(
    hidden: int | None, pictures: Path
) -> None:
    network, features, batch = made(HeadSpec(hidden=hidden), pictures)
    with torch.inference_mode():
        before = torch.softmax(network.classify_pooled(features.pooled), 1)
        assert not torch.allclose(torch.softmax(network(batch), 1), before, atol=1e-2)
        network.lift(features.positions)
        pooled = torch.softmax(network.classify_pooled(features.pooled), 1)
        real = torch.softmax(network(batch), 1)
    torch.testing.assert_close(pooled, before, rtol=0, atol=1e-5)
    torch.testing.assert_close(real, pooled, rtol=0, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_a_second_lift_changes_nothing_and_the_mode_stays(training: bool, pictures: Path) -> None:
    network, features, _ = made(HeadSpec(), pictures)
    network.freeze(9)
    network.train(training)
    network.lift(features.positions)
    bias = network.head.bias.clone()  # type: ignore[union-attr, operator]
    network.lift(features.positions)
    torch.testing.assert_close(network.head.bias, bias, rtol=0, atol=1e-5)
    assert network.training == training
    assert not network.stages[0].module.training


def test_a_linear_head_is_left_alone() -> None:
    network = build_network(backbone("mobilenet_v3_small"), 3, HeadSpec())
    bias = network.head.bias.clone()  # type: ignore[union-attr, operator]
    network.lift(torch.zeros(0, network.feature_width))
    assert torch.equal(network.head.bias, bias)  # type: ignore[arg-type]


@pytest.mark.parametrize("from_scratch", [True, False])
def test_what_was_validated_behind_the_relu_is_what_is_kept(
    from_scratch: bool, pictures: Path, weights: Path, tmp_path: Path
) -> None:
    """A head that learned behind its ReLU may use it; lifting it then would change its answers."""
    recipe = {"epochs": 1, "learning_rate": 3e-3}
    start, freeze = (None, "none") if from_scratch else (weights, UNFROZEN)
    job = job_for(pictures, start, freeze=freeze, recipe=recipe)
    path = tmp_path / "run"
    assert stop_when(train.train(TrainRun(job=job, run=str(path))), is_answers)
    checkpoint = checkpoint_of(path)
    probe = checkpoint.position.probe.model_copy(update={"val_accuracy": -1.0})
    checkpoint.position = checkpoint.position.model_copy(update={"probe": probe})
    run = RunFolder(path)
    result = drive(write_outcome(run, job, run.split(), checkpoint, 0.0, Phases()), nothing)
    assert result.kept == "trained"
    for file, learned in (("model", checkpoint.best), ("last", checkpoint.now)):
        written = load_file(path / "model" / f"{file}.safetensors")
        for name, tensor in learned.items():
            assert torch.equal(written[name], tensor), name
