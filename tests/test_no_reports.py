"""No library that the program brings reports to its maker."""

from __future__ import annotations

import os
import subprocess
import sys


def test_onnx_runtime_is_told_to_be_silent_before_it_is_loaded() -> None:
    """It reads this once; the proof by what the system sees is in the tests of faults."""
    program = (
        "import os, sys, tlstudio.exporting.onnx_format;"
        "assert 'onnxruntime' in sys.modules;"
        "print(os.environ['ORT_DISABLE_TELEMETRY'])"
    )
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
