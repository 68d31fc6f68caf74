"""Cleaned labels and balanced rows."""

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from biam.baselines.resampled import (
    CleanedClassifier,
    CleanedRegressor,
    SmoteClassifier,
    _kept,
    numpy_state_kept,
)

G = np.random.default_rng(0)
X = G.normal(size=(200, 3))


def test_cleaning_drops_flipped_labels():
    y = (X[:, 0] > 0).astype(int)
    flipped = G.uniform(size=200) < 0.15
    model = CleanedClassifier(LogisticRegression(), cv=3).fit(X, np.where(flipped, 1 - y, y))
    assert 0.75 < model.kept_ < 0.95
    assert np.mean(model.predict(X) == y) > 0.95


def test_cleaning_never_loses_a_class():
    y = np.array([0, 0, 0, 1, 1, 2])
    issues = np.array([True, False, False, True, True, False])
    assert _kept(y, issues).tolist() == [False, True, True, True, True, True]


def test_regression_cleaning_drops_gross_errors():
    y = X @ [1.0, -1.0, 0.5]
    y[:20] += 30
    cleaned = CleanedRegressor(LinearRegression(), cv=3, n_boot=1).fit(X, y)
    error = np.abs(cleaned.predict(X) - X @ [1.0, -1.0, 0.5]).mean()
    plain = np.abs(LinearRegression().fit(X, y).predict(X) - X @ [1.0, -1.0, 0.5]).mean()
    assert error < 0.8 * plain


def test_smote_balances_and_takes_the_neighbours_there_are():
    y = (np.arange(200) < 3).astype(int)
    model = SmoteClassifier(DummyClassifier()).fit(X, y)
    assert model.k_neighbors_ == 2
    np.testing.assert_allclose(model.predict_proba(X), 0.5)
    half = SmoteClassifier(DummyClassifier()).fit(X, (np.arange(200) < 50).astype(int))
    assert half.k_neighbors_ == 5


def test_numpy_state_is_kept():
    before = np.random.get_state()[1].copy()
    with numpy_state_kept():
        np.random.seed(3)
    assert (np.random.get_state()[1] == before).all()
