"""What would be proposed wrongly, or not be proposed, of what belongs together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from datasets.made_items import at

from tlstudio.datasets.groups import groups_of
from tlstudio.datasets.item import Item
from tlstudio.datasets.proposals import proposals
from tlstudio.jobs import Grouping, Proposal

PATIENTS, SLICES = 24, 6


def thumb(*seeds: int) -> bytes:
    """A small picture that is the same for the same numbers, but for a little noise of the last."""
    *scene, noise = seeds
    base = np.random.default_rng(scene).integers(0, 200, 768)
    return bytes((base + np.random.default_rng(noise).integers(0, 20, 768)).astype(np.uint8))


def hospital(name: Callable[[int, int], str], alike: bool = False) -> list[Item]:
    """Patients of two classes with some slices each; `name` gives a file its name."""
    pictures: list[Item] = []
    for patient in range(PATIENTS):
        for part in range(SLICES):
            label = "ab"[patient % 2]
            small = thumb(patient if alike else len(pictures), len(pictures))
            pictures.append(
                at(len(pictures) + 1, f"{label}/{name(patient, part)}.png", thumb=small)
            )
    return pictures


def proposed(pictures: list[Item]) -> list[Proposal]:
    return proposals(pictures, [picture.label for picture in pictures])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        (lambda p, s: f"p{p}_slice{s}", "{group}_*"),
        (lambda p, s: f"patient {p:03d}, {s}", "* {group} *"),
        (lambda p, s: f"{p}-jpg.rf.{p * 77 + s:x}", "{group}-*"),
        (lambda p, s: f"plate{p}-{'abcdef'[s]}{s}-x", "{group}-*"),
        (lambda p, s: f"p{p}s{s}", "p{group}s#"),
        (lambda p, s: f"study_{p}_{s}", "*_{group}_*"),
        (lambda p, s: f"SOB_{'ab'[p % 2]}-14-{22549 + 137 * p}AB-40-{s:03d}", "*-*-{group}-*-*"),
    ],
)
def test_what_many_names_share_is_proposed_and_makes_the_groups(
    name: Callable[[int, int], str], pattern: str
) -> None:
    pictures = hospital(name)
    found = proposed(pictures)
    assert [each.grouping for each in found] == [Grouping(pattern=pattern)]
    assert found[0].groups == PATIENTS
    groups = groups_of(pictures, [], found[0].grouping, [picture.label for picture in pictures])
    patients = {frozenset(range(p * SLICES, (p + 1) * SLICES)) for p in range(PATIENTS)}
    assert {
        frozenset(i for i, other in enumerate(groups) if other == group) for group in groups
    } == patients


def test_the_sentence_gives_an_example_that_exists() -> None:
    pictures = hospital(lambda p, s: f"p{p}_slice{s}")
    (found,) = proposed(pictures)
    assert "“p0” in p0_slice0.png, p0_slice1.png and 4 more" in found.sentence
    assert found.examples == tuple(f"a/p0_slice{s}.png" for s in range(4))


def test_folders_inside_the_classes_are_proposed() -> None:
    pictures = hospital(lambda p, s: f"patient{p}/{s}")
    (found,) = proposed(pictures)
    assert found.grouping == Grouping(folder_level=1)
    assert found.groups == PATIENTS
    assert "“patient0”" in found.sentence
    deeper = hospital(lambda p, s: f"all/patient{p}/{s}")
    assert [each.grouping for each in proposed(deeper)] == [Grouping(folder_level=2)]


@pytest.mark.parametrize(
    "name",
    [
        lambda p, s: f"{p * SLICES + s:05d}",
        lambda p, s: f"DSC_{p * SLICES + s:05d}",
        lambda p, s: f"{'ab'[p % 2]}_{p // 2 * SLICES + s}",  # each class counts from nothing
        lambda p, s: f"{'ab'[p % 2]}.{p // 2 * SLICES + s}",
        lambda p, s: f"{(p * SLICES + s) * 7919}_{p * 31 + s:x}_m",
        lambda p, s: f"batch{p % 3}_{p // 3 * SLICES + s}",
    ],
)
def test_running_numbers_and_the_names_of_classes_are_not_proposed(
    name: Callable[[int, int], str],
) -> None:
    assert not proposed(hospital(name))


def test_what_comes_after_something_else_counts_where_its_pictures_look_alike() -> None:
    def name(patient: int, part: int) -> str:
        return f"slice{part}_p{patient}"

    assert not proposed(hospital(name))
    (found,) = proposed(hospital(name, alike=True))
    assert found.grouping == Grouping(pattern="*_{group}")
    assert found.groups == PATIENTS


def test_a_patient_before_and_after_is_proposed_though_each_class_has_one_picture() -> None:
    pictures = [
        at(2 * p + side, f"{label}/{p}_{label}.png", thumb=thumb(p, 2 * p + side))
        for p in range(30)
        for side, label in enumerate(("before", "after"))
    ]
    assert [each.grouping for each in proposed(pictures)] == [Grouping(pattern="{group}_*")]


def test_bursts_that_telephones_name_are_proposed_though_few_pictures_are_of_one() -> None:
    single = [f"{'ab'[n % 2]}/IMG_2019{n:04d}_{n:06d}.jpg" for n in range(300)]
    burst = [f"a/IMG_20190101_{n:06d}_BURST{m:03d}.jpg" for n in range(6) for m in range(4)]
    pictures = [at(number, file) for number, file in enumerate([*single, *burst])]
    (found,) = proposed(pictures)
    assert found.grouping == Grouping(pattern="*_{group}_BURST*")
    assert found.groups == 6


def timed(times: list[float]) -> list[Item]:
    return [
        at(number, f"{'ab'[number % 2]}/{number}.jpg", camera="X", taken=time)
        for number, time in enumerate(times)
    ]


def test_pictures_taken_one_after_the_other_are_proposed_as_bursts() -> None:
    times = [3600.0 * shot + 2 * number for shot in range(40) for number in range(3)]
    (found,) = proposed(timed(times))
    assert found.grouping == Grouping(burst=30)
    assert found.groups == 40
    assert "120 pictures" in found.sentence


def test_one_date_for_all_or_pictures_far_apart_are_no_bursts() -> None:
    assert not proposed(timed([946_684_800.0] * 120))
    assert not proposed(timed([3600.0 * shot for shot in range(120)]))


def test_nothing_is_proposed_of_very_few_pictures() -> None:
    assert not proposed([])
    assert not proposed(hospital(lambda p, s: f"p{p}_{s}")[:12])
