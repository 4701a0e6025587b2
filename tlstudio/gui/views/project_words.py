"""Owns what the home screen says of a project, in the user's words."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication

from tlstudio.gui.views.known import Entry, Offer
from tlstudio.gui.widgets.basics import count


def contents_words(entry: Entry) -> str:
    """ "244 pictures, 2 classes"; empty where nobody has looked."""
    known = entry.known
    if not known.pictures:
        return ""
    return f"{_number(known.pictures, 'picture')}, {_number(len(known.classes), 'class')}"


def place_words(entry: Entry) -> str:
    """Where its pictures are. It can be broken into lines between folders."""
    dataset = entry.known.dataset
    if dataset is None:
        return ""
    return _breakable(dataset.table.file if dataset.table else dataset.folder)


def accuracy_words(entry: Entry) -> str:
    """ "95.5 % right", of its best training; else how far it came."""
    known = entry.known
    if known.accuracy is not None:
        return _tr("{0:.1f}\u00a0% right").format(100 * known.accuracy)
    return _tr("not trained yet") if not known.runs else _number(known.runs, "training")


def trainings_words(entry: Entry) -> str:
    """What the figure rests on: "best of 3 trainings"."""
    known = entry.known
    if not known.runs:
        return _tr("No training yet")
    trainings = _number(known.runs, "training")
    if known.accuracy is None:
        return _tr("{0}, none finished").format(trainings)
    return _tr("of the validation pictures, best of {0}").format(trainings)


def state_words(entry: Entry, opened: bool) -> str:
    """What is special about it now; empty for nothing."""
    if not entry.there:
        return _tr("! Not found")
    if entry.running:
        return _tr("● Training now")
    if not entry.pictures_there:
        return _tr("! Pictures not found")
    if entry.offer is not None:
        return _tr("! Training was interrupted")
    return _tr("● Open") if opened else ""


def interrupted_words(title: str, offer: Offer) -> str:
    if offer.epoch is None:
        return _tr("The training of “{0}” was interrupted before its first epoch.").format(title)
    text = _tr("The training of “{0}” was interrupted in epoch {1} of {2}.")
    return text.format(title, offer.epoch, offer.epochs)


def kept_words(offer: Offer) -> str:
    if offer.epoch is None:
        return _tr("It can begin again with the same settings.")
    return _tr("What it had learned until then is kept.")


def missing_words(entry: Entry) -> tuple[str, str]:
    """A sentence and what to do about it; empty where nothing is missing."""
    if not entry.there:
        return (
            _tr("The project is not where it was: {0}").format(_breakable(entry.known.path)),
            _tr("Connect its drive and open it again, or take it off the list."),
        )
    if not entry.pictures_there:
        dataset = entry.known.dataset
        hint = _tr("Connect their drive, or put the folder back.")
        if dataset is not None and not dataset.table and not dataset.roots:
            hint = _tr("Connect their drive, or open the project and choose where they are now.")
        return _tr("Its pictures are not where they were."), hint
    return "", ""


def classes_words(entry: Entry, most: int = 8) -> str:
    """The first classes by name, and how many more there are."""
    names = entry.known.classes
    text = ", ".join(names[:most])
    return text if len(names) <= most else _tr("{0} and {1} more").format(text, len(names) - most)


def number_of_trainings(n: int) -> str:
    return _number(n, "training")


def _breakable(path: str) -> str:
    return re.sub(r"(?<=.)([/\\])", "\u200b\\1", path)


def _number(n: int, what: str) -> str:
    one, many = {
        "picture": (_tr("1 picture"), _tr("{0} pictures")),
        "class": (_tr("1 class"), _tr("{0} classes")),
        "training": (_tr("1 training"), _tr("{0} trainings")),
    }[what]
    return one if n == 1 else many.format(count(n))


def _tr(text: str) -> str:
    return QCoreApplication.translate("Home", text)
