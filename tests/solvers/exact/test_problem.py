"""Rows and labels in robust units: medians, gaps, the shift, samples."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from biam.solvers.exact.flips import Flips
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.problem import LEAST_GAPS, WORTH_SAMPLING, Problem


def drawn(n=100, p=3, seed=0):
    stream = np.random.default_rng(seed)
    return stream.normal(size=(n, p)), stream.normal(size=n)


def made(X, y, meta=(None, None), *, fixed=None, n_classes=0, n_levels=None):
    fixed = np.ones(len(y)) if fixed is None else fixed
    return Problem.make((X, y, fixed), meta, n_classes, 5, n_levels, "cpu")


def kinds(problem):
    return [g.kind for g in problem.rows.groups]


def test_units_are_the_median_and_the_median_distance_from_it():
    X, y = drawn(9)
    problem = made(X, y)
    assert problem.centre == np.median(y)
    distance = np.median(np.abs(y - np.median(y)))
    assert problem.scale == pytest.approx(distance / norm.ppf(0.75), rel=1e-12)


def test_a_change_of_sign_changes_the_signs_of_the_targets():
    X, y = drawn(10)
    problem, turned = made(X, y), made(X, -y)
    assert (turned.centre, turned.scale) == (-problem.centre, problem.scale)
    assert torch.equal(turned.labels.y, -problem.labels.y)


def test_targets_are_in_units_that_outliers_do_not_reach():
    X, y = drawn(1001)
    plain = made(X, y)
    y[:300] += 1e6
    wild = made(X, y)
    assert plain.centre == pytest.approx(0, abs=0.1)
    assert plain.scale == pytest.approx(1, abs=0.1)
    assert abs(wild.centre) < 2 and wild.scale < 5
    back = wild.labels.y * wild.scale + wild.centre
    np.testing.assert_allclose(back, y)


def test_units_where_most_targets_are_the_same():
    X, _ = drawn(20)
    mostly = np.r_[np.full(15, 3.0), np.arange(5)]
    problem = made(X, mostly)
    assert problem.centre == 3
    assert problem.scale == pytest.approx(np.sqrt(np.mean((mostly - 3) ** 2)))
    assert made(X, np.full(20, 3.0)).scale == 1


def test_rows_of_no_weight_say_nothing():
    X, y = drawn()
    fixed = np.r_[np.ones(60), np.zeros(40)]
    full, part = made(X, y, fixed=fixed), made(X[:60], y[:60])
    assert (full.centre, full.scale) == (part.centre, part.scale)
    for first, second in zip(full.rows.components.maps, part.rows.components.maps, strict=True):
        torch.testing.assert_close(first, second)


def test_classes_stay_as_they_are():
    X, y = drawn()
    problem = made(X, (y > 0).astype(int), n_classes=2)
    assert (problem.centre, problem.scale, problem.binary) == (0, 1, True)
    assert set(problem.labels.y.tolist()) == {0, 1}
    assert isinstance(problem.plain(), Flips)
    assert isinstance(made(X, y).plain(0.3), Mixture)
    assert made(X, y).plain(0.3).scales.tolist() == [0.3]


def test_meta_rows_follow_and_are_trusted():
    X, y = drawn()
    problem = made(X[:80], y[:80], (X[80:], y[80:]), fixed=np.full(80, 2.0))
    assert problem.n_train == 80
    assert problem.meta.tolist() == list(range(80, 100))
    assert problem.labels.trusted.tolist() == [False] * 80 + [True] * 20
    assert problem.labels.fixed.tolist() == [2] * 80 + [1] * 20
    np.testing.assert_array_equal(problem.rows.X, X)
    assert len(made(X, y).meta) == 0


@pytest.mark.parametrize("n_gaps", range(LEAST_GAPS + 2))
def test_few_gaps_have_no_effect_of_their_own(n_gaps):
    X, y = drawn()
    X[:n_gaps, 1] = np.nan
    problem = made(X, y)
    assert problem.gaps == ((1,) if n_gaps >= LEAST_GAPS else ())
    assert ("missing" in kinds(problem)) == (n_gaps >= LEAST_GAPS)


def test_labels_say_where_features_that_have_gaps_are_missing():
    X, y = drawn()
    X[:LEAST_GAPS, 2], X[10:30, 0], X[40:42, 1] = np.nan, np.nan, np.nan
    problem = made(X[:80], y[:80], (X[80:], y[80:]))
    assert problem.gaps == (0, 2)
    np.testing.assert_array_equal(problem.labels.gaps, np.isnan(X[:, [0, 2]]))
    assert made(*drawn()).labels.gaps.shape == (100, 0)
    part = problem.take(np.array([0, 15, 90]))
    assert part.labels.gaps.tolist() == [[0, 1], [1, 0], [0, 0]]


def test_gaps_in_rows_of_no_weight_do_not_count():
    X, y = drawn()
    X[:50, 1] = np.nan
    assert made(X, y, fixed=np.r_[np.zeros(50), np.ones(50)]).gaps == ()


def test_classes_of_training_rows_may_be_shifted_from_those_of_meta_rows():
    X, y = drawn()
    classes = (y > 0).astype(int)
    meta = X[80:], classes[80:]
    shifted = made(X[:80], classes[:80], meta, n_classes=2)
    assert kinds(shifted)[-1] == "shift"
    assert "shift" not in kinds(made(X, classes, n_classes=2))
    assert "shift" not in kinds(made(X[:80], y[:80], (X[80:], y[80:])))
    assert shifted.rows.shift.tolist() == [True] * 80 + [False] * 20


def test_small_problems_are_not_sampled():
    X, y = drawn()
    problem = made(X, y)
    assert problem.sample(int(100 / WORTH_SAMPLING), 0) is problem
    assert problem.sample(100, 0) is problem
    assert problem.sample(79, 0) is not problem


def test_samples_are_of_rows_that_count_and_of_both_kinds():
    X, y = drawn(500)
    fixed = (np.arange(400) % 2).astype(float)
    problem = made(X[:400], y[:400], (X[400:], y[400:]), fixed=fixed)
    part = problem.sample(60, 0)
    assert part.n_train == 60
    assert len(part.meta) == 60
    assert (part.labels.fixed == 1).all()
    assert (part.centre, part.scale) == (problem.centre, problem.scale)
    assert part.rows.groups == problem.rows.groups
    targets = dict(zip(map(tuple, X), y, strict=True))
    back = part.labels.y.numpy() * part.scale + part.centre
    np.testing.assert_allclose(back, [targets[tuple(x)] for x in part.rows.X])
    again, other = problem.sample(60, 0), problem.sample(60, 1)
    assert np.array_equal(again.rows.X, part.rows.X)
    assert not np.array_equal(other.rows.X, part.rows.X)
    assert len({tuple(x) for x in part.rows.X}) == len(part.rows)


def test_levels_reach_the_components():
    X, y = drawn()
    X[:, 0] = np.arange(100) % 3
    assert kinds(made(X, y, n_levels=[3, 0, 0])) == ["level", "line", "shape", "line", "shape"]
