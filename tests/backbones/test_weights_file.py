"""A weights file is read without running anything in it, or it is said what it is instead."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from backbones.states import State, same, state_of
from safetensors.torch import save_file
from torch import nn

from tlstudio.backbones.weights_file import read_state_dict
from tlstudio.errors import WeightsError


@pytest.fixture(scope="module")
def squeezenet() -> State:
    return state_of("squeezenet1_1")


def test_both_file_formats_give_the_same_tensors(tmp_path: Path, squeezenet: State) -> None:
    torch.save(squeezenet, tmp_path / "new.pth")
    torch.save(squeezenet, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(squeezenet, tmp_path / "net.SafeTensors")
    for file in tmp_path.iterdir():
        assert same(read_state_dict(file), squeezenet), file.name


def test_the_folder_of_a_run_names_the_file_in_it(tmp_path: Path, squeezenet: State) -> None:
    file = tmp_path / "model" / "model.safetensors"
    file.parent.mkdir()
    save_file(squeezenet, file)
    for folder in (tmp_path, file.parent):
        with pytest.raises(WeightsError, match="is a folder") as caught:
            read_state_dict(folder)
        assert str(file) in caught.value.hint


def test_a_training_checkpoint_around_the_weights_is_taken_off(
    tmp_path: Path, squeezenet: State
) -> None:
    file = tmp_path / "checkpoint.pth"
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1, momentum=0.9)
    around = {"epoch": 3, "optimizer": optimizer.state_dict(), "args": Namespace(lr=0.1)}
    other = {name: value + 1 for name, value in squeezenet.items()}
    for checkpoint in (
        {"state_dict": squeezenet, **around},
        {"model": squeezenet, **around},
        {"model_state_dict": squeezenet, **around},
        {"net": squeezenet, **around},
        {"model": {"state_dict": squeezenet}, **around},
        {"my own name": squeezenet, **around},
        {"model": other, "model_ema": squeezenet, **around},
        {"state_dict": other, "state_dict_ema": squeezenet, **around},
        {"student": other, "teacher": squeezenet, **around},
        {name: nn.Parameter(value) for name, value in squeezenet.items()},
    ):
        torch.save(checkpoint, file)
        read = read_state_dict(file)
        assert same(read, squeezenet)
        assert not any(value.requires_grad for value in read.values())


def test_a_checkpoint_that_holds_itself_is_refused(tmp_path: Path) -> None:
    endless: dict[str, Any] = {"epoch": 1}
    endless["model"] = endless
    torch.save(endless, tmp_path / "net.pth")
    with pytest.raises(WeightsError, match="does not hold the weights of a network"):
        read_state_dict(tmp_path / "net.pth")


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_hostile_pickle_is_refused_and_nothing_is_executed(tmp_path: Path, form: str) -> None:
    trap, file = tmp_path / "trap", tmp_path / "net.pth"
    content = {"extra": Hostile(trap), "state_dict": {"weight": torch.zeros(2)}}
    if form == "pickle":
        file.write_bytes(pickle.dumps(content, protocol=2))
    else:
        torch.save(content, file, _use_new_zipfile_serialization=form == "zip")
    assert b"mkdir" in file.read_bytes(), "the trap is in the file"
    with pytest.raises(WeightsError, match="It was not opened") as caught:
        read_state_dict(file)
    assert "mkdir" in caught.value.message
    assert not trap.exists()
    assert caught.value.hint


def test_a_whole_model_is_refused_like_any_other_program_code(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    torch.save(nn.Linear(2, 2), file)
    with pytest.raises(WeightsError, match="It was not opened") as caught:
        read_state_dict(file)
    assert "torch.nn.modules.linear.Linear" in caught.value.message
    assert "state_dict" in caught.value.hint


def test_a_table_whose_length_begins_like_a_web_page_is_read(tmp_path: Path) -> None:
    table = b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}'.ljust(ord("<") + 256)
    file = tmp_path / "net.safetensors"
    file.write_bytes(struct.pack("<Q", len(table)) + table + struct.pack("<f", 0.5))
    assert file.read_bytes().startswith(b"<")
    assert read_state_dict(file)["a"].tolist() == [0.5]


def test_a_pickle_that_claims_to_hold_more_than_fits_into_memory_is_damaged(tmp_path: Path) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(b"\x80\x04" + pickle.BINBYTES8 + struct.pack("<Q", 2**50) + b"few")
    with pytest.raises(WeightsError, match="is damaged"):
        read_state_dict(file)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, squeezenet: State, name: str) -> None:
    file = tmp_path / name
    small = {key: squeezenet[key] for key in list(squeezenet)[:4]}
    if name.endswith("pth"):
        torch.save(small, file)
    else:
        save_file(small, file)
    whole = file.read_bytes()
    for length in range(1, len(whole), max(1, len(whole) // 60)):
        file.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_state_dict(file)


NESTED = (200_000).to_bytes(8, "little") + b'{"a":' * 40_000
"""A table of safetensors that is deeper than a parser can follow."""


def test_a_file_that_ends_too_soon_is_called_incomplete(tmp_path: Path, squeezenet: State) -> None:
    torch.save(squeezenet, tmp_path / "net.pth")
    save_file(squeezenet, tmp_path / "net.safetensors")
    for file in tmp_path.iterdir():
        os.truncate(file, 2_000_000)
        with pytest.raises(WeightsError, match="is incomplete") as caught:
            read_state_dict(file)
        assert "Download it again" in caught.value.hint


def test_a_format_is_known_by_what_a_file_holds_and_not_by_its_name(
    tmp_path: Path, squeezenet: State
) -> None:
    save_file(squeezenet, tmp_path / "net.bin")
    assert same(read_state_dict(tmp_path / "net.bin"), squeezenet)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
@pytest.mark.parametrize(
    "content", [b"\0" * 5000, bytes(range(7, 256, 3)) * 60, b"\x80", b"words", b"\x80\4N.", NESTED]
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged or is not a weights file"):
        read_state_dict(file)


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("net.pth"))
    return buffer.getvalue()


def onnx_file() -> bytes:
    graph = onnx.helper.make_graph([], "g", [], [])
    written: bytes = onnx.helper.make_model(graph, producer_name="pytorch").SerializeToString()
    return written


def torch_script() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.ReLU(), torch.zeros(1)), buffer)
    return buffer.getvalue()


def array_file() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"\xef\xbb\xbf\r\n <!DOCTYPE html><html>Please sign in</html>", "is a web page"),
        (lambda: b"<?xml version='1.0'?><Error>AccessDenied</Error>", "is a web page"),
        (lambda: b"version https://git-lfs.github.com/spec/v1\noid x", "placeholder of Git LFS"),
        (lambda: b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file, as Keras"),
        (lambda: zipped("config.json", "model.weights.h5"), "a network of Keras"),
        (lambda: zipped("pictures/1.png"), "a zip archive of other files"),
        (lambda: zipped("manifest.json", "resnet18.pth"), "a pack of several weights files"),
        (array_file, "an archive of NumPy arrays"),
        (tarred, "a tar archive"),
        (lambda: gzip.compress(b"x" * 100), "a gzip archive"),
        (onnx_file, "a whole network, for ONNX"),
        (torch_script, "a TorchScript program"),
        (lambda: zipped("a")[:-10], "is incomplete or damaged: its end is missing"),
        (lambda: b"PK\3\4", "is incomplete or damaged: its end is missing"),
    ],
)
@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_what_a_file_is_instead_is_said_in_words(
    tmp_path: Path, make: Callable[[], bytes], words: str, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(make())
    with pytest.raises(WeightsError, match=words) as caught:
        read_state_dict(file)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        {"epoch": 3, "accuracy": 0.9},
        {},
        {"state_dict": {}},
        [1, 2],
        torch.zeros(3),
        {"weight": torch.zeros(2), "epoch": 1},
        {1: torch.zeros(2)},
        {"weight": torch.zeros(2, 2).to_sparse()},
        3,
    ],
    ids=[
        "other",
        "empty",
        "wrapped-empty",
        "list",
        "tensor",
        "mixed",
        "unnamed",
        "sparse",
        "number",
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_a_file_with_other_things_than_weights_is_refused(tmp_path: Path, content: Any) -> None:
    file = tmp_path / "net.pth"
    torch.save(content, file)
    with pytest.raises(WeightsError, match="does not hold the weights of a network"):
        read_state_dict(file)
