"""Owns the question whether an ONNX file is a plain network, before a runtime opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

from tlstudio.errors import RunError

_MOST_BYTES = 2_000_000_000
_PLAIN = ("", "ai.onnx")
"""The operators that every runtime has; others may come from program libraries."""


def stands_alone(file: Path) -> bool:
    """Whether all numbers of the network are in the file, none of them in another one that it
    names, and it has only plain operators, without loops, which might never end.

    Raises `RunError` where it is no ONNX file.
    """
    try:
        if file.stat().st_size > _MOST_BYTES:
            return False
        model = onnx.load_model(file, load_external_data=False)
    except (OSError, DecodeError, ValueError) as error:
        raise RunError(
            f"{file} can't be read: it is damaged or no ONNX file.", "Export the run again."
        ) from error
    return (
        all(map(_plain, model.graph.node))
        and not any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model))
        and not model.functions
    )


def _plain(node: NodeProto) -> bool:
    inner = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
    return node.domain in _PLAIN and not any(each.type in inner for each in node.attribute)


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from model.graph.initializer
    for sparse in model.graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in model.graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
