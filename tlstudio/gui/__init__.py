"""Owns the window: the only place that imports Qt, and a place that never imports torch."""

import ctypes
import sys

if sys.version_info < (3, 12):
    # PySide6 6.12.0 gives back one reference to None (or a bool) too many with every call, and
    # Python 3.11 ends the process when the last one is gone: after a minute of painting. From
    # Python 3.12 on these three can't die; this gives them as long a life here.
    for _immortal in (None, True, False):
        ctypes.c_ssize_t.from_address(id(_immortal)).value += 1 << 40
