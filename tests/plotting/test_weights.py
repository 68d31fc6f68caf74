"""Weights: each row where its loss and weight say, shares that add up to one."""

import numpy as np
import pytest

from biam.plotting import weight_curve, weight_histogram

LOSSES = np.array([0.1, 0.2, 4.0, 5.0])
WEIGHTS = np.array([1.5, 1.4, 0.1, 1.0])
MASK = np.array([False, False, True, True])


def test_rows_are_split_by_the_mask():
    ax = weight_curve(LOSSES, WEIGHTS, MASK, names=("clean", "flipped"))
    clean, flipped = ax.lines
    np.testing.assert_array_equal(clean.get_xdata(), [0.1, 0.2])
    np.testing.assert_array_equal(flipped.get_ydata(), [0.1, 1.0])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["clean (2 rows)", "flipped (2 rows)"]
    assert clean.get_marker() != flipped.get_marker()
    assert ax.get_xscale() == "log"


def test_without_a_mask_one_group_and_no_legend():
    ax = weight_curve(LOSSES, WEIGHTS, log=False)
    assert len(ax.lines) == 1
    assert ax.get_legend() is None
    assert ax.get_xscale() == "linear"


def test_shares_of_each_group_add_up_to_one():
    ax = weight_histogram(WEIGHTS, MASK, bins=5)
    shares = [patch.get_data().values for patch in ax.patches]
    assert [part.sum() for part in shares] == pytest.approx([1, 1])
    np.testing.assert_allclose(shares[1], [0.5, 0, 0, 0.5, 0])


def test_a_group_may_be_empty():
    ax = weight_histogram(WEIGHTS, np.zeros(4, bool))
    assert ax.patches[1].get_data().values.sum() == 0


def test_drawn_into_the_axes_given():
    first = weight_curve(LOSSES, WEIGHTS, log=False)
    assert weight_histogram(WEIGHTS, MASK, ax=first) is first
