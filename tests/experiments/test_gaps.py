"""Gaps where they belong, imputers that see training rows only, responses that are read right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments import gaps
from biam.experiments.gaps import SCORES, make_gappy, predict_with_gaps
from biam.imputation.classical import make_imputer

FEW = {"max_rows": 200, "random_state": 3}
MEAN = {"sees": "imputed", "imputer": "mean"}


@pytest.fixture(scope="module")
def mnar():
    return make_gappy("related", mechanism="mnar", rate=0.4, **FEW)


@pytest.fixture(scope="module")
def ran(mnar):
    served = {
        "native": {},
        "complete": {"sees": "complete"},
        "mean": MEAN,
        "marked": MEAN | {"sees": "marked"},
        "draws": {"sees": "imputed", "imputer": "PPCA", "draws": 2},
    }
    return {
        name: predict_with_gaps(mnar, "regression", 0, {**settings, "curve": 0})
        for name, settings in served.items()
    }


def curve(points, name):
    rows = pd.DataFrame(points)
    return rows.loc[rows["curve"] == name]


@pytest.mark.parametrize("dataset", ["independent", "diabetes"])
@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_every_second_column_has_gaps_at_the_rate(dataset, mechanism):
    data = make_gappy(dataset, mechanism=mechanism, rate=0.4, random_state=0)
    X, whole = (
        np.concatenate(p)
        for p in ((data.X_train, data.X_test), (data.whole_train, data.whole_test))
    )
    shares = np.isnan(X).mean(0)
    assert data.columns == tuple(range(0, X.shape[1] - 1, 2))
    others = np.setdiff1d(np.arange(X.shape[1]), data.columns)
    assert (shares[others] == 0).all()
    np.testing.assert_allclose(shares[list(data.columns)], 0.4, atol=0.1)
    np.testing.assert_array_equal(X[~np.isnan(X)], whole[~np.isnan(X)])
    assert np.isfinite(whole).all()


def test_each_mechanism_is_what_it_says():
    for mechanism, driver, other in (("mar", 1, 0), ("mnar", 0, 1), ("mcar", None, 0)):
        data = make_gappy(
            "independent", mechanism=mechanism, rate=0.4, max_rows=4000, random_state=0
        )
        hidden = np.isnan(data.X_train[:, 0])
        apart = [
            data.whole_train[hidden, j].mean() - data.whole_train[~hidden, j].mean() for j in (0, 1)
        ]
        if driver is not None:
            assert apart[driver] > 0.7
        assert abs(apart[other]) < 0.12


def test_the_rows_are_those_of_the_seed_whatever_the_damage(mnar):
    other = make_gappy("related", mechanism="mar", rate=0.2, **FEW)
    np.testing.assert_array_equal(other.whole_test, mnar.whole_test)
    np.testing.assert_array_equal(other.y_train, mnar.y_train)
    fewer, more = (make_gappy("related", mechanism="mcar", rate=r, **FEW) for r in (0.2, 0.4))
    assert np.isnan(more.X_train[np.isnan(fewer.X_train)]).all()


def test_scores_are_those_of_the_task_and_repeat(mnar, ran):
    for name, (metrics, _) in ran.items():
        assert set(SCORES["regression"]) < set(metrics)
        imputed = name in ("mean", "marked", "draws")
        assert ("imputation_rmse" in metrics) == imputed
    assert ran["complete"][0]["mse"] < min(
        ran[name][0]["mse"] for name in ran if name != "complete"
    )
    again, _ = predict_with_gaps(mnar, "regression", 0, MEAN)
    assert again == ran["mean"][0]


def test_test_rows_say_nothing_to_the_imputer(mnar):
    """Other test features change the filled test rows, not the fitted model."""
    spoilt = replace(mnar, X_test=np.where(np.isnan(mnar.X_test), np.nan, mnar.X_test + 9))
    settings = {"sees": "imputed", "imputer": "KNN", "curve": 0}
    one, other = (
        curve(predict_with_gaps(data, "regression", 0, settings)[1], "response")["value"].to_numpy()
        for data in (mnar, spoilt)
    )
    np.testing.assert_array_equal(one, other)


def test_a_mean_is_one_spike_and_draws_are_spread(mnar, ran):
    spike = curve(ran["mean"][1], "filled")["value"]
    spread = curve(ran["draws"][1], "filled")["value"]
    assert spike.max() == 1
    assert spike.sum() == pytest.approx(1)
    assert spread.max() < 0.3
    mean = np.nanmean(mnar.X_train, 0)
    error = (mean - mnar.whole_test) / mnar.whole_train.std(0)
    expected = np.sqrt(np.mean(error[np.isnan(mnar.X_test)] ** 2))
    assert ran["mean"][0]["imputation_rmse"] == pytest.approx(expected)


def test_only_learners_that_take_gaps_have_a_response_to_one(ran):
    assert len(curve(ran["native"][1], "gap")) == 1
    assert len(curve(ran["native"][1], "truth")) == gaps.CURVE_POINTS
    for name in ("complete", "mean", "marked", "draws"):
        assert curve(ran[name][1], "gap").empty


def test_a_model_that_is_the_truth_has_no_shape_error(mnar):
    def truth(X):
        return sum(g(x) for g, x in zip(mnar.shapes, X.T, strict=True))

    errors = gaps._shape_errors(mnar, truth)
    assert errors["shape_rmse"] == pytest.approx(0, abs=1e-9)
    assert errors["error_at_mean"] == pytest.approx(0, abs=1e-9)
    shifted = gaps._shape_errors(mnar, lambda X: truth(X) + 3 * X[:, 1])
    assert shifted["shape_rmse"] == pytest.approx(0, abs=1e-9)
    bumped = gaps._shape_errors(mnar, lambda X: truth(X) + 3.0 * (np.abs(X[:, 0]) < 0.6))
    assert bumped["error_at_mean"] > 1


def test_draws_pool_the_predictions_of_their_models(mnar):
    """Two draws that are the same table twice are one draw."""
    settings = {"sees": "imputed", "imputer": "PPCA", "draws": 1}
    one = gaps._served(mnar, "imputed", 0, settings, make_imputer)
    models = [gaps._fit(train, mnar.y_train, "regression", 0, settings) for train, _ in one]
    tests = [test for _, test in one]
    single = gaps._scores(mnar, "regression", models, tests)
    double = gaps._scores(mnar, "regression", models * 2, tests * 2)
    assert single == pytest.approx(double)


def test_classes_get_probabilities_that_are_pooled():
    data = make_gappy("breast-cancer", mechanism="mcar", rate=0.2, **FEW)
    settings = {"sees": "imputed", "imputer": "PPCA", "draws": 2}
    metrics, _ = predict_with_gaps(data, "classification", 0, settings)
    assert set(metrics) == {*SCORES["classification"], "imputation_rmse"}
    assert metrics["auroc"] > 0.9
    hgb, _ = predict_with_gaps(data, "classification", 0, {"learner": "HGB", "setting": "fair"})
    assert hgb["auroc"] > 0.85


class Sigmoid:
    """Log-odds of class 1 are `slope` times the first column, plus what the others sum to."""

    def __init__(self, slope):
        self.slope = slope

    def predict_proba(self, X):
        p = expit(self.slope * X[:, 0] + X[:, 1:].sum(1))
        return np.column_stack([1 - p, p])


def test_responses_of_classes_are_log_odds_without_marks_averaged_over_the_models():
    read = gaps._reader([Sigmoid(1.0), Sigmoid(3.0)], "classification", marks=2)
    X = np.array([[0.5, 0.25], [-1.0, 0.0]])
    np.testing.assert_allclose(read(X), [1.25, -2.0])


def test_curves_are_kept_for_the_seeds_asked_for(mnar):
    _, points = predict_with_gaps(mnar, "regression", 1, {**MEAN, "curve": 0, "curve_seeds": [0]})
    assert points == []


def test_what_cannot_be_served_is_refused(mnar):
    with pytest.raises(InvalidInputError, match="numbers without gaps"):
        gaps._numbers_only("kidney", pd.DataFrame({"a": [1.0, np.nan]}))
    with pytest.raises(InvalidInputError, match="numbers without gaps"):
        gaps._numbers_only("text", pd.DataFrame({"a": ["x", "y"]}))
    with pytest.raises(UnknownNameError, match="imputed"):
        predict_with_gaps(mnar, "regression", 0, {"sees": "imputd"})
