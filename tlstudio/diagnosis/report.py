"""Owns the report for support: one file that says what happened and not on what pictures."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tlstudio import __version__
from tlstudio.bounded import content
from tlstudio.diagnosis import session_log
from tlstudio.diagnosis.scrub import Scrubber, hidden
from tlstudio.errors import RunError, UsageError
from tlstudio.jobs import DatasetSpec, DoctorResult
from tlstudio.projects.atomic import replacing
from tlstudio.projects.places import runs_folder
from tlstudio.projects.recent import known_projects
from tlstudio.projects.run_folder import RunFolder
from tlstudio.tasks import Epoch, Event, Waiting, Warned

_LOGS = 2
_LOG_BYTES = 20_000_000
_FEW = 50
README = """A report of TL Studio {version} for support.

It was written because somebody asked for it, and nothing was sent anywhere. What is in it:

  README.txt       this text
  error.txt        the error that it is about, if there was one
  doctor.json      versions, devices, and what the look at this installation found
  log-1.txt        the log of the last session, log-2.txt that of the one before
  run/job.json     how the last training was set up
  run/state.json   how it went
  run/events.json  its epochs, its warnings, and how many events of each kind there were

No pictures, no names of pictures and no weights are in it. The folders of pictures are written
<pictures>, their files <picture>, their classes <class 1>, <class 2> and so on, the user's own
folder ~, the user <user>. It is text: have a look before you hand it on.
"""


@dataclass
class _Known:
    """What the names are that a report must not hold."""

    folders: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def add(self, dataset: DatasetSpec | None, classes: Sequence[str]) -> None:
        self.classes += classes
        if dataset is not None:
            self.folders += [dataset.folder, *dataset.roots]
            self.classes += [*dataset.class_names, *dataset.class_names.values()]


def write_report(
    file: Path, doctor: DoctorResult | None, error: str = "", run: Path | None = None
) -> None:
    """Writes the zip `file`, whole or not at all. `run` is the training that it is about; None for
    the last one. What can't be read of all that is left out. Raises `StorageError`."""
    run = run or last_run()
    scrubber = _scrubber(run)
    parts: dict[str, str] = {"README.txt": README.format(version=__version__)}
    if error:
        parts["error.txt"] = scrubber.text(error)
    if doctor is not None:
        parts["doctor.json"] = scrubber.text(_json(doctor.model_dump(mode="json")))
    for number, log in enumerate(session_log.latest(_LOGS), start=1):
        with contextlib.suppress(OSError):
            text = content(log, _LOG_BYTES).decode("utf-8", "replace")
            parts[f"log-{number}.txt"] = scrubber.text(text)
    if run is not None:
        parts |= {f"run/{name}.json": _json(value) for name, value in _of_run(run, scrubber)}
    with (
        replacing(file) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name, text in parts.items():
            archive.writestr(name, text)


def last_run() -> Path | None:
    """The run in the program's folder or in a project's that was written to last."""
    places = [runs_folder(), *(Path(known.path) / "runs" for known in known_projects())]
    found: list[tuple[float, Path]] = []
    for place in places:
        with contextlib.suppress(OSError):
            for run in place.iterdir():
                found += [
                    (file.stat().st_mtime, run)
                    for file in (RunFolder(run).job_file, RunFolder(run).state_file)
                    if file.is_file()
                ]
    return max(found)[1] if found else None


def _scrubber(run: Path | None) -> Scrubber:
    known = _Known()
    if run is not None:
        with contextlib.suppress(RunError, OSError, ValidationError):
            split = RunFolder(run).split()
            known.add(None, [*split.classes])
            known.files = [each.file for each in split.files]
        with contextlib.suppress(RunError, OSError, ValidationError, UsageError):
            known.add(RunFolder(run).job().dataset, ())
    others: dict[str, str] = {}
    for project in known_projects():
        known.add(project.dataset, project.classes)
        others |= {project.path: "<project>", project.title: "<project>"}
    return Scrubber(known.folders, dict.fromkeys(known.classes), others, known.files)


def _of_run(run: Path, scrubber: Scrubber) -> Iterator[tuple[str, Any]]:
    """What is told of a run, as far as it can be read."""
    folder = RunFolder(run)
    with contextlib.suppress(RunError, OSError, ValidationError, UsageError):
        job = folder.job().model_dump(mode="json")
        # Of where the pictures are and what was said of their names nothing is of use to anybody.
        dataset = {**job["dataset"], "class_names": len(job["dataset"]["class_names"])}
        yield "job", scrubber.value({**job, "dataset": hidden(dataset)})
    with contextlib.suppress(RunError, OSError, ValidationError):
        yield "state", scrubber.value(folder.state().model_dump(mode="json"))
    with contextlib.suppress(RunError, OSError, ValidationError):
        yield "events", scrubber.value(_summary(folder.events()))


def _summary(events: Sequence[Event]) -> dict[str, Any]:
    epochs = [asdict(event) for event in events if isinstance(event, Epoch)]
    warnings = [event.message for event in events if isinstance(event, Warned | Waiting)]
    return {
        "events": dict(Counter(event.type for event in events)),
        "epochs": epochs[:_FEW] + epochs[_FEW:][-_FEW:],
        "warnings": list(dict.fromkeys(warnings))[-_FEW:],
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
