"""A learner on a table: targets, classes, weights, rare classes, errors."""

import warnings

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from biam.baselines.registry import make_rival
from biam.baselines.tabular import LEAST_ROWS, TableClassifier, TableRegressor, quiet_fit
from biam.exceptions import InvalidInputError


def test_scaled_targets_change_nothing_for_an_equivariant_learner(matrix):
    X, y = matrix
    plain = TableRegressor(LinearRegression()).fit(X, 1e4 + 1e3 * y)
    scaled = TableRegressor(LinearRegression(), scale_target=True).fit(X, 1e4 + 1e3 * y)
    np.testing.assert_allclose(scaled.predict(X), plain.predict(X))


def test_weights_are_repetitions(matrix):
    X, y = matrix
    count = np.arange(len(y)) % 3
    rows = np.repeat(np.arange(len(y)), count)
    # Without gaps the inputs do not depend on the weights.
    X = np.nan_to_num(X)
    weighted = TableRegressor(LinearRegression(), "mean").fit(X, y, count)
    repeated = TableRegressor(LinearRegression(), "mean").fit(X[rows], y[rows])
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X))


def test_rare_classes_are_repeated(matrix):
    X, _ = matrix
    y = np.array(["no"] * (len(X) - 2) + ["yes"] * 2)
    model = TableClassifier(DummyClassifier()).fit(X, y)
    share = LEAST_ROWS / (len(X) - 2 + LEAST_ROWS)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], share)


def test_one_class_is_certain(matrix):
    X, _ = matrix
    model = TableClassifier(LogisticRegression()).fit(X, np.full(len(X), 7))
    assert (model.predict(X) == 7).all()
    assert (model.predict_proba(X) == 1).all()


def test_balanced_classes_of_xgboost(matrix):
    X, y = matrix
    rare = (y > np.quantile(y, 0.8)).astype(int)
    found = make_rival("XGB-BAL", "classification", n_estimators=2).fit(X, rare)
    ratio = (rare == 0).sum() / rare.sum()
    assert found.estimator_.get_params()["scale_pos_weight"] == pytest.approx(ratio)


def test_early_stopping_uses_fewer_trees(matrix):
    X, _ = matrix
    noise = np.random.default_rng(1).normal(size=len(X))
    model = make_rival("XGBoost", "regression", "fair").fit(X, noise)
    assert model.estimator_.best_iteration < 100


def test_misfits(matrix):
    X, y = matrix
    with pytest.raises(InvalidInputError, match="finite"):
        TableRegressor(DummyRegressor()).fit(X, np.where(y > 0, np.nan, y))
    with pytest.raises(InvalidInputError, match="no sample_weight"):
        make_rival("M-GAM", "regression").fit(X, y, np.ones(len(y)))
    model = TableRegressor(DummyRegressor()).fit(X, y)
    with pytest.raises(InvalidInputError, match="3 columns, expected the 4"):
        model.predict(X[:, :3])
    with pytest.raises(ValueError, match="inconsistent"):
        model.fit(X, y[:-1])


def test_other_warnings_pass():
    with pytest.warns(UserWarning, match="something else"), quiet_fit():
        warnings.warn("something else", UserWarning, stacklevel=1)
