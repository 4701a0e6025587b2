"""Which networks are listed, without Qt."""

from __future__ import annotations

import pytest

from tlstudio.backbones.catalogue import Backbone, catalogue, selection
from tlstudio.gui.wizard.network_list import Row, family_name, found, recommended


def ids(rows: list[Row]) -> list[str]:
    return [row.id for row in rows if isinstance(row, Backbone)]


def test_every_family_has_a_name_that_people_use() -> None:
    assert all(family_name(entry) for entry in catalogue())


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("resnet50", "resnet50"),
        ("ResNet 50", "resnet50"),
        ("vit b/16", "vit_b_16"),
        ("transformer swin", "swin_t"),
        ("efficientnet-b3", "efficientnet_b3"),
        ("v2 2021", "efficientnet_v2_s"),
    ],
)
def test_a_network_is_found_by_whatever_it_is_called(query: str, first: str) -> None:
    assert first in ids(found(query))
    assert len(ids(found(query))) < 12


@pytest.mark.parametrize("query", ["quark", "2031", "vit 2015", "%&"])
def test_nonsense_finds_nothing(query: str) -> None:
    assert found(query) == []


def test_a_heading_stands_over_each_family_once() -> None:
    rows = found()
    headings = [row for row in rows if isinstance(row, str)]
    assert len(headings) == len(set(headings)) == len({entry.family for entry in catalogue()})
    assert not isinstance(rows[-1], str)


def test_names_sort_as_people_count() -> None:
    names = ids(found("resnet", order="name"))
    assert names.index("resnet50") < names.index("resnet101") < names.index("resnet152")
    assert ids(found("resnet", "name", descending=True)) == names[::-1]


def test_the_few_that_are_recommended_can_be_sorted_too() -> None:
    work = [entry.weights[0].gflops for entry in catalogue() if entry in selection()]
    rows = [row for row in recommended("work") if isinstance(row, Backbone)]
    assert [row.weights[0].gflops for row in rows] == sorted(work)
