"""Calibration on meta rows: exact where it can be, honest, and calm with a handful of rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier
from sklearn.linear_model import LinearRegression

from biam.baselines.calibrated import MetaCalibrated, halves
from biam.baselines.registry import make_rival
from biam.exceptions import InvalidInputError

G = np.random.default_rng(0)
X, X_META = G.normal(size=(100, 2)), G.normal(size=(40, 2))


class Fixed(RegressorMixin, BaseEstimator):
    """Predicts slope * x0 + constant, whatever it is fitted on; remembers its rows."""

    def __init__(self, slope=1.0, constant=0.0):
        self.slope = slope
        self.constant = constant

    def fit(self, X, y):
        self.seen_ = np.asarray(X)
        return self

    def predict(self, X):
        return self.slope * np.asarray(X)[:, 0] + self.constant


class FixedProba(ClassifierMixin, BaseEstimator):
    """P(1) = expit(slope * x0 + constant), whatever it is fitted on."""

    def __init__(self, slope=1.0, constant=0.0):
        self.slope = slope
        self.constant = constant

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict_proba(self, X):
        p = expit(self.slope * X[:, 0] + self.constant)
        return np.column_stack([1 - p, p])


@given(st.floats(0.1, 10), st.floats(-100, 100))
def test_a_line_is_undone_exactly(slope, constant):
    model = MetaCalibrated(Fixed(slope, constant)).fit(X, X[:, 0], X_META, X_META[:, 0])
    np.testing.assert_allclose(model.predict(X), X[:, 0], atol=1e-9)


def test_identity_where_the_meta_rows_agree():
    model = MetaCalibrated(Fixed()).fit(X, X[:, 0], X_META, X_META[:, 0])
    assert model.slope_ == pytest.approx(1)
    assert model.intercept_ == pytest.approx(0)


def test_identity_where_the_slope_would_turn_the_order():
    model = MetaCalibrated(Fixed(-1.0)).fit(X, X[:, 0], X_META, X_META[:, 0])
    np.testing.assert_array_equal(model.predict(X), -X[:, 0])


def test_no_meta_row_is_predicted_by_a_model_that_saw_it():
    model = MetaCalibrated(Fixed(), random_state=3).fit(X, X[:, 0], X_META, X_META[:, 0])
    half = halves(X_META[:, 0], 3)
    for k, fitted in enumerate(model.models_):
        np.testing.assert_array_equal(fitted.seen_, np.concatenate([X, X_META[half != k]]))


def test_a_logistic_distortion_is_undone():
    g = np.random.default_rng(1)
    meta = g.normal(size=(4000, 1))
    y = (g.uniform(size=4000) < expit(meta[:, 0])).astype(int)
    model = MetaCalibrated(FixedProba(3.0, 2.0)).fit(meta[:10], y[:10], meta, y)
    grid = np.linspace(-1.5, 1.5, 7)[:, None]
    np.testing.assert_allclose(logit(model.predict_proba(grid)[:, 1]), grid[:, 0], atol=0.25)
    assert is_classifier(model)


def test_one_class_of_meta_rows_changes_nothing():
    model = MetaCalibrated(FixedProba()).fit(X, X[:, 0] > 0, X_META, np.zeros(40, dtype=bool))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(X[:, 0]))


@pytest.mark.parametrize("n_meta", [1, 2, 3, 7])
def test_a_handful_of_meta_rows(n_meta, frame, classes):
    table, y = frame
    train, meta = table[:100], table[100 : 100 + n_meta]
    line = MetaCalibrated(make_rival("Lasso", "regression", "fair"))
    line.fit(train, y[:100], meta, y[100 : 100 + n_meta])
    assert np.isfinite(line.predict(table)).all()
    labels = classes(y)
    curve = MetaCalibrated(make_rival("HGB", "classification", "fair"))
    proba = curve.fit(train, labels[:100], meta, labels[100 : 100 + n_meta]).predict_proba(table)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert set(curve.predict(table)) <= set(labels)


def test_a_class_that_only_one_meta_row_has():
    y, y_meta = (X[:, 0] > 0).astype(int), (X_META[:, 0] > 0).astype(int)
    y_meta[0] = 2
    model = MetaCalibrated(make_rival("HGB", "classification", "fair")).fit(X, y, X_META, y_meta)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(X).shape == (100, 3)


def test_weights_reach_the_model():
    y = X[:, 0] + np.where(np.arange(100) < 50, 7, 0)
    weight = (np.arange(100) >= 50).astype(float)
    few = X_META[:2]
    model = MetaCalibrated(LinearRegression()).fit(X, y, few, few[:, 0], weight)
    np.testing.assert_allclose(model.predict(X), X[:, 0], atol=1e-9)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50), st.integers(0, 9))
def test_halves_split_every_class(y, seed):
    half = halves(np.array(y), seed)
    assert abs(int((half == 0).sum() - (half == 1).sum())) <= 1
    for label in set(y):
        mine = half[np.array(y) == label]
        assert abs(int((mine == 0).sum() - (mine == 1).sum())) <= 2
    np.testing.assert_array_equal(half, halves(np.array(y), seed))


def test_no_meta_rows():
    with pytest.raises(InvalidInputError, match="meta rows are empty"):
        halves(np.empty(0), 0)
