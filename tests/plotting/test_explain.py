"""Waterfall and importances: bars add up, the rest is folded, nothing is lost."""

from itertools import pairwise

import pandas as pd
import pytest

from biam.plotting import importances, waterfall

TERMS = pd.Series({"intercept": 1.0, "a": 0.5, "b": -2.0, "c": 0.25, "d": 0.125, "a missing": 0.0})


def bars(ax):
    return [(bar.get_x(), bar.get_width()) for bar in ax.patches]


def labels(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def test_bars_go_from_the_intercept_to_the_prediction():
    ax = waterfall(TERMS)
    steps = bars(ax)
    assert labels(ax) == ["b", "a", "c", "d"]
    assert steps[0] == (1.0, -2.0)
    assert sum(steps[-1]) == pytest.approx(TERMS.sum())
    for (start, width), (after, _) in pairwise(steps):
        assert start + width == pytest.approx(after)


def test_the_rest_is_one_bar():
    ax = waterfall(TERMS, n_terms=2)
    assert labels(ax) == ["b", "a", "2 other terms"]
    assert bars(ax)[-1][1] == pytest.approx(0.375)


def test_values_stand_beside_the_names():
    ax = waterfall(TERMS, {"a": 39.0, "b": "red", "c": 0.12345, "d": 77516.0})
    assert labels(ax) == ["b = red", "a = 39", "c = 0.123", "d = 77,516"]


def test_the_title_says_both_ends():
    title = waterfall(TERMS).get_title(loc="right")
    assert "+1.00" in title
    assert "\N{MINUS SIGN}0.12" in title


def test_importances_are_sorted_and_folded():
    ax = importances(pd.Series({"a": 0.2, "b": 0.5, "c": 0.2, "d": 0.1}), n_features=2)
    assert labels(ax) == ["b", "a", "2 others"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.5, 0.2, 0.3])
    assert [text.get_text() for text in ax.texts] == ["50%", "20%", "30%"]
