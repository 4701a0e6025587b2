"""Owns what the wizard knows and decides: choices, results, what may come next, what went stale.

Plain Python: no Qt, no torch. The pages show it and forward what the user wants.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Literal

from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.freezing import frozen_count
from tlstudio.errors import UsageError
from tlstudio.gui.wizard import plan
from tlstudio.gui.wizard.choices import Choices
from tlstudio.gui.wizard.network_choice import NetworkChoice, weights_spec
from tlstudio.gui.wizard.outlook import Outlook, Question, time_words
from tlstudio.gui.wizard.picture_choice import PictureChoice, looked_at
from tlstudio.gui.wizard.presets import PRESETS, Preset, frozen_stages
from tlstudio.gui.wizard.run_names import new_run_folder
from tlstudio.gui.wizard.run_shown import RunShown
from tlstudio.gui.wizard.settings_choice import SettingsChoice
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import (
    BackboneSpec,
    DeviceInfo,
    DoctorResult,
    EstimateResult,
    TrainingJob,
    TrainResult,
    WeightsSpec,
)

Status = Literal["done", "here", "running", "stale", "todo"]


class PageId(IntEnum):
    """The six steps, in order; the numbers are the wizard's page ids."""

    IMAGES = 0
    BACKBONE = 1
    SETTINGS = 2
    TRAIN = 3
    RESULTS = 4
    EXPORT = 5


class WizardState(SettingsChoice, PictureChoice, RunShown):
    """Everything that the pages share.

    A finished run stays until it is trained anew: changing a choice marks what rests on it as
    needing another look, and loses nothing.
    """

    def __init__(self, clock: Callable[[], datetime] = datetime.now) -> None:
        super().__init__()
        self._clock = clock
        self.page = PageId.IMAGES
        self._visited: set[PageId] = {PageId.IMAGES}
        self._reconsider: set[PageId] = set()
        self._decided = False
        self.doctor: DoctorResult | None = None
        self.outlook = Outlook()

    # --- projects -------------------------------------------------------------------------------

    def begin_project(self, choices: Choices | None) -> None:
        """Another project: its choices, or the program's own, and none of the last one's results.
        Its pictures come with the look at them."""
        self._refuse_while_training()
        self._forget_run()
        self._visited, self._reconsider = {self.page}, set()
        if choices is None or not self._use(choices):
            self._use_defaults()
        self._changed()

    def choices(self) -> Choices:
        """What is kept of the choices of the moment."""
        return Choices(
            backbone=self.backbone_spec,
            frozen=self.frozen,
            recipe=self.recipe,
            seed=self.seed,
            device=self.device,
            page=self.page,
        )

    def _use(self, choices: Choices) -> bool:
        """Whether these can be chosen: the catalogue may not have the network any more."""
        try:
            backbone(choices.backbone.id).preprocessing(choices.backbone)
        except UsageError:
            return False
        chosen = choices.backbone, choices.frozen, choices.recipe, choices.seed, choices.device
        self._use_settings(*chosen)
        self._decided = True
        return True

    def _use_defaults(self) -> None:
        fresh = NetworkChoice()
        self.backbone_id, self.weights, self.input_size = fresh.backbone_id, fresh.weights, None
        self.seed, self.device, self._decided = 0, "auto", False
        self.set_preset(self._usual_preset())

    def _usual_preset(self) -> Preset:
        """With a graphics card Balanced, else Fast."""
        devices = self.doctor.devices if self.doctor else ()
        return "balanced" if devices and devices[0].id != "cpu" else "fast"

    # --- backbone -------------------------------------------------------------------------------

    def set_backbone(self, identifier: str) -> None:
        """Another network: its default weights, and the freeze plan of the preset."""
        if identifier != self.backbone_id:
            entry = backbone(identifier)
            weights = weights_spec(entry, entry.weights[0])
            self.start_from(BackboneSpec(id=identifier, weights=weights))

    def start_from(self, spec: BackboneSpec) -> None:
        """Another network, or the same with other weights and another input size. Raises
        `UsageError` for what the catalogue does not have."""
        self._refuse_while_training()
        backbone(spec.id).preprocessing(spec)
        another = spec.id != self.backbone_id
        self.backbone_id = spec.id
        self.set_weights(spec.weights)
        self.input_size = spec.input_size
        if another:
            self.frozen = frozen_stages(self.preset or "fast", len(self.backbone.stages))
            if PageId.SETTINGS in self._visited:
                self._reconsider.add(PageId.SETTINGS)
        self._changed()

    def set_weights(self, weights: WeightsSpec) -> None:
        """Where the network starts, at the size that these weights were made for. Random numbers
        have to learn everywhere, and by another recipe; the way back from them is Fast's."""
        self._refuse_while_training()
        self.backbone.preprocessing(BackboneSpec(id=self.backbone_id, weights=weights))
        before, self.weights, self.input_size = self.weights, weights, None
        if weights.source == "scratch":
            self.recipe, self.frozen = self.recipe.from_scratch(), 0
            self._recognise_preset()
        elif before.source == "scratch":
            self.set_preset("fast")
        self._changed()

    def use_default_weights(self) -> None:
        """The published weights that the catalogue has first."""
        self.set_weights(weights_spec(self.backbone, self.backbone.weights[0]))

    # --- what it comes to -----------------------------------------------------------------------

    def parameters(self, frozen: int | None = None) -> tuple[int, int]:
        """(learning, all) parameters, the new head included, with `frozen` stages frozen."""
        frozen = self.frozen if frozen is None else frozen
        return plan.parameters(
            self.backbone, self.recipe, len(self.scan.classes) if self.scan else 0, frozen
        )

    def plan_sentence(self) -> str:
        """What the handle of the strip means, in numbers."""
        return plan.plan_sentence(self.frozen, len(self.backbone.stages), *self.parameters())

    # --- time -----------------------------------------------------------------------------------

    def question(self) -> Question | None:
        """What has to be measured for the choices of the moment; None without pictures."""
        if self.scan is None:
            return None
        return Question(
            scan=self.scan,
            pictures=self.scan.pictures,
            backbone=self.backbone_id,
            size=self.size,
            scratch=self.weights.source == "scratch",
            device=self.device,
            precision=self.recipe.precision,
            after=self.trained.run if self.trained else "",
        )

    def outlook_sentence(self) -> str:
        """What training with the choices of the moment takes; empty without pictures."""
        if self.scan is None:
            return ""
        device = self.training_device()
        return self.outlook.sentence(self.recipe, self.frozen, device.memory if device else None)

    def set_measured(self, result: EstimateResult | None) -> None:
        """The answer to the question that was asked last; None where it could not be measured."""
        self.outlook.answer, self.outlook.failed = result, result is None
        self._changed()

    def preset_time(self, preset: Preset) -> str:
        """How long training with this preset takes; empty while nobody knows."""
        frozen = frozen_stages(preset, len(self.backbone.stages))
        estimate = self.outlook.estimate(PRESETS[preset].recipe, frozen)
        return "" if estimate is None else time_words(estimate.seconds)

    # --- the job --------------------------------------------------------------------------------

    def job(self) -> TrainingJob:
        """What Start would train now. Raises `UsageError` without pictures."""
        if self.scan is None or self.dataset is None:
            raise UsageError(
                translate("state", "No pictures are chosen yet."),
                translate("state", "Choose a folder on the first page."),
            )
        return TrainingJob(
            dataset=looked_at(self.scan, self.dataset),
            backbone=self.backbone_spec,
            freeze=self.frozen,
            recipe=self.recipe,
            seed=self.seed,
            device=self.device,
        )

    def new_run_folder(self) -> Path:
        """A folder in the project that does not exist yet, named by the pictures and the time."""
        project = self.scan.project if self.scan else ""
        return new_run_folder(Path(self.folder or "run").name, self._clock(), project)

    def set_trained(
        self, job: TrainingJob, result: TrainResult, learnt_from: str | None = None
    ) -> None:
        """A run came to its result: what rested on the one before is gone. `learnt_from` is the
        fingerprint of its pictures, empty where nobody knows it; None for those that are chosen."""
        self._forget_run()
        self.training = False
        self.run = Path(result.run)
        self.trained, self.trained_job = result, job
        chosen = self.scan.fingerprint if self.scan else ""
        self._trained_on = chosen if learnt_from is None else learnt_from
        self._reconsider.clear()
        self._visited -= {PageId.RESULTS, PageId.EXPORT}
        self._changed()

    # --- earlier runs ---------------------------------------------------------------------------

    def adopt(self, job: TrainingJob) -> None:
        """The choices of a job as those of the moment: network, freeze plan, recipe, seed, device.
        The pictures stay. Raises `UsageError` for what can't be chosen here; nothing has changed
        then."""
        self._refuse_while_training()
        spec, stages = job.backbone, backbone(job.backbone.id).stages
        backbone(spec.id).preprocessing(spec)
        frozen = frozen_count(job.freeze, [stage.name for stage in stages])
        self._use_settings(spec, frozen, job.recipe, job.seed, job.device)
        self._decided = True
        self._visited |= {PageId.BACKBONE, PageId.SETTINGS}
        self._reconsider -= {PageId.BACKBONE, PageId.SETTINGS}
        self._changed()

    def open_run(
        self, run: Path, job: TrainingJob, result: TrainResult | None, learnt_from: str
    ) -> None:
        """Shows an earlier run, with its choices where they can be chosen here. `learnt_from` is
        the fingerprint of its pictures. Without a result it is one that can be carried on."""
        self._refuse_while_training()
        with suppress(UsageError):
            self.adopt(job)
        if result is not None:
            # It may have been moved since, with its project.
            places = {"run": str(run), "model": str(run / "model")}
            self.set_trained(job, result.model_copy(update=places), learnt_from)
        else:
            self._put_run_away()
            self.run = run
            self._changed()

    def close_run(self) -> None:
        """No run is shown any more: the next one begins from the choices of the moment."""
        self._put_run_away()
        self._changed()

    def _put_run_away(self) -> None:
        self._forget_run()
        self._visited -= {PageId.TRAIN, PageId.RESULTS, PageId.EXPORT}

    def set_doctor(self, doctor: DoctorResult) -> None:
        """What this computer has. With a graphics card, and nothing decided yet: Balanced."""
        self.doctor = doctor
        untouched = self.preset == "fast" and PageId.SETTINGS not in self._visited
        if untouched and not self._decided:
            self.preset = self._usual_preset()
            self.recipe = PRESETS[self.preset].recipe
            self.frozen = frozen_stages(self.preset, len(self.backbone.stages))
        self._changed()

    def training_device(self) -> DeviceInfo | None:
        """The device that Start would train on; None while the engine has not said."""
        devices = self.doctor.devices if self.doctor else ()
        if self.device == "auto":
            return devices[0] if devices else None
        return next((each for each in devices if each.id.startswith(self.device)), None)

    @property
    def changed_since_training(self) -> bool:
        """Whether choices or pictures are no longer those that the finished run was made with."""
        return self.trained_job is not None and (
            self.scan is None
            or self.scan.fingerprint != self._trained_on
            or not self._chosen_as(self.trained_job)
        )

    def _chosen_as(self, job: TrainingJob) -> bool:
        """Whether the choices are those of a job, however it says them; which pictures it learns
        from, and how they are split, says their fingerprint."""
        try:
            stages = backbone(job.backbone.id).stages
            frozen = frozen_count(job.freeze, [stage.name for stage in stages])
        except UsageError:
            return False
        mine = self.backbone_spec, self.frozen, self.recipe, self.seed, self.device
        reading = self.dataset.reading if self.dataset else None
        its = job.backbone, frozen, job.recipe, job.seed, job.device
        return (*mine, reading) == (*its, job.dataset.reading)

    # --- where the user is ----------------------------------------------------------------------

    def visit(self, page: PageId) -> None:
        self.page = page
        self._visited.add(page)
        self._reconsider.discard(page)
        self._changed()

    def status(self, page: PageId) -> Status:
        """What the rail says about a step."""
        if page == self.page:
            return "here"
        if page >= PageId.TRAIN:
            return self._result_status(page)
        if page not in self._visited:
            return "todo"
        if page in self._reconsider or self._own_reason(page) is not None:
            return "stale"
        return "done"

    def _result_status(self, page: PageId) -> Status:
        if page == PageId.TRAIN and self.training:
            return "running"
        there = {
            PageId.TRAIN: self.trained is not None,
            PageId.RESULTS: self.evaluation is not None,
            PageId.EXPORT: bool(self.exports),
        }[page]
        if not there:
            return "todo"
        return "stale" if self.changed_since_training else "done"

    def may_go_to(self, page: PageId) -> bool:
        """Whether nothing on the way to this page is missing."""
        return all(self.why_not_next(PageId(before)) is None for before in range(page))

    def why_not_next(self, page: PageId) -> str | None:
        """The sentence that explains why Next is disabled on this page, or None."""
        for before in range(page + 1):
            reason = self._own_reason(PageId(before))
            if reason is not None:
                return reason
        return None

    def _why_untrained(self) -> str | None:
        if self.trained:
            return None
        if self.read_only:
            return translate("state", "Nothing can be trained in this window.")
        if self.run is not None:
            return translate("state", "This training has not ended yet.")
        return translate("state", "Train first: press Start.")

    def _own_reason(self, page: PageId) -> str | None:
        if page == PageId.IMAGES:
            return self.why_no_pictures()
        if page == PageId.BACKBONE:
            return self.why_no_weights()
        if page == PageId.TRAIN:
            if self.training:
                return translate("state", "Training is running.")
            return self._why_untrained()
        if page == PageId.RESULTS and self.evaluation is None:
            return translate("state", "The answers are still being checked.")
        return None
