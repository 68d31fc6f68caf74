"""L1 logistic for any number of classes; RANSAC that always answers."""

import numpy as np
import pytest

from biam.baselines.linear import L1LogisticCV, SteadyRANSAC, ridge_logistic

G = np.random.default_rng(0)
X = G.normal(size=(150, 4))


def test_l1_drops_noise_and_ranks_two_classes():
    y = np.where(X[:, 0] + 0.2 * G.normal(size=150) > 0, "b", "a")
    model = L1LogisticCV(scoring="neg_log_loss").fit(X, y)
    assert abs(model.coef_[0, 0]) > 5 * np.abs(model.coef_[0, 1:]).max()
    logit = X @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logit)))
    assert set(model.predict(X)) == {"a", "b"}


def test_three_classes_are_three_models():
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    model = L1LogisticCV().fit(X, y)
    assert model.coef_.shape == (3, 4)
    np.testing.assert_allclose(model.predict_proba(X).sum(1), 1)
    middle = L1LogisticCV().fit(X, y == 1)
    np.testing.assert_allclose(model.coef_[1], middle.coef_[0])


def test_ridge_logistic_shrinks_noise_by_the_log_loss_and_keeps_signal():
    noise = ridge_logistic().fit(X, np.arange(150) % 2)
    signal = ridge_logistic().fit(X, X[:, 0] > 0)
    assert np.abs(noise.coef_).max() < 0.3 < 3 < signal.coef_[0, 0]
    three = np.digitize(X[:, 0], [-0.5, 0.5])
    proba = ridge_logistic().fit(X, three).predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert np.mean(proba.argmax(1) == three) > 0.9


def test_ransac_passes_over_outliers():
    y = X @ [1.0, 2.0, 0.0, -1.0]
    y[:40] += 50
    slopes = SteadyRANSAC().fit(X, y).model_.estimator_.coef_
    np.testing.assert_allclose(slopes, [1, 2, 0, -1], atol=1e-12)


def test_ransac_widens_its_threshold_until_there_is_consensus():
    # Most targets are equal, so that the usual threshold is zero.
    y = np.where(np.arange(150) < 100, 1.0, X[:, 0] * 100)
    found = SteadyRANSAC(max_trials=5).fit(X, y).predict(X)
    assert np.isfinite(found).all()
    wild = G.standard_cauchy(150) * 1e6
    model = SteadyRANSAC(max_trials=1).fit(X, wild)
    assert np.isfinite(model.predict(X)).all()


def test_ransac_with_fewer_rows_than_a_sample_is_least_squares():
    few, y = X[:4], np.arange(4.0)
    np.testing.assert_allclose(SteadyRANSAC().fit(few, y).predict(few), y, atol=1e-9)


def test_ransac_reports_other_errors():
    with pytest.raises(ValueError, match="NaN"):
        SteadyRANSAC().fit(np.where(X > 2, np.nan, X), X[:, 0])
