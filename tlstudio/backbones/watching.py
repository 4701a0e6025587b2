"""Owns what is seen of a network that runs: which parts it calls, and which of them in a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Value = tuple[int, int]
"""A tensor and how often it had been changed in place: `x += y` makes another value of it."""


@dataclass
class Call:
    """One call of a module, by its path, or of a method of the network, by its name and `()`.

    `input` and `output` are None unless it takes one tensor and gives one. `calls` are those that
    it makes itself, in order.
    """

    path: str
    input: Value | None
    output: Value | None = None
    calls: list[Call] = field(default_factory=list)

    def row(self) -> list[Call]:
        """The last of its calls, as many as make its output each of what the one before it gave."""
        found: list[Call] = []
        wanted = self.output
        for call in reversed(self.calls):
            if call.input is None or call.output is None or call.output != wanted:
                break
            found.insert(0, call)
            wanted = call.input
        return found

    @property
    def in_a_row(self) -> bool:
        """Whether it does nothing but call its parts in a row."""
        row = self.row()
        return bool(row) and row == self.calls and row[0].input == self.input

    def all(self) -> Iterator[Call]:
        yield self
        for call in self.calls:
            yield from call.all()


def watched(network: nn.Module, picture: Tensor, methods: tuple[str, ...] = ()) -> Call:
    """The call of `network` with `picture`, seen with those of its `methods` that it has.

    The network is meant to be thrown away: what watches it stays in it.
    """
    watch = _Watch()
    for path, module in network.named_modules():
        watch.module(path, module)
    for name in methods:
        if hasattr(network, name):
            watch.method(network, name)
    with torch.no_grad():
        network(picture)
    return watch.root.calls[0]


def repeated(call: Call) -> set[str]:
    """The paths that are called more than once."""
    return {path for path, count in Counter(each.path for each in call.all()).items() if count > 1}


def operations(network: nn.Module, picture: Tensor) -> list[tuple[str, str]]:
    """What torch is asked to compute for `picture`, in order, with the shapes that come of it."""
    seen = _Operations()
    with torch.no_grad(), seen:
        network(picture)
    return seen.found


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[tuple[str, str]] = []

    def __torch_dispatch__(
        self,
        function: Any,
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        several = result if isinstance(result, list | tuple) else [result]
        shapes = [tuple(each.shape) if isinstance(each, Tensor) else None for each in several]
        self.found.append((str(function), str(shapes)))
        return result


class _Watch:
    def __init__(self) -> None:
        self.root = Call("", None)
        self._open = [self.root]
        self._kept: list[Tensor] = []  # alive, so that no other tensor gets its identity

    def module(self, path: str, module: nn.Module) -> None:
        module.register_forward_pre_hook(
            lambda _module, args, kwargs: self._begin(path, args, kwargs), with_kwargs=True
        )
        module.register_forward_hook(lambda _module, _args, output: self._end(output))

    def method(self, network: nn.Module, name: str) -> None:
        run: Callable[..., Any] = getattr(network, name)

        def seen(*args: Any, **kwargs: Any) -> Any:
            self._begin(f"{name}()", args, kwargs)
            output = run(*args, **kwargs)
            self._end(output)
            return output

        setattr(network, name, seen)

    def _begin(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = [
            value for value in (*args, *kwargs.values()) if value is not None and value is not False
        ]
        alone = len(given) == 1 and len(args) >= 1
        call = Call(path, self._value(given[0]) if alone else None)
        self._open[-1].calls.append(call)
        self._open.append(call)

    def _end(self, output: Any) -> None:
        self._open.pop().output = self._value(output)

    def _value(self, thing: Any) -> Value | None:
        if not isinstance(thing, Tensor):
            return None
        self._kept.append(thing)
        return id(thing), thing._version
