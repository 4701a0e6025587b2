"""TL Studio: transfer learning on your own pictures, without code and without a network."""

import os

__version__ = "0.1.0"

# ONNX Runtime tells its maker of each model and computer, from the moment it is loaded: names,
# sizes, hashes. It reads this once, and so do the processes that we start. Nothing leaves.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
