"""Owns small finished runs for tests: generated pictures of all kinds, and a network for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from tlstudio.backbones.build import build_network
from tlstudio.backbones.catalogue import backbone
from tlstudio.backbones.preprocessing import Preprocessing
from tlstudio.backbones.staged import StagedNetwork
from tlstudio.images.reader import read_rgb
from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    HeadSpec,
    Picture,
    ScanResult,
    Split,
    TrainingJob,
    WeightsSpec,
)
from tlstudio.projects.run_folder import RunFolder
from tlstudio.training.model_folder import ModelCard, constructor_of, loading_code, save_model

CLASSES = ("good", 'hole, "big"', "Fleck ä")
FOLDERS = ("a-good", "b-hole", "c-stain")


def made_pictures(folder: Path) -> list[Picture]:
    """Three class folders with pictures of every shape that the preprocessing has to get right."""
    random = np.random.default_rng(5)
    files: list[Picture] = []
    sizes = [(300, 200), (20, 30), (640, 40), (33, 400), (256, 256), (401, 300), (225, 224)]
    for number, name in enumerate(FOLDERS):
        (folder / name).mkdir(parents=True)
        for index, (width, height) in enumerate(sizes):
            _save(_pixels(random, width, height), folder / name / f"{index}", index)
        wide = (3000, 2000) if number == 0 else (500, 375)
        _save(_pixels(random, *wide), folder / name / "10", 0)
        for file in sorted((folder / name).iterdir()):
            part = "train" if file.stem in ("5", "6") else "val"
            files.append(Picture(file=f"{name}/{file.name}", label=CLASSES[number], part=part))
    return files


def _pixels(random: np.random.Generator, width: int, height: int) -> Image.Image:
    """Coarse colours with fine noise: pictures that a network can tell apart."""
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    noise = random.integers(-30, 31, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8))


def _save(picture: Image.Image, stem: Path, kind: int) -> None:
    if kind == 1:
        picture.save(stem.with_suffix(".png"))
    elif kind == 2:
        picture.convert("L").save(stem.with_suffix(".png"))
    elif kind == 3:
        picture.putalpha(picture.convert("L"))
        picture.save(stem.with_suffix(".png"))
    elif kind == 4:
        picture.convert("P").save(stem.with_suffix(".gif"))
    else:
        exif = picture.getexif()
        exif[0x0112] = 6 if kind == 0 else 1
        picture.save(stem.with_suffix(".jpg"), exif=exif)


def made_network(spec: BackboneSpec, head: HeadSpec, pictures: list[Path]) -> StagedNetwork:
    """A random network whose answers for `pictures` differ clearly and are not all certain."""
    torch.manual_seed(3)
    entry = backbone(spec.id)
    preprocessing = Preprocessing(entry.preprocessing(spec))
    network = build_network(entry, len(CLASSES), head, preprocessing.spec.crop).eval()
    with torch.inference_mode():
        read = [preprocessing(torch.from_numpy(read_rgb(file))[None]) for file in pictures]
    _settle_batchnorm(network, torch.cat(read))
    last = [m for m in network.head.modules() if isinstance(m, nn.Conv2d | nn.Linear)][-1]
    assert last.bias is not None
    with torch.no_grad():
        nn.init.normal_(last.weight)
        # A convolutional head's ReLU is to let everything pass.
        offset = 100.0 if network.head_site.kind == "conv" else 0.0
        last.bias.fill_(offset)
        logits = network(torch.cat(read)).double()
        scale = 1.5 / logits.std(dim=0)
        last.weight *= scale.float().view(-1, *[1] * (last.weight.ndim - 1))
        last.bias.copy_(20 - (logits.mean(dim=0) - offset) * scale)
    return network


def _settle_batchnorm(network: StagedNetwork, pictures: Tensor) -> None:
    """Without statistics of its own, a deep random network maps all pictures to the same."""
    layers = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = None
        layer.train()
    with torch.no_grad():
        network(pictures)
    network.eval()


def made_run(
    folder: Path, identifier: str, head: HeadSpec | None = None, input_size: int | None = None
) -> Path:
    """A run in `folder / "run"` on pictures in `folder / "pictures"`."""
    head = head or HeadSpec()
    pictures = made_pictures(folder / "pictures")
    held_out = [folder / "pictures" / each.file for each in pictures if each.part == "val"]
    spec = BackboneSpec(id=identifier, weights=WeightsSpec(source="scratch"), input_size=input_size)
    network = made_network(spec, head, held_out)
    job = TrainingJob(
        dataset=DatasetSpec(
            folder=str(folder / "pictures"),
            class_names={FOLDERS[index]: CLASSES[index] for index in range(len(CLASSES))},
        ),
        backbone=spec,
    )
    run = RunFolder.create(folder / "run", job)
    run.save_split(
        ScanResult(
            folder=str(folder / "pictures"),
            pictures=len(pictures),
            classes=dict.fromkeys(CLASSES, len(pictures) // len(CLASSES)),
            split=Split(given=False, train=6, val=len(held_out), test=0),
            files=tuple(pictures),
        )
    )
    preprocessing = backbone(identifier).preprocessing(spec)
    constructor = constructor_of(
        backbone(identifier), network, len(CLASSES), head, preprocessing.crop
    )
    card = ModelCard(
        program="TL Studio",
        backbone=identifier,
        classes=CLASSES,
        constructor=constructor,
        head=head,
        preprocessing=preprocessing,
        freeze={"stages": 0, "names": ()},
        weights={"source": "scratch"},
        metrics={},
        training={},
        versions={},
        code=loading_code(constructor),
    )
    save_model(run.model, network.network.state_dict(), card)
    return run.path
