"""What the wizard decides, without Qt."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from made_up_scans import made_up_scan

from tlstudio.backbones.catalogue import backbone
from tlstudio.errors import UsageError
from tlstudio.gui.wizard import network_choice, wording
from tlstudio.gui.wizard import state as state_module
from tlstudio.gui.wizard.findings import Overview, changes_sentence, split_sentence
from tlstudio.gui.wizard.presets import PRESETS, frozen_stages
from tlstudio.gui.wizard.state import PageId, WizardState
from tlstudio.jobs import (
    BackboneSpec,
    Changes,
    DatasetSpec,
    DeviceInfo,
    DoctorResult,
    EvaluationResult,
    Grouping,
    TrainResult,
    WeightsSpec,
)


def trained(state: WizardState) -> TrainResult:
    return TrainResult(
        run="/runs/a",
        model="/runs/a/model",
        kept="trained",
        val_accuracy=0.9,
        probe_accuracy=0.8,
        trained_accuracy=0.9,
        best_epoch=3,
        epochs=10,
        seconds=5,
    )


@pytest.fixture
def ready() -> WizardState:
    """Pictures chosen, nothing trained yet."""
    state = WizardState()
    state.set_scan(made_up_scan({"ants": 50, "bees": 40}))
    return state


@pytest.fixture
def finished(ready: WizardState) -> WizardState:
    """A run that came to its end, was checked, and not yet exported."""
    for page in PageId:
        ready.visit(page)
    ready.set_trained(ready.job(), trained(ready))
    ready.set_evaluation(
        EvaluationResult(
            run="/runs/a",
            accuracy=0.9,
            accuracy_low=0.8,
            accuracy_high=0.95,
            n=18,
            classes=("ants", "bees"),
            confusion=((9, 1), (1, 7)),
        )
    )
    return ready


def test_the_state_needs_neither_qt_nor_torch() -> None:
    code = (
        "import sys, tlstudio.gui.wizard.state;"
        "sys.exit(any(n.split('.')[0] in ('PySide6', 'torch') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_way_on_without_pictures(state: WizardState) -> None:
    assert state.why_not_next(PageId.IMAGES) == "Choose a folder of pictures first."
    assert not state.may_go_to(PageId.BACKBONE)


@pytest.mark.parametrize(
    ("classes", "word"),
    [({"ants": 50}, "two classes"), ({"ants": 50, "bees": 1}, "“bees” has 1 picture")],
)
def test_too_few_classes_or_pictures_say_why(classes: dict[str, int], word: str) -> None:
    state = WizardState()
    state.set_scan(made_up_scan(classes))
    assert word in (state.why_not_next(PageId.IMAGES) or "")


def test_300_classes_are_fine() -> None:
    state = WizardState()
    state.set_scan(made_up_scan({f"class {i}": 5 for i in range(300)}))
    assert state.why_not_next(PageId.IMAGES) is None


def test_the_split_sentence_names_both_numbers() -> None:
    scan = made_up_scan({"ants": 1000, "bees": 500})
    assert split_sentence(scan) == (
        "It will learn from 1,200 pictures and be checked on 300 that it never sees."
    )


def test_what_became_of_the_pictures_is_said_with_what_there_is_to_say() -> None:
    assert changes_sentence(None) == ""
    assert changes_sentence(Changes()) == "The files are as they were."
    changes = Changes(added=1200, moved=1, removed=3)
    assert changes_sentence(changes) == "Since the last look: 1,200 added, 1 moved, 3 gone."


def test_the_job_names_the_project_and_all_that_was_decided_in_the_look() -> None:
    state = WizardState()
    burst = Grouping(burst=2.0)
    scan = made_up_scan(
        {"ants": 50, "bees": 40}, project="/projects/a", grouping=burst, test_fraction=0.1
    )
    state.set_scan(scan, DatasetSpec(folder="/pictures", validation_fraction=0.3))
    assert state.job().dataset == DatasetSpec(
        folder="/pictures",
        project="/projects/a",
        grouping=burst,
        validation_fraction=0.3,
        test_fraction=0.1,
    )


def test_corrected_labels_make_what_was_trained_stale_and_undoing_them_does_not(
    finished: WizardState,
) -> None:
    before = finished.scan
    assert before is not None
    finished.set_scan(before.model_copy(update={"fingerprint": "other labels"}))
    assert finished.changed_since_training
    finished.set_scan(before)
    assert not finished.changed_since_training


def test_classes_are_known_by_the_names_that_they_were_found_by() -> None:
    names = {"a": "apes", "b": "bees", "wasps": "bees"}
    scan = made_up_scan({"apes": 5, "bees": 5, "cats": 5}, names=names)
    assert Overview(scan).keys == ("a", "b", "wasps", "cats")


def test_another_backbone_resets_weights_and_freeze_plan(ready: WizardState) -> None:
    ready.set_preset("balanced")
    ready.set_weights(WeightsSpec(source="file", file="/w.pth"))
    ready.visit(PageId.SETTINGS)
    ready.visit(PageId.BACKBONE)
    ready.set_backbone("resnet18")
    assert ready.weights == WeightsSpec()
    assert ready.frozen == frozen_stages("balanced", 9) == 7
    assert ready.status(PageId.SETTINGS) == "stale"
    ready.visit(PageId.SETTINGS)
    ready.visit(PageId.TRAIN)
    assert ready.status(PageId.SETTINGS) == "done"


def test_parameters_add_up_to_the_network_and_its_head(ready: WizardState) -> None:
    ready.set_backbone("resnet18")
    head = 512 * 2 + 2
    assert ready.parameters(9) == (head, 11_176_512 + head)
    assert ready.parameters(0) == (11_176_512 + head, 11_176_512 + head)
    ready.change_recipe(head={"hidden": 64, "dropout": 0.2})
    assert ready.parameters(9)[0] == 512 * 64 + 64 + 64 * 2 + 2


def test_the_caption_says_what_the_handle_means(ready: WizardState) -> None:
    ready.set_backbone("resnet18")
    ready.set_frozen(5)
    assert ready.plan_sentence() == ("5 of 9 blocks frozen. 10.5 of 11.2 million parameters learn.")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("stages", [1, 9, 19, 81])
def test_a_preset_never_freezes_more_than_there_is(preset: str, stages: int) -> None:
    frozen = frozen_stages(preset, stages)  # type: ignore[arg-type]
    assert 0 <= frozen <= stages
    assert (frozen == stages) == (preset == "fast")


def test_a_graphics_card_makes_balanced_the_default_unless_one_has_chosen() -> None:
    card = DeviceInfo(id="cuda:0", name="NVIDIA RTX 4070", memory=12 * 2**30)
    doctor = DoctorResult(versions={}, platform="", devices=(card,), folders={})
    state = WizardState()
    state.set_doctor(doctor)
    assert state.preset == "balanced"
    state = WizardState()
    state.visit(PageId.SETTINGS)
    state.set_doctor(doctor)
    assert state.preset == "fast"


def test_a_change_leaves_the_preset_and_undoing_it_comes_back(ready: WizardState) -> None:
    ready.change_recipe(epochs=11)
    assert ready.preset is None
    ready.change_recipe(epochs=10)
    assert ready.preset == "fast"
    ready.set_frozen(3)
    ready.set_seed(7)
    ready.reset_recipe()
    assert ready.preset is not None
    assert ready.seed == 0


def test_frozen_stays_inside_the_network(ready: WizardState) -> None:
    ready.set_frozen(99)
    assert ready.frozen == len(ready.backbone.stages)
    ready.set_frozen(-1)
    assert ready.frozen == 0


def test_results_and_export_wait_for_training(ready: WizardState) -> None:
    assert ready.why_not_next(PageId.SETTINGS) is None
    assert ready.may_go_to(PageId.TRAIN)
    assert ready.why_not_next(PageId.TRAIN) == "Train first: press Start."
    assert ready.status(PageId.RESULTS) == "todo"


def test_start_is_asked_for_only_where_there_is_one(ready: WizardState, tmp_path: Path) -> None:
    ready.open_run(tmp_path, ready.job(), None, "")
    assert ready.why_not_next(PageId.TRAIN) == "This training has not ended yet."
    ready.close_run()
    ready.set_read_only("Open in another window.")
    assert ready.why_not_next(PageId.TRAIN) == "Nothing can be trained in this window."


def test_a_change_after_training_marks_results_and_keeps_them(finished: WizardState) -> None:
    finished.visit(PageId.SETTINGS)
    assert finished.status(PageId.TRAIN) == finished.status(PageId.RESULTS) == "done"
    finished.set_frozen(3)
    assert finished.changed_since_training
    assert finished.status(PageId.TRAIN) == finished.status(PageId.RESULTS) == "stale"
    assert finished.trained is not None
    assert finished.may_go_to(PageId.RESULTS)
    finished.reset_recipe()
    finished.set_preset("fast")
    assert finished.status(PageId.TRAIN) == "done"


def test_a_new_run_drops_what_rested_on_the_one_before(finished: WizardState) -> None:
    finished.set_trained(finished.job(), trained(finished))
    assert finished.evaluation is None
    assert finished.exports == []


def test_nothing_changes_while_training(ready: WizardState) -> None:
    job = ready.job()
    ready.set_training(Path("/runs/a"))
    for change in (
        lambda: ready.set_backbone("resnet18"),
        lambda: ready.set_frozen(1),
        lambda: ready.set_preset("thorough"),
        lambda: ready.change_recipe(epochs=3),
    ):
        with pytest.raises(UsageError):
            change()
    assert ready.job() == job
    assert ready.why_not_next(PageId.TRAIN) == "Training is running."
    ready.set_training(None)
    ready.set_frozen(1)


def test_run_folders_have_names_of_their_own() -> None:
    state = WizardState(clock=lambda: datetime(2026, 1, 2, 3, 4, 5))
    state.set_scan(made_up_scan({"a": 5, "b": 5}, '/home/me/wo?ven "fabric" 🧵'))
    first = state.new_run_folder()
    assert first.name == "wo_ven _fabric_ 🧵 2026-01-02 03.04.05"
    first.mkdir(parents=True)
    assert state.new_run_folder().name == f"{first.name} (2)"


def test_observers_hear_of_each_change_until_they_leave(ready: WizardState) -> None:
    heard: list[int] = []

    def observer() -> None:
        heard.append(ready.frozen)

    ready.observe(observer)
    ready.set_frozen(2)
    ready.forget(observer)
    ready.set_frozen(3)
    assert heard == [2]


def test_random_numbers_learn_everywhere_and_the_way_back_is_whole() -> None:
    state = WizardState()
    before = (state.recipe, state.frozen, state.preset)

    state.set_weights(WeightsSpec(source="scratch"))
    assert state.frozen == 0
    assert state.recipe == before[0].from_scratch()

    state.set_weights(WeightsSpec())
    assert (state.recipe, state.frozen, state.preset) == before

    state.set_weights(WeightsSpec(source="scratch"))
    state.set_backbone("squeezenet1_1")
    assert state.recipe == before[0]
    assert state.weights.source == "published"


def test_sentences_of_the_state_can_be_translated(state: WizardState) -> None:
    wording.use(lambda context, text: f"[{context}] {text}")
    try:
        reason = state.why_not_next(PageId.IMAGES)
    finally:
        wording.use(None)
    assert reason == "[state] Choose a folder of pictures first."


def test_another_size_or_other_weights_are_in_the_job(ready: WizardState) -> None:
    ready.set_backbone("resnet50")
    ready.set_weights(WeightsSpec(variant="IMAGENET1K_V1"))
    ready.set_input_size(320)
    assert ready.job().backbone == BackboneSpec(
        id="resnet50", weights=WeightsSpec(variant="IMAGENET1K_V1"), input_size=320
    )
    ready.set_input_size(ready.own_size)
    assert ready.job().backbone.input_size is None


def test_another_network_looks_at_its_own_size(ready: WizardState) -> None:
    ready.set_backbone("resnet50")
    ready.set_input_size(320)
    ready.set_backbone("resnet18")
    assert (ready.input_size, ready.size) == (None, 224)


def test_what_the_catalogue_does_not_have_changes_nothing(ready: WizardState) -> None:
    before = ready.job()
    for spec in (
        BackboneSpec(id="timm:resnet10t"),
        BackboneSpec(id="resnet18", weights=WeightsSpec(variant="V9")),
        BackboneSpec(id="resnet18", input_size=8),
    ):
        with pytest.raises(UsageError):
            ready.start_from(spec)
    with pytest.raises(UsageError):
        ready.set_input_size(8)
    assert ready.job() == before


def test_weights_without_commercial_use_need_one_word_of_consent(
    ready: WizardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = backbone("resnet18")
    closed = entry.weights[0].model_copy(update={"commercial": False})
    entry = entry.model_copy(update={"weights": (closed,)})
    for module in (network_choice, state_module):
        monkeypatch.setattr(module, "backbone", {"resnet18": entry}.get)
    ready.start_from(BackboneSpec(id="resnet18", weights=WeightsSpec(variant=closed.name)))
    assert ready.must_agree
    assert "not commercial" in (ready.why_not_next(PageId.BACKBONE) or "")
    assert not ready.may_go_to(PageId.SETTINGS)
    ready.set_weights(WeightsSpec(source="scratch"))
    assert not ready.must_agree
    ready.use_default_weights()
    assert ready.must_agree
    ready.agree()
    assert ready.may_go_to(PageId.SETTINGS)


def test_the_next_step_waits_for_weights_that_are_on_their_way(ready: WizardState) -> None:
    ready.set_fetching("The weights are being downloaded.")
    assert ready.why_not_next(PageId.BACKBONE) == "The weights are being downloaded."
    ready.set_fetching("")
    assert ready.may_go_to(PageId.SETTINGS)
