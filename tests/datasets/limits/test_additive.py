"""The additive process: closed forms, its maker's rows, and risks that its own draws confirm."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from biam.datasets.limits.additive import additive_process
from biam.datasets.synthetic import SHAPES, make_additive_regression
from biam.experiments.blocks import make_noisy_regression

N = 20_000


def drawn(process, n=N, seed=0):
    X, y = process.draw(n, np.random.default_rng(seed))
    return X, y, *process.posterior(X)


def moments(function, chance=lambda x: 1.0):
    """Mean and variance of function(x), x uniform on [-1, 1] given an event, by adaptive rules."""
    mass = quad(chance, -1, 1)[0]
    mean = quad(lambda x: chance(x) * function(x), -1, 1)[0] / mass
    return mean, quad(lambda x: chance(x) * (function(x) - mean) ** 2, -1, 1)[0] / mass


def one_missing(process, j, others_missing=()):
    """A row at the centre of all columns, with column j (and others) missing."""
    X = np.zeros((1, process.medians.size))
    X[:, [j, *others_missing]] = np.nan
    return X


def test_without_gaps_the_risk_is_the_noise():
    process = additive_process()
    mean, variance = process.posterior(process.split.X_test)
    scale = process.split.truth["y_scale"]
    assert variance == pytest.approx(np.full(240, 0.01 / scale**2))
    residuals = (process.split.y_test - mean) * scale
    assert residuals.std() == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize("params", [{}, {"n_features": 50}, {"n_samples": 300}])
def test_mean_on_complete_rows_is_the_truth_of_the_maker(params):
    process = additive_process(**params)
    truth, X = process.split.truth, process.split.X_test
    x = X * truth["x_scale"] + truth["x_centre"]
    signal = sum(shape(x[:, j]) for j, shape in enumerate(SHAPES))
    mean, _ = process.posterior(X)
    assert mean * truth["y_scale"] + truth["y_centre"] == pytest.approx(signal)


def test_mcar_risk_of_a_linear_feature_is_its_variance():
    # The sixth shape is 5 x: variance 25 / 3.
    process = additive_process(missing_rate=0.2)
    scale = process.split.truth["y_scale"]
    _, variance = process.posterior(one_missing(process, 5))
    assert variance[0] * scale**2 == pytest.approx(25 / 3 + 0.01)


def test_mcar_risk_over_all_rows_has_a_closed_form():
    process = additive_process(missing_rate=0.3, n_features=8)
    _, _, _, variance = drawn(process)
    exact = 0.3 * sum(moments(shape)[1] for shape in SHAPES) + 0.01
    exact /= process.split.truth["y_scale"] ** 2
    assert variance.mean() == pytest.approx(exact, abs=4 * variance.std() / np.sqrt(N))


@pytest.mark.parametrize("j", [0, 3, 7])
def test_mnar_moments_are_those_of_adaptive_integration(j):
    process = additive_process(missing_rate=0.2, mechanism="mnar")
    truth = process.split.truth
    z = lambda x: (x - truth["x_centre"][j]) / truth["x_scale"][j]  # noqa: E731
    exact = moments(SHAPES[j], lambda x: expit(2 * (z(x) - process.medians[j])))
    full = process.posterior(np.zeros((1, 10)))
    mean, variance = process.posterior(one_missing(process, j))
    here = SHAPES[j](truth["x_centre"][j])
    scale = truth["y_scale"]
    assert (mean - full[0])[0] * scale + here == pytest.approx(exact[0])
    assert (variance - full[1])[0] * scale**2 == pytest.approx(exact[1])


def test_mar_neighbour_tells_of_a_missing_value():
    process = additive_process(missing_rate=0.2, mechanism="mar")
    truth = process.split.truth
    z = lambda x: (x - truth["x_centre"][5]) / truth["x_scale"][5]  # noqa: E731
    chance = lambda x: 0.4 * expit(2 * (z(x) - process.medians[5]))  # noqa: E731
    _, hid = process.posterior(one_missing(process, 5, [4]))
    _, alone = process.posterior(one_missing(process, 4))
    scale = truth["y_scale"]
    exact = moments(SHAPES[5], chance)[1]
    assert (hid - alone)[0] * scale**2 == pytest.approx(exact)
    kept = process.posterior(one_missing(process, 5))[1] * scale**2 - 0.01
    assert kept[0] == pytest.approx(moments(SHAPES[5], lambda x: 1 - chance(x))[1])


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_risk_is_what_fresh_rows_confirm(mechanism):
    process = additive_process(missing_rate=0.2, mechanism=mechanism)
    X, y, mean, variance = drawn(process)
    error = y - mean
    surplus = error**2 - variance
    assert abs(surplus.mean()) < 4 * surplus.std() / np.sqrt(N)
    # What is left is uncorrelated with all that was seen: nothing better can be made of it.
    seen = np.hstack([np.isnan(X), np.nan_to_num(X), np.isnan(X[:, :1]) & np.isnan(X[:, 1:])])
    scores = error[:, None] * (seen - seen.mean(0))
    spread = np.maximum(scores.std(0), 1e-12)
    assert (np.abs(scores.mean(0)) < 4.5 * spread / np.sqrt(N)).all()


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_fresh_rows_have_the_gaps_of_the_maker(mechanism):
    params = {"missing_rate": 0.2, "mechanism": mechanism}
    process = additive_process(**params)
    X, *_ = drawn(process)
    made = make_additive_regression(6000, **params).X_test
    rates = np.isnan(X).mean(0), np.isnan(made).mean(0)
    assert np.abs(rates[0] - rates[1]).max() < 0.05
    means = np.nanmean(X, 0), np.nanmean(made, 0)
    assert np.abs(means[0] - means[1]).max() < 0.2
    assert (rates[0][-1] == 0) == (mechanism == "mar")


@pytest.mark.parametrize("family", ["clean", "outlier70"])
def test_noise_on_training_labels_leaves_the_test_rows(family):
    noisy, process = make_noisy_regression(family, block="e4"), additive_process()
    assert np.array_equal(noisy.X_test, process.split.X_test)
    assert np.array_equal(noisy.y_test, process.split.y_test)
