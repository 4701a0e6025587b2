"""Owns where weights come from, how their files are read, and how they get into a network.

The window asks `weights_state`, so torch is imported only where tensors are handled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tlstudio.backbones.catalogue import Backbone, Weights
from tlstudio.backbones.download import download
from tlstudio.errors import WeightsError
from tlstudio.jobs import WeightsSpec
from tlstudio.projects.places import weights_folder
from tlstudio.tasks import Logged, Meter, Progress, Task

if TYPE_CHECKING:
    from torch import Tensor

    from tlstudio.backbones.staged import StagedNetwork

WeightsState = Literal["present", "download"]

_BUNDLED = Path(__file__).parents[1] / "resources" / "weights"
_CHUNK = 1024 * 1024
# torchvision gives file sizes to about 500 bytes.
_SIZE_TOLERANCE = 1024


# --- where they are -------------------------------------------------------------------------------


def weights_state(weights: Weights) -> WeightsState:
    """Whether these weights seem to be on this computer; looks at names and sizes only."""
    for path in _published_paths(weights):
        size = _size(path)
        if size is not None and abs(size - weights.bytes) <= _SIZE_TOLERANCE:
            return "present"
    return "download"


def obtain_weights(entry: Backbone, spec: WeightsSpec) -> Task[Path | None]:
    """The weights file that `spec` asks for, downloaded if need be; None for random weights.

    Raises `WeightsError` when there is none to be had and `StorageError` when it can't be kept.
    """
    if spec.source == "scratch":
        yield Logged(message=f"{entry.name} starts from random weights, as asked.")
        return None
    if spec.file is not None:
        path = Path(spec.file).expanduser()
        _check_file(path)
        yield Logged(message=f"{entry.name} starts from the weights file {path}.")
        return path
    if spec.run is not None:
        path = Path(spec.run).expanduser() / "model" / "model.safetensors"
        _check_file(path)
        yield Logged(message=f"{entry.name} starts from the model of the run {spec.run}.")
        return path
    return (yield from _published(entry, entry.variant(spec.variant)))


def _published(entry: Backbone, weights: Weights) -> Task[Path]:
    paths = _published_paths(weights)
    for path in paths:
        if _size(path) is None:
            continue
        if (yield from _has_hash(path, weights.sha256)):
            yield Logged(message=f"{entry.name} starts from {weights.name}, found at {path}.")
            return path
        yield Logged(message=f"{path} is not used: its SHA-256 is wrong.")
    if weights.url is None:
        raise WeightsError(
            f"The weights of {entry.name} come with the program, and the file is missing or "
            "damaged.",
            "Install TL Studio again.",
        )
    yield Logged(message=f"{weights.name} of {entry.name} is downloaded from {weights.url}.")
    yield from download(weights.url, paths[0], weights.bytes, weights.sha256)
    return paths[0]


def _published_paths(weights: Weights) -> tuple[Path, ...]:
    """Where the file may lie: beside the program where it comes with it, else in our own folder or
    in torch hub's cache."""
    if weights.url is None:
        return (_BUNDLED / weights.file,)
    return weights_folder() / weights.file, _hub_folder() / weights.file


def _hub_folder() -> Path:
    """What `torch.hub.get_dir()` says, without torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(cache) / "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def _size(path: Path) -> int | None:
    """The size of a file in bytes; None where there is none, or none that may be looked at."""
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _has_hash(path: Path, sha256_prefix: str) -> Generator[Progress, None, bool]:
    digest = hashlib.sha256()
    try:
        meter = Meter("weights", path.stat().st_size, "bytes")
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                yield from meter.at(file.tell())
    except OSError:
        return False
    return digest.hexdigest().startswith(sha256_prefix)


# --- reading a file -------------------------------------------------------------------------------


def _check_file(path: Path) -> None:
    """Raises `WeightsError` unless `path` is a file that can be opened and holds something."""
    hint = "Choose a .pth or .safetensors file."
    if path.is_dir():
        raise WeightsError(f"{path} is a folder, not a weights file.", hint)
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except FileNotFoundError as error:
        raise WeightsError(f"There is no weights file at {path}.", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise WeightsError(f"The weights file {path} can't be opened ({reason}).", hint) from error
    if empty:
        raise WeightsError(f"The weights file {path} is empty.", hint)


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU. No code in the file is ever run.

    A training checkpoint around the weights (`state_dict`, `model`) and the `module.` that
    parallel training puts before each name are taken off. Raises `WeightsError`.
    """
    _check_file(path)
    if path.suffix.lower() == ".safetensors":
        return _named_tensors(path, _read_safetensors(path))
    return _named_tensors(path, _read_pickle(path))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise _damaged(path) from error


def _read_pickle(path: Path) -> Any:
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged or hostile file brings about any exception there is in the unpickler, and all of
    # them mean the same.
    except Exception as error:
        if "GLOBAL" in str(error):  # how the restricted unpickler names what it refuses
            raise WeightsError(
                f"The weights file {path} holds more than numbers: opening it fully would run "
                "program code from the file. It was not opened.",
                "Get the weights as .safetensors, or saved as a plain state_dict.",
            ) from error
        raise _damaged(path) from error


def _named_tensors(path: Path, loaded: Any) -> dict[str, Tensor]:
    import torch

    for wrapper in ("state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if (
        not isinstance(loaded, Mapping)
        or not loaded
        or not all(
            isinstance(name, str)
            and isinstance(value, torch.Tensor)
            and value.layout == torch.strided
            for name, value in loaded.items()
        )
    ):
        raise WeightsError(
            f"{path} can be read, but it does not hold the weights of a network.",
            "Choose a file with a network's state_dict.",
        )
    prefix = "module." if all(name.startswith("module.") for name in loaded) else ""
    return {name.removeprefix(prefix): value.detach() for name, value in loaded.items()}


def _damaged(path: Path) -> WeightsError:
    return WeightsError(
        f"{path} is damaged or is not a weights file.",
        "Download it again, or choose a .pth or .safetensors file.",
    )


# --- into the network -----------------------------------------------------------------------------


def load_backbone(
    network: StagedNetwork,
    entry: Backbone,
    state: Mapping[str, Tensor],
    input_size: int | None = None,
) -> None:
    """Copies `state` into all of `network` but its head, whose weights in `state` are ignored.

    `entry` is the network's catalogue entry. With the `input_size` that the network was built for,
    in px, weights that were made at another size are brought to it. Every other name and shape must
    fit. Raises `WeightsError`, which says what the weights are of if a catalogue network fits them.
    """
    import torch

    from tlstudio.backbones.build import adapted_state, load_state
    from tlstudio.backbones.recognition import Comparison, body, mismatch

    state = adapted_state(entry.family, state, input_size)
    comparison = Comparison.of(network, state)
    if not comparison.fits:
        raise mismatch(entry, comparison, state)
    given = body(state, network.head_site)
    for name, value in given.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"These weights of {entry.name} are damaged: {name} holds values that are not "
                "numbers.",
                "Get the file again; the training that made it may have failed.",
            )
    # Not strict, because the head keeps its own weights; the names were compared above.
    load_state(network.network, given, strict=False)
