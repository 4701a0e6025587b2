"""Owns what of the wizard's choices is kept in a project, so that they come back with it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ValidationError

from tlstudio.jobs import BackboneSpec, Device, Recipe, Record

SETTING = "choices"
"""Under this key they stand in the project."""


class Choices(Record):
    """What a training would start with now, and the page that was open."""

    version: Literal[1] = 1
    backbone: BackboneSpec
    frozen: int
    recipe: Recipe
    seed: int
    device: Device
    page: int = 0


def read_choices(kept: Any) -> Choices | None:
    """What stands in a project; None where there is nothing, or nothing that can be read."""
    try:
        return Choices.model_validate(kept)
    except ValidationError:
        return None
