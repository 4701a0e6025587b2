"""A patient in both halves makes any accuracy look good; what is proposed brings it down to what it
is worth."""

from __future__ import annotations

import numpy as np
from datasets.made_items import at
from sklearn.neighbors import KNeighborsClassifier

from tlstudio.datasets.groups import groups_of
from tlstudio.datasets.item import Item
from tlstudio.datasets.proposals import proposals
from tlstudio.datasets.split import assign

PATIENTS, SLICES = 60, 8


def patients() -> list[Item]:
    """Eight noisy pictures of each of 60 patients, of whom a coin decided who is sick: nothing in a
    picture says so, and no accuracy above a half is true."""
    rng = np.random.default_rng(0)
    found: list[Item] = []
    for patient in range(PATIENTS):
        look = rng.integers(20, 235, 768)
        label = "sick" if rng.random() < 0.5 else "well"
        for number in range(SLICES):
            pixels = np.clip(look + rng.normal(0, 12, 768), 0, 255).astype(np.uint8)
            name = f"{label}/p{patient}_slice{number}.png"
            found.append(at(len(found) + 1, name, thumb=pixels.tobytes()))
    return found


def accuracies(items: list[Item], groups: tuple[str, ...]) -> list[float]:
    """Of the nearest neighbour, with five seeds."""
    pixels = np.array([np.frombuffer(item.facts.thumb, np.uint8) for item in items], np.float64)
    labels = np.array([item.label for item in items])
    right = []
    for seed in range(5):
        parts = assign(items, groups, val_fraction=0.2, test_fraction=0, seed=seed).parts
        val = np.array([parts[item.id] == "val" for item in items])
        model = KNeighborsClassifier(1).fit(pixels[~val], labels[~val])
        right.append(float(model.score(pixels[val], labels[val])))
    return right


def test_patients_in_both_halves_are_proposed_to_be_kept_together_which_tells_the_truth() -> None:
    items = patients()
    folders = [item.label for item in items]
    (proposal,) = proposals(items, folders)
    assert proposal.groups == PATIENTS
    alone = accuracies(items, ("",) * len(items))
    together = accuracies(items, groups_of(items, [], proposal.grouping, folders))
    assert min(alone) > 0.95
    assert abs(np.mean(together) - 0.5) < 0.1
