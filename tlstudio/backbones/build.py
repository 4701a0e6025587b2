"""Owns how a catalogue entry becomes a network: constructor, cut, new head, weights."""

from __future__ import annotations

import importlib
import pkgutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from tlstudio.backbones.catalogue import Backbone, backbone
from tlstudio.backbones.staged import Cut, StagedNetwork
from tlstudio.backbones.timm_networks import PREFIX, timm_backbone
from tlstudio.jobs import HeadSpec, Record


class ShapesOnly(TorchFunctionMode):
    """While it is entered, networks are built without the memory and the time for their weights.

    Under `torch.device("meta")`, where every tensor is without memory, RegNet can't be built: it
    computes its widths with tensors; and Swin's tables of positions would be lost.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        device = {"device": "meta"} if function is torch.empty else {}
        return function(*args, **{**(kwargs or {}), **device})


def find_backbone(identifier: str) -> Backbone:
    """The network with this id, for the engine: of the catalogue, or `timm:NAME`.

    Raises `UsageError` with the nearest names, and `MissingPackageError` without timm.
    """
    if identifier.startswith(PREFIX):
        return timm_backbone(identifier)
    return backbone(identifier)


def build_network(
    entry: Backbone, num_classes: int, head: HeadSpec, input_size: int | None = None
) -> StagedNetwork:
    """A network with random weights and the head that `head` asks for.

    `input_size` is the side of the pictures that it will look at, in px; None for the size that
    torchvision builds it for. The random weights come from torch's global generator: seed it first.
    Under `ShapesOnly` the network costs no memory and shows only its shapes.
    """
    staged = cut_network(entry.id, entry.family, num_classes, head.dropout, input_size)
    if head.hidden is not None:
        give_hidden_head(staged, num_classes, head)
    return staged


def give_hidden_head(staged: StagedNetwork, num_classes: int, head: HeadSpec) -> None:
    """Puts the classic head, with random weights, in the place of the network's last layer."""
    assert head.hidden is not None
    staged.replace_head(_hidden_head(staged, num_classes, head.hidden, head.dropout))
    staged.dropout.p = 0.0  # the hidden layer is followed by the dropout


def cut_network(
    identifier: str, family: str, num_classes: int, dropout: float, input_size: int | None = None
) -> StagedNetwork:
    """torchvision's network called `identifier`, cut by the module of its family, with its own
    one-layer head for `num_classes` classes. The catalogue is written from this.

    A head without a bias is given one: a linear probe needs it to say how frequent each class is.
    """
    network = constructor_call(identifier, family, num_classes, input_size).run()
    cut: Callable[[nn.Module], Cut] = _module(family).cut
    staged = StagedNetwork(network, cut(network), dropout=dropout)
    if not staged.head_site.bias:
        staged.replace_head(_with_bias(staged.head))
    return staged


def _with_bias(layer: nn.Module) -> nn.Linear:
    assert isinstance(layer, nn.Linear)
    new = nn.Linear(layer.in_features, layer.out_features)
    new.weight = layer.weight
    nn.init.zeros_(new.bias)
    return new


class ConstructorCall(Record):
    """`module.name(**arguments)`, which builds a network here and wherever a model is used later.

    `objects` are further arguments, Python objects, by their full name.
    """

    module: str
    name: str
    arguments: dict[str, Any]
    objects: dict[str, str] = Field(default_factory=dict)

    def run(self) -> nn.Module:
        """Builds the network. It imports what it names: only run calls that this program made."""
        objects = {key: pkgutil.resolve_name(name) for key, name in self.objects.items()}
        constructor: Callable[..., nn.Module]
        constructor = pkgutil.resolve_name(f"{self.module}:{self.name}")
        return constructor(**self.arguments, **objects)


def constructor_call(
    identifier: str, family: str, num_classes: int, input_size: int | None
) -> ConstructorCall:
    """How a network is built: by the function of torchvision that has its name.

    A family names what all its networks need in `ARGUMENTS`, in `sized(size)` what depends on the
    size of the pictures, in `arguments(identifier, size)` what also depends on the network, and in
    `CONSTRUCTOR` and `OBJECTS` another function and its objects.
    """
    module = _module(family)
    sized: Callable[[int], dict[str, Any]] | None = getattr(module, "sized", None)
    own: Callable[[str, int | None], dict[str, Any]] | None = getattr(module, "arguments", None)
    where, name = getattr(module, "CONSTRUCTOR", ("torchvision.models", identifier))
    arguments = {
        "num_classes": num_classes,
        **getattr(module, "ARGUMENTS", {}),
        **(sized(input_size) if sized and input_size else {}),
        **(own(identifier, input_size) if own else {}),
    }
    return ConstructorCall(
        module=where, name=name, arguments=arguments, objects=getattr(module, "OBJECTS", {})
    )


def takes_sizes_in_turn(family: str) -> bool:
    """Whether one and the same network takes pictures of several sizes, as position embeddings and
    fixed windows do not."""
    return not any(hasattr(_module(family), name) for name in ("sized", "arguments"))


def adapted_state(
    family: str, state: Mapping[str, Tensor], input_size: int | None = None
) -> dict[str, Tensor]:
    """Weights of a network of `family` as this program builds it, by the family's own
    `adapted(state, size)`: older files name things otherwise, hold auxiliary heads, or positions of
    another input size than `input_size` (None is torchvision's).

    What belongs to another network comes back as it is; nothing is raised.
    """
    adapted: Callable[[Mapping[str, Tensor], int | None], dict[str, Tensor]] | None
    adapted = getattr(_module(family), "adapted", None)
    return adapted(state, input_size) if adapted else dict(state)


def load_state(network: nn.Module, state: Mapping[str, Tensor], *, strict: bool = True) -> None:
    """`network.load_state_dict(state)` for tensors that came without torch's notes on versions, as
    from safetensors: they are taken for this torchvision's. MNASNet refuses them otherwise.

    Raises `RuntimeError` where names (if `strict`) or shapes do not fit.
    """
    noted = OrderedDict(state)
    noted._metadata = network.state_dict()._metadata  # type: ignore[attr-defined]
    network.load_state_dict(noted, strict=strict)


def _module(family: str) -> ModuleType:
    return importlib.import_module(f"tlstudio.backbones.families.{family}")


def _hidden_head(
    staged: StagedNetwork, num_classes: int, hidden: int, dropout: float
) -> nn.Sequential:
    """The classic head: a hidden layer with ReLU and dropout before the classifier.

    Where the head reads a map, the map is averaged first: the hidden layer reads the same pooled
    features in every family.
    """
    kind, width = staged.head_site.kind, staged.feature_width
    return nn.Sequential(
        *([nn.AdaptiveAvgPool2d((1, 1))] if kind == "conv" else []),
        _layer(kind, width, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        _layer(kind, hidden, num_classes),
    )


def _layer(kind: Literal["linear", "conv"], inputs: int, outputs: int) -> nn.Module:
    if kind == "conv":
        return nn.Conv2d(inputs, outputs, kernel_size=1)
    return nn.Linear(inputs, outputs)
