"""Tables on which labels and terms are easily taken for one another, and dirty meta rows."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

SEEDS = range(3)


def paired(n, seed):
    """Six features, a strong pair among them; noise of .2."""
    stream = np.random.default_rng(seed)
    X = stream.uniform(-1.7, 1.7, size=(n, 6))
    f = np.sin(2 * X[:, 0]) + X[:, 2] + 1.5 * X[:, 0] * X[:, 1]
    return X, f, f + 0.2 * stream.normal(size=n)


@pytest.mark.parametrize("n_meta", [0, 100], ids=["no-meta", "meta"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_strong_pair_is_not_taken_for_wrong_labels(exact, seed, n_meta):
    X, _, y = paired(1000 + n_meta, seed)
    meta = (X[:n_meta], y[:n_meta]) if n_meta else ()
    fitted = exact.fit(X[n_meta:], y[n_meta:], *meta, n_knots=10)
    fresh, truth, _ = paired(2000, seed + 100)
    assert np.mean((exact.outputs(fitted, fresh) - truth) ** 2) < 0.006
    assert (0, 1) in fitted.model.pairs
    assert fitted.weights.mean() > 0.95


@pytest.mark.parametrize("n_meta", [0, 100], ids=["no-meta", "meta"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_strong_pair_and_wrong_labels_are_told_apart(exact, seed, n_meta):
    X, _, y = paired(1000 + n_meta, seed)
    wrong = np.random.default_rng(seed).uniform(size=1000) < 0.2
    y[n_meta:] = np.where(wrong, y[n_meta:] + 6, y[n_meta:])
    meta = (X[:n_meta], y[:n_meta]) if n_meta else ()
    fitted = exact.fit(X[n_meta:], y[n_meta:], *meta, n_knots=10)
    fresh, truth, _ = paired(2000, seed + 100)
    assert np.mean((exact.outputs(fitted, fresh) - truth) ** 2) < 0.01
    assert (0, 1) in fitted.model.pairs
    assert roc_auc_score(~wrong, fitted.weights) > 0.99


def log_loss(chance, f):
    """Expected over the labels."""
    return np.mean(np.logaddexp(0, f) - chance * f)


@pytest.mark.parametrize("n_meta", [0, 100], ids=["no-meta", "meta"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_strong_pair_is_not_taken_for_flipped_labels(exact, seed, n_meta):
    X, f, _ = paired(1000 + n_meta, seed)
    y = (np.random.default_rng(seed + 7).uniform(size=len(X)) < expit(2 * f)).astype(int)
    meta = (X[:n_meta], y[:n_meta]) if n_meta else ()
    fitted = exact.fit(X[n_meta:], y[n_meta:], *meta, n_classes=2, n_knots=10)
    fresh, f, _ = paired(2000, seed + 100)
    chance = expit(2 * f)
    least = log_loss(chance, 2 * f)
    assert log_loss(chance, exact.outputs(fitted, fresh)) < least + 0.05
    assert (0, 1) in fitted.model.pairs


def smooth(n, seed, sd=0.1):
    stream = np.random.default_rng(seed)
    X = stream.uniform(-1, 1, size=(n, 4))
    f = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 + 0.5 * X[:, 2]
    return X, f, f + sd * stream.normal(size=n)


def left_over(exact, fitted, seed):
    fresh, truth, _ = smooth(1000, seed + 100)
    return np.mean((exact.outputs(fitted, fresh) - truth) ** 2)


def symmetric(y, share, seed):
    """A share of the labels 3 to 10 away, up or down."""
    stream = np.random.default_rng(seed + 50)
    wrong = stream.uniform(size=len(y)) < share
    away = stream.choice([-1, 1], len(y)) * stream.uniform(3, 10, size=len(y))
    return np.where(wrong, y + away, y), wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_half_of_the_labels_may_be_wrong_without_meta_rows(exact, seed):
    X, _, y = smooth(800, seed)
    y, wrong = symmetric(y, 0.5, seed)
    fitted = exact.fit(X, y)
    assert left_over(exact, fitted, seed) < 0.01
    assert roc_auc_score(~wrong, fitted.weights) > 0.99


@pytest.mark.parametrize("seed", SEEDS)
def test_five_meta_rows_are_enough_to_be_of_no_harm(exact, seed):
    X, _, y = smooth(605, seed)
    y[5:], wrong = symmetric(y[5:], 0.3, seed)
    fitted = exact.fit(X[5:], y[5:], X[:5], y[:5])
    assert left_over(exact, fitted, seed) < 0.005
    assert roc_auc_score(~wrong, fitted.weights) > 0.99


@pytest.mark.parametrize("train_share", [0.0, 0.2])
@pytest.mark.parametrize("seed", SEEDS)
def test_gross_errors_in_the_meta_rows_are_named(exact, seed, train_share):
    X, _, y = smooth(700, seed)
    y[100:], _ = symmetric(y[100:], train_share, seed)
    y[:10] += 50
    fitted = exact.fit(X[100:], y[100:], X[:100], y[:100])
    assert left_over(exact, fitted, seed) < 0.005
    doubts = fitted.details["meta_doubts"]
    assert set(np.argsort(-doubts)[:10]) == set(range(10))
    assert doubts[:10].min() > 0.9 > 0.2 > np.mean(doubts[10:])


def gapped(n, seed):
    """The strongest feature is missing in a quarter of the rows."""
    X, _, y = smooth(n, seed)
    X[np.random.default_rng(seed + 9).uniform(size=n) < 0.25, 0] = np.nan
    return X, y


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_lack_a_strong_feature_are_no_wrong_labels(exact, seed):
    X, y = gapped(800, seed)
    fitted = exact.fit(X, y)
    gone = np.isnan(X[:, 0])
    assert fitted.weights[gone].mean() > 0.9
    assert fitted.weights[~gone].mean() > 0.9
    told = np.array(fitted.details["noise"]["gap_scale"])
    # What the missing feature would have explained: the deviation of sin 3x over [-1, 1].
    assert told == pytest.approx([np.sqrt(0.5 - np.sin(6) / 12)], rel=0.2)
