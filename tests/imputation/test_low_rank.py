"""Soft-impute: the singular value threshold, its optimum, and rows it has not seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.estimator_checks import estimator_checks_generator

from biam.exceptions import InvalidInputError
from biam.imputation.low_rank import SoftImputer, row_factors, soft_impute


def table(seed=0, n=40, p=6, rank=2, noise=0.3, rate=0.3):
    g = np.random.default_rng(seed)
    X = g.normal(size=(n, rank)) @ g.normal(size=(rank, p)) + noise * g.normal(size=(n, p))
    return X, np.where(g.uniform(size=X.shape) < rate, np.nan, X)


def objective(X, Z, penalty):
    error = np.where(np.isnan(X), 0.0, np.nan_to_num(X) - Z)
    return 0.5 * np.sum(error**2) + penalty * np.linalg.norm(Z, "nuc")


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pair
        for one in [SoftImputer(random_state=0)]
        for pair in estimator_checks_generator(one)
        # Needs SCIPY_ARRAY_API, and says nothing of arrays of numpy.
        if "array_api" not in str(pair[1])
    ],
)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


@given(st.floats(0.0, 20.0), st.integers(0, 50))
def test_without_gaps_it_is_the_threshold_of_the_singular_values(penalty, seed):
    X, _ = table(seed)
    Z, B, _ = soft_impute(X, penalty, np.zeros(X.shape), 200, 1e-12)
    U, d, Vt = np.linalg.svd(X, full_matrices=False)
    kept = np.maximum(d - penalty, 0)
    np.testing.assert_allclose(Z, U @ np.diag(kept) @ Vt, atol=1e-8)
    assert B.shape == (6, np.sum(kept > 0))


@given(st.floats(0.5, 5.0), st.integers(0, 50))
def test_no_neighbour_of_the_optimum_is_better(penalty, seed):
    _, X = table(seed)
    Z, _, _ = soft_impute(X, penalty, np.zeros(X.shape), 5000, 1e-14)
    best, g = objective(X, Z, penalty), np.random.default_rng(seed)
    for size in (1e-3, 1e-1):
        for _ in range(5):
            assert objective(X, Z + size * g.normal(size=Z.shape), penalty) > best - 1e-8


def test_a_row_outside_the_fit_is_completed_as_one_inside_would_be():
    _, X = table()
    Z, B, _ = soft_impute(X, 1.5, np.zeros(X.shape), 5000, 1e-15)
    np.testing.assert_allclose(row_factors(X, B, 1.5) @ B.T, Z, atol=1e-5)


def test_a_large_penalty_leaves_zero_and_a_small_one_the_low_rank_table():
    X, _ = table(n=100, rank=1, noise=0.0)
    # One gap a row: a row of gaps would say nothing about its factor.
    gaps = np.arange(100)[:, None] % 6 == np.arange(6)
    gappy = np.where(gaps, np.nan, X)
    flat = SoftImputer(penalty=1e4).fit(gappy).transform(gappy)
    assert (flat[gaps] == 0).all()
    sharp = SoftImputer(penalty=0.05, max_iter=2000, tol=1e-14).fit(gappy).transform(gappy)
    assert np.abs(sharp - X)[gaps].max() < 0.05
    np.testing.assert_array_equal(sharp[~gaps], gappy[~gaps])


def test_the_penalty_is_chosen_on_entries_held_out():
    X, gappy = table(n=200)
    chosen = SoftImputer(random_state=0).fit(gappy)
    gaps = np.isnan(gappy)
    error = np.mean((chosen.transform(gappy) - X)[gaps] ** 2)
    # Two factors explain most of the variance; zero is what the columns' means would be.
    assert error < 0.5 * np.mean(X[gaps] ** 2)
    again = SoftImputer(random_state=0).fit(gappy)
    np.testing.assert_array_equal(again.factors_, chosen.factors_)
    fixed = SoftImputer(penalty=chosen.penalty_, max_iter=5000, tol=1e-14).fit(gappy)
    np.testing.assert_allclose(fixed.transform(gappy), chosen.transform(gappy), atol=0.05)


def test_wrong_parameters_are_refused():
    with pytest.raises(InvalidInputError, match="penalty"):
        SoftImputer(penalty=-1.0).fit(table()[1])
    with pytest.raises(InvalidInputError, match="held_out"):
        SoftImputer(held_out=0.0).fit(table()[1])
