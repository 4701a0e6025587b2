"""Owns a child that does to files what their names say, as broken decoders do; run by the tests."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tlstudio.images import looking
from tlstudio.images.decoded import Choices
from tlstudio.images.facts import Look

_look = looking.look


def odd(path: str, choices: Choices | None) -> Look:
    name = Path(path).name
    if "hangs" in name:
        while True:
            pass
    if "sleeps" in name:
        time.sleep(1000)
    if "dies" in name:
        os._exit(3)
    if "eats" in name:
        eaten: list[bytes] = []
        while True:
            eaten.append(b"x" * 10_000_000)
            if "slowly" in name:
                time.sleep(0.01)
    return _look(path, choices)


if __name__ == "__main__":
    looking.look = odd
    if "unlimited" in sys.argv:
        looking._limit = lambda memory: False
    if "hasty" in sys.argv:
        looking._IDLE = 0.05
    sys.exit(looking.serve_looks(int(sys.argv[1])))
