"""Owns how it learns: preset, recipe, freeze plan, seed and device, beside the network."""

from __future__ import annotations

from typing import Any

from tlstudio.gui.wizard.network_choice import NetworkChoice
from tlstudio.gui.wizard.presets import PRESETS, Preset, frozen_stages
from tlstudio.jobs import BackboneSpec, Device, Recipe


class SettingsChoice(NetworkChoice):
    """What is chosen; `preset` is None where it is none of the three any more."""

    def __init__(self) -> None:
        super().__init__()
        self.preset: Preset | None = "fast"
        self.recipe: Recipe = PRESETS["fast"].recipe
        self.frozen = len(self.backbone.stages)
        self.seed = 0
        self.device: Device = "auto"

    def set_preset(self, preset: Preset) -> None:
        """Sets the recipe and the freeze plan; seed and device stay."""
        self._refuse_while_training()
        self.preset = preset
        self.recipe = PRESETS[preset].recipe
        self.frozen = frozen_stages(preset, len(self.backbone.stages))
        self._changed()

    def set_frozen(self, stages: int) -> None:
        """Freezes the first `stages` blocks; a number outside the network is brought inside."""
        self._refuse_while_training()
        stages = min(max(stages, 0), len(self.backbone.stages))
        if stages != self.frozen:
            self.frozen = stages
            self._recognise_preset()
            self._changed()

    def change_recipe(self, **values: Any) -> None:
        """Changes fields of the recipe. Raises pydantic's `ValidationError` out of range."""
        self._refuse_while_training()
        recipe = Recipe.model_validate({**self.recipe.model_dump(), **values})
        if recipe != self.recipe:
            self.recipe = recipe
            self._recognise_preset()
            self._changed()

    def reset_recipe(self) -> None:
        """The recipe of the preset, or of Balanced where nothing matches one; seed and device."""
        self.seed, self.device = 0, "auto"
        self.set_preset(self.preset or self._nearest_preset())

    def set_seed(self, seed: int) -> None:
        self._refuse_while_training()
        self.seed = seed
        self._changed()

    def set_device(self, device: Device) -> None:
        self._refuse_while_training()
        self.device = device
        self._changed()

    def _recognise_preset(self) -> None:
        stages = len(self.backbone.stages)
        self.preset = next(
            (
                preset
                for preset, facts in PRESETS.items()
                if facts.recipe == self.recipe and frozen_stages(preset, stages) == self.frozen
            ),
            None,
        )

    def _nearest_preset(self) -> Preset:
        stages = len(self.backbone.stages)
        return min(PRESETS, key=lambda preset: abs(frozen_stages(preset, stages) - self.frozen))

    def _use_settings(
        self, spec: BackboneSpec, frozen: int, recipe: Recipe, seed: int, device: Device
    ) -> None:
        """All of them at once, with the network; a number of blocks is brought inside of it."""
        self.backbone_id, self.weights, self.input_size = spec.id, spec.weights, spec.input_size
        self.frozen = min(max(frozen, 0), len(self.backbone.stages))
        self.recipe, self.seed, self.device = recipe, seed, device
        self._recognise_preset()
