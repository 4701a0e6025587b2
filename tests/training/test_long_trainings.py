"""What long trainings from nothing add: averaged weights, sizes by epoch, faster steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from training.made_jobs import Trained, job_for, nothing, stop_when

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.errors import UsageError
from tlstudio.jobs import HeadSpec, Recipe, ResumeRun, TrainingJob, TrainRun, estimate
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Step, Warned, drive
from tlstudio.training import train
from tlstudio.training.decoded import DecodedPictures
from tlstudio.training.features import Pictures
from tlstudio.training.loop import Loop
from tlstudio.training.model_folder import load_model
from tlstudio.training.sources import PictureSource

NETWORK = "resnet18"
LONG = {
    "averaging": 0.5,
    "sizes": [32, 48],
    "decoded_side": 40,
    "optimizer": "sgd",
    "batchnorm_statistics": "update",
    "patience": None,
}


class Convolutions(TorchDispatchMode):
    """Notes the number format of what convolutions read, as torch dispatches them."""

    def __init__(self) -> None:
        super().__init__()
        self.formats: set[torch.dtype] = set()
        self.depthwise: set[torch.dtype] = set()

    def __torch_dispatch__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if "convolution" in str(function):
            self.formats.add(args[0].dtype)
        # Only what learns has a gradient: the gradient, what was read, and the weights.
        if "convolution_backward" in str(function) and args[2].shape[1] == 1:
            self.depthwise.add(args[2].dtype)
        return function(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def long_job(pictures: Path) -> TrainingJob:
    job = job_for(pictures, None, NETWORK, freeze="none", recipe=LONG)
    return job.model_copy(update={"backbone": job.backbone.model_copy(update={"input_size": 48})})


@pytest.fixture(scope="module")
def long_run(
    long_job: TrainingJob, tmp_path_factory: pytest.TempPathFactory, _home: None
) -> Trained:
    return Trained(long_job, tmp_path_factory.mktemp("long") / "run")


def test_the_weights_that_are_checked_and_kept_are_the_running_average_of_the_steps(
    long_job: TrainingJob, long_run: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loops: list[Loop] = []
    name = "layer1.0.conv1.weight"
    steps: list[Tensor] = []
    original = Loop._step

    def noted(loop: Loop, *given: object) -> Step:
        event = original(loop, *given)  # type: ignore[arg-type]
        loops.append(loop)
        steps.append(loop.network.network.get_parameter(name).detach().clone())
        return event

    monkeypatch.setattr(Loop, "_step", noted)
    run = Trained(long_job, tmp_path / "run")
    expected = steps[0]
    for weights in steps[1:]:
        expected = 0.5 * expected + 0.5 * weights
    torch.testing.assert_close(loops[-1].judged.network.get_parameter(name), expected)
    assert torch.equal(run.tensors("last.safetensors")[name], steps[-1])
    assert long_run.tensors("last.safetensors")[name].equal(steps[-1])


def test_a_stopped_long_training_carries_on_to_the_same_bits(
    long_job: TrainingJob, long_run: Trained, tmp_path: Path
) -> None:
    path = tmp_path / "run"
    task = train.train(TrainRun(job=long_job, run=str(path)))
    assert stop_when(task, lambda event: isinstance(event, Step) and event.step == 4)
    drive(train.resume(ResumeRun(run=str(path))), nothing)
    for name in ("model.safetensors", "last.safetensors"):
        assert (path / "model" / name).read_bytes() == (long_run.model / name).read_bytes(), name


def test_every_size_gets_its_share_of_the_epochs(pictures: Path) -> None:
    files = sorted(pictures.rglob("*.png"))
    every = Pictures(Path(), tuple(map(str, files)), torch.zeros(len(files)).long())
    entry = backbone(NETWORK)
    spec = entry.variant().preprocessing.model_copy(update={"crop": 48, "resize": 48})
    source = PictureSource(
        build_network(entry, 3, HeadSpec()),
        DecodedPictures(every, 60, None),
        every,
        Preprocessing(spec),
        Recipe(epochs=6, batch_size=15, sizes=(24, 32, 48)),
        0,
        torch.device("cpu"),
    )
    batches = (source.batches(epoch, 0) for epoch in range(1, 7))
    shapes = [next(batch for batch in each if batch is not None)[0].shape for each in batches]
    assert [shape[-1] for shape in shapes] == [24, 24, 32, 32, 48, 48]
    assert all(shape == (15, 3, shape[-1], shape[-1]) for shape in shapes)


@pytest.mark.parametrize(
    ("network", "words"), [("resnet18", "can't look at pictures"), ("vit_b_16", "one size")]
)
def test_sizes_that_a_network_does_not_take_are_refused_before_anything_is_written(
    network: str, words: str, pictures: Path, tmp_path: Path
) -> None:
    job = job_for(pictures, None, network, freeze="none", recipe={"sizes": [3, 48]})
    with pytest.raises(UsageError, match=words):
        drive(train.train(TrainRun(job=job, run=str(tmp_path / "run"))), nothing)
    assert not (tmp_path / "run").exists()


def test_a_training_that_ends_at_another_size_than_it_is_checked_at_is_warned_of(
    long_job: TrainingJob, long_run: Trained, tmp_path: Path
) -> None:
    assert not long_run.of(Warned)
    smaller = long_job.backbone.model_copy(update={"input_size": 32})
    task = train.train(
        TrainRun(job=long_job.model_copy(update={"backbone": smaller}), run=str(tmp_path / "run"))
    )
    warned = next(event for event in task if isinstance(event, Warned))
    task.close()
    assert "48 pixels" in warned.message
    assert "checked at 32" in warned.message


@pytest.mark.parametrize(("able", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_steps_are_taken_in_bfloat16_only_where_the_processor_has_circuits_for_it(
    able: bool,
    precision: str,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": able})
    # Whichever is measured to be faster here.
    half = "bfloat16"
    monkeypatch.setattr(
        estimate, "_worth", lambda seconds, _: half if half in seconds else "float32"
    )
    recipe = {"precision": "fastest", "epochs": 1}
    job = job_for(pictures, None, "squeezenet1_1", freeze="none", recipe=recipe)
    with Convolutions() as seen:
        run = Trained(job, tmp_path / "run")
    assert RunFolder(run.path).state().environment["precision"] == precision
    assert (torch.bfloat16 in seen.formats) == able
    assert all(t.dtype == torch.float32 for t in run.tensors().values())
    assert all(epoch.val_loss > 0 for epoch in run.of(Epoch))


def test_depthwise_convolutions_stay_in_single_precision_on_a_processor(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their gradients would take several times as long; averaging copies the network, too."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    recipe = {"precision": "fastest", "epochs": 1, "averaging": 0.5}
    job = job_for(pictures, None, "mobilenet_v3_small", freeze="none", recipe=recipe)
    with Convolutions() as seen:
        run = Trained(job, tmp_path / "run")
    assert torch.bfloat16 in seen.formats
    assert seen.depthwise == {torch.float32}
    # What is kept is a plain network, which loads and says what was checked.
    assert load_model(run.path).card.metrics is not None
