"""Owns what happens where memory runs out: how that is recognised, what is given back, and how work
goes on in smaller pieces."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from tlstudio.tasks import Event, Warned

_WORDS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")
"""What torch says where it has no exception of its own: on Apple's and older drivers' devices, on a
processor, and out of the libraries of a graphics card."""


def ran_out(error: BaseException) -> bool:
    """Whether `error` says that memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)


def give_back(device: torch.device) -> None:
    """Frees what nobody refers to any more, for the device and for other programs.

    To be called once the exception is gone: its traceback holds on to what the work held.
    """
    gc.collect()
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()


def split_evenly(count: int, most: int, least: int = 1) -> list[tuple[int, int]]:
    """First and past-the-end index of pieces of `count` rows that are as equal as can be.

    None has more than `most` rows (0: all in one), unless one would have fewer than `least`.
    """
    pieces = -(-count // most) if most else 1
    pieces = max(1, min(pieces, count // least))
    return [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)]


def halved(count: int, most: int, least: int = 1) -> int | None:
    """The next smaller `most` for `count` rows; None where there is none."""

    def largest(most: int) -> int:
        return max(end - start for start, end in split_evenly(count, most, least))

    smaller = -(-largest(most) // 2)
    return smaller if largest(smaller) < largest(most) else None


def scarce(device: torch.device) -> str:
    """Whose memory did not suffice, as the beginning of a sentence."""
    which = "This computer's memory" if device.type == "cpu" else "The graphics card's memory"
    return f"{which} did not suffice"


def in_pieces(device: torch.device, most: int, least: int = 1) -> Warned:
    """That a batch is learned from in pieces of at most `most` pictures from now on, and what that
    means where a piece has to have `least`."""
    how = f"{scarce(device)} for a whole batch: from now on its pictures are taken "
    how += f"{most} at a time" if most > 1 else "one by one"
    how += ". That is slower."
    if least > 1:
        how += " Normalisation sees the pictures of a group only, so results may differ a little."
    else:
        how += " The model learns from the same batches as before."
    return Warned(
        message=how,
        hint="Freezing more blocks, smaller pictures or a smaller network need less memory.",
    )


class Pieces:
    """Runs a network that learns nothing over rows: all at once as long as memory suffices, then in
    halves, down to one row. What suffices once is kept to."""

    def __init__(self) -> None:
        self.most = 0
        self._remarks: list[Event] = []

    def __call__(
        self, forward: Callable[[Tensor], Tensor], rows: Tensor, device: torch.device
    ) -> Tensor:
        """What `forward` gives for `rows` (N, ...) on `device`: (N, ...), float32 on the CPU."""
        while True:
            bounds = split_evenly(len(rows), self.most)
            try:
                parts = [forward(rows[a:b].to(device)).float().cpu() for a, b in bounds]
                return torch.cat(parts)
            except (RuntimeError, MemoryError) as error:
                smaller = halved(len(rows), self.most) if ran_out(error) else None
                if smaller is None:
                    raise
            give_back(device)
            self.most = smaller
            self._remarks = [_checked_in_pieces(device, smaller)]

    def said(self) -> Iterator[Event]:
        """What is to be said of it, once."""
        remarks, self._remarks = self._remarks, []
        yield from remarks


def _checked_in_pieces(device: torch.device, most: int) -> Event:
    return Warned(
        message=f"{scarce(device)} to check that many pictures at once: from now on "
        f"{'one is' if most == 1 else f'{most} are'} checked at a time. That is slower, and "
        "changes no answer beyond its last digits.",
        hint="Close other programs to make room.",
    )
