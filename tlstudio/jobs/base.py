"""Owns what all specifications and results have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Spec(BaseModel):
    """A frozen specification; unknown fields are refused, so that a typing error never passes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(BaseModel):
    """A frozen result; unknown fields are ignored: an older program can read a newer one's."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
