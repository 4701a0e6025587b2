"""Owns what a freeze plan means in numbers: how many parameters learn, as one sentence."""

from __future__ import annotations

from tlstudio.backbones.catalogue import Backbone
from tlstudio.gui.wizard.wording import translate
from tlstudio.jobs import Recipe


def parameters(backbone: Backbone, recipe: Recipe, classes: int, frozen: int) -> tuple[int, int]:
    """(learning, all) parameters, the new head included, with `frozen` stages frozen."""
    stages = [stage.parameters for stage in backbone.stages]
    head = _head(backbone.feature_width, recipe.head.hidden, max(2, classes))
    return sum(stages[frozen:]) + head, sum(stages) + head


def _head(width: int, hidden: int | None, classes: int) -> int:
    if hidden is None:
        return width * classes + classes
    return width * hidden + hidden + hidden * classes + classes


def plan_sentence(frozen: int, stages: int, learning: int, total: int) -> str:
    """ "5 of 9 blocks frozen. 2.1 of 11.2 million parameters learn." """
    text = translate("state", "{0} of {1} blocks frozen. {2} parameters learn.")
    return text.format(frozen, stages, _amount(learning, total))


def _amount(part: int, whole: int) -> str:
    """ "2.1 of 11.2 million", with digits that show a difference."""
    if whole >= 1_000_000:
        few = f"{part / 1e6:.1f}" if part >= 100_000 else f"{part:,}"
        return translate("state", "{0} of {1} million").format(few, f"{whole / 1e6:.1f}")
    return translate("state", "{0} of {1}").format(f"{part:,}", f"{whole:,}")
