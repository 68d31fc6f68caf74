"""The registry of imputers: what was seen stays, units do not matter, draws are draws."""

import numpy as np
import pytest
from sklearn.linear_model import BayesianRidge, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.imputation.classical import IMPUTERS, ChainedImputer, StandardisedImputer, make_imputer

FAST = {"missForest": {"estimator__n_estimators": 5, "max_iter": 2}}
NAMES = list(IMPUTERS)


def table(n=200, rate=0.3, seed=0):
    """Columns of very different units that hang together, and gaps completely at random."""
    g = np.random.default_rng(seed)
    X = g.normal(size=(n, 1)) + 0.4 * g.normal(size=(n, 4))
    X = X * [1.0, 10.0, 1000.0, 0.01] + [0.0, 5.0, -300.0, 1.0]
    return X, np.where(g.uniform(size=X.shape) < rate, np.nan, X)


def filled(name, X, seed=0):
    return make_imputer(name, seed, **FAST.get(name, {})).fit_transform(X)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pair
        for one in [make_imputer("mean"), make_imputer("PPCA")]
        for pair in estimator_checks_generator(one)
        # Needs SCIPY_ARRAY_API, and says nothing of arrays of numpy.
        if "array_api" not in str(pair[1])
    ],
)
def test_scikit_learn_accepts_them(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_observed_values_stay_and_gaps_are_filled(name):
    _, X = table()
    Z = filled(name, X)
    np.testing.assert_array_equal(Z[~np.isnan(X)], X[~np.isnan(X)])
    assert np.isfinite(Z).all()
    np.testing.assert_array_equal(filled(name, X), Z)


@pytest.mark.parametrize("name", NAMES)
def test_units_do_not_matter(name):
    _, X = table()
    # Powers of two and no shift: not even the rounding differs.
    units = np.array([4.0, 0.25, 1024.0, 2.0])
    np.testing.assert_allclose(filled(name, X * units), filled(name, X) * units, rtol=1e-9)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("mean", "median")])
def test_what_hangs_together_is_used(name):
    X, gappy = table()
    gaps = np.isnan(gappy)
    scale = X.std(0)
    error, flat = (
        np.sqrt(np.mean(((Z - X) / scale)[gaps] ** 2))
        for Z in (filled(name, gappy), filled("mean", gappy))
    )
    assert error < 0.75 * flat


@pytest.mark.parametrize(("name", "function"), [("mean", np.nanmean), ("median", np.nanmedian)])
def test_fills_are_those_of_the_training_rows(name, function):
    _, X = table()
    new = np.full((1, 4), np.nan)
    np.testing.assert_allclose(make_imputer(name).fit(X).transform(new)[0], function(X, axis=0))


def test_a_chain_of_one_gap_is_a_regression():
    X, _ = table(rate=0.0)
    gappy = X.copy()
    gappy[:20, 0] = np.nan
    line = LinearRegression().fit(X[20:, 1:], X[20:, 0])
    Z = make_imputer("MICE").fit_transform(gappy)
    np.testing.assert_allclose(Z[:20, 0], line.predict(X[:20, 1:]), rtol=0.01, atol=0.01)


def test_draws_of_a_chain_scatter_around_its_regression():
    X, _ = table(rate=0.0)
    gappy = X.copy()
    gappy[:20, 0] = np.nan
    chain = make_imputer("MICE", 0, sample_posterior=True, max_iter=2).fit(gappy)
    draws = chain.sample(gappy, 100)[:, :20, 0]
    scale = X[20:].std(0)
    ridge = BayesianRidge().fit(X[20:, 1:] / scale[1:], X[20:, 0] / scale[0])
    mean, deviation = ridge.predict(X[:20, 1:] / scale[1:], return_std=True)
    mean, deviation = mean * scale[0], deviation * scale[0]
    assert (np.abs(draws.mean(0) - mean) < 5 * deviation / 10).all()
    np.testing.assert_allclose(draws.std(0), deviation, rtol=0.3)


def test_same_seed_same_draws_whatever_was_drawn_before():
    _, X = table()
    chain = make_imputer("MICE", 0, sample_posterior=True, max_iter=3).fit(X)
    first = chain.sample(X, 2)
    chain.sample(X, 1)
    np.testing.assert_array_equal(chain.sample(X, 2), first)
    assert (first[0] != first[1])[np.isnan(X)].all()


def test_what_has_no_distribution_has_no_sample():
    _, X = table()
    for name in ("mean", "KNN", "soft-impute"):
        assert not hasattr(make_imputer(name), "sample")
    with pytest.raises(InvalidInputError, match="sample_posterior=True"):
        make_imputer("MICE").fit(X).sample(X)


def test_imputers_stand_in_a_pipeline_and_take_frames():
    X, gappy = table()
    y = X[:, 0]
    for name in ("soft-impute", "PPCA"):
        model = make_pipeline(make_imputer(name), LinearRegression()).fit(gappy, y)
        assert model.score(gappy, y) > 0.7
    import pandas as pd

    frame = pd.DataFrame(gappy, columns=list("abcd"))
    made = make_imputer("PPCA").set_output(transform="pandas").fit_transform(frame)
    assert list(made) == list("abcd")


def test_chained_imputer_is_silent_and_keeps_complete_columns(recwarn):
    _, X = table()
    ChainedImputer(BayesianRidge(), max_iter=1, random_state=0).fit(X)
    assert not recwarn.list


def test_a_column_without_values_is_an_error():
    _, X = table()
    X[:, 2] = np.nan
    with pytest.raises(InvalidInputError, match="column 2"):
        make_imputer("mean").fit(X)


def test_unknown_names_get_near_matches():
    with pytest.raises(UnknownNameError, match="missForest"):
        make_imputer("misForest")
    assert isinstance(make_imputer("KNN"), StandardisedImputer)
