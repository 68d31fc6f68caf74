"""Strengths end in the right cells."""

import numpy as np
import pandas as pd

from biam.plotting import strength_map

TABLE = pd.DataFrame(
    {
        "term": ["a missing × b", "b missing × a", "a × b"],
        "kind": ["interaction", "interaction", "pair"],
        "first": ["a", "b", "a"],
        "second": ["b", "a", "b"],
        "strength": [2.0, 1.0, 3.0],
    }
)


def cells(ax):
    return np.asarray(ax.images[0].get_array())


def test_rows_are_the_missing_feature():
    ax = strength_map(TABLE)
    np.testing.assert_array_equal(cells(ax), [[0, 2], [1, 0]])
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("missing feature", "curve that changes")
    assert sorted(text.get_text() for text in ax.texts) == ["1.00", "2.00"]


def test_pairs_are_symmetric():
    np.testing.assert_array_equal(cells(strength_map(TABLE, kind="pair")), [[0, 3], [3, 0]])


def test_features_fix_the_order():
    ax = strength_map(TABLE, features=["c", "b", "a"])
    np.testing.assert_array_equal(cells(ax), [[0, 0, 0], [0, 0, 1], [0, 2, 0]])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["c", "b", "a"]


def test_many_features_get_a_bar_instead_of_numbers():
    ax = strength_map(TABLE, features=list("abcdefgh"))
    assert len(ax.texts) == 0
    assert len(ax.figure.axes) == 2


def test_nothing_shows_the_page():
    ax = strength_map(TABLE)
    assert ax.images[0].get_cmap()(0.0)[3] == 0
