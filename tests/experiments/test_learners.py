"""Our learners in the tables: the right rows reach the fit, and the scores are those of the fit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score

from biam.datasets.synthetic import Split, make_additive_regression, make_disc_classification
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.experiments.learners import SCORES, _chance_below, biam_x, meta_only, published
from biam.metrics import METRICS

NOISY = make_additive_regression(200, 3, noise_rate=0.3, missing_rate=0.1)
DISC = make_disc_classification(250, 3, noise_rate=0.2)
RUNS = [biam_x, meta_only, published]


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize(("split", "task"), [(NOISY, "regression"), (DISC, "classification")])
def test_every_run_gives_finite_scores_and_the_same_twice(run, split, task):
    values = run(split, task, 3, {"estimator": {"epochs": 3}})
    assert set(SCORES[task]) <= set(values)
    for name in SCORES[task]:
        low, high = METRICS[name].range
        assert low <= values[name] <= high
    assert run(split, task, 3, {"estimator": {"epochs": 3}}) == values
    few = list(SCORES[task][1:3])
    part = run(split, task, 3, {"estimator": {"epochs": 3}, "scores": few})
    assert set(part) & set(SCORES[task]) == set(few)
    assert part == {name: values[name] for name in part}


def test_scores_are_those_of_the_estimator():
    est = BIAMRegressor(random_state=3, progress=False)
    est.fit(NOISY.X_train, NOISY.y_train, NOISY.X_meta, NOISY.y_meta)
    values = biam_x(NOISY, "regression", 3, {})
    assert values["mse"] == mean_squared_error(NOISY.y_test, est.predict(NOISY.X_test))
    alone = BIAMClassifier(random_state=3, progress=False).fit(DISC.X_meta, DISC.y_meta)
    values = meta_only(DISC, "classification", 3, {})
    assert values["log_loss"] == pytest.approx(
        log_loss(DISC.y_test, alone.predict_proba(DISC.X_test))
    )


def test_weights_are_judged_against_losses_and_corrupted_rows():
    est = BIAMRegressor(random_state=3, progress=False)
    est.fit(NOISY.X_train, NOISY.y_train, NOISY.X_meta, NOISY.y_meta)
    values = biam_x(NOISY, "regression", 3, {})
    assert values["weight_auroc"] == pytest.approx(roc_auc_score(NOISY.mask, -est.weights_))
    assert values["weight_auroc"] > 0.8
    assert values["spearman_weight_loss"] < -0.5
    clean = replace(NOISY, mask=np.zeros_like(NOISY.mask))
    assert set(biam_x(clean, "regression", 3, {})) == {
        *SCORES["regression"],
        "spearman_weight_loss",
    }
    uniform = published(NOISY, "regression", 0, {"estimator": {"variant": "BIAM-B", "epochs": 1}})
    assert uniform["weight_auroc"] == 0.5
    assert "spearman_weight_loss" not in uniform


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=9),
    st.lists(st.integers(0, 5), min_size=1, max_size=9),
)
def test_chance_below_counts_pairs(low, high):
    pairs = [(a < b) + 0.5 * (a == b) for a in low for b in high]
    assert _chance_below(np.array(low), np.array(high)) == pytest.approx(np.mean(pairs))


def test_without_meta_rows_they_do_not_matter():
    other = replace(NOISY, X_meta=NOISY.X_meta + 1, y_meta=NOISY.y_meta[::-1])
    first, second = (biam_x(split, "regression", 0, {"meta": False}) for split in (NOISY, other))
    assert first == second
    assert first["mse"] != biam_x(NOISY, "regression", 0, {})["mse"]


def test_meta_only_never_sees_the_training_rows():
    other = replace(DISC, X_train=DISC.X_train[:50] + 9, y_train=DISC.y_train[49::-1])
    assert meta_only(DISC, "classification", 0, {}) == meta_only(other, "classification", 0, {})


def test_meta_rows_of_one_class_give_a_constant():
    rows = np.flatnonzero(DISC.y_meta == 1)[:8]
    split = replace(DISC, X_meta=DISC.X_meta[rows], y_meta=DISC.y_meta[rows])
    values = meta_only(split, "classification", 0, {})
    share = np.mean(DISC.y_test == 1)
    assert values["accuracy"] == pytest.approx(share)
    assert values["auroc"] == 0.5
    # Nine in ten, by the rule of succession: (8 + 1) / (8 + 2).
    expected = -share * np.log(0.9) - (1 - share) * np.log(0.1)
    assert values["log_loss"] == pytest.approx(expected)


def frames(n=90):
    """A split of data frames whose training rows lack a column and a category of other parts."""
    g = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "number": g.normal(size=n),
            "late": np.where(np.arange(n) < 60, np.nan, 1.0),
            "kind": pd.Categorical(np.where(np.arange(n) % 30 == 29, "rare", "usual")),
        }
    )
    X.loc[29, "kind"] = "usual"
    y = (X["number"] > 0).to_numpy().astype(int)
    X.loc[g.random(n) < 0.2, "number"] = np.nan
    parts = [(X.iloc[a:b], y[a:b]) for a, b in ((0, 58), (58, 75), (75, 90))]
    (X_train, y_train), (X_meta, y_meta), (X_test, y_test) = parts
    return Split(X_train, y_train, X_meta, y_meta, X_test, y_test, np.zeros(58, bool))


@pytest.mark.parametrize("run", RUNS)
def test_columns_and_categories_that_training_lacks_do_no_harm(run):
    values = run(frames(), "classification", 0, {"estimator": {"epochs": 5}})
    assert np.isfinite(list(values.values())).all()
    assert values["accuracy"] > 0.5


def test_a_class_that_the_meta_rows_lack_gets_no_probability():
    g = np.random.default_rng(1)
    y = g.integers(0, 3, 150)
    X = g.normal(size=(150, 2)) + 2 * y[:, None]
    rows = np.flatnonzero(y[:60] < 2)
    split = Split(X[60:120], y[60:120], X[rows], y[rows], X[120:], y[120:], np.zeros(60, bool))
    values = meta_only(split, "classification", 0, {"scores": ["accuracy", "auroc"]})
    assert values["accuracy"] <= np.mean(split.y_test < 2)
    assert np.isfinite(values["auroc"])
