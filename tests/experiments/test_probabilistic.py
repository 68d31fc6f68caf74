"""Runs of the table `probabilistic`: recovery counted by hand, and equal rows for all."""

import numpy as np
import pytest

from biam.datasets.structured import make_structured
from biam.experiments import learners, probabilistic, published

QUICK = {"search": {"epochs": 3, "start": 0.6}}


def split_of(task, **params):
    params = {"missing_rate": 0.25, "noise_rate": 0.3, **params}
    return make_structured(task, 300, mechanism="mnar", **params)


PLANTED = [("main", 0, 0), ("main", 1, 1), ("missing", 0, 0), ("interaction", 1, 2)]


@pytest.mark.parametrize(
    ("kept", "wanted"),
    [
        (PLANTED, (1.0, 1.0, 1.0)),
        ([], (0.0, 0.0, 0.0)),
        (PLANTED[:2], (1.0, 0.5, 2 / 3)),
        ([*PLANTED[:3], ("interaction", 2, 1)], (0.75, 0.75, 0.75)),
        ([*PLANTED, ("main", 3, 3)], (1.0, 1.0, 1.0)),
        ([("main", 3, 3)], (0.0, 0.0, 0.0)),
    ],
)
def test_recovery_counts_hits_and_leaves_the_uncounted_out(kept, wanted):
    values = probabilistic.recovery(kept, PLANTED, [("main", 3, 3)])
    assert tuple(values.values()) == pytest.approx(wanted)
    assert list(values) == ["precision", "recall", "f1"]


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_the_search_reports_scores_and_structure(task):
    values, curves = probabilistic.biam_p(split_of(task), task, 1, QUICK)
    assert set(probabilistic.SCORES[task]) < set(values)
    assert {"group_f1", "group_f1_interaction", "groups_kept", "weight_ratio"} < set(values)
    assert all(np.isfinite(value) for value in values.values())
    gates = [point for point in curves if point["curve"].startswith("gate:")]
    assert values["groups_kept"] == sum(point["value"] >= 0.5 for point in gates)
    assert {point["curve"] for point in curves} == {
        *("gate:main", "gate:missing", "gate:interaction"),
        *("tune_risk", "meta_risk", "expected_groups"),
    }


def test_a_table_without_gaps_and_noise_reports_what_there_is():
    split = split_of("regression", missing_rate=0.0, noise_rate=0.0)
    values, _ = probabilistic.biam_p(split, "regression", 1, QUICK)
    assert not {"weight_ratio", "group_f1_missing", "group_f1_interaction"} & set(values)
    assert values["group_f1"] == values["group_f1_main"]


@pytest.mark.parametrize(
    ("room", "name"),
    [(learners, "biam_x"), (learners, "meta_only"), (published, "biam_published")],
)
def test_other_learners_get_the_tuning_rows_as_meta_rows(monkeypatch, room, name):
    seen = []
    monkeypatch.setattr(room, name, lambda *given: seen.append(given) or {"mse": 1.0})
    split = split_of("regression")
    assert getattr(probabilistic, name)(split, "regression", 5, {"a": 1}) == {"mse": 1.0}
    (given, *rest) = seen[0]
    assert rest == ["regression", 5, {"a": 1}]
    np.testing.assert_array_equal(given.X_meta[:30], split.X_meta)
    np.testing.assert_array_equal(given.X_meta[30:], split.truth["X_tune"])
    np.testing.assert_array_equal(given.y_meta[30:], split.truth["y_tune"])
    np.testing.assert_array_equal(given.X_train, split.X_train)
