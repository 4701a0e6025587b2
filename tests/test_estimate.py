"""The estimate adds up, worked out by hand for made-up costs."""

from __future__ import annotations

import json

import pytest

from tlstudio.jobs import (
    AUGMENTATIONS,
    DecodingCosts,
    EstimateResult,
    NetworkCosts,
    Recipe,
    Work,
    precisions,
    result_from_dict,
)
from tlstudio.jobs.estimate import at_once, estimate

COSTS = NetworkCosts(
    frozen={"float32": (0.004, 0.002, 0.001)},
    learning={"float32": (0.05, 0.03, 0.02)},
    checking=(0.01, 0.008, 0.006),
    update=1e-9,
    step=0.001,
    values=(100_000, 50_000, 10_000),
    kept=(4_000_000, 2_000_000, 1_000_000),
    parameters=(1_000_000, 2_000_000, 3_000_000),
    features=512,
    size=224,
)
DECODING = DecodingCosts(plain=0.005, first=0.003, varied=0.002, kept=200_000)
# Beside its arithmetic, 1 ms, every step takes another one for what goes on around it.
RECIPE = Recipe(epochs=10, batch_size=50, patience=None)


def work(frozen: int, **values: float) -> Work:
    facts = {"train": 1000, "val": 200, "classes": 2, "frozen": frozen}
    return Work.model_validate({**facts, **values})


def test_everything_frozen_costs_each_picture_once_and_epochs_almost_nothing() -> None:
    found = estimate(COSTS, DECODING, work(3), RECIPE)
    assert found.seconds_cache == pytest.approx(1200 * (0.005 + 0.007))
    assert found.seconds_epoch == pytest.approx(20 * 0.002)
    assert found.seconds == pytest.approx(sum(found.phases.values()))


def test_half_frozen_costs_each_view_once_and_epochs_the_rest_of_the_network() -> None:
    found = estimate(COSTS, DECODING, work(1), RECIPE)
    plain = 1200 * (0.005 + 0.007)
    # Of three more views one is the mirror image, for which the picture is decoded again.
    views = 3000 * 0.004 + 2000 * 0.002 + 1000 * (0.003 + 0.005)
    assert found.seconds_cache == pytest.approx(plain + views)
    epoch = 1000 * 0.05 + 200 * 0.014 + 20 * (0.002 + 1e-9 * 5_000_000)
    assert found.seconds_epoch == pytest.approx(epoch)
    # Four views of each training picture in half precision, validation pictures in full.
    rows = 100_000 * (4 * 1000 * 2 + 200 * 4)
    without = estimate(COSTS, DECODING, work(1), RECIPE.model_copy(update={"views": 0}))
    decoded = 1000 * 200_000
    assert found.disk_bytes - without.disk_bytes == pytest.approx(rows - decoded)


def test_nothing_frozen_costs_whole_steps_on_views_that_are_made_anew() -> None:
    found = estimate(COSTS, DECODING, work(0), RECIPE)
    epoch = 1000 * (0.1 + 0.002) + 200 * 0.024 + 20 * (0.002 + 1e-9 * 6_000_000)
    assert found.seconds_epoch == pytest.approx(epoch)
    assert found.phases["fine_tune"] == pytest.approx(10 * epoch + 1000 * 0.003)


def test_new_views_in_every_epoch_run_the_frozen_part_in_every_epoch() -> None:
    cached = estimate(COSTS, DECODING, work(1), RECIPE)
    fresh = estimate(COSTS, DECODING, work(1), RECIPE.model_copy(update={"views": 0}))
    more = fresh.seconds_epoch - cached.seconds_epoch
    assert more == pytest.approx(1200 * 0.01 + 1000 * 0.002)
    assert fresh.seconds_cache == pytest.approx(1200 * (0.005 + 0.007))


def test_there_are_no_more_views_than_epochs_or_than_the_variation_has() -> None:
    def cache(**values: object) -> float:
        recipe = Recipe.model_validate({**RECIPE.model_dump(), **values})
        return estimate(COSTS, DECODING, work(1), recipe).seconds_cache

    one = 1200 * (0.005 + 0.007)
    assert cache(epochs=1) == pytest.approx(one)
    assert cache(augmentation=AUGMENTATIONS["none"]) == pytest.approx(one)
    mirrored = AUGMENTATIONS["none"].model_copy(update={"flip_horizontal": True})
    assert cache(augmentation=mirrored) == pytest.approx(one + 1000 * (0.004 + 0.005))


def test_what_is_in_the_cache_costs_nothing() -> None:
    found = estimate(COSTS, DECODING, work(1, features_there=1, rows_there=1), RECIPE)
    assert found.seconds_cache == 0
    half = estimate(COSTS, DECODING, work(3, features_there=0.5), RECIPE)
    assert half.seconds_cache == pytest.approx(600 * (0.005 + 0.007))


def test_beside_a_graphics_card_decoding_and_computing_go_on_at_once() -> None:
    card = COSTS.model_copy(update={"cpu": False})
    found = estimate(card, DECODING, work(3), RECIPE)
    assert found.seconds_cache == pytest.approx(1200 * 0.007)


def test_larger_pictures_in_the_recipe_cost_more() -> None:
    small = RECIPE.model_copy(update={"sizes": (112, 224)})
    more = estimate(COSTS, DECODING, work(0), RECIPE).seconds_epoch
    less = estimate(COSTS, DECODING, work(0), small).seconds_epoch
    assert more - less == pytest.approx(1000 * 0.1 * (1 - 0.625))


def test_memory_grows_with_the_batch_by_what_the_learning_blocks_keep() -> None:
    def memory(batch: int) -> int:
        recipe = RECIPE.model_copy(update={"batch_size": batch})
        return estimate(COSTS, DECODING, work(1), recipe).memory_bytes

    # And a third as much for gradients and gaps.
    assert memory(100) - memory(50) == pytest.approx(1.3 * 50 * 3_000_000)


@pytest.mark.parametrize(("gain", "chosen"), [(1.1, "float32"), (1.3, "bfloat16")])
def test_half_precision_is_used_only_where_it_is_clearly_faster(gain: float, chosen: str) -> None:
    def both(seconds: tuple[float, ...]) -> dict[str, tuple[float, ...]]:
        return {"float32": seconds, "bfloat16": tuple(each / gain for each in seconds)}

    costs = NetworkCosts.model_validate(
        {
            **COSTS.model_dump(),
            "frozen": both(COSTS.frozen["float32"]),
            "learning": both(COSTS.learning["float32"]),
        }
    )
    fastest = RECIPE.model_copy(update={"precision": "fastest"})
    assert precisions(costs, fastest, 1) == (chosen, chosen)
    # With everything frozen only the head learns, for which digits are free.
    assert precisions(costs, fastest, 3) == (chosen, "float32")
    exact = RECIPE.model_copy(update={"precision": "float32"})
    assert precisions(costs, exact, 1) == ("float32", "float32")


def test_an_answer_crosses_the_pipe_unharmed() -> None:
    result = EstimateResult(
        costs=COSTS,
        decoding=DECODING,
        train=1000,
        val=200,
        classes=2,
        start=1.5,
        rows_there={1: 0.5},
    )
    read = result_from_dict(json.loads(json.dumps(result.model_dump(mode="json"))))
    assert isinstance(read, EstimateResult)
    assert read == result
    assert read.of(RECIPE, 1) == result.of(RECIPE, 1)


def test_a_batch_that_memory_does_not_hold_is_halved_until_it_does() -> None:
    weights = 2 * 4 * 6_000_000 + 12 * 6_000_000 + 4 * 512 * 1200 + 2 * 64 * 12 * 224**2
    picture = 1.3 * 7_000_000
    for pictures, most in ((50, 0), (49, 25), (24, 13), (2, 2), (1, 1), (0, 1)):
        assert at_once(COSTS, work(0), RECIPE, round(weights + pictures * picture) + 1) == most
    assert at_once(COSTS, work(3), RECIPE, 0) == 0, "nothing learns but the head"
    larger = RECIPE.model_copy(update={"sizes": (112, 448)})
    assert at_once(COSTS, work(0), larger, round(weights + 50 * picture)) == 7


def test_a_run_needs_room_for_three_networks_and_four_checkpoints() -> None:
    frozen = estimate(COSTS, DECODING, work(3), RECIPE).run_bytes
    learning = estimate(COSTS, DECODING, work(1), RECIPE).run_bytes
    averaged = RECIPE.model_copy(update={"averaging": 0.99})
    assert frozen > 3 * 4 * 6_000_000
    assert learning - frozen == pytest.approx(4 * 16 * 5_000_000)
    more = estimate(COSTS, DECODING, work(1), averaged).run_bytes - learning
    assert more == pytest.approx(4 * 4 * (5_000_000 + 2 * 512))
