"""Files to augmented training views: pictures a second, decoded in full or as this program does.

`--how full` is the way of torchvision's reference scripts: Pillow decodes the whole picture, then a
random crop is resized. `--how program` calls this program's functions for the same step with its
usual augmentation, without its cache, so that every picture is decoded once. Either with as many
threads as there are cores. The one contender that looks behind the program's doors: through them
the network would hide the decoding.
"""

from __future__ import annotations

import argparse
import os
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from common import MEAN, STD, tell
from torchvision import transforms
from torchvision.datasets.folder import default_loader


def in_full() -> Callable[[Path], Any]:
    from tlstudio.jobs import Augmentation

    usual = Augmentation()
    view = transforms.Compose(
        [
            transforms.RandomResizedCrop(224, scale=(usual.crop_scale, 1)),
            transforms.RandomHorizontalFlip(),
            transforms.ColorJitter(usual.brightness, usual.contrast, usual.saturation),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    return lambda file: view(default_loader(str(file)))


def as_the_program() -> Callable[[Path], Any]:
    import numpy as np

    from tlstudio.backbones.catalogue import backbone
    from tlstudio.jobs import Augmentation
    from tlstudio.training.augment import vary
    from tlstudio.training.decoded import automatic_side, training_pixels
    from tlstudio.training.devices import keep_freed_memory

    keep_freed_memory()  # as the program does before it trains
    usual = Augmentation()
    preprocessing = backbone("mobilenet_v2").weights[0].preprocessing
    side = automatic_side(preprocessing.crop, usual)

    def view(file: Path) -> torch.Tensor:
        random = np.random.default_rng(zlib.crc32(file.name.encode()))
        return vary(training_pixels(file, side), usual, preprocessing, random)

    return view


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--how", choices=("full", "program"), required=True)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(1)  # the threads are those that decode
    files = sorted(file for file in given.folder.rglob("*") if file.is_file())
    view = in_full() if given.how == "full" else as_the_program()
    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(view, files[: cores or 1]))  # what is imported at first use
        start = time.perf_counter()
        views = list(threads.map(view, files))
        seconds = time.perf_counter() - start
    tell({"views_per_second": len(views) / seconds})


if __name__ == "__main__":
    main()
