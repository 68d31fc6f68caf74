"""Accuracy by group, its extremes, and the difference of odds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.experiments.group_scores import group_scores, odds_difference

RIGHT = np.array([1, 1, 0, 1, 0, 0, 1, 1], bool)
GROUPS = np.array([0, 0, 0, 1, 1, 2, 3, 3])


def test_scores_by_hand():
    scores = group_scores(RIGHT, GROUPS)
    assert scores["accuracy"] == 5 / 8
    assert [scores[f"accuracy_g{g}"] for g in range(4)] == pytest.approx([2 / 3, 0.5, 0, 1])
    assert (scores["worst_group"], scores["gap"]) == (0, 1)
    assert odds_difference(RIGHT, GROUPS) == pytest.approx(1 / 6 + 1)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=30))
def test_the_average_lies_between_the_extremes(rows):
    right, groups = (np.array(part) for part in zip(*rows, strict=True))
    scores = group_scores(right, groups)
    assert scores["worst_group"] <= scores["accuracy"] + 1e-12
    assert scores["accuracy"] <= scores["worst_group"] + scores["gap"] + 1e-12


def test_equal_odds_are_zero_however_unequal_the_classes():
    groups = np.repeat([0, 1, 2, 3], 4)
    right = np.concatenate([[1, 1, 0, 0] * 2, [1, 0, 0, 0] * 2]).astype(bool)
    assert odds_difference(right, groups) == 0


def test_empty_and_unequal_lengths():
    with pytest.raises(InvalidInputError, match="got 0 and 0"):
        group_scores(RIGHT[:0], GROUPS[:0])
    with pytest.raises(InvalidInputError, match="got 8 and 2"):
        group_scores(RIGHT, GROUPS[:2])
