"""Natural cubic splines said with hinges: SciPy's values, straight tails, known roughness."""

import json
import sqlite3
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

from biam import BIAMClassifier, BIAMRegressor, load
from biam.export import evaluator, to_json, to_python, to_sql
from biam.solvers.exact.components import Components
from biam.solvers.exact.cubic import TAIL, cubic_components, fine_knots, roughness, spline_map

KNOTS = np.array([-2.0, -0.7, -0.1, 0.4, 1.1, 1.9, 3.0])


def natural(values):
    return CubicSpline(KNOTS, values, bc_type="natural")


def broken(values, x, pieces):
    """The sum of hinges, shifted so that it is the spline at the first knot."""
    grid = fine_knots(KNOTS, pieces)
    coefficients = spline_map(KNOTS, grid) @ values
    at = [np.maximum(z[:, None] - grid, 0) @ coefficients for z in (np.asarray(x), KNOTS[:1])]
    return at[0] - at[1] + values[0]


@pytest.fixture(name="values", params=["cubic", "random"])
def values_fixture(request):
    if request.param == "cubic":
        return KNOTS**3 - 2 * KNOTS**2 + 0.5 * KNOTS - 1
    return np.random.default_rng(0).normal(size=len(KNOTS))


def test_it_is_the_natural_spline_on_the_grid(values):
    grid = fine_knots(KNOTS)[1:]
    assert broken(values, grid, 4) == pytest.approx(natural(values)(grid), abs=1e-10)


def test_between_points_of_the_grid_the_error_is_of_second_order(values):
    x = np.linspace(KNOTS[0], KNOTS[-1], 5001)
    off = {k: np.abs(broken(values, x, k) - natural(values)(x)).max() for k in (4, 8, 16)}
    bend = np.abs(natural(values)(x, 2)).max()
    assert off[4] <= bend * (np.diff(KNOTS).max() / 4) ** 2 / 8
    assert 3.5 < off[4] / off[8] < 4.5
    assert 3.5 < off[8] / off[16] < 4.5


def test_beyond_the_knots_it_is_straight(values):
    spline, width = natural(values), np.ptp(KNOTS)
    left = np.linspace(KNOTS[0] - TAIL * width, KNOTS[0], 9)
    right = np.linspace(KNOTS[-1], KNOTS[-1] + 10 * width, 9)
    line = spline(KNOTS[0]) + spline(KNOTS[0], 1) * (left - KNOTS[0])
    assert broken(values, left, 4) == pytest.approx(line, abs=1e-9)
    line = spline(KNOTS[-1]) + spline(KNOTS[-1], 1) * (right - KNOTS[-1])
    assert broken(values, right, 4) == pytest.approx(line, abs=1e-9)
    further = broken(values, left[:1] - [1.0, 5.0], 4)
    assert further == pytest.approx(broken(values, left[:1], 4).repeat(2), abs=1e-9)


def test_over_another_axis_it_is_the_spline_there(values):
    """Lines lead from knots to the axis: values on the grid, and slopes of both tails, by chain."""
    axis, grid = np.arctan(KNOTS), fine_knots(KNOTS)
    c, spline = spline_map(KNOTS, grid, axis) @ values, CubicSpline(axis, values, bc_type="natural")
    found = np.maximum(grid[1:, None] - grid, 0) @ c
    expected = spline(np.interp(grid[1:], KNOTS, axis))
    assert found - found[0] == pytest.approx(expected - values[0], abs=1e-10)
    rate = np.diff(axis) / np.diff(KNOTS)
    assert c[0] == pytest.approx(rate[0] * spline(axis[0], 1), abs=1e-10)
    assert c.sum() == pytest.approx(rate[-1] * spline(axis[-1], 1), abs=1e-10)
    assert spline_map(KNOTS, grid, 3 * KNOTS + 1) == pytest.approx(spline_map(KNOTS, grid))


def test_roughness_is_the_integral_of_the_squared_bend(values):
    pieces = pairwise(KNOTS)
    expected = sum(quad(lambda x: natural(values)(x, 2) ** 2, a, b)[0] for a, b in pieces)
    assert values @ roughness(KNOTS) @ values == pytest.approx(expected, rel=1e-8)
    assert np.abs(roughness(KNOTS) @ (3 * KNOTS - 1)).max() < 1e-9


@pytest.fixture(scope="module", name="made")
def made_fixture():
    stream = np.random.default_rng(0)
    X = np.column_stack([stream.exponential(size=300), stream.integers(0, 2, 300)])
    X = np.column_stack([X, stream.integers(0, 3, 300)]).astype(float)
    X[::7, 0] = np.nan
    weight = stream.integers(0, 3, 300).astype(float)
    hinges = Components.fit(X, 8, [0, 0, 3], weight)
    return X, weight, hinges, cubic_components(hinges, X, weight)


def test_components_are_orthonormal_and_begin_with_the_line(made):
    X, weight, hinges, cubic = made
    phi, _ = cubic.values(X)
    seen = ~np.isnan(X[:, 0])
    v, first = torch.as_tensor(weight[seen] / weight[seen].sum()), phi[0][seen]
    gram = (first * v[:, None]).T @ first
    assert torch.allclose(gram, torch.eye(len(gram), dtype=gram.dtype), atol=1e-6)
    assert (v @ first).abs().max() < 1e-9
    slopes = np.diff(first[:, 0].numpy()) / np.diff(X[seen, 0])
    assert np.ptp(slopes) < 1e-6
    assert cubic.stiffness[0][0] < 1e-6 < cubic.stiffness[0][1]
    assert (np.diff(cubic.stiffness[0].numpy()) > 0).all()
    # A spline on eight knots has eight dimensions, the constant among them.
    assert phi[0].shape[1] == len(hinges.basis.features[0].knots) - 1


def test_lines_and_categories_stay(made):
    _, _, hinges, cubic = made
    for j in (1, 2):
        assert cubic.basis.features[j] is hinges.basis.features[j]
        assert cubic.maps[j] is hinges.maps[j]


@pytest.fixture(scope="module", name="fitted")
def fitted_fixture():
    stream = np.random.default_rng(101)
    X = stream.uniform(-1, 1, (900, 3))
    truth = np.sin(6 * X[:, 0]) + np.exp(2 * X[:, 1]) / 3
    X[stream.random(X.shape) < 0.1] = np.nan
    y = truth + 0.2 * stream.normal(size=900)
    options = {"random_state": 0, "pairs": [(0, 2)]}
    fits = {b: BIAMRegressor(basis=b, **options).fit(X[:300], y[:300]) for b in ("hinge", "cubic")}
    return X, truth, fits


def test_smooth_curves_are_met_better(fitted):
    X, truth, fits = fitted
    whole = ~np.isnan(X[300:]).any(1)
    errors = {b: f.predict(X[300:]) - truth[300:] for b, f in fits.items()}
    risk = {b: float((e[whole] ** 2).mean()) for b, e in errors.items()}
    assert risk["cubic"] < 0.8 * risk["hinge"]
    gap = {b: float((e[~whole] ** 2).mean()) for b, e in errors.items()}
    assert gap["cubic"] < 1.1 * gap["hinge"]


def test_the_curve_bends_smoothly(fitted):
    """Its slope turns by little from piece to piece, where that of hinges jumps at ten knots."""
    turns = {}
    for basis, est in fitted[2].items():
        curve = est.shape_functions_.query("feature == 'x0'")
        slopes = np.diff(curve["effect"]) / np.diff(curve["x"])
        turns[basis] = np.abs(np.diff(slopes)).max()
    assert turns["cubic"] < 0.5 * turns["hinge"]


def test_it_is_explained_saved_and_exported_like_any_other(fitted, tmp_path):
    X, _, fits = fitted
    est, rows = fits["cubic"], X[300:340]
    expected = est.predict(rows)
    assert est.explain(rows).sum(axis=1).to_numpy() == pytest.approx(expected, abs=1e-9)
    est.save(tmp_path / "est.biam")
    assert np.array_equal(load(tmp_path / "est.biam").predict(rows), expected)
    module = {}
    exec(compile(to_python(est), "model.py", "exec"), module)
    names = ["x0", "x1", "x2"]
    records = [
        {k: None if np.isnan(v) else float(v) for k, v in zip(names, row, strict=True)}
        for row in rows
    ]
    assert [module["predict_row"](r) for r in records] == pytest.approx(expected, abs=1e-9)
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("CREATE TABLE t (id, x0, x1, x2)")
        base.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)",
            [(i, *record.values()) for i, record in enumerate(records)],
        )
        answer = dict(base.execute(to_sql(est, "t", key="id")).fetchall())
    assert [answer[i] for i in range(len(rows))] == pytest.approx(expected, abs=1e-9)
    plain = json.loads(to_json(est))
    assert [evaluator.predict(plain, r) for r in records] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", [101, 103])
def test_a_few_values_far_out_do_not_make_it_swing(seed):
    stream = np.random.default_rng(seed)
    X = np.exp(1.5 * stream.normal(size=(1800, 2)))
    truth = np.sin(2 * np.log(X[:, 0])) + np.log(X[:, 1])
    y = truth + 0.2 * stream.normal(size=1800)
    risk = {}
    for basis in ("hinge", "cubic"):
        est = BIAMRegressor(basis=basis, random_state=0).fit(X[:800], y[:800])
        risk[basis] = float(np.median((est.predict(X[800:]) - truth[800:]) ** 2))
    assert risk["cubic"] < 1.5 * risk["hinge"]


def test_a_weight_is_a_number_of_rows():
    stream = np.random.default_rng(0)
    X, times = np.exp(stream.normal(size=(120, 1))), stream.integers(0, 3, 120)
    hinges = Components.fit(X, 6, None, times.astype(float))
    weighted = cubic_components(hinges, X, times.astype(float))
    repeated = cubic_components(hinges, np.repeat(X, times, 0), np.ones(times.sum()))
    assert torch.allclose(weighted.stiffness[0], repeated.stiffness[0], rtol=1e-6, atol=1e-6)
    assert torch.allclose(weighted.maps[0], repeated.maps[0], atol=1e-6)


def test_classes_and_signs():
    stream = np.random.default_rng(102)
    X = stream.uniform(-1, 1, (500, 2))
    y = (stream.random(500) < 1 / (1 + np.exp(-4 * np.tanh(3 * X[:, 0])))).astype(int)
    est = BIAMClassifier(basis="cubic", monotone={"x0": 1}, random_state=0).fit(X, y)
    grid = np.column_stack([np.linspace(-1.5, 1.5, 300), np.zeros(300)])
    assert (np.diff(est.decision_function(grid)) >= -1e-9).all()
    assert est.score(X, y) > 0.8
