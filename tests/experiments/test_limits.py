"""Bayes method: the best threshold by exhaustive search, and scores that its risk explains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from biam.datasets.limits.additive import additive_process
from biam.datasets.limits.disc import disc_process
from biam.datasets.limits.planted import planted_process
from biam.experiments.limits import bayes, beside_limits, best_threshold, macro_f1

CHANCES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.6, 0.9, 1.0]), min_size=2, max_size=12)


@given(CHANCES, st.integers(0, 1000))
def test_macro_f1_of_labels_is_that_of_scikit_learn(values, seed):
    y = (np.array(values) > 0.3).astype(int)
    chosen = np.random.default_rng(seed).uniform(size=len(y)) < 0.5
    expected = f1_score(y, chosen, average="macro", labels=[0, 1], zero_division=0)
    assert macro_f1(y, chosen) == pytest.approx(expected)


@given(CHANCES)
def test_best_threshold_beats_every_other(values):
    p = np.array(values)
    t, score = best_threshold(p)
    assert score == pytest.approx(macro_f1(p, p > t))
    if len(set(values)) > 1:
        cuts = (np.unique(p)[1:] + np.unique(p)[:-1]) / 2
        assert score == pytest.approx(max(macro_f1(p, p > cut) for cut in cuts))


@given(CHANCES, st.integers(0, 1000))
def test_no_choice_of_as_many_rows_beats_the_threshold(values, seed):
    p = np.sort(np.array(values))
    k = np.random.default_rng(seed).integers(1, len(p))
    chosen = np.random.default_rng(seed).permutation(len(p)) < k
    assert macro_f1(p, chosen) <= macro_f1(p, np.arange(len(p)) >= len(p) - k) + 1e-12


def test_certain_classes_have_limit_one():
    values = bayes(disc_process(imbalance=0.05), "classification", 0, {"draws": 2000})
    assert values["limit"] == values["f1_macro"] == values["sets"] == 1
    assert values["spread"] == values["limit_error"] == 0


@pytest.mark.parametrize("mechanism", ["mcar", "mnar"])
def test_regression_limit_agrees_with_fresh_sets_and_own_rows(mechanism):
    process = additive_process(missing_rate=0.2, mechanism=mechanism)
    values = bayes(process, "regression", 1, {"draws": 24_000})
    assert values["sets"] == pytest.approx(values["limit"], abs=4 * values["spread"] / 10)
    assert abs(values["mse"] - values["expected"]) < 4 * values["spread"]
    assert values["limit_error"] < 0.02 * values["limit"]


def test_class_limit_is_not_beaten_by_the_known_process():
    process = planted_process("binary")
    values = bayes(process, "classification", 1, {"draws": 24_000})
    assert values["sets"] == pytest.approx(values["limit"], abs=4 * values["spread"] / 10)
    assert abs(values["f1_macro"] - values["limit"]) < 4 * values["spread"]
    # Shrunken chances order the rows as before but for half of the evidence.
    process.split.X_test[:, 4] = np.nan
    blinded = bayes(process, "classification", 1, {"draws": 2400})
    assert blinded["f1_macro"] < values["f1_macro"]


def test_same_seed_same_numbers():
    first, second = (
        bayes(additive_process(missing_rate=0.3), "regression", 7, {"draws": 1000})
        for _ in range(2)
    )
    assert first == second


def tidy(rows, columns):
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def limits():
    columns = ["scenario", "method", "seed", "metric", "value"]
    return tidy(
        [
            ("e2/gaps", "Bayes", seed, metric, value)
            for seed, limit, mse in ((1, 0.1, 0.2), (2, 0.1, 0.1), (3, 0.1, 9.0))
            for metric, value in (("limit", limit), ("mse", mse))
        ]
        + [
            ("e3/sure", "Bayes", 1, "limit", 1.0),
            ("e3/sure", "Bayes", 1, "f1_macro", 1.0),
            ("e7/pairs", "Bayes", 1, "limit", 0.8),
            ("e7/pairs", "Bayes", 1, "f1_macro", 0.9),
        ],
        columns,
    )


def test_ratios_are_over_the_same_seeds(limits):
    columns = ["table", "scenario", "method", "seed", "metric", "value"]
    results = tidy(
        [
            ("e2", "gaps", "BIAM-X", 1, "mse", 0.4),
            ("e2", "gaps", "BIAM-X", 2, "mse", 0.2),
            ("e2", "gaps", "BIAM-X", 3, "mse", 5.0),
            ("e2", "gaps", "meta-only", 1, "mse", 0.6),
            ("e2", "gaps", "meta-only", 2, "mse", 0.6),
            ("e2", "gaps", "Lasso", 2, "mse", 0.6),
            ("e2", "gaps", "BIAM-X", 1, "mae", 7.0),
            ("e3", "sure", "BIAM-X", 1, "f1_macro", 0.9),
            ("e7", "pairs", "BIAM-X", 1, "f1_macro", 0.7),
        ],
        columns,
    )
    rows = beside_limits(results, limits, ["BIAM-X", "meta-only"])
    rows = rows.set_index(["scenario", "method"])
    gaps = rows.loc["e2/gaps"]
    assert list(gaps["seeds"]) == [2, 2, 2]
    assert gaps["value"].to_dict() == pytest.approx(
        {"Bayes": 0.15, "BIAM-X": 0.3, "meta-only": 0.6}
    )
    assert gaps["to_limit"].to_dict() == pytest.approx({"Bayes": 1.5, "BIAM-X": 3, "meta-only": 6})
    assert gaps["to_rows"].to_dict() == pytest.approx({"Bayes": 1, "BIAM-X": 2, "meta-only": 4})
    pairs = rows.loc["e7/pairs", "BIAM-X"]
    assert (pairs["to_limit"], pairs["to_rows"]) == (pytest.approx(1.5), pytest.approx(3))
    assert rows.loc["e3/sure", ["to_limit", "to_rows"]].isna().all(axis=None)
