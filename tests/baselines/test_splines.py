"""pyGAM behind scikit-learn's surface."""

import numpy as np

from biam.baselines.splines import PyGAMClassifier, PyGAMRegressor

G = np.random.default_rng(0)
X = np.column_stack([G.uniform(-1, 1, (200, 2)), np.arange(200) % 2])
TRUTH = np.sin(3 * X[:, 0]) + X[:, 2]


def test_regression_is_additive_and_right():
    model = PyGAMRegressor(n_splines=8).fit(X, TRUTH + 0.05 * G.normal(size=200))
    assert np.mean((model.predict(X) - TRUTH) ** 2) < 0.01
    # Moving one feature moves every row by as much, whatever the other features are.
    low, high = X.copy(), X.copy()
    low[:, 2], high[:, 2] = 0, 1
    step = model.predict(high) - model.predict(low)
    np.testing.assert_allclose(step, step[0])
    assert abs(step[0] - 1) < 0.05


def test_few_values_get_one_slope():
    model = PyGAMRegressor(n_splines=8).fit(X, TRUTH)
    assert model.gam_.coef_.shape == (8 + 8 + 1 + 1,)


def test_classes():
    for n_classes in (2, 3):
        y = np.digitize(TRUTH, np.quantile(TRUTH, np.arange(1, n_classes) / n_classes))
        y = np.where(G.uniform(size=200) < 0.1, G.permutation(y), y)
        model = PyGAMClassifier(n_splines=6).fit(X, y)
        proba = model.predict_proba(X)
        assert proba.shape == (200, n_classes)
        np.testing.assert_allclose(proba.sum(1), 1)
        assert np.mean(model.predict(X) == y) > 0.75
