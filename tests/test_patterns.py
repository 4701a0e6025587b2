"""What users write as a pattern of names does what the words beside the field say."""

from __future__ import annotations

import numpy as np
import pytest

from tlstudio.errors import UsageError
from tlstudio.jobs import patterns
from tlstudio.jobs.patterns import compiled


@pytest.mark.parametrize(
    ("pattern", "file", "fields"),
    [
        ("{label}_*", "daisy_012_a.jpg", {"label": "daisy"}),
        ("{label}#", "deep/er/cat12.png", {"label": "cat"}),
        ("{label} (#)", "a cat (3).jpeg", None),
        ("{label} (#)", "cat (3).jpeg", {"label": "cat"}),
        ("*_{label}", "a_b_dog.tar.png", {"label": "dog.tar"}),
        ("{group}-{label}-*", "p1-x-.png", {"group": "p1", "label": "x"}),
        ("{group}/{label}_*", "set/p7/cat_1.png", {"group": "p7", "label": "cat"}),
        ("{label}_#", "daisy_x.jpg", None),
        ("{label}.*", "a.b.jpg", {"label": "a"}),
        ("*_*_*_*_{label}", "1_2_3_4_5_cat.png", {"label": "cat"}),
    ],
)
def test_a_pattern_takes_out_what_it_names(
    pattern: str, file: str, fields: dict[str, str] | None
) -> None:
    assert compiled(pattern).match(file) == fields


def test_what_parts_words_is_no_part_of_a_label() -> None:
    assert compiled("{label}#").label("bull_dog_12.jpg") == "bull_dog"
    assert compiled("*{label}#").label("x.jpg") == ""


@pytest.mark.parametrize(
    "text",
    ["", "*", "daisy", "{label", "label}", "{name}_*", "{label}{label}", "{label}" + "a" * 200],
)
def test_what_is_no_pattern_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        compiled(text)
    assert "{label}_*" in caught.value.hint


def test_many_wild_cards_find_what_a_regular_expression_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    pieces, letters = np.array(["*", "#", "_", "a", "-"]), np.array(list("ab_-1"))
    found = 0
    for _ in range(1500):
        before, after = ("".join(rng.choice(pieces, rng.integers(0, 4))) for _ in range(2))
        pattern = compiled(f"{before}{{label}}{after}")
        name = "".join(rng.choice(letters, rng.integers(1, 12)))
        answers = []
        for most in (-1, 100):
            monkeypatch.setattr(patterns, "_MOST_WILD", most)
            answers.append(pattern.match(f"{name}.png"))
        assert answers[0] == answers[1]
        found += answers[0] is not None
    assert found > 100


def test_a_name_that_would_keep_a_regular_expression_for_ever_is_answered() -> None:
    """With five wild cards `re` needs minutes for this name."""
    assert compiled("*_*_*_*_*_*_{label}-x").match("_" * 199 + "a.png") is None
    assert compiled("*_*_*_*_*_*_{label}").match("_" * 199 + "a.png") == {"label": "a"}
