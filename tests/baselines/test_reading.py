"""Shape functions add up to the prediction; pairs of EBM and CatBoost are found."""

import numpy as np
import pytest

from biam.baselines.calibrated import MetaCalibrated
from biam.baselines.reading import has_pairs, pair_strengths, shape_values
from biam.baselines.registry import make_rival
from biam.exceptions import InvalidInputError

QUICK = {"NAM": {"epochs": 3}, "SAM": {}, "Lasso": {}}


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("setting", ["published", "fair"])
@pytest.mark.parametrize("kind", ["matrix", "frame"])
def test_shapes_sum_to_the_prediction(name, setting, kind, request, classes):
    X, y = request.getfixturevalue(kind)
    model = make_rival(name, "regression", setting, **QUICK[name]).fit(X, y)
    intercept, effects = shape_values(model, X)
    assert effects.shape == (len(y), 4, 1)
    np.testing.assert_allclose((intercept + effects.sum(1))[:, 0], model.predict(X), atol=1e-9)
    logistic = make_rival(name, "classification", setting, **QUICK[name]).fit(X, classes(y))
    intercept, effects = shape_values(logistic, X)
    logit = (intercept + effects.sum(1))[:, 0]
    np.testing.assert_allclose(logistic.predict_proba(X)[:, 1], 1 / (1 + np.exp(-logit)), atol=1e-6)


@pytest.mark.parametrize("name", ["EBM", "CatBoost"])
def test_a_planted_pair_is_the_strongest(name):
    g = np.random.default_rng(0)
    X = g.normal(size=(200, 4))
    y = X[:, 0] + 3 * X[:, 1] * X[:, 3]
    quick = {"EBM": {"max_rounds": 50, "outer_bags": 2}, "CatBoost": {"iterations": 100}}
    model = make_rival(name, "regression", **quick[name]).fit(X, y)
    strengths = pair_strengths(model)
    np.testing.assert_array_equal(strengths, strengths.T)
    assert (np.diag(strengths) == 0).all()
    assert np.unravel_index(strengths.argmax(), (4, 4)) == (1, 3)
    meta = MetaCalibrated(model).fit(X, y, X[:20], y[:20])
    mean = np.mean([pair_strengths(part) for part in meta.models_], axis=0)
    np.testing.assert_array_equal(pair_strengths(meta), mean)


def test_others_have_none(matrix):
    X, y = matrix
    forest = make_rival("HGB", "regression", "fair").fit(X, y)
    assert not has_pairs(forest)
    with pytest.raises(InvalidInputError, match="EBM or CatBoost"):
        pair_strengths(forest)
    with pytest.raises(InvalidInputError, match="NAM, SAM or Lasso"):
        shape_values(forest, X)
