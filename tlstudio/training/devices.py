"""Owns which devices can train, what they are called, and what a run settles about them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from collections.abc import Iterator

import psutil
import torch

from tlstudio.errors import TLStudioError, UsageError
from tlstudio.jobs import DeviceInfo, Precision
from tlstudio.training.memory import ran_out

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""The names in glibc's malloc.h."""
_TENSOR_CORES = (7, 0)
"""The first NVIDIA generation (Volta) that multiplies matrices in float16 by circuits of its own;
on older cards float16 saves memory and no time."""
_LESS_MEMORY = (
    "Freeze more blocks, take smaller batches, a smaller input size or a smaller "
    "network, and close other programs that use the graphics card."
)


def available_devices() -> tuple[DeviceInfo, ...]:
    """The devices of this computer, the fastest kind first; the CPU is always the last."""
    devices: list[DeviceInfo] = []
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None and accelerator.type in ("cuda", "xpu"):
        facts = torch.get_device_module(accelerator).get_device_properties(0)
        devices.append(DeviceInfo(id=accelerator.type, name=facts.name, memory=facts.total_memory))
    if accelerator is not None and accelerator.type == "mps":
        devices.append(DeviceInfo(id="mps", name=f"{_processor()} GPU", memory=_memory()))
    devices.append(DeviceInfo(id="cpu", name=_processor(), memory=_memory(), cores=usable_cores()))
    return tuple(devices)


def resolve_device(wanted: str) -> torch.device:
    """The device for "auto" or for a kind by name. Raises `UsageError` where it is not there."""
    ids = [device.id for device in available_devices()]
    if wanted == "auto":
        return torch.device(ids[0])
    if wanted not in ids:
        raise UsageError(
            f"This computer has no {wanted} device that can train.",
            f"It has: {', '.join(ids)}. Leave the choice to `auto`.",
        )
    return torch.device(wanted)


def usable_cores() -> int:
    """The cores that this process may use: a container or a batch system may grant fewer."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def half_precision(device: torch.device) -> Precision | None:
    """The half precision that this device may be faster in: "bfloat16" where it has circuits for
    it, "float16" on graphics cards that have them for that only, else None. Whether it is faster
    with a network is measured."""
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16"
        return "float16" if torch.cuda.get_device_capability(device) >= _TENSOR_CORES else None
    if device.type == "xpu":
        return "bfloat16" if torch.xpu.is_bf16_supported() else None
    able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else None


def memory_in_use(device: torch.device) -> int:
    """Bytes that the run holds on its device; on a CPU, bytes that the process holds."""
    if device.type in ("cuda", "xpu"):
        return int(torch.accelerator.max_memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.current_allocated_memory())
    return int(psutil.Process().memory_info().rss)


def available_memory() -> int:
    """Bytes that this process may hold before the computer runs short of memory."""
    own = psutil.Process().memory_info().rss
    return int(psutil.virtual_memory().available + own)


def keep_freed_memory() -> bool:
    """Has this process keep the memory of large tensors for the next ones, where it can be told to.

    The C library of most Linux systems gives every large block back to the system when it is freed,
    and the system fills the next one with zeros page by page: at the usual batch sizes that takes
    longer than the arithmetic of a small network. Kept blocks are used again at once. The process
    then holds on to the most that it ever needed, which the next batch needs anyway. Returns
    whether anything was changed; elsewhere the allocators keep blocks by themselves.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    nothing_mapped = library.mallopt(_M_MMAP_MAX, 0)
    nothing_returned = library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    return bool(nothing_mapped and nothing_returned)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """For matrices so small that waking a second thread takes longer than the arithmetic."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def memory_errors(hint: str = _LESS_MEMORY) -> Iterator[None]:
    """Turns what torch and numpy raise where memory does not suffice into a sentence."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if ran_out(error):
            raise TLStudioError(
                "There is not enough memory for this: the network, the size of its pictures and "
                "the number of them in a batch decide how much is needed.",
                hint,
            ) from error
        raise


def _processor() -> str:
    return platform.processor() or platform.machine() or "CPU"


def _memory() -> int:
    return int(psutil.virtual_memory().total)
