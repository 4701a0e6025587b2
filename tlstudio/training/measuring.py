"""Owns what a network costs on this computer: measured in about a second."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TypeVar

import psutil
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy

from tlstudio.backbones.build import ShapesOnly, build_network
from tlstudio.backbones.catalogue import Backbone
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.errors import StorageError
from tlstudio.jobs import HeadSpec, NetworkCosts, Precision
from tlstudio.projects.atomic import replacing
from tlstudio.tasks import Meter, Progress, Task
from tlstudio.training.devices import half_precision
from tlstudio.training.frozen import FrozenPart, batch_size
from tlstudio.training.inference import full_precision
from tlstudio.training.memory import give_back, ran_out
from tlstudio.training.number_formats import keep_depthwise_exact
from tlstudio.training.remembered_costs import Seconds, facts_of, fastest, file_of, recall, remember

BUDGET = 0.1
"""Seconds after which a measurement is not repeated any more."""
LEAST, MOST = 2, 8
"""How often it is made after a first time that is only a warm-up."""
HEAVY = 1.0
"""Seconds from which on a pass is not repeated at all."""
OTHERS = 0.15
"""The share of the cores that other programs may use while costs are measured for good."""
_WRITTEN = 4_000_000
"""Bytes that are written to see what a byte costs."""
_UPDATED = 4_000_000
"""Weights that are updated to see what a weight costs."""
_BATCH = 32
"""Features a step over them takes; what a step costs hardly depends on it."""

R = TypeVar("R")
Pass = Callable[[], Generator[None, None, Seconds]]


def measure(
    entry: Backbone,
    size: int,
    device: torch.device,
    threads: int,
    cache: Path,
    *,
    learning: bool,
    fast: bool,
    network: StagedNetwork | None = None,
) -> Task[NetworkCosts]:
    """What the network costs with pictures of `size` px, as remembered in `cache` or measured now.

    Without `learning` only what a frozen network does is measured, without `fast` only float32;
    what was measured before is not measured again, unless the computer was busy then. `network` is
    used instead of one of random numbers where there is one, and is left as it is.
    """
    facts = facts_of(entry, size, device, threads)
    file = file_of(cache, facts)
    known = recall(file, facts)
    formats = _formats(device, fast=fast)
    if known and known.settled and _covers(known.costs, formats, learning=learning):
        return known.costs
    work = _Measurement(network or _random_network(entry, size), size, device, threads, file.parent)
    before = known.costs if known and known.settled else None
    costs = yield from work.run(before, formats, learning=learning)
    tries = known.tries + 1 if known else 1
    if known and not known.settled and not costs.steady:
        costs = fastest(known.costs, costs)
    remember(file, facts, tries, costs)
    return costs


def _formats(device: torch.device, *, fast: bool) -> tuple[Precision, ...]:
    half = half_precision(device) if fast else None
    return ("float32", half) if half else ("float32",)


def _covers(costs: NetworkCosts, formats: Sequence[Precision], *, learning: bool) -> bool:
    return all(
        name in costs.frozen and (name in costs.learning or not learning) for name in formats
    )


# --- a network for it ----------------------------------------------------------------------------


def _random_network(entry: Backbone, size: int) -> StagedNetwork:
    """The network with numbers of a usual size: torch's own start takes longer than measuring."""
    with ShapesOnly():
        network = build_network(entry, 2, HeadSpec(), size)
    random = torch.Generator().manual_seed(0)
    for module in network.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.is_meta:
                module._parameters[name] = nn.Parameter(_usual(parameter, random))
        for name, buffer in list(module._buffers.items()):
            if buffer is not None and buffer.is_meta:
                module._buffers[name] = torch.ones(buffer.shape, dtype=buffer.dtype)
    return network


def _usual(parameter: Tensor, random: torch.Generator) -> Tensor:
    """Weights that keep numbers at their size (He et al., "Delving deep into rectifiers", 2015)."""
    if parameter.ndim < 2:
        return torch.ones(parameter.shape)
    inputs = max(1, parameter[0].numel())
    limit = math.sqrt(6 / inputs)
    return torch.empty(parameter.shape).uniform_(-limit, limit, generator=random)


# --- measuring -----------------------------------------------------------------------------------


class _Measurement:
    """One network under measurement; `network` is copied before anything is done to it."""

    def __init__(
        self,
        network: StagedNetwork,
        size: int,
        device: torch.device,
        threads: int,
        folder: Path,
    ) -> None:
        self.network, self.size, self.device = network, size, device
        self.threads, self.folder = threads, folder
        self.batch = batch_size(device, size)
        self.load = _OtherPrograms()

    def run(
        self, known: NetworkCosts | None, formats: Sequence[Precision], *, learning: bool
    ) -> Task[NetworkCosts]:
        """The costs in `known` and those that are missing in it."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            while True:
                try:
                    with torch.random.fork_rng(devices=[]), full_precision():
                        return (yield from self._run(known, formats, learning=learning))
                except (RuntimeError, MemoryError) as error:
                    if not ran_out(error) or self.batch == 1:
                        raise
                give_back(self.device)
                self.batch = -(-self.batch // 2)
        finally:
            torch.set_num_threads(before)

    def _run(
        self, known: NetworkCosts | None, formats: Sequence[Precision], *, learning: bool
    ) -> Task[NetworkCosts]:
        process = psutil.Process().memory_info().rss
        meter = Meter("measure", 2 * len(formats) + 1, "steps")
        costs = known or self._unmeasured(process)
        found: dict[str, object] = {}
        frozen, trained = dict(costs.frozen), dict(costs.learning)
        for number, name in enumerate(formats):
            yield from meter.at(2 * number)
            if name not in frozen:
                frozen[name] = yield from _told(meter, 2 * number, self._frozen(name))
            if learning and name not in trained:
                task = _told(meter, 2 * number + 1, self._learning(name))
                forward, backward, kept = yield from task
                trained[name] = tuple(map(sum, zip(forward, backward, strict=True)))
                if name == "float32":
                    found |= {"checking": forward, "kept": kept, "update": self._update()}
        if known is None:
            yield from meter.at(2 * len(formats))
            found |= {"step": self._step(), "writing": self._writing()}
        yield from meter.at(2 * len(formats) + 1)
        steady = costs.steady and self.load.share() < OTHERS
        found |= {"frozen": frozen, "learning": trained, "steady": steady}
        return costs.model_copy(update=found)

    def _unmeasured(self, process: int) -> NetworkCosts:
        stages = self.network.stages
        return NetworkCosts(
            cpu=self.device.type == "cpu",
            frozen={},
            values=self._values(),
            parameters=tuple(sum(p.numel() for p in each.module.parameters()) for each in stages),
            features=self.network.feature_width,
            size=self.size,
            process=process if self.device.type == "cpu" else 0,
        )

    def _values(self) -> tuple[int, ...]:
        network = copy.deepcopy(self.network).to(self.device).eval()
        x, values = torch.randn(1, 3, self.size, self.size, device=self.device), []
        with torch.inference_mode():
            for number in range(len(network.stages)):
                x = network.run(x, number, number + 1)
                values.append(x.numel())
        return tuple(values)

    def _pictures(self) -> Tensor:
        random = torch.Generator().manual_seed(0)
        x = torch.randn(self.batch, 3, self.size, self.size, generator=random)
        return x.to(self.device).to(memory_format=torch.channels_last)

    def _frozen(self, name: Precision) -> Generator[None, None, Seconds]:
        """Forward, as the frozen part runs it: seconds a picture and stage."""
        network = FrozenPart(self.network, name, self.device, self.size).ready
        pictures = self._pictures().to(getattr(torch, name))

        def once() -> Generator[None, None, Seconds]:
            x, seconds = pictures, []
            for number in range(len(network.stages)):
                yield
                began = self._now()
                with torch.inference_mode():
                    x = network.run(x, number, number + 1)
                seconds.append((self._now() - began) / self.batch)
            return tuple(seconds)

        return (yield from self._repeated(once))

    def _learning(
        self, name: Precision
    ) -> Generator[None, None, tuple[Seconds, Seconds, tuple[int, ...]]]:
        """Forward and backward with gradients, and the bytes that are kept in between."""
        network = copy.deepcopy(self.network).to(self.device)
        network.to(memory_format=torch.channels_last)
        network.freeze(0)
        if self.device.type == "cpu" and name != "float32":
            keep_depthwise_exact(network)
        network.train()
        pictures, kept = self._pictures(), list[int]()

        def forward(x: Tensor, number: int) -> Tensor:
            wide = name == "float32"
            with torch.autocast(self.device.type, getattr(torch, name), enabled=not wide):
                return network.run(x, number, number + 1)

        def once() -> Generator[None, None, Seconds]:
            x, there, back, first = pictures, [], [], not kept
            for number in range(len(network.stages)):
                yield
                x = x.detach().requires_grad_(number > 0)
                ledger = _Ledger(network)
                began = self._now()
                with ledger if first else nullcontext():
                    y = forward(x, number)
                there.append((self._now() - began) / self.batch)
                if first:
                    kept.append(ledger.bytes // self.batch)
                yield
                began = self._now()
                torch.autograd.backward(y, torch.full_like(y, 1e-3))
                back.append((self._now() - began) / self.batch)
                x = y
            network.zero_grad(set_to_none=True)
            return (*there, *back)

        seconds = yield from self._repeated(once)
        half = len(network.stages)
        return seconds[:half], seconds[half:], tuple(kept)

    def _update(self) -> float:
        """Seconds a step and weight, measured on as many tensors as hold enough weights."""
        chosen: list[nn.Parameter] = []
        for parameter in self.network.parameters():
            if sum(p.numel() for p in chosen) < _UPDATED:
                chosen.append(nn.Parameter(torch.zeros_like(parameter, device=self.device)))
        for each in chosen:
            each.grad = torch.full_like(each, 1e-3)
        optimizer = torch.optim.AdamW(chosen, fused=self.device.type in {"cpu", "cuda"})
        fastest = min(self._timed(optimizer.step) for _ in range(1 + LEAST))
        return fastest / sum(p.numel() for p in chosen)

    def _step(self) -> float:
        """Seconds a step of the head over pooled features."""
        network = copy.deepcopy(self.network).to(self.device).train()
        optimizer = torch.optim.AdamW(network.head.parameters())
        features = torch.randn(_BATCH, network.feature_width, device=self.device)
        labels = torch.zeros(_BATCH, dtype=torch.long, device=self.device)

        def once() -> None:
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(cross_entropy(network.classify_pooled(features), labels))
            optimizer.step()

        def often() -> None:
            for _ in range(MOST):
                once()

        once()
        return self._timed(often) / MOST

    def _writing(self) -> float:
        """Seconds a byte that is hashed and written so that it lasts; 0 where nothing can be."""
        values = bytes(_WRITTEN)

        def once() -> None:
            hashlib.sha256(values).digest()
            with replacing(self.folder / "written") as temporary:
                temporary.write_bytes(values)

        try:
            return self._timed(once) / _WRITTEN
        except StorageError:
            return 0.0
        finally:
            with suppress(OSError):
                (self.folder / "written").unlink(missing_ok=True)

    # --- the watch ------------------------------------------------------------------------------

    def _repeated(self, once: Pass) -> Generator[None, None, Seconds]:
        """The fastest of several passes, spread over its parts as the fastest of each are."""
        began = time.perf_counter()
        fastest = yield from once()
        totals = [sum(fastest)] if time.perf_counter() - began > HEAVY else []
        while len(totals) < LEAST or time.perf_counter() - began < BUDGET:
            if len(totals) == MOST or (totals and time.perf_counter() - began > HEAVY):
                break
            seconds = yield from once()
            totals.append(sum(seconds))
            fastest = tuple(map(min, zip(fastest, seconds, strict=True)))
        scale = min(totals) / sum(fastest)
        return tuple(scale * each for each in fastest)

    def _timed(self, work: Callable[[], object]) -> float:
        began = self._now()
        work()
        return self._now() - began

    def _now(self) -> float:
        if self.device.type != "cpu":
            torch.accelerator.synchronize()
        return time.perf_counter()


class _OtherPrograms:
    """How much of the processor was used by others since it was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def share(self) -> float:
        """A share of all cores."""
        everything, idle, own = (
            after - before for after, before in zip(self._now(), self._before, strict=True)
        )
        return max(0.0, everything - idle - own) / max(everything, 1e-9)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        system = psutil.cpu_times()
        idle = system.idle + getattr(system, "iowait", 0.0)
        own = psutil.Process().cpu_times()
        return sum(system), idle, own.user + own.system


class _Ledger(saved_tensors_hooks):
    """Counts what a network's forward pass keeps for its backward pass, each block once."""

    def __init__(self, network: StagedNetwork) -> None:
        super().__init__(self._keep, lambda tensor: tensor)
        self._seen = {each.untyped_storage().data_ptr() for each in network.parameters()}
        self.bytes = 0

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._seen:
            self._seen.add(storage.data_ptr())
            self.bytes += storage.nbytes()
        return tensor


def _told(meter: Meter, done: int, work: Generator[None, None, R]) -> Generator[Progress, None, R]:
    """`work`, with a sign of life wherever it pauses."""
    try:
        while True:
            next(work)
            yield from meter.at(done)
    except StopIteration as end:
        result: R = end.value
        return result
