"""Waterfall and importances: bars add up, the rest is folded, nothing is lost."""

from itertools import pairwise

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting import hierarchy, importances, waterfall

TERMS = pd.Series({"intercept": 1.0, "a": 0.5, "b": -2.0, "c": 0.25, "d": 0.125, "a missing": 0.0})

TABLE = pd.DataFrame(
    {
        "term": ["a", "a missing", "a \N{MULTIPLICATION SIGN} b", "b", "c", "c missing"],
        "kind": ["shape", "missing", "pair", "shape", "shape", "missing"],
        "spread": [3.0, 0.5, 2.0, 0.1, 0.2, 1.0],
        "level": [0, 1, 2, 0, 0, 1],
    }
)


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


def test_what_is_built_on_a_main_effect_stands_below_it():
    ax = hierarchy(TABLE)
    arrow = "\N{RIGHTWARDS ARROW} "
    terms = [*TABLE["term"]]
    expected = [
        name if n == 0 else arrow + name for name, n in zip(terms, TABLE["level"], strict=True)
    ]
    assert labels(ax) == expected
    drawn = {round(bar.get_y() + 0.31): bar.get_width() for bar in ax.patches}
    assert drawn == {-k: size for k, size in enumerate(TABLE["spread"])}
    colours = {bar.get_facecolor() for bar in ax.patches}
    assert len(colours) == 3
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["shape function", "missing effect", "pair"]


def test_few_terms_keep_the_main_effects_above_them():
    arrow = "\N{RIGHTWARDS ARROW} "
    shown = labels(hierarchy(TABLE, n_terms=3))
    assert shown == ["a", f"{arrow}{TABLE['term'][2]}", "c", f"{arrow}c missing"]


def test_a_hierarchy_needs_levels():
    with pytest.raises(InvalidInputError, match="lacks the columns level"):
        hierarchy(TABLE.drop(columns="level"))
