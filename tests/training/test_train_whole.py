"""A run tells everything in order, and leaves a model that torchvision loads and agrees with."""

from __future__ import annotations

import hashlib
import json
import os
import runpy
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from training.made_jobs import CLASSES, UNFROZEN, Trained, job_for, made_weights

from tlstudio.jobs import TrainingJob
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Answers, Epoch, Logged, ProbeFitted, Progress, Step, Warned
from tlstudio.training.model_folder import load_model
from tlstudio.training.probe import Probe

Jobs = Callable[..., TrainingJob]


@pytest.fixture(params=["frozen_run", "unfrozen_run"])
def run(request: pytest.FixtureRequest) -> Trained:
    trained: Trained = request.getfixturevalue(request.param)
    return trained


# --- what it tells --------------------------------------------------------------------------------


def test_the_phases_come_in_order(run: Trained) -> None:
    kinds = [(event.type, getattr(event, "phase", "")) for event in run.events]
    order = [kind for kind, _ in groupby(kind for kind in kinds if kind[0] != "log")]
    checking = [("progress", "evaluate")] if run.job.freeze == UNFROZEN else []
    epoch = [("step", "train"), *checking, ("epoch", "train"), ("answers", "train")]
    phases = ("scan", "compare", "measure", "features", "probe")
    before = [("progress", phase) for phase in phases]
    views = [("progress", "features")] if run.job.freeze == UNFROZEN else []
    assert order == [*before, ("probe", "probe"), *views, *epoch, *epoch]


def test_the_progress_of_every_phase_ends_whole(run: Trained) -> None:
    for _, group in groupby(run.of(Progress), key=lambda event: event.phase):
        *_, last = group
        assert last.done == last.total > 0


def test_steps_count_through_all_epochs_and_the_rate_warms_up_and_falls_to_zero(
    run: Trained,
) -> None:
    steps = run.of(Step)
    assert [step.step for step in steps] == list(range(1, steps[0].steps + 1))
    assert [step.epoch for step in steps] == sorted(step.epoch for step in steps)
    assert {step.epochs for step in steps} == {2}
    rates = [step.learning_rate for step in steps]
    assert max(rates) == pytest.approx(run.job.recipe.learning_rate)
    assert rates[-1] < max(rates) / 10
    assert all(step.pictures_per_second > 0 for step in steps)
    assert all(step.seconds_left >= 0 for step in steps)


def test_the_running_loss_is_the_mean_over_the_pictures_so_far(run: Trained) -> None:
    for _, group in groupby(run.of(Step), key=lambda step: step.epoch):
        steps = list(group)
        sizes = [5, 5, 2]
        total = sum(step.batch_loss * size for step, size in zip(steps, sizes, strict=True))
        assert steps[-1].train_loss == pytest.approx(total / sum(sizes), rel=1e-6)


def test_epochs_count_from_one_and_name_the_best(run: Trained) -> None:
    epochs = run.of(Epoch)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    accuracies = [epoch.val_accuracy for epoch in epochs]
    assert epochs[-1].best_val_accuracy == max(accuracies)
    assert accuracies[epochs[-1].best_epoch - 1] == max(accuracies)
    assert epochs[-1].seconds_left == 0
    assert all(epoch.device_memory > 0 for epoch in epochs)
    last_steps = [list(group)[-1] for _, group in groupby(run.of(Step), key=lambda s: s.epoch)]
    for epoch, step in zip(epochs, last_steps, strict=True):
        assert (epoch.step, epoch.train_loss) == (step.step, step.train_loss)


def test_the_same_pictures_are_answered_after_every_epoch(run: Trained) -> None:
    first, second = run.of(Answers)
    assert [answer.file for answer in first.answers] == [a.file for a in second.answers]
    for answer in first.answers:
        assert answer.file.split("/")[0] == answer.label
        assert answer.answer in CLASSES
        assert 1 / 3 <= answer.confidence <= 1


def test_the_run_folder_keeps_the_events_and_the_result(run: Trained) -> None:
    folder = RunFolder.open(run.path)
    kept = folder.events()
    told = [event for event in run.events if event in kept]
    assert kept == told
    assert {type(event) for event in kept} >= {Progress, ProbeFitted, Step, Epoch, Answers}
    assert folder.job() == run.job
    state = folder.state()
    assert (state.state, state.result) == ("completed", run.result)
    assert state.environment["threads"] == 1
    assert sorted(file.name for file in run.path.iterdir()) == [
        "events.jsonl",
        "job.json",
        "lock",
        "model",
        "run.json",
        "split.json",
    ]


# --- what it leaves -------------------------------------------------------------------------------


def held_out(run: Trained) -> Tensor:
    """The validation pictures as torchvision's own transforms prepare them."""
    split = RunFolder(run.path).split()
    card = load_model(run.path).card.preprocessing
    transform = torchvision.transforms.v2.Compose(
        [
            torchvision.transforms.v2.PILToTensor(),
            torchvision.transforms.v2.ToDtype(torch.float32),
            torchvision.transforms.v2.Resize(card.resize, antialias=True),
            torchvision.transforms.v2.CenterCrop(card.crop),
            torchvision.transforms.v2.Lambda(lambda x: x / 255),
            torchvision.transforms.v2.Normalize(card.mean, card.std),
        ]
    )
    chosen = [picture for picture in split.files if picture.part == "val"]
    return torch.stack([transform(Image.open(Path(split.folder) / p.file)) for p in chosen])


def plain(run: Trained, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """What the card's own program makes of the model folder."""
    card = json.loads((run.model / "model.json").read_text("utf-8"))
    program = run.path.parent / f"{run.path.name}-load.py"
    program.write_text(card["code"])
    monkeypatch.chdir(run.model)
    network: nn.Module = runpy.run_path(str(program))["network"]
    return network


def test_torchvision_loads_the_model_and_gives_the_same_logits(
    run: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = held_out(run)
    network = plain(run, monkeypatch)
    assert not network.training
    with torch.inference_mode():
        ours = load_model(run.path).network(pictures)
        theirs = network(pictures)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * float(theirs.abs().max()))


def test_the_accuracy_told_is_what_the_model_file_has(
    run: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = RunFolder(run.path).split()
    labels = [list(split.classes).index(p.label) for p in split.files if p.part == "val"]
    with torch.inference_mode():
        answers = plain(run, monkeypatch)(held_out(run)).argmax(1)
    right = int((answers == torch.tensor(labels)).sum())
    assert right / len(labels) == pytest.approx(run.result.val_accuracy)


def test_the_last_weights_lie_beside_the_model_and_fit_it(run: Trained) -> None:
    last, kept = run.tensors("last.safetensors"), run.tensors()
    assert last.keys() == kept.keys()
    head = "classifier.1.weight"
    the_same = run.result.kept == "trained" and run.result.best_epoch == run.result.epochs
    assert torch.equal(last[head], kept[head]) == the_same


def test_only_what_was_unfrozen_differs_from_the_start(run: Trained, weights: Path) -> None:
    start, last = load_file(weights), run.tensors("last.safetensors")
    changed = {
        name for name, value in last.items() if not torch.equal(value, start[name][: len(value)])
    }
    head = {"classifier.1.weight", "classifier.1.bias"}
    unfrozen = {name for name in last if name.startswith("features.12.")}
    assert changed == (head | unfrozen if run.job.freeze == UNFROZEN else head)


# --- probe or training ----------------------------------------------------------------------------


def test_the_probe_is_kept_where_training_does_not_beat_it(job: Jobs, tmp_path: Path) -> None:
    """With a rate this small no answer changes, and a draw is no win."""
    run = Trained(job(recipe={"epochs": 1, "learning_rate": 1e-9}), tmp_path / "run")
    assert run.result.kept == "probe"
    assert run.result.trained_accuracy == run.result.probe_accuracy == run.result.val_accuracy
    assert run.of(Logged)[-1].message.endswith("the probe is kept.")
    card = load_model(run.path).card
    assert card.metrics["kept"] == "probe"
    assert len(card.freeze["names"]) == 9
    assert (run.model / "last.safetensors").is_file()
    for line in (run.model / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((run.model / name).read_bytes()).hexdigest() == digest


def test_the_trained_model_is_kept_where_it_beats_the_probe(
    job: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(features: Tensor, _labels: Tensor, classes: int, *_: Any) -> Any:
        yield from ()
        return Probe(torch.zeros(classes, features.shape[1]), torch.eye(classes)[0], 1.0)

    monkeypatch.setattr("tlstudio.training.running.probe_of", blind)
    chosen = job(recipe={"epochs": 12, "learning_rate": 1e-2, "patience": None})
    run = Trained(chosen, tmp_path / "run")
    assert run.result.kept == "trained"
    assert run.result.probe_accuracy == pytest.approx(1 / 3)
    assert run.result.val_accuracy == run.result.trained_accuracy
    best = run.of(Epoch)[run.result.best_epoch - 1]
    assert best.val_accuracy == run.result.val_accuracy
    assert_model_has_its_accuracy(run, monkeypatch)


def assert_model_has_its_accuracy(run: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    test_the_accuracy_told_is_what_the_model_file_has(run, monkeypatch)
    test_torchvision_loads_the_model_and_gives_the_same_logits(run, monkeypatch)


# --- real pictures and weights --------------------------------------------------------------------


def test_real_pictures_and_weights_give_a_model_that_torchvision_agrees_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = os.environ.get("TLSTUDIO_TEST_DATA")
    if not data:
        pytest.skip("TLSTUDIO_TEST_DATA is not set: it names the folder of real pictures")
    for name in ("ants", "bees"):
        (tmp_path / "set" / name).mkdir(parents=True)
        source = Path(data) / "images" / "ants-bees" / "train" / name
        for file in sorted(source.glob("*.jpg"))[:12]:
            (tmp_path / "set" / name / file.name).write_bytes(file.read_bytes())
    weights = Path(data) / "weights" / "mobilenet_v2.pth"
    chosen = job_for(tmp_path / "set", weights, "mobilenet_v2", freeze="features.16")
    run = Trained(chosen, tmp_path / "run")
    assert run.result.val_accuracy >= 0.75
    assert run.result.epochs == 2
    test_torchvision_loads_the_model_and_gives_the_same_logits(run, monkeypatch)
    test_the_accuracy_told_is_what_the_model_file_has(run, monkeypatch)


@pytest.mark.parametrize("statistics", ["fixed", "update"])
def test_frozen_stages_stay_bit_identical_and_batchnorm_does_as_it_is_told(
    statistics: str, pictures: Path, tmp_path: Path
) -> None:
    weights = made_weights(tmp_path, "mobilenet_v2")
    # One step: random weights without the statistics that belong to them go astray with the next.
    recipe = {"epochs": 1, "batch_size": 15, "batchnorm_statistics": statistics}
    chosen = job_for(pictures, weights, "mobilenet_v2", freeze="features.16", recipe=recipe)
    run = Trained(chosen, tmp_path / "run")
    start, last = load_file(weights), run.tensors("last.safetensors")
    body = {name for name in last if name.startswith("features.")}
    changed = {name for name in body if not torch.equal(start[name], last[name])}
    unfrozen = {name for name in body if name.split(".")[1] in ("17", "18")}
    buffers = {name for name in unfrozen if "running" in name or "num_batches" in name}
    assert changed == (unfrozen if statistics == "update" else unfrozen - buffers)


def test_starting_from_nothing_with_frozen_stages_is_warned_about(
    pictures: Path, tmp_path: Path
) -> None:
    chosen = job_for(pictures, None, freeze=2, recipe={"epochs": 1})
    run = Trained(chosen, tmp_path / "run")
    assert "random numbers" in run.of(Warned)[0].message
