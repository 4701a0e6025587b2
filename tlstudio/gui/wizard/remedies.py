"""Owns what can be done about a finding with one click. Plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tlstudio.gui.wizard.review import Case, Review, Section, Shot
from tlstudio.gui.wizard.wording import translate
from tlstudio.projects.corrections import ClassName, Correction, Corrections

Deed = Literal["correct", "dismiss", "restore", "balance", "files", "class"]
_LONGEST = 28
"""Characters of a class's name on a button."""
Make = Callable[[Corrections], Correction]


@dataclass(frozen=True)
class Remedy:
    """A button with its text. `deed` says what it does: `correct` makes a correction and says
    `done`, `dismiss` and `restore` are about the findings with these `keys`, `balance` weighs
    classes, `files` goes to the list of files that are left out, `class` shows `target`."""

    text: str
    deed: Deed
    done: str = ""
    make: Make | None = None
    keys: tuple[str, ...] = ()
    target: str = ""


def remedies(case: Case, review: Review, balanced: bool) -> list[Remedy]:
    """For one finding, the likeliest first. `balanced`: classes are weighed already."""
    if review.dismissals(case):
        return [_restore([case], review)]
    return [*_own(case, review, balanced), _dismiss([case], _dismiss_text(case))]


def _own(case: Case, review: Review, balanced: bool) -> list[Remedy]:
    """What mends this kind of finding."""
    used, offered = case.used, list[Remedy]()
    match case.finding.kind:
        case "exact_duplicate" | "near_duplicate":
            offered = [_leave_out(translate("health", "Keep one"), _spare(used))]
        case "conflicting_labels":
            offered = [*_agree(used), _leave_out(_out_text(used), used)]
        case "blank":
            offered = [_leave_out(_out_text(used), used)]
        case "odd_one_out":
            offered = [_leave_out(_out_text(used), used), *_show_classes(case)]
        case "leak" if _checked(used):
            text = translate("health", "Leave the checked copies out")
            offered = [_leave_out(text, _checked(used))]
        case "imbalance" if not balanced:
            done = translate("health", "Small classes now count as much as large ones")
            offered = [Remedy(translate("health", "Balance classes"), "balance", done)]
        case "unreadable":
            offered = [Remedy(translate("health", "Show the files"), "files")]
        case "small_class":
            offered = [*_leave_classes_out(case, review), *_show_classes(case)]
        case "shortcut" | "unchecked_class":
            offered = _show_classes(case)
    return offered


def common_remedies(section: Section, review: Review) -> list[Remedy]:
    """For all findings of a kind at once; none where there is only one finding."""
    cases = section.cases
    if len(cases) < 2:
        return []
    if all(review.dismissals(case) for case in cases):
        return [_restore(cases, review)]
    number = f"{len(cases):,}"
    dismiss = _dismiss(cases, translate("health", "Dismiss all {0}").format(number))
    if section.kind in {"exact_duplicate", "near_duplicate"}:
        text = translate("health", "Keep one of each in all {0}").format(number)
        return [_leave_out(text, _union(_spare(case.used) for case in cases)), dismiss]
    if section.kind in {"conflicting_labels", "blank", "odd_one_out"}:
        shots = _union(case.used for case in cases)
        text = translate("health", "Leave all {0} pictures out").format(f"{len(shots):,}")
        return [_leave_out(text, shots), dismiss]
    if section.kind == "leak":
        shots = _union(_checked(case.used) for case in cases)
        text = translate("health", "Leave the checked copies out in all {0}").format(number)
        return [_leave_out(text, shots), dismiss]
    return [dismiss]


def pictures_left_out(number: int) -> str:
    """What was done, for the line that says it and for undo."""
    if number == 1:
        return translate("health", "1 picture left out")
    return translate("health", "{0} pictures left out").format(f"{number:,}")


def _spare(used: Sequence[Shot]) -> list[Shot]:
    """All but the largest, or the first of those as large."""
    kept = max(used, key=lambda shot: shot.width * shot.height)
    return [shot for shot in used if shot is not kept]


def _checked(used: Sequence[Shot]) -> list[Shot]:
    return [shot for shot in used if shot.part in {"val", "test"}]


def _union(groups: Iterable[Iterable[Shot]]) -> list[Shot]:
    """Each picture once: it may stand in several findings."""
    return list({shot.id: shot for shots in groups for shot in shots}.values())


def _leave_out(text: str, shots: Sequence[Shot]) -> Remedy:
    numbers = [shot.id for shot in shots]
    return Remedy(
        text,
        "correct",
        pictures_left_out(len(numbers)),
        lambda corrections: corrections.exclude(numbers, excluded=True),
    )


def _out_text(used: Sequence[Shot]) -> str:
    if len(used) == 1:
        return translate("health", "Leave it out")
    if len(used) == 2:
        return translate("health", "Leave both out")
    return translate("health", "Leave all {0} out").format(f"{len(used):,}")


def _dismiss_text(case: Case) -> str:
    """Letting a finding stand, in the words of its kind."""
    if case.finding.kind not in {"exact_duplicate", "near_duplicate", "blank", "odd_one_out"}:
        return translate("health", "Dismiss")
    forms = {1: translate("health", "Keep it"), 2: translate("health", "Keep both")}
    return forms.get(len(case.used), translate("health", "Keep all"))


def _agree(used: Sequence[Shot]) -> list[Remedy]:
    """One for each class that the pictures lie in: all of them belong there."""
    form = translate("health", "All are “{0}”")
    if len(used) == 2:
        form = translate("health", "Both are “{0}”")
    offered: dict[str, Remedy] = {}
    for shot in used:
        others = [other.id for other in used if other.label != shot.label]
        one = translate("health", "1 picture is “{0}” now")
        many = translate("health", "{1} pictures are “{0}” now")
        done = (one if len(others) == 1 else many).format(shot.label, len(others))
        text = form.format(_short(shot.label))
        offered.setdefault(shot.label, Remedy(text, "correct", done, _relabel(others, shot.key)))
    return list(offered.values())


def _short(label: str) -> str:
    """For a button."""
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1].rstrip()}…"


def _relabel(numbers: Sequence[int], key: str) -> Make:
    return lambda corrections: corrections.relabel(numbers, key)


def _leave_classes_out(case: Case, review: Review) -> list[Remedy]:
    """Not where fewer than two classes would be left."""
    offered = []
    for label in case.finding.classes if len(review.classes) > 2 else ():
        keys = review.keys.get(label, ())
        text = translate("health", "Leave “{0}” out").format(_short(label))
        done = translate("health", "The class “{0}” left out").format(label)
        offered.append(Remedy(text, "correct", done, _without_class(keys, label)))
    return offered


def _without_class(keys: Sequence[str], label: str) -> Make:
    names = {key: ClassName(label, excluded=True) for key in keys}
    return lambda corrections: corrections.set_classes(names)


def _show_classes(case: Case) -> list[Remedy]:
    text = translate("health", "Show “{0}”")
    return [
        Remedy(text.format(_short(label)), "class", target=label)
        for label in case.finding.classes[:2]
    ]


def _dismiss(cases: Sequence[Case], text: str) -> Remedy:
    return Remedy(
        text,
        "dismiss",
        _about(len(cases), translate("health", "dismissed")),
        keys=tuple(case.key for case in cases),
    )


def _restore(cases: Sequence[Case], review: Review) -> Remedy:
    text = translate("health", "Bring back")
    if len(cases) > 1:
        text = translate("health", "Bring all {0} back").format(f"{len(cases):,}")
    done = _about(len(cases), translate("health", "brought back"))
    keys = tuple(key for case in cases for key in review.dismissals(case))
    return Remedy(text, "restore", done, keys=keys)


def _about(number: int, what: str) -> str:
    if number == 1:
        return translate("health", "1 finding {0}").format(what)
    return translate("health", "{0} findings {1}").format(f"{number:,}", what)
