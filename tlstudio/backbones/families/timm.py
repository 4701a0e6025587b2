"""Cuts networks of timm by timm's own groups of layers, as far as their parts run in a row.

timm has hundreds of architectures, so how one runs is not written down here but watched, once, on a
copy without memory. What does not run in a row stays together, in the worst case as one stage.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from tlstudio.backbones.families.parts import OwnParameters
from tlstudio.backbones.optional import timm_package
from tlstudio.backbones.staged import Cut, HeadSite, Stage, StagedNetwork
from tlstudio.backbones.watching import Call, operations, repeated, watched
from tlstudio.errors import UsageError

CONSTRUCTOR = ("timm", "create_model")

_FEATURES, _HEAD = "forward_features()", "forward_head()"
"""What timm's networks do: pictures to features, and features to logits."""


def arguments(identifier: str, size: int | None) -> dict[str, Any]:
    """What `create_model` is called with besides the number of classes. A network whose size is
    fixed is built for another one by `img_size`."""
    name = identifier.removeprefix("timm:")
    config = timm_package().get_pretrained_cfg(name)
    given: dict[str, Any] = {"model_name": name, "pretrained": False}
    if size is not None and config.fixed_input_size and size != config.input_size[-1]:
        given["img_size"] = size
    return given


def without_memory(**call: Any) -> Any:
    """timm's network for this call of `create_model`, which can be run for its shapes only."""
    from tlstudio.backbones.build import ShapesOnly

    timm = timm_package()
    try:
        with ShapesOnly():
            network = timm.create_model(**call)
    except RuntimeError:  # some run a part of themselves while they are built
        network = timm.create_model(**call)
    # Who counts operations looks for gradients, and finds some of the parameters to want them.
    return network.to("meta").eval().requires_grad_(False)


def cut(network: nn.Module) -> Cut:
    """Raises `UsageError` where the network has no single last layer that could be replaced."""
    return _applied(plan_of(full_name(network)), network)


def full_name(network: nn.Module) -> str:
    """As timm writes it: the architecture, and after a point the weights that are meant."""
    config: Any = network.pretrained_cfg
    return ".".join(part for part in (config["architecture"], config.get("tag")) if part)


def adapted(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as `network` takes them, by timm's own filter for its architecture: published files
    name things otherwise, or hold positions of another input size. What belongs to another network
    comes back as it is."""
    config: Any = network.pretrained_cfg
    module = sys.modules[timm_package().model_entrypoint(config["architecture"]).__module__]
    rename = getattr(module, "checkpoint_filter_fn", None)
    if rename is None:
        return dict(state)
    try:
        renamed = rename(dict(state), network)
    # timm's filters take it for granted that the state is of their network, and fail as they may.
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, ValueError):
        return dict(state)
    return {name: value for name, value in renamed.items() if isinstance(value, Tensor)}


# --- how a network is cut ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Step:
    """A module, by its path; or all that comes before the modules `after`, with those `inside`."""

    path: str
    inside: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of each stage, and the last layer."""

    stages: tuple[tuple[_Step, ...], ...]
    head: HeadSite


@cache
def plan_of(name: str) -> Plan:
    """How the network called `name` is cut. Raises `UsageError` as `cut`.

    Whatever was thought of it: in the end the stages must compute what the network computes.
    """
    call = {"model_name": name, "pretrained": False, "num_classes": 2}
    network = without_memory(**call)
    side = network.pretrained_cfg["input_size"][-1]
    picture = torch.zeros(1, 3, side, side, device="meta")
    methods = tuple(path.removesuffix("()") for path in (_FEATURES, _HEAD))
    whole = watched(network, picture, methods)
    head = _head(name, network, whole)
    network = without_memory(**call)  # the other one is full of hooks
    computed = _operations(network, picture)
    for stages in _ways(network, whole):
        plan = Plan(stages, head)
        staged = StagedNetwork(network, _applied(plan, network)).eval()
        try:
            same = _operations(staged, picture) == computed
        except RuntimeError:  # what comes before the last layer has another width
            same = False
        if same:
            return plan
    raise _refused(name)


def _operations(network: nn.Module, picture: Tensor) -> list[tuple[str, str]]:
    operations(network, picture)  # the first time some compute what they keep
    return operations(network, picture)


def _ways(network: nn.Module, whole: Call) -> Iterator[tuple[tuple[_Step, ...], ...]]:
    """The stages, as fine as can be, and then the whole network as one."""
    features, again, groups = whole.calls[0], repeated(whole), _groups(network)
    row = features.row()
    if not again & {call.path for call in row}:
        steps = [step for call in row for step in _steps(call, groups, again)]
        if not row or row[0].input != features.input:
            before = features.calls[: len(features.calls) - len(row)]
            steps.insert(0, _before(before, row))
        yield _stages(steps, groups)
    yield ((_before(features.calls, []),),)


def _before(calls: list[Call], after: list[Call]) -> _Step:
    return _Step(_FEATURES, tuple(call.path for call in calls), tuple(call.path for call in after))


def _groups(network: Any) -> dict[str, int]:
    """timm's number of the group of layers that each parameter belongs to."""
    if not hasattr(network, "group_matcher"):
        return {}
    models = timm_package().models
    numbers: dict[str, int] = models.group_parameters(
        network, network.group_matcher(), reverse=True
    )
    return numbers


def _head(name: str, network: nn.Module, whole: Call) -> HeadSite:
    """The one linear layer whose output is the network's."""
    last = whole.calls[-1]
    modules = dict(network.named_modules())
    final = [modules.get(call.path) for call in last.all() if call.output == whole.output]
    linear = [module for module in final if isinstance(module, nn.Linear)]
    if (
        len(linear) != 1
        or last.output != whole.output
        or [call.path for call in whole.calls] != [_FEATURES, _HEAD]
        # Features may be several tensors; then both are None.
        or (whole.input, last.input) != (whole.calls[0].input, whole.calls[0].output)
    ):
        raise _refused(name)
    path = next(path for path, module in modules.items() if module is linear[0])
    return HeadSite(path, "linear", bias=linear[0].bias is not None)


def _refused(name: str) -> UsageError:
    return UsageError(
        f"timm's {name} does not end in one linear layer, so it can't be given your classes.",
        "Choose another network.",
    )


def _steps(call: Call, groups: dict[str, int], again: set[str]) -> Iterator[_Step]:
    """The call taken apart as long as there is more than one group in it."""
    apart = call.in_a_row and not again & {inner.path for inner in call.calls}
    if apart and len(_groups_of(_Step(call.path), groups)) > 1:
        for inner in call.calls:
            yield from _steps(inner, groups, again)
    else:
        yield _Step(call.path)


def _groups_of(step: _Step, groups: dict[str, int]) -> frozenset[int]:
    paths = step.inside or (step.path,)
    return frozenset(
        number
        for name, number in groups.items()
        if any(name.startswith(f"{path}.") for path in paths)
    )


def _stages(steps: list[_Step], groups: dict[str, int]) -> tuple[tuple[_Step, ...], ...]:
    """Steps of one group together; what has no parameters belongs to what comes before it."""
    stages: list[list[_Step]] = []
    before: frozenset[int] = frozenset()
    for step in steps:
        own = _groups_of(step, groups)
        if stages and (own <= before or not before):
            stages[-1].append(step)
        else:
            stages.append([step])
        before = own or before
    return tuple(map(tuple, stages))


# --- the cut of one network ----------------------------------------------------------------------


class _Features(nn.Module):
    """What comes before some of a network's modules, run by its own code: a view of the network in
    which those modules pass on what they get. `parts` are what it uses, for whoever freezes it."""

    def __init__(self, network: nn.Module, after: tuple[str, ...], parts: list[nn.Module]) -> None:
        super().__init__()
        # In a tuple: as a module it would be registered, with the whole network in it.
        self._view = (_view(network, after),)
        self.parts = nn.ModuleList(parts)

    def train(self, mode: bool = True) -> _Features:
        super().train(mode)
        self._view[0].training = mode
        return self

    def forward(self, x: Tensor) -> Tensor:
        view: Any = self._view[0]
        features: Tensor = view.forward_features(x)
        return features


class _PassOn(nn.Module):
    def forward(self, x: Tensor, *_args: Any, **_options: Any) -> Tensor:
        return x


class _Pooling(nn.Module):
    """timm's `forward_head` without the last layer; `parts` as above."""

    def __init__(self, network: nn.Module, parts: list[nn.Module]) -> None:
        super().__init__()
        self._network = (network,)
        self.parts = nn.ModuleList(parts)

    def forward(self, x: Tensor) -> Tensor:
        network: Any = self._network[0]
        pooled: Tensor = network.forward_head(x, pre_logits=True)
        return pooled


def _view(network: nn.Module, replaced: tuple[str, ...]) -> nn.Module:
    """The network again, with the same parameters in the same tables, but `replaced` modules."""
    view = _shallow(network)
    for path in replaced:
        *parents, name = path.split(".")
        here = view
        for parent in parents:
            child = here._modules[parent]
            assert child is not None
            here._modules[parent] = child = _shallow(child)
            here = child
        here._modules[name] = _PassOn()
    return view


def _shallow(module: nn.Module) -> nn.Module:
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    # `copy` gives the copy tables of its own, and whoever replaces a parameter would miss it.
    copied._parameters, copied._buffers = module._parameters, module._buffers
    return copied


def _applied(plan: Plan, network: nn.Module) -> Cut:
    rows = [[_module(step, network) for step in steps] for steps in plan.stages]
    seen = [part for row in rows for module in row for part in module.modules()]
    rows[-1].append(_Pooling(network, list(_unseen(network, seen, plan.head.path))))
    names = [_name(steps[0]) for steps in plan.stages] if len(rows) > 1 else ["features"]
    stages = [
        Stage(name, _group(name), row[0] if len(row) == 1 else nn.Sequential(*row))
        for name, row in zip(names, rows, strict=True)
    ]
    return Cut(tuple(stages), plan.head)


def _module(step: _Step, network: nn.Module) -> nn.Module:
    if step.path != _FEATURES:
        return network.get_submodule(step.path)
    parts = [network.get_submodule(path) for path in step.inside]
    return _Features(network, step.after, [OwnParameters(network), *parts])


def _name(first: _Step) -> str:
    if first.path != _FEATURES:
        return first.path
    return first.inside[0] if first.inside else "features"


def _unseen(network: nn.Module, seen: list[nn.Module], head: str) -> Iterator[nn.Module]:
    """What is in no stage so far, without the last layer."""
    known = {id(module) for module in seen}
    held = {id(parameter) for module in seen for parameter in module.parameters(recurse=False)}
    for path, module in network.named_modules():
        if path == head or id(module) in known:
            continue
        if not any(module.children()):
            yield module
        elif any(id(parameter) not in held for parameter in module.parameters(recurse=False)):
            yield OwnParameters(module)


def _group(name: str) -> str:
    """Blocks in numbered stages are shown by stage, others together: what lies above them."""
    *parents, last = name.split(".")
    parts = parents or [last]
    numbers = [index for index, part in enumerate(parts) if part.isdecimal()]
    return ".".join(parts[: numbers[0] + 1] if numbers else parts)
