"""Owns what the doctor tries out in a process of its own, because libraries crash and hang."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tlstudio.jobs import Check

_NVIDIA, _DISPLAY = "0x10de", "0x03"
"""How Linux names the maker and the class of a graphics card."""
ANEW = "Install TL Studio anew."
_DRIVER = "Update its driver and restart the computer; if it stays so, train on another device."


def try_out(what: str) -> int:
    """Prints what was found, one check a line as soon as it is known."""
    for check in TRIALS[what]():
        sys.stdout.write(check.model_dump_json() + "\n")
        sys.stdout.flush()
    return 0


def try_torch() -> Iterator[Check]:
    """torch and torchvision load, fit together, and see the graphics card that is there."""
    try:
        import torch
        import torchvision
        from torchvision.ops import nms

        # An operation of torchvision's own compiled part: it is only there where both fit.
        kept = nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1.0]), 0.5)
    except (ImportError, OSError, RuntimeError, AttributeError) as error:
        yield Check(
            name="torch",
            state="problem",
            says=f"torch and torchvision can't be used together ({error}).",
            remedy=f"{ANEW} On Windows, install the Visual C++ redistributable of Microsoft first.",
        )
        return
    versions = f"torch {torch.__version__} and torchvision {torchvision.__version__}"
    if kept.tolist() != [0]:
        says = f"{versions} compute wrong answers."
        yield Check(name="torch", state="problem", says=says, remedy=ANEW)
        return
    yield Check(name="torch", says=f"{versions} fit together.")
    yield from _graphics_card()
    yield from _devices()


def _graphics_card() -> Iterator[Check]:
    """Where there is an NVIDIA card that torch can't use, why."""
    import torch

    if torch.cuda.is_available() or not has_nvidia_card():
        return
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        yield Check(
            name="graphics card",
            state="problem",
            says="This computer has an NVIDIA graphics card, but its torch is one without CUDA: "
            "training uses the processor alone.",
            remedy="Install the build of torch with CUDA (pytorch.org says how), or the installer "
            "of TL Studio for graphics cards.",
        )
        return
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
        reason = "no card answers"
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
    yield Check(
        name="graphics card",
        state="problem",
        says=f"This computer has an NVIDIA graphics card that can't be used ({reason}).",
        remedy="Install NVIDIA's current driver for it and restart the computer.",
    )


def _devices() -> Iterator[Check]:
    from tlstudio.training.devices import available_devices

    for device in available_devices():
        name = f"device {device.id}"
        try:
            loss = _one_step(device.id)
        except (RuntimeError, NotImplementedError) as error:
            first = str(error).splitlines()[0]
            yield Check(
                name=name,
                state="problem",
                says=f"{device.name} can't train ({first}).",
                remedy=ANEW if device.id == "cpu" else _DRIVER,
            )
            continue
        if math.isfinite(loss):
            yield Check(name=name, says=f"{device.name} computes forward and backward.")
        else:
            says = f"{device.name} computes wrong answers."
            yield Check(name=name, state="problem", says=says, remedy=_DRIVER)


def _one_step(device: str) -> float:
    """The loss of a tiny network after one step of learning; no number where that goes wrong."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2)
    ).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    pictures = torch.rand(4, 3, 8, 8).to(device)
    loss = torch.tensor(0.0)
    for _ in range(2):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(pictures), torch.tensor([0, 1, 0, 1]).to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return loss.item()


def try_onnx() -> Iterator[Check]:
    """A tiny model is written and runs in ONNX Runtime."""
    name, versions = "export", ""
    try:
        import numpy as np
        import onnx
        import onnxruntime

        versions = f"ONNX {onnx.__version__} and ONNX Runtime {onnxruntime.__version__}"
        helper, numbers = onnx.helper, onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            [helper.make_node("Add", ["x", "x"], ["y"])],
            "doctor",
            [helper.make_tensor_value_info("x", numbers, [2])],
            [helper.make_tensor_value_info("y", numbers, [2])],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        right = session.run(None, {"x": np.array([1, 2], np.float32)})[0].tolist() == [2, 4]
    except Exception as error:  # each of the three has exceptions of its own
        says = f"Models can't be exported to ONNX ({type(error).__name__}: {error})."
        yield Check(name=name, state="problem", says=says, remedy=ANEW)
        return
    if right:
        yield Check(name=name, says=f"{versions} run a model.")
    else:
        says = f"{versions} compute wrong answers."
        yield Check(name=name, state="problem", says=says, remedy=ANEW)


def has_nvidia_card(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    """Whether the system knows of one, be its driver installed or not."""
    if shutil.which("nvidia-smi"):
        return True
    try:
        return any(
            (each / "vendor").read_text().startswith(_NVIDIA)
            and (each / "class").read_text().startswith(_DISPLAY)
            for each in devices.iterdir()
        )
    except OSError:
        return False


TRIALS: dict[str, Callable[[], Iterator[Check]]] = {"torch": try_torch, "export": try_onnx}
