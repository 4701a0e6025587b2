"""Contender (c): the hardware's limit: forward and backward on random pictures already in memory.

No files, no decoding, no checking. Both layouts of the pictures are tried and the faster one is
told, so that nobody can do better with the same network, batch and precision; on Linux freed
memory is kept, without which the C library hands large blocks back after every layer
(`man mallopt`). Answers with pictures a second, for training steps and for the plain forward pass.
"""

from __future__ import annotations

import argparse
import ctypes
import sys
import time
from collections.abc import Callable

import torch
import torchvision
from common import tell
from torch import nn

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
WARM_UP = 2
"""Calls before the clock runs: kernels are chosen and memory is asked for."""


def keep_freed_memory() -> None:
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def rate(step: Callable[[], None], pictures: int, seconds: float, device: torch.device) -> float:
    """Pictures a second over at least `seconds`."""
    for _ in range(WARM_UP):
        step()
    wait(device)
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        # A device is waited for now and then only: on a GPU each wait would cost what it measures.
        for _ in range(1 if device.type == "cpu" else 16):
            step()
            steps += 1
        wait(device)
    return steps * pictures / (time.perf_counter() - start)


def wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def training(model: nn.Module, x: torch.Tensor, precision: torch.dtype) -> Callable[[], None]:
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    labels = torch.zeros(len(x), dtype=torch.long, device=x.device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(x.device.type, precision, enabled=precision != torch.float32):
            loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    return step


def forward(model: nn.Module, x: torch.Tensor, precision: torch.dtype) -> Callable[[], None]:
    model.eval().to(precision)
    given = x.to(precision)

    def step() -> None:
        with torch.inference_mode():
            model(given)

    return step


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", default="mobilenet_v2")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--batch-size", type=int, default=32, help="of a training step")
    parser.add_argument("--forward-batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seconds", type=float, default=4, help="for each measurement")
    given = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    precision = getattr(torch, given.precision)
    build = getattr(torchvision.models, given.network)
    best = {"train_per_second": 0.0, "forward_per_second": 0.0}
    work = {
        "train_per_second": (training, given.batch_size),
        "forward_per_second": (forward, given.forward_batch),
    }
    for layout in (torch.contiguous_format, torch.channels_last):
        for name, (make, batch) in work.items():
            x = torch.randn(batch, 3, given.size, given.size, device=device)
            model = build(num_classes=2).to(device=device, memory_format=layout)
            step = make(model, x.contiguous(memory_format=layout), precision)
            best[name] = max(best[name], rate(step, batch, given.seconds, device))
    tell(best)


if __name__ == "__main__":
    main()
