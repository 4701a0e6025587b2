"""Hostile ONNX files and packs of weights."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from typing import Any

import onnx
from faults.hostile import (
    DEEP,
    REFUSED,
    Case,
    Place,
    Work,
    refused,
    sparse,
)
from onnx import TensorProto, helper

from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.packs import unpack
from tlstudio.evaluation.predictors import open_predictor
from tlstudio.jobs import (
    UnpackWeights,
)
from tlstudio.tasks import drive


def graph(
    nodes: list[onnx.NodeProto],
    initializers: list[TensorProto] = [],  # noqa: B006
    facts: dict[str, str] | None = None,
    domain: str = "",
) -> onnx.ModelProto:
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None)
    made = helper.make_graph(nodes, "g", [pictures], [answers], initializers)
    opsets = [helper.make_opsetid(each, 20) for each in {"", domain}]
    model = helper.make_model(made, opset_imports=opsets, ir_version=9)
    facts = {"classes": '["a", "b"]', "max_side": "1000"} if facts is None else facts
    helper.set_model_props(model, facts)
    return model


def exported(make: Callable[[Place], onnx.ModelProto]) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "model.onnx"
        file.write_bytes(make(place).SerializeToString())
        return partial(open_predictor, file, "cpu")

    return case


def with_outside_numbers(place: Place) -> onnx.ModelProto:
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [0.5])
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "../outside/secret", "offset": "0", "length": "4"}.items():
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    return graph([helper.make_node("Identity", ["w"], ["probabilities"])], [weights])


def without_end(place: Place) -> onnx.ModelProto:
    count = helper.make_tensor("count", TensorProto.INT64, [], [2**62])
    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["on"]),
            helper.make_node("Identity", ["x"], ["y"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, []),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, []),
        ],
    )
    loop = helper.make_node("Loop", ["count", "true", "zero"], ["probabilities"], body=body)
    return graph([loop], [count, true, zero])


def with_facts(**facts: str) -> Callable[[Place], onnx.ModelProto]:
    cast = helper.make_node("Cast", ["pictures"], ["probabilities"], to=TensorProto.FLOAT)
    return lambda place: graph([cast], facts=facts)


REFUSED |= {
    "export that reads another file": exported(with_outside_numbers),
    "export that never ends": exported(without_end),
    "export with a library's operator": exported(
        lambda place: graph(
            [helper.make_node("Evil", ["pictures"], ["probabilities"], domain="evil")],
            domain="evil",
        )
    ),
    "export with deep classes": exported(with_facts(classes="[" * 100_000, max_side="1")),
    "export with a side of many digits": exported(with_facts(classes="[]", max_side="9" * 9999)),
    "export without classes": exported(with_facts(max_side="1")),
}


@refused
def export_of_a_terabyte(place: Place) -> Work:
    return partial(open_predictor, sparse(place.folder / "model.onnx"), "cpu")


@refused
def export_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "model.onnx")
    return partial(open_predictor, place.folder / "model.onnx", "cpu")


# --- packs ---------------------------------------------------------------------------------------


def pack_of(content: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "pack.zip"
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, body in content.items():
                archive.writestr(name, body)
        return lambda: drive(unpack(UnpackWeights(file=str(file))), lambda _: None)

    return case


def manifest(**changes: Any) -> bytes:
    entry = backbone("resnet18")
    weights = entry.weights[0]
    packed = {
        "backbone": entry.id,
        "variant": weights.name,
        "file": weights.file,
        "bytes": weights.bytes,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "commercial": True,
        **changes,
    }
    values = {"format": "tlstudio-weights", "version": 1, "program": "x", "weights": [packed]}
    return json.dumps(values).encode()


REFUSED |= {
    "pack with a deep manifest": pack_of({"manifest.json": DEEP}),
    "pack with a manifest of a gigabyte": pack_of(
        {"manifest.json": bytes(10**8)}, zipfile.ZIP_DEFLATED
    ),
    "pack whose names climb": pack_of(
        {"manifest.json": manifest(file="../../outside/new"), "../../outside/new": b"x"}
    ),
    "pack that unpacks to a full disk": pack_of(
        {
            "manifest.json": manifest(),
            f"weights/{backbone('resnet18').weights[0].file}": bytes(10**8),
        },
        zipfile.ZIP_DEFLATED,
    ),
}


@refused
def pack_with_a_table_of_gigabytes(place: Place) -> Work:
    file = place.folder / "pack.zip"
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**31, 0, 0)
    sparse(file, 2**31)
    with file.open("r+b") as written:
        written.write(b"PK\3\4")
        written.seek(0, 2)
        written.write(end)
    return lambda: drive(unpack(UnpackWeights(file=str(file))), lambda _: None)
