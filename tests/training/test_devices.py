"""What this computer is told, and what it says where its memory does not suffice."""

from __future__ import annotations

import platform
import subprocess
import sys

import numpy as np
import pytest
import torch

from tlstudio.errors import TLStudioError
from tlstudio.training.devices import memory_errors

FAULTS = """
import resource, torch
from tlstudio.training.devices import keep_freed_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
given_back = faults()
assert keep_freed_memory()
for _ in range(3):
    faults()
print(given_back, faults())
"""
"""Counts how often the system must give the process a page while tensors of 64 MB come and go."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's allocator")
def test_memory_of_large_tensors_is_used_again_and_not_asked_for_anew() -> None:
    # In a process of its own: the setting can't be taken back.
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, check=True)
    given_back, kept = map(int, done.stdout.split())
    assert kept < given_back / 3


@pytest.mark.parametrize("too_much", [lambda: torch.empty(2**55), lambda: np.empty(2**55)])
def test_a_lack_of_memory_is_a_sentence_whoever_notices_it(too_much: object) -> None:
    with pytest.raises(TLStudioError, match="not enough memory") as caught, memory_errors("Hint."):
        too_much()  # type: ignore[operator]
    assert caught.value.hint == "Hint."


def test_other_mistakes_keep_their_own_words() -> None:
    with pytest.raises(RuntimeError, match="size"), memory_errors():
        torch.ones(2) + torch.ones(3)
