"""What a network costs is measured once, remembered, and believed only while it can be right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import get_model
from training.made_jobs import nothing

from tlstudio.backbones.build import build_network, find_backbone
from tlstudio.backbones.catalogue import PreprocessingSpec
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.engine.runner import task_for
from tlstudio.jobs import (
    AUGMENTATIONS,
    Augmentation,
    DecodingCosts,
    EstimateJob,
    EstimateResult,
    HeadSpec,
    NetworkCosts,
    TrainingJob,
)
from tlstudio.tasks import Event, drive
from tlstudio.training import measuring, remembered_costs
from tlstudio.training.estimating import measure_decoding
from tlstudio.training.measuring import measure

CPU = torch.device("cpu")
SMALL = 64
"""Side of the pictures, in px: nobody looks at how long it takes here."""


def measured(cache: Path, **choices: Any) -> tuple[NetworkCosts, list[Event]]:
    """squeezenet1_1 on the CPU, and what was told meanwhile."""
    events: list[Event] = []
    wanted = {"learning": False, "fast": False, **choices}
    size = wanted.pop("size", SMALL)
    entry = find_backbone(wanted.pop("backbone", "squeezenet1_1"))
    return drive(measure(entry, size, CPU, 1, cache, **wanted), events.append), events


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else runs on the computer of the tests is no part of them."""
    monkeypatch.setattr(measuring._OtherPrograms, "share", lambda _: 0.0)
    monkeypatch.setattr(measuring, "BUDGET", 0.0)


def test_every_stage_has_its_costs_and_its_size(tmp_path: Path) -> None:
    costs, events = measured(tmp_path, learning=True)
    entry = find_backbone("squeezenet1_1")
    assert costs.parameters == tuple(stage.parameters for stage in entry.stages)
    for each in (costs.frozen["float32"], costs.learning["float32"], costs.checking):
        assert len(each) == len(entry.stages)
        assert min(each) > 0
    assert all(
        both > there for both, there in zip(costs.learning["float32"], costs.checking, strict=True)
    )
    assert costs.update > 0
    assert costs.step > 0
    assert len(events) > 2
    # Against the network as torchvision runs it.
    model = get_model("squeezenet1_1", weights=None).eval()
    last = model.features(torch.zeros(1, 3, SMALL, SMALL))
    assert costs.values[-1] == last.numel()
    assert costs.features == last.shape[1] == 512


@pytest.mark.slow
def test_what_is_kept_for_the_backward_pass_is_counted(tmp_path: Path) -> None:
    """Four times the pixels keep four times the memory; and AlexNet's first stage keeps its input,
    which its convolution needs, beside what the ReLU gave."""
    small, _ = measured(tmp_path, learning=True, size=64)
    large, _ = measured(tmp_path, learning=True, size=128)
    assert sum(large.kept) == pytest.approx(4 * sum(small.kept), rel=0.15)
    costs, _ = measured(tmp_path, learning=True, backbone="alexnet", size=224)
    model = get_model("alexnet", weights=None)
    convolved = model.features[0](torch.zeros(1, 3, 224, 224)).numel()
    assert costs.kept[0] >= 4 * (3 * 224 * 224 + convolved)
    assert costs.kept[0] <= 2 * 4 * (3 * 224 * 224 + convolved)


def test_the_second_time_it_is_remembered(tmp_path: Path) -> None:
    first, _ = measured(tmp_path, learning=True)
    again, events = measured(tmp_path)
    assert again == first
    assert not events
    other, events = measured(tmp_path, size=96)
    assert events
    assert other.size == 96


def test_forward_alone_is_measured_first_and_the_rest_when_it_is_needed(tmp_path: Path) -> None:
    first, _ = measured(tmp_path)
    assert not first.learning
    whole, _ = measured(tmp_path, learning=True)
    assert whole.frozen == first.frozen
    assert whole.step == first.step
    assert whole.learning


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("squeezenet1_1", "resnet18"),
        lambda text: text.replace('"version": 1', '"version": 99'),
        lambda text: text.replace('"parameters": [', '"parameters": [1,'),
    ],
)
def test_a_file_that_can_not_be_right_is_measured_anew(
    tmp_path: Path, damage: Callable[[str], str]
) -> None:
    measured(tmp_path)
    (file,) = (tmp_path / "measured").glob("*.json")
    before = file.read_text()
    assert damage(before) != before
    file.write_text(damage(before))
    costs, events = measured(tmp_path)
    assert events
    assert len(costs.parameters) == len(find_backbone("squeezenet1_1").stages)
    assert measured(tmp_path) == (costs, [])


def test_a_cache_that_can_not_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("no folder")
    costs, _ = measured(tmp_path / "cache")
    assert min(costs.frozen["float32"]) > 0


def test_what_was_measured_beside_other_programs_is_not_believed_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as busy:
        busy.setattr(measuring._OtherPrograms, "share", lambda _: 0.9)
        first, _ = measured(tmp_path)
    assert not first.steady
    assert measured(tmp_path) == (first, []), "nothing is asked twice within a few minutes"
    monkeypatch.setattr(remembered_costs, "RECENT", 0.0)
    again, events = measured(tmp_path)
    assert events
    assert again.steady
    assert measured(tmp_path) == (again, [])


def test_a_computer_that_is_never_idle_is_not_measured_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring._OtherPrograms, "share", lambda _: 0.9)
    monkeypatch.setattr(remembered_costs, "RECENT", 0.0)
    totals = [sum(measured(tmp_path)[0].frozen["float32"]) for _ in range(remembered_costs.TRIES)]
    assert totals == sorted(totals, reverse=True)
    last, events = measured(tmp_path)
    assert not events
    assert sum(last.frozen["float32"]) == totals[-1]


def test_a_network_that_is_about_to_be_trained_is_left_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = build_network(find_backbone("resnet18"), 3, HeadSpec(), SMALL)
    network.freeze(4)
    network.train()
    before = copy.deepcopy(network.network.state_dict())
    state, random = _state(network), torch.random.get_rng_state()
    measured(tmp_path, backbone="resnet18", learning=True, network=network)
    assert _state(network) == state
    assert torch.equal(torch.random.get_rng_state(), random)
    after = network.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def _state(network: StagedNetwork) -> list[tuple[bool, bool, bool]]:
    modes = [(module.training, False, False) for module in network.modules()]
    return modes + [(p.requires_grad, p.grad is None, True) for p in network.parameters()]


@pytest.mark.parametrize("backbone", ["swin_t", "densenet121", "convnext_tiny", "regnet_y_400mf"])
def test_networks_of_other_kinds_can_be_measured(tmp_path: Path, backbone: str) -> None:
    size = 224 if backbone == "swin_t" else SMALL
    costs, _ = measured(tmp_path, backbone=backbone, size=size)
    assert min(costs.frozen["float32"]) > 0


# --- pictures ------------------------------------------------------------------------------------


def decoding(files: list[Path], augmentation: Augmentation | None = None) -> DecodingCosts:
    spec = PreprocessingSpec.model_validate(find_backbone("squeezenet1_1").weights[0].preprocessing)
    light = augmentation or AUGMENTATIONS["light"]
    return drive(measure_decoding(files, spec, light, views=True), nothing)


def test_decoding_is_measured_on_the_pictures_themselves(pictures: Path) -> None:
    costs = decoding(sorted(pictures.rglob("*.png")))
    assert min(costs.plain, costs.first, costs.varied) > 0
    assert costs.kept == 64 * 48 * 3


def test_pictures_that_went_away_do_not_stop_the_estimate(tmp_path: Path) -> None:
    costs = decoding([tmp_path / f"{n}.jpg" for n in range(3)])
    assert costs.varied == 0
    assert decoding([]) == DecodingCosts(plain=0)


def test_the_engine_measures_for_every_freeze_plan_at_once(
    job: Callable[..., TrainingJob],
) -> None:
    result = drive(task_for(EstimateJob(job=job())), nothing)
    assert isinstance(result, EstimateResult)
    assert (result.train, result.val, result.classes) == (12, 3, 3)
    stages = len(result.costs.parameters)
    seconds = [result.of(job().recipe, frozen).seconds_epoch for frozen in range(stages + 1)]
    assert seconds == sorted(seconds, reverse=True)
