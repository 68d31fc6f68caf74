"""Areas, hulls and thinned rows by hand; SMOTE without under-sampling moves along the curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.experiments.smote_auc import (
    LEVELS,
    _hull,
    _thinned,
    make_rare_rows,
    roc_area,
    smote_curve,
)


def test_areas_by_hand():
    assert roc_area(np.array([[0.5, 0.5]])) == pytest.approx(0.5)
    assert roc_area(np.array([[0.0, 1.0]])) == pytest.approx(1.0)
    # The order of the points does not matter.
    assert roc_area(np.array([[0.6, 0.9], [0.2, 0.7]])) == pytest.approx(0.07 + 0.32 + 0.38)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8))
def test_the_hull_is_convex_and_never_below_its_points(points):
    points = np.array(points)
    hull = _hull(points)
    assert roc_area(hull) >= roc_area(points) - 1e-9
    run = np.diff(hull, axis=0)
    run = run[run[:, 0] > 1e-9]
    slopes = run[:, 1] / run[:, 0]
    assert (np.diff(slopes) <= 1e-6 * (1 + np.abs(slopes[1:]))).all()


@pytest.mark.parametrize(("level", "common"), [(50, 20), (100, 10), (200, 5), (10, 40)])
def test_thinned_rows_have_the_level(level, common):
    labels = np.array([1] * 10 + [0] * 40)
    kept = _thinned(labels, level, np.random.default_rng(0))
    assert np.bincount(labels[kept]).tolist() == [common, 10]
    assert len(set(kept.tolist())) == len(kept)


def data():
    g = np.random.default_rng(0)
    X = np.concatenate([g.normal(0, 1, (120, 2)), g.normal(1.5, 1, (20, 2))])
    return X, np.repeat([0, 1], [120, 20])


def test_a_curve_has_a_point_per_level_and_more_is_found_as_rows_go():
    values, points = smote_curve(data(), "classification", 1, {"folds": 4})
    assert len(points) == len(LEVELS)
    assert points[-1]["value"] > points[0]["value"]
    assert points[-1]["x"] > points[0]["x"]
    assert 0.5 < values["auc"] <= values["hull_auc"] <= 1


def test_same_seed_same_curve_and_smote_changes_it():
    settings = {"folds": 3, "smote": {"amount": 200, "mode": "midpoint"}}
    first = smote_curve(data(), "classification", 1, settings)
    assert smote_curve(data(), "classification", 1, settings) == first
    assert smote_curve(data(), "classification", 1, {"folds": 3}) != first


def test_rare_rows_are_class_one():
    X, y = make_rare_rows("breast-cancer")
    assert np.bincount(y).tolist() == [357, 212]
    assert X.shape == (569, 30)
    with pytest.raises(InvalidInputError, match="'iris'"):
        make_rare_rows("iris")


@pytest.mark.realdata("pima-diabetes/pima-indians-diabetes.data")
def test_gaps_of_pima_are_zeros_again():
    X, _ = make_rare_rows("pima")
    assert np.sum(X[:, 1:6] == 0) == 652
