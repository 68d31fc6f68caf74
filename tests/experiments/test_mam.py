"""MAM as a method: the three ways to choose the epoch, the counts, and the printed first epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.datasets.synthetic_mam import make_mam_classification, make_mam_regression
from biam.experiments.mam import SCORES, lasso, mam_published, selection

SMALL = {"n_samples": 300, "n_features": 12}
BRIEF = {"epochs": 20, "every": 5}


def splits():
    yield make_mam_regression("eps_A", **SMALL), "regression", {"degree": 2}
    yield make_mam_classification(rare=0.2, **SMALL), "classification", {"degree": 4}


# Test MSE, or accuracy, after the first epoch, from the public logs (2000 rows, 100 features).
@pytest.mark.parametrize(
    ("make", "params", "printed"),
    [
        (make_mam_regression, {"noise": "eps_A"}, 1.8825),
        (make_mam_regression, {"noise": "eps_B"}, 0.5190),
        (make_mam_regression, {"noise": "eps_C"}, 1.2065),
        (make_mam_classification, {"rare": 0.15}, 0.5030),
        (make_mam_classification, {"flip": 0.15}, 0.7030),
        (make_mam_classification, {"rare": 0.15, "flip": 0.3}, 0.5930),
    ],
)
def test_first_epoch_is_that_of_the_public_logs(make, params, printed):
    regression = make is make_mam_regression
    task = "regression" if regression else "classification"
    # Three epochs: the step size falls after the first, as it does after half of all.
    settings = {"epochs": 3, "degree": 2 if regression else 4}
    _, curves = mam_published(make(**params), task, 1, settings)
    first = next(point for point in curves if point["curve"].startswith("test_"))
    assert first["x"] == 1
    assert round(first["value"], 4) == printed


@pytest.mark.parametrize("uniform", [False, True])
def test_scores_are_looks_of_the_curves(uniform):
    for split, task, own in splits():
        values, curves = mam_published(split, task, 1, {**BRIEF, **own, "uniform": uniform})
        name = SCORES[task][0]
        by = {
            kind: {p["x"]: p["value"] for p in curves if p["curve"] == kind}
            for kind in (f"test_{name}", "meta_loss", "variables_kept")
        }
        test = by[f"test_{name}"]
        assert list(test) == [1, 5, 10, 15, 20]
        seen = {x: value for x, value in test.items() if x > 1 or not uniform}
        assert values[name] == (min if task == "regression" else max)(seen.values())
        assert test[values["best_epoch"]] == values[name]
        assert values[f"last_{name}"] == test[20]
        least = min(by["meta_loss"], key=by["meta_loss"].get)
        assert values["by_meta_epoch"] == least
        assert values[f"by_meta_{name}"] == test[least]
        assert values["variables_kept"] == by["variables_kept"][20]


def test_twin_runs_at_its_seeds_only_and_agrees_at_first():
    split, task, own = next(splits())
    settings = {**BRIEF, "epochs": 2, **own, "twins": [1]}
    values, _ = mam_published(split, task, 1, settings)
    assert values["float64_mse"] == pytest.approx(values["mse"], rel=1e-4)
    assert "float64_mse" not in mam_published(split, task, 2, settings)[0]


def test_same_seed_same_numbers():
    split, task, own = next(splits())
    assert mam_published(split, task, 4, BRIEF | own) == mam_published(split, task, 4, BRIEF | own)


def test_a_strong_penalty_keeps_the_informative_features():
    split = make_mam_regression("eps_C", n_samples=600, n_features=30)
    values, _ = mam_published(split, "regression", 1, {"epochs": 60, "penalty": 0.1})
    assert values["true_kept"] >= 6
    assert values["false_kept"] <= 2
    assert values["variables_kept"] == values["true_kept"] + values["false_kept"]


@given(st.lists(st.floats(0, 10), min_size=5, max_size=20))
def test_selection_counts(norms):
    counts = selection(np.array(norms), (0, 1, 2))
    assert counts["variables_kept"] == sum(norm > 1e-8 for norm in norms)
    assert counts["variables_kept"] == counts["true_kept"] + counts["false_kept"]
    assert counts["true_in_top"] <= 3


def test_selection_ranks():
    assert selection(np.array([3.0, 0.0, 2.0, 9.0]), (0, 3))["true_in_top"] == 2
    assert selection(np.array([3.0, 0.0, 2.0, 9.0]), (0, 1))["true_in_top"] == 1
    assert selection(np.zeros(4), (0, 1))["true_in_top"] == 0


def test_lasso_finds_a_linear_target_and_no_more_than_it_needs():
    g = np.random.default_rng(0)
    split, task, _ = next(splits())
    y = 2 * split.X_train[:, 5] + 0.01 * g.normal(size=300)
    linear = type(split)(
        *(split.X_train, y, split.X_meta, split.y_meta),
        *(split.X_test, 2 * split.X_test[:, 5], split.mask, {"features": (5,)}),
    )
    values = lasso(linear, task, 0, {})
    assert values["mse"] < 0.01
    assert values["true_in_top"] == values["true_kept"] == 1


def test_lasso_of_two_classes_scores_and_counts():
    _, (split, task, _) = splits()
    values = lasso(split, task, 0, {})
    assert set(SCORES[task]) < set(values)
    assert values["variables_kept"] <= 12
