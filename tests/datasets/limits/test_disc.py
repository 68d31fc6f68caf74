"""The disc: certainty without gaps, areas and chords with them."""

import numpy as np
import pytest

from biam.datasets.limits.disc import disc_process
from biam.exceptions import InvalidInputError

N = 40_000


def test_without_gaps_every_test_row_is_certain():
    process = disc_process(noise_rate=0.3, imbalance=0.1)
    p, variance = process.posterior(process.split.X_test)
    assert np.array_equal(p, process.split.y_test)
    assert not variance.any()


def test_gaps_in_other_features_cost_nothing():
    process = disc_process()
    X = process.split.X_test.copy()
    X[:, 2:] = np.nan
    assert np.array_equal(process.posterior(X)[0], process.split.y_test)


def test_both_missing_leaves_the_area():
    process = disc_process(missing_rate=0.2)
    X = np.full((1, 10), np.nan)
    assert process.posterior(X)[0][0] == pytest.approx(1 - 0.08 * np.pi)


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_chances_are_what_fresh_rows_confirm(rate):
    process = disc_process(missing_rate=rate)
    X, y = process.draw(N, np.random.default_rng(3))
    p, variance = process.posterior(X)
    for kind in range(3):
        rows = np.isnan(X[:, :2]).sum(1) == kind
        bound = 4 * np.sqrt(variance[rows].sum()) / rows.sum() + 1e-12
        assert abs((y - p)[rows].mean()) < bound
    one = np.isnan(X[:, 0]) & ~np.isnan(X[:, 1])
    low = one & (p < np.median(p[one]))
    assert abs((y - p)[low].mean()) < 4 * np.sqrt(variance[low].sum()) / low.sum()


def test_other_mechanisms_are_refused():
    with pytest.raises(InvalidInputError, match="mcar"):
        disc_process(missing_rate=0.1, mechanism="mnar")
