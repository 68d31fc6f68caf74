"""PPCA: the maximum likelihood solution where nothing is missing, the Gaussian's conditionals."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.utils.estimator_checks import estimator_checks_generator

from biam.exceptions import InvalidInputError
from biam.imputation.ppca import PPCAImputer

P, Q = 5, 2


def tables(n=400, rate=0.3, seed=0):
    """A Gaussian of two factors, and the same with gaps completely at random."""
    g = np.random.default_rng(seed)
    X = g.normal(size=(n, Q)) @ g.normal(size=(Q, P)) + 0.5 * g.normal(size=(n, P)) + 1.0
    return X, np.where(g.uniform(size=X.shape) < rate, np.nan, X)


@pytest.fixture(scope="module")
def gappy():
    return tables()[1]


@pytest.fixture(scope="module")
def fitted(gappy):
    return PPCAImputer(n_components=Q, tol=0, max_iter=100, random_state=0).fit(gappy)


def covariance(ppca):
    return ppca.loadings_ @ ppca.loadings_.T + ppca.noise_variance_ * np.eye(P)


def conditional(ppca, x):
    """Mean and covariance of the gaps of one row, from the joint Gaussian."""
    gap, C = np.isnan(x), covariance(ppca)
    link = np.linalg.solve(C[np.ix_(~gap, ~gap)], C[np.ix_(~gap, gap)]).T
    mean = ppca.mean_[gap] + link @ (x[~gap] - ppca.mean_[~gap])
    return mean, C[np.ix_(gap, gap)] - link @ C[np.ix_(~gap, gap)]


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pair
        for one in [PPCAImputer(max_iter=20)]
        for pair in estimator_checks_generator(one)
        # Needs SCIPY_ARRAY_API, and says nothing of arrays of numpy.
        if "array_api" not in str(pair[1])
    ],
)
def test_scikit_learn_accepts_it(estimator, check):
    check(estimator)


def test_without_gaps_it_is_the_closed_form():
    X, _ = tables()
    ppca = PPCAImputer(n_components=Q, tol=0, max_iter=2000, random_state=0).fit(X)
    values, vectors = np.linalg.eigh(np.cov(X.T, bias=True))
    noise = values[: P - Q].mean()
    top = vectors[:, P - Q :]
    assert ppca.noise_variance_ == pytest.approx(noise, rel=1e-6)
    np.testing.assert_allclose(ppca.mean_, X.mean(0), atol=1e-6)
    np.testing.assert_allclose(
        ppca.loadings_ @ ppca.loadings_.T,
        top @ np.diag(values[P - Q :] - noise) @ top.T,
        atol=1e-5,
    )


def test_likelihood_is_that_of_the_gaussian_and_never_falls(fitted, gappy):
    C = covariance(fitted)
    rows = [
        multivariate_normal.logpdf(x[s], fitted.mean_[s], C[np.ix_(s, s)]) if s.any() else 0.0
        for x, s in zip(gappy, ~np.isnan(gappy), strict=True)
    ]
    assert fitted.score(gappy) == pytest.approx(np.mean(rows), abs=1e-9)
    assert fitted.log_likelihoods_[-1] == pytest.approx(fitted.score(gappy), abs=1e-12)
    assert (np.diff(fitted.log_likelihoods_) > -1e-10).all()


def test_a_gap_gets_its_conditional_mean(fitted, gappy):
    filled = fitted.transform(gappy)
    np.testing.assert_array_equal(filled[~np.isnan(gappy)], gappy[~np.isnan(gappy)])
    for x, row in zip(gappy[:40], filled, strict=False):
        np.testing.assert_allclose(row[np.isnan(x)], conditional(fitted, x)[0], atol=1e-9)


def test_draws_have_the_conditional_mean_and_covariance(fitted):
    x = np.array([np.nan, 1.5, np.nan, 0.2, 2.0])
    mean, spread = conditional(fitted, x)
    draws = fitted.sample(x[None], 20_000)[:, 0]
    np.testing.assert_array_equal(draws[:, [1, 3, 4]], np.tile([1.5, 0.2, 2.0], (20_000, 1)))
    error = np.sqrt(np.diag(spread) / len(draws))
    assert (np.abs(draws[:, [0, 2]].mean(0) - mean) < 5 * error).all()
    np.testing.assert_allclose(np.cov(draws[:, [0, 2]].T), spread, rtol=0.1, atol=0.01)


def test_same_seed_same_draws(fitted, gappy):
    one, other = (fitted.sample(gappy, 2) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.shape == (2, *gappy.shape)
    assert (one[0] != one[1])[np.isnan(gappy)].all()


def test_a_row_of_gaps_gets_the_mean(fitted):
    np.testing.assert_allclose(fitted.transform(np.full((1, P), np.nan))[0], fitted.mean_)


def test_one_column_alone_is_a_mean():
    X = np.array([[1.0], [3.0], [np.nan]])
    assert PPCAImputer().fit(X).transform(X)[2, 0] == pytest.approx(2.0)


def test_wrong_sizes_are_refused(gappy):
    with pytest.raises(InvalidInputError, match="n_components"):
        PPCAImputer(n_components=P + 1).fit(gappy)
    with pytest.raises(InvalidInputError, match="n_draws must be"):
        PPCAImputer().fit(gappy).sample(gappy, 0)
