"""Owns which question a first glance at pictures leaves open, and who asks it."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from tlstudio.gui.engine_room import EngineRoom
from tlstudio.gui.wizard.pattern_dialog import PatternDialog
from tlstudio.gui.wizard.question import Question
from tlstudio.gui.wizard.table_dialog import TableDialog
from tlstudio.jobs import PreviewResult


def question_about(glance: PreviewResult, engine: EngineRoom, parent: QWidget) -> Question | None:
    """A dialog that asks how the classes are to be told, not shown yet; None where folders tell
    them, or nothing does, which a look at the pictures will say."""
    if glance.looks_like == "flat":
        return PatternDialog(glance, parent)
    if glance.looks_like == "table":
        return TableDialog(glance, engine, parent)
    return None
