"""The timed task: its stated moments, its gaps, its noise, parts that do not move each other."""

import numpy as np
import pytest
from scipy.special import expit

from biam.datasets.self_masked import make_self_masked, signal
from biam.exceptions import InvalidInputError

N = 40_000


@pytest.fixture(scope="module")
def regression():
    return make_self_masked("regression", N, n_test=100)


@pytest.fixture(scope="module")
def classes():
    return make_self_masked("classification", N, n_test=100)


def test_signal_at_points_one_can_work_out():
    X = np.zeros((3, 11))
    X[1, [2, 8, 9]] = 2, 1, 3
    X[2, [0, 10]] = np.pi / 2, 1
    base = -1 + 2 + np.log(2) + 1
    assert signal(X) == pytest.approx([base, base + 4 + 2.4, base + 0 + 1])


def test_features_are_standard_with_neighbours_correlated(regression):
    # Small values are rarely hidden: the correlation of what is seen is near that of all.
    X = make_self_masked("regression", N, 12, noise_rate=0, n_test=1).X_train
    low = np.nan_to_num(X, nan=9.0)
    share = (low < -1).mean(0)
    seen = 1 - expit(1.5 * -1.5 - 1.9)
    assert np.all(share < 0.1587 * 1.02)
    assert np.all(share > 0.1587 * seen * 0.95)
    rows = ~np.isnan(X[:, :2]).any(1) & (np.abs(X[:, :2]) < 9).all(1)
    assert 0.2 < np.corrcoef(X[rows, 0], X[rows, 1])[0, 1] < 0.35


def test_a_fifth_is_missing_and_large_values_more_often(regression):
    rate = np.isnan(regression.X_train).mean(0)
    assert rate == pytest.approx(np.full(20, 0.2), abs=0.01)
    assert np.nanmean(regression.X_train) < -0.1


def test_target_has_the_stated_moments(regression, classes):
    y = regression.truth["y_clean"]
    assert y.mean() == pytest.approx(0, abs=0.03)
    assert y.var() == pytest.approx(1.09, abs=0.03)
    assert classes.truth["y_clean"].mean() == pytest.approx(1 / 11, abs=0.005)


def test_noise_is_as_stated(regression, classes):
    shift = (regression.y_train - regression.truth["y_clean"])[regression.mask]
    assert regression.mask.mean() == pytest.approx(0.3, abs=1e-4)
    assert shift.mean() == pytest.approx(5, abs=0.05) and shift.std() == pytest.approx(1, abs=0.05)
    wrong = classes.y_train != classes.truth["y_clean"]
    assert np.array_equal(wrong, classes.mask) and wrong.mean() == pytest.approx(0.2, abs=1e-4)


@pytest.mark.parametrize(("n", "meta"), [(200, 20), (2000, 200), (N, 1000)])
def test_meta_rows_are_a_tenth_and_at_most_a_thousand(n, meta):
    split = make_self_masked("classification", n, n_test=10)
    assert split.X_meta.shape == (meta, 20) and split.X_test.shape == (10, 20)


def test_test_rows_do_not_move_with_the_training_rows():
    first, second = (
        make_self_masked("regression", n, n_test=50, random_state=3) for n in (100, 300)
    )
    assert np.array_equal(first.X_test, second.X_test, equal_nan=True)
    assert np.array_equal(first.y_test, second.y_test)
    other = make_self_masked("regression", 100, n_test=50, random_state=4)
    assert not np.array_equal(first.y_test, other.y_test)


def test_too_few_columns_are_refused():
    with pytest.raises(InvalidInputError, match="n_features"):
        make_self_masked("regression", 100, 10)
    with pytest.raises(InvalidInputError, match="11 columns"):
        signal(np.zeros((3, 4)))
