"""The published settings, number by number."""

import numpy as np
import pytest

from biam.baselines import builders


def inner(build, task="regression"):
    return build(task, 5).estimator.get_params(deep=False)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (builders.lasso, {"cv": 3, "alphas": 50}),
        (builders.nam, {"width": 32, "lr": 1e-3, "epochs": 300, "batch_size": 256}),
        (
            builders.mlp,
            {"hidden_layer_sizes": (64, 32), "max_iter": 300, "batch_size": 256, "alpha": 0.0},
        ),
        (builders.xgboost, {"n_estimators": 300, "max_depth": 3, "learning_rate": 0.1}),
        (builders.huber, {"epsilon": 1.35, "alpha": 1e-4}),
        (builders.ransac, {"max_trials": 200}),
        (builders.ebm, {"outer_bags": 14, "n_jobs": 1}),
        (builders.catboost, {"iterations": 300, "depth": 4, "learning_rate": 0.1}),
    ],
)
def test_published_settings(build, expected):
    found = inner(build)
    assert {name: found[name] for name in expected} == expected


def test_published_sam():
    model = builders.sam("regression", 0)
    assert model.n_knots == 8
    np.testing.assert_allclose(model.estimator.alphas, np.logspace(-3, 3, 13))


def test_published_inputs_are_filled_by_the_mean():
    for build in (builders.lasso, builders.sam, builders.nam, builders.mlp, builders.ebm):
        assert build("classification", 0).inputs == "mean"
    assert builders.catboost("classification", 0).inputs == "labels"


def test_all_epochs_of_the_published_mlp_are_run():
    g = np.random.default_rng(0)
    X = g.normal(size=(40, 2))
    model = builders.mlp("regression", 0).set_params(estimator__max_iter=40).fit(X, X[:, 0])
    assert model.estimator_.n_iter_ == 40
    constant = builders.mlp("regression", 0).set_params(estimator__max_iter=40)
    assert constant.fit(X, np.zeros(40)).estimator_.n_iter_ == 40
