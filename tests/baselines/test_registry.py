"""Every rival, every setting: both kinds of tables, gaps, seeds, clones, versions."""

import sys
from importlib import metadata

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor

from biam.baselines.registry import RIVALS, make_rival, rival_names
from biam.exceptions import InvalidInputError, MissingExtraError, UnknownNameError

QUICK = {
    "NAM": {"epochs": 3},
    "MLP": {"max_iter": 5},
    "EBM": {"max_rounds": 20, "outer_bags": 2, "interactions": 2},
    "EBM-main": {"max_rounds": 20, "outer_bags": 2},
    "XGBoost": {"n_estimators": 10},
    "XGB-BAL": {"n_estimators": 10},
    "CatBoost": {"iterations": 10},
    "cleanlab": {"cv": 3, "estimator__max_iter": 5},
    "balanced-forest": {"n_estimators": 10},
    "M-GAM": {"n_quantiles": 3},
}
"""Options that keep a test short; the settings themselves are timed by the tables."""

CASES = [
    (name, task, setting)
    for task in ("regression", "classification")
    for setting in ("published", "fair")
    for name in rival_names(task, setting)
]


def quick(name, task, setting="fair", seed=0):
    return make_rival(name, task, setting, seed, **QUICK.get(name, {}))


@pytest.mark.parametrize(("name", "task", "setting"), CASES)
@pytest.mark.parametrize("kind", ["matrix", "frame"])
def test_fits_and_repeats(name, task, setting, kind, request, classes):
    X, y = request.getfixturevalue(kind)
    target = y if task == "regression" else classes(y)
    before = np.random.get_state()[1].copy()
    fits = [quick(name, task, setting).fit(X[:90], target[:90]) for _ in range(2)]
    assert (np.random.get_state()[1] == before).all()
    if task == "regression":
        found, again = (model.predict(X[90:]) for model in fits)
        assert found.shape == (30,)
        assert np.isfinite(found).all()
    else:
        found, again = (model.predict_proba(X[90:]) for model in fits)
        assert fits[0].classes_.tolist() == ["high", "low"]
        assert found.min() >= 0
        np.testing.assert_allclose(found.sum(1), 1)
        assert (fits[0].predict(X[90:]) == fits[0].classes_[found.argmax(1)]).all()
    np.testing.assert_array_equal(found, again)


@pytest.mark.parametrize(("name", "task", "setting"), CASES)
def test_clones_keep_everything(name, task, setting):
    model = quick(name, task, setting, seed=3)
    copy = clone(model)
    assert repr(copy.get_params()) == repr(model.get_params())
    assert is_classifier(copy) == (task == "classification")
    assert is_regressor(copy) == (task == "regression")


@pytest.mark.parametrize("name", rival_names("classification"))
def test_one_row_of_a_class(name, matrix):
    X, _ = matrix
    y = np.zeros(len(X), dtype=int)
    y[5] = 1
    proba = quick(name, "classification").fit(X, y).predict_proba(X)
    assert proba.shape == (len(X), 2)
    np.testing.assert_allclose(proba.sum(1), 1)


@pytest.mark.parametrize("name", rival_names("classification"))
def test_three_classes(name, matrix):
    X, y = matrix
    three = np.digitize(y, np.quantile(y, [1 / 3, 2 / 3]))
    proba = quick(name, "classification").fit(X, three).predict_proba(X)
    assert proba.shape == (len(X), 3)
    np.testing.assert_allclose(proba.sum(1), 1)


@pytest.mark.parametrize("rival", RIVALS.values(), ids=lambda rival: rival.name)
def test_says_where_it_comes_from(rival):
    assert rival.version == metadata.version(rival.package)
    assert rival.settings[-1] == "fair"
    assert rival.reference and rival.note and set(rival.tasks) <= {"regression", "classification"}


def test_absent_package_has_no_version():
    rival = RIVALS["Lasso"]
    assert type(rival)("x", rival.tasks, "", "no-such-distribution", rival.fair).version is None


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("XGBost", "regression"), UnknownNameError, "XGBoost"),
        (("Lasso", "ranking"), UnknownNameError, "unknown task"),
        (("Lasso", "regression", "best"), UnknownNameError, "unknown setting"),
        (("Huber", "classification"), InvalidInputError, "regression only"),
        (("HGB", "regression", "published"), InvalidInputError, "setting='fair'"),
        (("HGB", "regression", "fair", -1), InvalidInputError, "random_state"),
    ],
)
def test_wrong_names(arguments, error, text):
    with pytest.raises(error, match=text):
        make_rival(*arguments)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(MissingExtraError, match=r"xgboost.*biam\[baselines\]"):
        make_rival("XGBoost", "regression")
