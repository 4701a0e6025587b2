"""Owns what the tests of the backbones share: one thread of their own, and no proxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """The networks are run on tiny pictures; threads that wait for each other on a busy computer
    take fifty times as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' servers are on this computer, wherever the user's proxy is."""
    monkeypatch.setenv("no_proxy", "*")
