"""Hostile jobs, recipes, runs and checkpoints."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from faults.hostile import (
    BACKBONE,
    DEEP,
    DEEP_OBJECT,
    HARMLESS,
    LONG_NUMBER,
    REFUSED,
    Case,
    Place,
    Work,
    harmless,
    refused,
    sparse,
)

from tlstudio.jobs import (
    BackboneSpec,
    DatasetSpec,
    FinishRun,
    Picture,
    ResumeRun,
    ScanResult,
    Split,
    TrainingJob,
    WeightsSpec,
    load_recipe,
    load_training_job,
)
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Logged, drive
from tlstudio.training.train import finish, resume

JOB = TrainingJob(
    dataset=DatasetSpec(folder="pictures"),
    backbone=BackboneSpec(id=BACKBONE, weights=WeightsSpec(source="scratch")),
)


def job_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        file = place.folder / "job.json"
        file.write_bytes(content)
        return partial(load_training_job, file)

    return case


REFUSED |= {
    "job that is deep": job_of(DEEP),
    "job of deep objects": job_of(DEEP_OBJECT),
    "job with a number of a million digits": job_of(LONG_NUMBER),
    "job that is no text": job_of(b'{"dataset": {"folder": "\xff\xfe"}}'),
    "job with half a character": job_of(b'{"dataset": {"folder": "\\ud800"}}'),
    "job of zeros": job_of(bytes(1000)),
    "job with sizes that fill the memory": job_of(
        JOB.model_dump_json().replace('"sizes":[]', '"sizes":[999999999]').encode()
    ),
    "job with a freeze of many digits": job_of(
        JOB.model_dump_json().replace('"all"', f'"{"9" * 5000}"').encode()
    ),
    "job with fields of somebody else": job_of(
        JOB.model_dump_json().replace('"seed"', '"__class__":"os.system","seed"').encode()
    ),
}


@refused
def job_of_a_terabyte(place: Place) -> Work:
    return partial(load_training_job, sparse(place.folder / "job.json"))


@refused
def job_that_is_a_pipe(place: Place) -> Work:
    os.mkfifo(place.folder / "job.json")
    return partial(load_training_job, place.folder / "job.json")


@refused
def recipe_that_never_ends(place: Place) -> Work:
    (place.folder / "recipe.json").symlink_to("/dev/zero")
    return partial(load_recipe, place.folder / "recipe.json")


# --- runs ----------------------------------------------------------------------------------------

SPLIT = ScanResult(
    folder="/pictures",
    pictures=2,
    classes={"a": 1, "b": 1},
    split=Split(given=False, train=1, val=1, test=0),
    files=(
        Picture(file="a/1.png", label="a", part="train"),
        Picture(file="b/2.png", label="b", part="val"),
    ),
)


def run_in(place: Place, split: ScanResult = SPLIT) -> RunFolder:
    """An interrupted run of somebody else, with nothing wrong about it yet."""
    run = RunFolder.create(place.folder / "run", JOB)
    run.save_split(split)
    run.save_state("interrupted", environment={"device": "cpu", "threads": 1})
    return run


def resumed(run: RunFolder) -> Work:
    return lambda: drive(resume(ResumeRun(run=str(run.path))), lambda _: None)


def everything(run: RunFolder) -> Work:
    """What a list of runs and a look at one of them read."""

    def work() -> None:
        opened = RunFolder.open(run.path)
        opened.job()
        opened.state()
        opened.origin()
        opened.events()
        opened.split()
        opened.locked_score()

    return work


def run_with(name: str, content: bytes) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).write_bytes(content)
        return everything(run)

    return case


def run_with_link(name: str, to: str) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).unlink(missing_ok=True)
        (run.path / name).symlink_to(place.outside / to if to != "/dev/zero" else to)
        return resumed(run)

    return case


def run_with_pipe(name: str) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        (run.path / name).unlink(missing_ok=True)
        os.mkfifo(run.path / name)
        return resumed(run)

    return case


def split_with(**changes: Any) -> Case:
    def case(place: Place) -> Work:
        pictures = SPLIT.files
        if "file" in changes:
            pictures = (*pictures, Picture(label="a", part="train", **changes))
        folder = changes.get("folder", str(place.folder))
        run = run_in(place, SPLIT.model_copy(update={"files": pictures, "folder": folder}))
        return resumed(run)

    return case


REFUSED |= {
    **{
        f"run with a deep {name}": run_with(name, DEEP)
        for name in ("job.json", "run.json", "split.json", "origin.json", "test.json")
    },
    **{
        f"run with long numbers in {name}": run_with(name, LONG_NUMBER)
        for name in ("run.json", "origin.json")
    },
    **{
        f"run with a link as {name}": run_with_link(name, "secret")
        for name in ("run.json", "split.json", "events.jsonl", "start.safetensors", "lock")
    },
    **{f"run with a link as {name}": run_with_link(name, ".") for name in ("model", "checkpoints")},
    "run with a device for its state": run_with_link("run.json", "/dev/zero"),
    **{
        f"run with a pipe as {name}": run_with_pipe(name)
        for name in ("run.json", "split.json", "events.jsonl", "start.safetensors")
    },
    **{
        f"split with the picture {name!r}": split_with(file=name)
        for name in ("../outside/secret", "/etc/passwd", "a/../../outside/secret", "a\0b", "..")
    },
}


@refused
def run_with_a_million_threads(place: Place) -> Work:
    run = run_in(place)
    run.save_state("interrupted", environment={"device": "cpu", "threads": 10**6})
    return resumed(run)


@refused
def run_that_says_nothing_of_its_beginning(place: Place) -> Work:
    run = run_in(place)
    run.save_state("interrupted", environment={})
    return resumed(run)


@refused
def run_whose_split_has_a_terabyte(place: Place) -> Work:
    run = run_in(place)
    sparse(run.split_file)
    return everything(run)


@refused
def run_with_a_link_deep_in_its_model(place: Place) -> Work:
    run = run_in(place)
    run.model.mkdir()
    (run.model / "last.safetensors").symlink_to(place.outside / "secret")
    return resumed(run)


@refused
def finished_run_with_a_link_as_model(place: Place) -> Work:
    run = run_in(place)
    run.model.symlink_to(place.outside)
    return lambda: drive(finish(FinishRun(run=str(run.path))), lambda _: None)


def events_of(content: bytes) -> Case:
    def case(place: Place) -> Work:
        run = run_in(place)
        with run.recording() as log:
            log.append(Logged(message="good"))
        with run.events_file.open("ab") as file:
            file.write(content)

        def work() -> None:
            assert run.events()[:1] == [Logged(message="good")]

        return work

    return case


HARMLESS |= {
    "events that are deep": events_of(DEEP + b"\n"),
    "events with long numbers": events_of(LONG_NUMBER + b"\n"),
    "events in one long line": events_of(b" " * 5_000_000),
    "events that are no text": events_of(b"\xff\xfe\n\x00\n"),
}


@harmless
def events_of_a_terabyte(place: Place) -> Work:
    run = run_in(place)
    sparse(run.events_file)
    return run.events
