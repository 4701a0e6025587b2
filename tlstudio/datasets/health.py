"""Owns what is wrong with a data set, as findings in the order of how much they would hurt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tlstudio.datasets.duplicates import exact
from tlstudio.datasets.item import Item
from tlstudio.datasets.shortcuts import shortcuts
from tlstudio.datasets.wording import pictures, pictures_are, quoted
from tlstudio.jobs import Finding, LeftOut, Part, Proposal
from tlstudio.tasks import Meter, Task

SMALL_CLASS = 10
"""Fewer pictures than this in a class is too little to say how good the answers are."""
UNEQUAL = 5
"""A class that is this many times larger than another is preferred when in doubt."""
BLANK = 3.0
"""Grey levels: a picture that varies less shows nothing but noise."""

_SEEN: dict[Part, str] = {"train": "learned from", "val": "checked on", "test": "tested on"}


def findings(
    items: Sequence[Item],
    left_out: Sequence[LeftOut] = (),
    *,
    near: Iterable[Sequence[int]] = (),
    groups: Sequence[str] = (),
    parts: Sequence[str | None] = (),
    aside: Mapping[int, str] | None = None,
    proposed: Sequence[tuple[Proposal, Sequence[str]]] = (),
) -> Task[list[Finding]]:
    """What the user should know about these pictures, what hurts most first.

    `near` are the groups of `duplicates.near`, as indices of items. `groups` names for each item
    the group that it must not be parted from (empty for none), `parts` the part that it is in; what
    rests on either is not looked for where it is not given. `aside` says why some count nowhere, by
    their numbers; `proposed` are groupings that nobody confirmed, each with the groups it makes.
    """
    meter = Meter("compare", len(items))
    yield from meter.at(len(items))
    same, alike = exact(items), [tuple(group) for group in near]
    found = [
        *_unreadable(items, left_out),
        *_blank(items),
        *_small(items),
        *_unequal(items),
        *_unchecked(items, parts),
        *_aside(items, aside or {}),
    ]
    yield from meter.at(len(items))
    for looked in (
        _copies(items, same, alike),
        _conflicts(items, same, alike),
        _leaks(items, same, alike, groups, proposed),
    ):
        for finding in looked:
            found.append(finding)
            yield from meter.at(len(items))
    found += yield from shortcuts(items)
    yield from meter.at(len(items))
    return sorted(found, key=lambda finding: -finding.weight)


# --- single pictures -----------------------------------------------------------------------------


def _unreadable(items: Sequence[Item], left_out: Sequence[LeftOut]) -> Iterator[Finding]:
    if not left_out:
        return
    sentence = f"{len(left_out):,} files are left out."
    if len(left_out) == 1:
        sentence = f"The file “{left_out[0].file}” is left out: {left_out[0].reason}"
    yield Finding(
        kind="unreadable",
        severity="warn",
        sentence=sentence,
        hint="Everything else is used. The list of files says why.",
        files=tuple(entry.file for entry in left_out),
        weight=_weight(0.3, len(left_out), len(left_out) + len(items)),
    )


def _blank(items: Sequence[Item]) -> Iterator[Finding]:
    blank = [item for item in items if item.facts.spread < BLANK]
    if not blank:
        return
    yield Finding(
        kind="blank",
        severity="warn",
        sentence=f"{pictures_are(len(blank))} blank, or nearly so.",
        hint="Nothing can be learned from a picture of one colour. Leave out what shows nothing.",
        files=tuple(item.file for item in blank),
        classes=_labels(blank),
        weight=_weight(0.5, len(blank), len(items)),
    )


def _aside(items: Sequence[Item], aside: Mapping[int, str]) -> Iterator[Finding]:
    members = [item for item in items if item.id in aside]
    if not members:
        return
    yield Finding(
        kind="set_aside",
        severity="info",
        sentence=f"{pictures_are(len(members))} set aside: newer ones tie them to others that are"
        " learned from.",
        hint="They count nowhere, so that the accuracy stays honest. Nobody else was moved.",
        files=tuple(item.file for item in members),
        classes=_labels(members),
        weight=_weight(0.1, len(members), len(items)),
    )


# --- pictures that are the same ------------------------------------------------------------------


def _copies(
    items: Sequence[Item], same: list[tuple[int, ...]], alike: list[tuple[int, ...]]
) -> Iterator[Finding]:
    for group in same:
        members = [items[index] for index in group]
        yield Finding(
            kind="exact_duplicate",
            severity="info",
            sentence=f"{_named(members)} are the same file, byte for byte.",
            hint="A split that the program draws keeps them on one side. Leave out all but one, so"
            " that the picture counts once.",
            files=tuple(item.file for item in members),
            classes=_labels(members),
            weight=_weight(0.3, len(group) - 1, len(items)),
        )
    for group in alike:
        members = [items[index] for index in group]
        yield Finding(
            kind="near_duplicate",
            severity="info",
            sentence=f"{_named(members)} show nearly the same.",
            hint="A split that the program draws keeps them on one side, so that no picture is"
            " checked on that was as good as learned. Leave out copies that add nothing.",
            files=tuple(item.file for item in members),
            classes=_labels(members),
            weight=_weight(0.2, len(group) - 1, len(items)),
        )


def _conflicts(
    items: Sequence[Item], same: list[tuple[int, ...]], alike: list[tuple[int, ...]]
) -> Iterator[Finding]:
    """The same picture under two labels; a near copy only where that is not said already."""
    said: set[frozenset[bytes]] = set()
    for group, near in [*((group, False) for group in same), *((group, True) for group in alike)]:
        members = [items[index] for index in group]
        labels = _labels(members)
        contents = frozenset(item.digest for item in members)
        if len(labels) < 2 or any(contents <= other for other in said):
            continue
        said.add(contents)
        what = "show nearly the same" if near else "are the same picture"
        yield Finding(
            kind="conflicting_labels",
            severity="warn" if near else "error",
            sentence=f"{_named(members)} {what}, but one is “{labels[0]}” and another"
            f" “{labels[1]}”.",
            hint="One of them is wrong, or the picture belongs to both. Give them one class, or"
            " leave them out.",
            files=tuple(item.file for item in members),
            classes=labels,
            weight=_weight(0.7 if near else 1.0, len(group), len(items)),
        )


def _leaks(
    items: Sequence[Item],
    same: list[tuple[int, ...]],
    alike: list[tuple[int, ...]],
    groups: Sequence[str],
    proposed: Sequence[tuple[Proposal, Sequence[str]]],
) -> Iterator[Finding]:
    """What the split that the user brought has on two sides. What is said of copies is not said
    again of the group that they are in."""
    if all(item.given is None for item in items):
        return
    said: set[int] = set()
    for members, what in [
        *((group, "show nearly the same") for group in alike),
        *((group, "are the same picture") for group in same),
        *((group, "belong together") for group in _together(groups)),
    ]:
        here = _on_two_sides(items, members)
        if not said.issuperset(here):
            said.update(here)
            yield _leak(items, here, what)
    for proposal, names in proposed:
        sides = [_on_two_sides(items, group) for group in _together(names)]
        new = [here for here in sides if not said.issuperset(here)]
        if new:
            yield _suspected(items, new, proposal)


def _together(groups: Sequence[str]) -> list[list[int]]:
    members: dict[str, list[int]] = {}
    for index, group in enumerate(groups):
        if group:
            members.setdefault(group, []).append(index)
    return list(members.values())


def _on_two_sides(items: Sequence[Item], members: Iterable[int]) -> list[int]:
    """Those that the user's split puts somewhere; none where that is one part."""
    here = [index for index in members if items[index].given is not None]
    return here if len({items[index].given for index in here}) > 1 else []


def _both(items: Sequence[Item], members: Sequence[int]) -> str:
    """A picture of each side, for a sentence."""
    first: dict[Part, str] = {}
    for item in (items[index] for index in members):
        if item.given is not None:
            first.setdefault(item.given, item.file)
    sides = [f"“{first[part]}”, which is {seen}" for part, seen in _SEEN.items() if part in first]
    return f"{sides[0]}, and {sides[1]}"


def _suspected(items: Sequence[Item], sides: list[list[int]], proposal: Proposal) -> Finding:
    grouping = proposal.grouping
    by = "By their names" if grouping.pattern else "By when they were taken"
    others = f" So may those of {len(sides) - 1:,} more such groups." if len(sides) > 1 else ""
    members = [index for side in sides for index in side]
    return Finding(
        kind="leak",
        severity="warn",
        sentence=f"{'By their folders' if grouping.folder_level else by},"
        f" {_both(items, sides[0])}, may belong together.{others}",
        hint="If they show the same thing (one patient, one plate, one site), the accuracy looks"
        " better than it will be on new pictures. Then confirm that they belong together, and let"
        " the program draw the split, on the Split page.",
        files=tuple(items[index].file for index in members),
        classes=_labels([items[index] for index in members]),
        weight=_weight(0.7, len(members), len(items)),
    )


def _leak(items: Sequence[Item], members: list[int], what: str) -> Finding:
    return Finding(
        kind="leak",
        severity="error",
        sentence=f"{_both(items, members)}, {what}.",
        hint="The accuracy looks better than it will be on new pictures. Move them to one side, or"
        " let the program draw the split, on the Split page.",
        files=tuple(items[index].file for index in members),
        classes=_labels([items[index] for index in members]),
        weight=_weight(1.0, len(members), len(items)),
    )


# --- classes -------------------------------------------------------------------------------------


def _small(items: Sequence[Item]) -> Iterator[Finding]:
    counts = Counter(item.label for item in items)
    small = {name: count for name, count in sorted(counts.items()) if count < SMALL_CLASS}
    if not small:
        return
    name, count = next(iter(small.items()))
    sentence = f"The class “{name}” has only {pictures(count)}."
    if len(small) > 1:
        sentence = (
            f"{len(small):,} classes have fewer than {SMALL_CLASS} pictures: {quoted(small)}."
        )
    yield Finding(
        kind="small_class",
        severity="warn",
        sentence=sentence,
        hint="Expect more mistakes there, and a less certain number. Add pictures, or merge the"
        " class with another one.",
        classes=tuple(small),
        weight=_weight(0.3, len(small), len(counts)),
    )


def _unequal(items: Sequence[Item]) -> Iterator[Finding]:
    counts = sorted(Counter(item.label for item in items).items(), key=lambda pair: pair[::-1])
    if len(counts) < 2:
        return
    (least, few), (most, many) = counts[0], counts[-1]
    if many < UNEQUAL * few:
        return
    yield Finding(
        kind="imbalance",
        severity="warn",
        sentence=f"“{most}” has {round(many / few):,} times as many pictures as “{least}”.",
        hint="When in doubt, the larger class is preferred. Class balance, under Advanced on the"
        " settings page, makes up for it.",
        classes=(least, most),
        weight=min(0.05 * math.log(many / few, UNEQUAL), 0.3),
    )


def _unchecked(items: Sequence[Item], parts: Sequence[str | None]) -> Iterator[Finding]:
    if "val" not in parts:
        return
    checked = {item.label for item, part in zip(items, parts, strict=True) if part == "val"}
    everything = {item.label for item in items}
    missing = sorted(everything - checked)
    if not missing:
        return
    sentence = f"No picture of {quoted(missing)} is there to check the answers on."
    yield Finding(
        kind="unchecked_class",
        severity="warn",
        sentence=sentence,
        hint="The accuracy will say nothing about it. Add pictures, or keep fewer groups together.",
        classes=tuple(missing),
        weight=_weight(0.4, len(missing), len(everything)),
    )


# --- words ---------------------------------------------------------------------------------------


def _weight(badness: float, count: int, of: int) -> float:
    return badness * count / max(of, 1)


def _labels(items: Iterable[Item]) -> tuple[str, ...]:
    return tuple(sorted({item.label for item in items}))


def _named(items: Sequence[Item]) -> str:
    if len(items) <= 3:
        return quoted([item.file for item in items])
    return f"{len(items):,} pictures ({quoted([item.file for item in items], most=2)})"
