"""Inverse density of the target: flat where it should be, the same in any unit, bounded."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError
from biam.relevance import MOST, relevance


@pytest.fixture(name="skewed")
def skewed_fixture():
    return np.random.default_rng(0).exponential(size=3000)


@pytest.mark.parametrize("n", [500, 5000])
def test_evenly_spread_targets_count_alike(n):
    y = np.random.default_rng(n).permutation(np.linspace(-3, 5, n))
    assert np.abs(relevance(y) - 1).max() < 0.03


def test_weighted_targets_are_evenly_spread(skewed):
    """Inverse density makes the density flat, as far as the bound on the weights lets it."""
    w = relevance(skewed)
    edges = np.linspace(0, 2.4, 9)
    sums = np.histogram(skewed, edges, weights=w)[0]
    plain = np.histogram(skewed, edges)[0]
    assert plain.max() / plain.min() > 6
    assert sums.max() / sums.min() < 1.3


def test_mean_one_and_bounded(skewed):
    w = relevance(np.append(skewed, 1e6))
    assert w.mean() == pytest.approx(1)
    assert w.max() / w.min() == pytest.approx(MOST)


def test_unit_origin_and_direction_do_not_matter(skewed):
    w = relevance(skewed)
    assert relevance(100 * skewed - 7) == pytest.approx(w, rel=1e-6)
    # The bins are half open: mirrored, a target at an edge falls into the bin on its other side.
    assert relevance(-skewed) == pytest.approx(w, rel=0.02)


def test_a_weight_is_a_number_of_rows(skewed):
    y = skewed[:400]
    times = np.random.default_rng(1).integers(0, 4, len(y))
    found, often = relevance(y, y, times), np.repeat(y, times)
    assert np.repeat(found, times) == pytest.approx(relevance(often), rel=1e-9)
    assert np.average(found, weights=times) == pytest.approx(1)


def test_the_density_may_be_that_of_other_rows(skewed):
    spoilt = skewed.copy()
    spoilt[:300] = 3.0
    trusted = relevance(spoilt, skewed)
    assert trusted[300:] == pytest.approx(relevance(skewed)[300:], rel=1e-9)
    assert trusted[0] > 3 * relevance(spoilt)[0]


@pytest.mark.parametrize("y", [np.full(30, 2.0), np.array([1.0])])
def test_equal_targets_count_alike(y):
    assert (relevance(y) == 1).all()


def test_mostly_one_value_still_has_a_density():
    y = np.concatenate([np.zeros(90), np.linspace(1, 5, 10)])
    w = relevance(y)
    assert np.isfinite(w).all() and (w[90:] > 5 * w[0]).all()


def test_nothing_to_take_a_density_of():
    with pytest.raises(InvalidInputError, match="no target of positive weight"):
        relevance(np.ones(3), np.ones(3), np.zeros(3))
