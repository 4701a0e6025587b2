"""The probe is scikit-learn's logistic regression, with a strength that suits the pictures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor

from tlstudio.tasks import Progress
from tlstudio.training.probe import LARGEST_SEARCH, STRENGTHS, Probe, fit_probe


def fitted(
    features: Tensor, labels: Tensor, weights: Tensor | None = None, seed: int = 0
) -> tuple[Probe, list[Progress]]:
    classes = int(labels.max()) + 1
    events: list[Progress] = []
    task = fit_probe(
        features, labels, classes, torch.ones(classes) if weights is None else weights, seed
    )
    while True:
        try:
            events.append(next(task))
        except StopIteration as stop:
            return stop.value, events


def made(count: int, width: int, classes: int, spread: float = 1.0) -> tuple[Tensor, Tensor]:
    """Overlapping clouds, with features of very different sizes, as networks give them."""
    random = np.random.default_rng(count + width)
    labels = np.arange(count) % classes
    centres = random.normal(size=(classes, width)) * spread / np.sqrt(width) * 2
    features = (centres[labels] + random.normal(size=(count, width))) * random.uniform(
        0.01, 30, width
    ) + random.uniform(0, 5, width)
    return torch.from_numpy(features).float(), torch.from_numpy(labels)


def like_a_network(count: int, width: int, classes: int) -> tuple[Tensor, Tensor]:
    """Positive features that vary together along few directions, as those of a network do."""
    random = torch.Generator().manual_seed(count)
    labels = torch.arange(count) % classes
    centres = 0.4 * torch.randn(classes, width, generator=random)
    mixing = (
        torch.randn(width, width, generator=random) * torch.arange(1, width + 1).rsqrt()[:, None]
    )
    noise = torch.randn(count, width, generator=random)
    return ((centres[labels] + noise) @ mixing).relu(), labels


def reference(
    features: Tensor, labels: Tensor, strength: float, weights: str | None = None
) -> np.ndarray:
    scaled = StandardScaler().fit_transform(features.double().numpy())
    model = LogisticRegression(C=strength, tol=1e-10, max_iter=20_000, class_weight=weights)
    probabilities: np.ndarray = model.fit(scaled, labels.numpy()).predict_proba(scaled)
    return probabilities


def probabilities(probe: Probe, features: Tensor) -> np.ndarray:
    logits = features @ probe.weight.T + probe.bias
    values: np.ndarray = torch.softmax(logits, 1).numpy()
    return values


@pytest.mark.parametrize(
    ("count", "width", "classes"), [(90, 20, 3), (40, 200, 4), (150, 30, 5), (60, 60, 3)]
)
def test_probabilities_are_those_of_scikit_learn(count: int, width: int, classes: int) -> None:
    features, labels = made(count, width, classes)
    probe, _ = fitted(features, labels)
    assert probe.strength in STRENGTHS
    expected = reference(features, labels, probe.strength)
    np.testing.assert_allclose(probabilities(probe, features), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("count", "width", "classes"), [(300, 700, 2), (800, 120, 5)])
def test_features_like_a_networks_give_the_probabilities_of_scikit_learn(
    count: int, width: int, classes: int
) -> None:
    features, labels = like_a_network(count, width, classes)
    probe, _ = fitted(features, labels)
    expected = reference(features, labels, probe.strength)
    np.testing.assert_allclose(probabilities(probe, features), expected, rtol=0, atol=1e-4)


def test_more_pictures_than_the_search_looks_at_are_all_learned_from() -> None:
    features, labels = made(LARGEST_SEARCH + 1500, 12, 4)
    probe, _ = fitted(features, labels)
    expected = reference(features, labels, probe.strength)
    np.testing.assert_allclose(probabilities(probe, features), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("count", "width", "spread"), [(200, 100, 0.5), (200, 100, 4), (300, 10, 2)]
)
def test_the_strength_is_as_good_as_the_best_that_scikit_learn_finds(
    count: int, width: int, spread: float
) -> None:
    features, labels = made(count, width, 4, spread)
    scaled = StandardScaler().fit_transform(features.double().numpy())
    losses = {
        strength: -cross_val_score(
            LogisticRegression(C=strength, max_iter=2000),
            scaled,
            labels.numpy(),
            cv=StratifiedKFold(5, shuffle=True, random_state=0),
            scoring="neg_log_loss",
        ).mean()
        for strength in STRENGTHS
    }
    chosen = fitted(features, labels)[0].strength
    assert losses[chosen] <= 1.05 * min(losses.values())


def test_half_precision_is_read_as_the_numbers_it_holds() -> None:
    features, labels = made(60, 40, 3)
    half = features.half()
    first, second = fitted(half, labels)[0], fitted(half.float(), labels)[0]
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_the_features_are_left_as_they_were() -> None:
    features, labels = made(50, 20, 3)
    before = features.clone()
    fitted(features, labels)
    assert torch.equal(features, before)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    features, labels = made(120, 15, 3)
    kept = (labels == 0) | (torch.arange(120) % 4 == 0)
    features, labels = features[kept], labels[kept]
    weights = compute_class_weight("balanced", classes=np.arange(3), y=labels.numpy())
    probe, _ = fitted(features, labels, torch.from_numpy(weights).float())
    expected = reference(features, labels, probe.strength, "balanced")
    np.testing.assert_allclose(probabilities(probe, features), expected, rtol=0, atol=1e-4)
    plain, _ = fitted(features, labels)
    assert not np.allclose(probabilities(plain, features), expected, atol=1e-2)


def test_noise_is_regularised_and_clear_classes_are_not() -> None:
    random = torch.Generator().manual_seed(0)
    noise = torch.randn(80, 50, generator=random)
    labels = torch.arange(80) % 2
    assert fitted(noise, labels)[0].strength == min(STRENGTHS)
    clear = torch.randn(80, 4, generator=random) * 0.1
    clear[:, 0] += labels * 5
    assert fitted(clear, labels)[0].strength == max(STRENGTHS)


def test_features_that_never_change_do_not_disturb() -> None:
    features, labels = made(60, 10, 3)
    constant = torch.tensor([[0.0, 7.3, 1e6]]).expand(60, 3)
    with_constants = torch.cat([features[:, :5], constant, features[:, 5:]], 1)
    probe, _ = fitted(with_constants, labels)
    expected, _ = fitted(features, labels)
    assert bool(torch.isfinite(probe.weight).all())
    np.testing.assert_allclose(
        probabilities(probe, with_constants), probabilities(expected, features), rtol=0, atol=1e-4
    )


def test_features_that_are_all_the_same_give_the_shares_of_the_classes() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    probe, _ = fitted(torch.full((4, 6), 2.5), labels)
    np.testing.assert_allclose(
        probabilities(probe, torch.full((1, 6), 2.5)), [[0.75, 0.25]], atol=1e-4
    )


def test_a_class_of_one_picture_can_be_learned() -> None:
    features, labels = made(31, 8, 3)
    labels = torch.where(torch.arange(31) == 30, 3, labels)
    probe, _ = fitted(features, labels)
    assert probe.weight.shape == (4, 8)
    expected = reference(features, labels, probe.strength)
    np.testing.assert_allclose(probabilities(probe, features), expected, rtol=0, atol=1e-4)


def test_two_pictures_are_enough() -> None:
    probe, _ = fitted(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.tensor([0, 1]))
    assert probabilities(probe, torch.tensor([[0.0, 1.0]]))[0, 0] > 0.5


def test_the_same_pictures_and_seed_give_the_same_bits() -> None:
    features, labels = made(50, 100, 3)
    first, second = (fitted(features, labels, seed=5)[0] for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_progress_only_grows_and_ends_whole() -> None:
    _, events = fitted(*made(200, 30, 3))
    assert all(a.done <= b.done for a, b in itertools.pairwise(events))
    assert events[-1].done == events[-1].total


def test_the_callers_number_of_threads_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        task = fit_probe(*made(40, 5, 2), 2, torch.ones(2), 0)
        next(task)
        task.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
