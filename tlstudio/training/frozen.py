"""Owns how stages that no longer learn are run over many pictures: as fast as the machine can.

BatchNorm is folded into the convolutions before it, numbers lie in the order that convolutions read
them in, and pictures go through in batches of one fixed size. The size of a batch shows in the last
digits of what comes out, the place in it and its neighbours do not: so a picture's row is the same
bits whenever and beside whichever others it is computed.
"""

from __future__ import annotations

import copy
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode

from tlstudio.backbones.staged import StagedNetwork
from tlstudio.training.inference import full_precision
from tlstudio.training.memory import give_back, ran_out

POSITIONS = 16
"""Positions of a map that a row keeps beside the average, where the head is a convolution."""

_CURVED = {
    *("SiLU", "Swish", "Sigmoid", "GELU", "GELUTanh", "QuickGELU", "Tanh", "Mish", "ELU", "SELU"),
    *("CELU", "Softplus", "LogSigmoid"),
}
"""Activation functions, of torch and of timm, that are not computed by arithmetic alone."""
_BLOCK = 64
"""Numbers that a processor computes together at most: two of its widest registers in bfloat16."""
_SHARE = 32768
"""Numbers below which torch starts no further thread."""

_ROOMY = 8_000_000_000
"""Bytes of a graphics card that holds a large batch of every usual network."""

_FOLDED_ALIKE = 1e-3
"""How far folded stages may be from the others, relative to the largest number, before they are not
used."""


class FrozenPart:
    """The stages of `network`, run in evaluation mode and without gradients.

    `precision` is the number format of the arithmetic; rows come out in float32 on the CPU. The
    row of a picture at depth k is the activation behind the first k stages, (C, H, W) or (D,); at
    full depth it is what probe and head read: pooled features (D,), or where the head is a
    convolution those and some single positions, (1 + POSITIONS, D).

    The stages are made ready at the first call, and must not have learned anything until then.
    Where memory does not hold a batch, they are smaller from then on (`regrouped`): rows that come
    of them are as right as the others, but not the same bits.
    """

    def __init__(
        self, network: StagedNetwork, precision: str, device: torch.device, crop: int
    ) -> None:
        self.precision, self.device = precision, device
        self.batch = batch_size(device, crop)
        self.regrouped = False
        self.full = len(network.stages)
        self._network, self._crop = network, crop

    def __call__(self, pictures: Tensor, depths: Sequence[int]) -> dict[int, Tensor]:
        """Rows (N, ...) at each of `depths` of normalised pictures (N, 3, crop, crop)."""
        network = self.ready  # outside inference mode, which keeps no count of changes
        while True:
            try:
                return self._rows(network, pictures, depths)
            except (RuntimeError, MemoryError) as error:
                if not ran_out(error) or self.batch == 1:
                    raise
            give_back(self.device)
            self.batch, self.regrouped = -(-self.batch // 2), True

    def _rows(
        self, network: StagedNetwork, pictures: Tensor, depths: Sequence[int]
    ) -> dict[int, Tensor]:
        parts: dict[int, list[Tensor]] = {depth: [] for depth in depths}
        with torch.inference_mode(), full_precision():
            for chunk in torch.split(pictures, self.batch):
                for depth, rows in self._run(network, chunk, depths):
                    parts[depth].append(rows)
        return {depth: torch.cat(rows) for depth, rows in parts.items()}

    def shape(self, depth: int) -> tuple[int, ...]:
        """The shape of a row."""
        network = self._network
        if depth == self.full:
            width = (network.feature_width,)
            return (1 + POSITIONS, *width) if network.head_site.kind == "conv" else width
        training = network.training
        with torch.no_grad():
            pixels = torch.zeros(1, 3, self._crop, self._crop, device=self.device)
            shape = tuple(network.eval().run(pixels, 0, depth).shape[1:])
        network.train(training)
        return shape

    def facts(self, depth: int) -> list[str]:
        """All that a row depends on beside the picture's pixels."""
        threads, capability = torch.get_num_threads(), torch.backends.cpu.get_cpu_capability()
        arithmetic = [self.precision, str(self.batch), str(threads), capability]
        device = self.device.type
        if device == "cuda":
            device = torch.cuda.get_device_name(self.device)
        return [
            *(*arithmetic, device, str(depth), str(self._crop)),
            *_described(self._network, depth),
            weights_digest(self._network, depth),
        ]

    @cached_property
    def ready(self) -> StagedNetwork:
        """The stages as they are run."""
        network = _folded(self._network, self._crop, self.device)
        if self.device.type == "cpu":
            network = _alone(network)
        return network.to(getattr(torch, self.precision)).to(memory_format=torch.channels_last)

    def _run(
        self, network: StagedNetwork, chunk: Tensor, depths: Sequence[int]
    ) -> Iterator[tuple[int, Tensor]]:
        count, crop = len(chunk), self._crop
        x = torch.zeros(self.batch, 3, crop, crop, dtype=getattr(torch, self.precision))
        x = x.to(memory_format=torch.channels_last)
        x[:count] = chunk
        x = x.to(self.device, non_blocking=True)
        done = 0
        for depth in sorted(depths):
            x = network.run(x, done, depth)
            done = depth
            rows = self._features(x) if depth == self.full else x
            # A copy in any case: the next stage may begin by writing into what it reads.
            yield depth, rows[:count].float().cpu().clone(memory_format=torch.contiguous_format)

    def _features(self, maps: Tensor) -> Tensor:
        pooled = self.ready.pool(maps)
        if self.ready.head_site.kind != "conv":
            return pooled
        every = maps.flatten(2).transpose(1, 2)
        places = torch.linspace(0, every.shape[1] - 1, POSITIONS, device=maps.device).round().long()
        return torch.cat([pooled[:, None], every[:, places]], dim=1)


def _described(network: StagedNetwork, depth: int) -> list[str]:
    """What the first `depth` stages compute, whatever their numbers: networks of different kinds
    may have numbers of the same names and shapes."""
    parts = [part.module for part in network.stages[:depth]]
    modules = [module for part in parts for module in part.modules()]
    kinds = [f"{type(each).__module__}.{type(each).__qualname__}" for each in modules]
    packages = sorted({"torch", *(kind.partition(".")[0] for kind in kinds)})
    versions = [f"{name} {getattr(sys.modules[name], '__version__', '')}" for name in packages]
    settings = [module.extra_repr() for module in modules]
    return [*versions, *(f"{each[0]}({each[1]})" for each in zip(kinds, settings, strict=True))]


def weights_digest(network: StagedNetwork, depth: int) -> str:
    """The SHA-256 of all numbers that the first `depth` stages compute with."""
    # What earlier and later stages share counts.
    later = _numbers([network.head, *(part.module for part in network.stages[depth:])])
    later -= _numbers([part.module for part in network.stages[:depth]])
    digest = hashlib.sha256()
    for name, tensor in network.network.state_dict(keep_vars=True).items():
        if id(tensor) not in later:
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def _numbers(modules: Sequence[nn.Module]) -> set[int]:
    return {
        id(tensor) for module in modules for tensor in (*module.parameters(), *module.buffers())
    }


def batch_size(device: torch.device, crop: int) -> int:
    """The one size of batch for pictures of `crop` px: what fits a processor's cache, or what
    keeps a graphics card busy and leaves room on a small one."""
    most = 8 if device.type == "cpu" else 128
    if device.type in ("cuda", "xpu") and _card_memory(device) < _ROOMY:
        most = 32
    return max(1, min(8 * most, round(most * 224**2 / crop**2)))


def _card_memory(device: torch.device) -> int:
    """Bytes that a graphics card has, whoever uses them now."""
    return int(torch.get_device_module(device).get_device_properties(device).total_memory)


def _folded(network: StagedNetwork, crop: int, device: torch.device) -> StagedNetwork:
    """A copy of `network` on `device` without the BatchNorm layers that can be done without."""
    plain = copy.deepcopy(network).to(device).eval().requires_grad_(False)
    if not any(isinstance(module, nn.BatchNorm2d) for module in plain.modules()):
        return plain
    example = torch.randn(2, 3, crop, crop, generator=torch.Generator().manual_seed(0)).to(device)
    with torch.no_grad(), full_precision():
        pairs, expected = _pairs(plain, example)
        if not pairs:
            return plain
        folded = copy.deepcopy(plain)
        for convolution, norm in pairs:
            _fold(folded, convolution, norm)
        alike = [
            bool((given - wanted).abs().max() <= _FOLDED_ALIKE * wanted.abs().max())
            for given, wanted in zip(_behind_stages(folded, example), expected, strict=True)
        ]
    return folded if all(alike) else plain


def _behind_stages(network: StagedNetwork, x: Tensor) -> Iterator[Tensor]:
    """What each stage gives in turn."""
    for number in range(len(network.stages)):
        x = network.run(x, number, number + 1)
        yield x


def _pairs(network: StagedNetwork, example: Tensor) -> tuple[list[tuple[str, str]], list[Tensor]]:
    """The names of convolutions and of the BatchNorms that read nothing but their output, where
    nothing else reads it, found by watching the network run; and what each stage gives for
    `example`."""
    watch = _Watch()
    hooks = []
    for name, module in network.named_modules():
        if type(module) is nn.Conv2d:
            hooks.append(module.register_forward_hook(watch.made(name)))
        if type(module) is nn.BatchNorm2d:
            hooks.append(module.register_forward_pre_hook(watch.begun(name)))
            hooks.append(module.register_forward_hook(watch.ended))
    given: list[Tensor] = []
    try:
        with watch:
            for x in _behind_stages(network, example):
                watch.read(x)  # a row of the cache, perhaps
                given.append(x.clone())  # the next stage may write into it
    finally:
        for hook in hooks:
            hook.remove()
    return watch.pairs(), given


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees which operations read what convolutions give, those outside any module as well."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._outputs: dict[int, tuple[str, Tensor]] = {}
        self._readers: dict[str, set[str]] = {}
        self._calls: list[str] = []
        self._norm = ""

    def made(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def ran(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            self._calls.append(name)
            self._outputs[id(output)] = name, output

        return ran

    def begun(self, name: str) -> Callable[[nn.Module, Any], None]:
        def begins(_module: nn.Module, _inputs: Any) -> None:
            self._calls.append(name)
            self._norm = name

        return begins

    def ended(self, _module: nn.Module, _inputs: Any, _output: Tensor) -> None:
        self._norm = ""

    def read(self, value: Any) -> None:
        """`value` is read, by the BatchNorm that is running or by something else."""
        made = self._outputs.get(id(value))
        if made is not None:
            self._readers.setdefault(made[0], set()).add(self._norm)

    def pairs(self) -> list[tuple[str, str]]:
        found = [(name, next(iter(by))) for name, by in self._readers.items() if len(by) == 1]
        return [pair for pair in found if pair[1] and all(self._calls.count(n) == 1 for n in pair)]

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        for value in (*args, *(kwargs or {}).values()):
            for each in value if isinstance(value, list | tuple) else (value,):
                self.read(each)
        return func(*args, **(kwargs or {}))


def _fold(network: StagedNetwork, convolution: str, norm: str) -> None:
    conv, bn = network.get_submodule(convolution), network.get_submodule(norm)
    assert isinstance(conv, nn.Conv2d)
    assert isinstance(bn, nn.BatchNorm2d)
    if bn.running_mean is None or bn.running_var is None:
        return
    conv.weight, bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    conv.register_parameter("bias", bias)
    _replace(network, bn, nn.Identity())


def _replace(network: StagedNetwork, old: nn.Module, new: nn.Module) -> None:
    """In every container: a stage may hold the layers of its network in one of its own."""
    for container in (network, *(part.module for part in network.stages)):
        for parent in list(container.modules()):
            for name, child in parent.named_children():
                if child is old and parent is not new:
                    setattr(parent, name, new)


class _Alone(nn.Module):
    """Runs `function` on one picture at a time where its place in the batch would show.

    Processors compute functions such as the exponential for many numbers at once, and in another
    way, whose last bit may differ, for the few that are left over at the end of a thread's share.
    """

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        if _nothing_left_over(x.numel()):
            rows: Tensor = self.function(x)
            return rows
        return torch.cat([self.function(each) for each in torch.split(x, 1)])


def _nothing_left_over(count: int) -> bool:
    """Whether torch gives each of its threads whole blocks of `count` numbers."""
    threads = min(torch.get_num_threads(), -(-count // _SHARE))
    return count % _BLOCK == 0 and -(-count // threads) % _BLOCK == 0


def _alone(network: StagedNetwork) -> StagedNetwork:
    """Has `network`'s activation functions see one picture at a time where the place in a batch
    would show."""
    functions = {module for part in network.stages for module in part.module.modules()}
    for module in functions:
        if type(module).__name__ in _CURVED and not list(module.children()):
            _replace(network, module, _Alone(module))
    return network
