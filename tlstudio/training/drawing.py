"""Owns the seeds that what is drawn at random follows from."""

from __future__ import annotations

import hashlib

import torch


def begin_drawing(seed: int, device: torch.device) -> None:
    """As `torch.manual_seed`, which notes who called it for devices that are not even there, and so
    takes as long as a step over features."""
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def seed_of(*parts: int) -> int:
    """A seed from numbers, the same on every computer."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:7], "big")
