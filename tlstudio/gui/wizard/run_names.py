"""Owns what a new run's folder is called."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from tlstudio.projects.places import runs_folder


def new_run_folder(pictures: str, now: datetime, project: str = "") -> Path:
    """A folder that does not exist yet, named by the folder of pictures and the time: in the
    project, or, without one, where runs lie that belong to none."""
    home = Path(project) / "runs" if project else runs_folder()
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", pictures)[:60].strip(" .") or "run"
    stem = f"{name} {now:%Y-%m-%d %H.%M.%S}"
    path, n = home / stem, 1
    while path.exists():
        n += 1
        path = home / f"{stem} ({n})"
    return path
