"""Monotone curves: the constrained optimum of a second method, and signs that hold everywhere."""

import numpy as np
import pytest
import torch
from scipy.optimize import LinearConstraint, minimize

from biam import BIAMClassifier, BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.solvers.exact.components import Components
from biam.solvers.exact.monotone import constrained, slopes
from biam.solvers.exact.terms import columns, main_groups


@pytest.fixture
def given():
    stream = np.random.default_rng(0)
    X = stream.normal(size=(80, 2))
    components = Components.fit(X, 5, None, np.ones(80))
    groups = main_groups(components, ())
    size = 1 + sum(map(len, groups))
    root = stream.normal(size=(size, size))
    V = root @ root.T / size + 0.1 * np.eye(size)
    return components, groups, stream.normal(size=size), V, X


def test_slopes_are_those_of_the_curve(given):
    components, groups, w, _, _ = given
    knots = components.basis.features[0].knots.numpy()
    middle = np.append((knots[:-1] + knots[1:]) / 2, knots[-1] + 1)
    found = slopes(components, groups, 0).numpy() @ w
    step = 1e-6
    f = []
    for shift in (-step, step):
        Z = np.column_stack([middle + shift, np.zeros(len(middle))])
        phi, M = components.values(Z)
        f.append(columns(phi, M, torch.zeros(len(Z)).double(), groups).numpy() @ w)
    np.testing.assert_allclose(found, (f[1] - f[0]) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("signs", [{0: 1}, {0: -1}, {0: 1, 1: -1}])
def test_the_nearest_monotone_fit_is_that_of_another_method(given, signs):
    components, groups, w, V, _ = given
    found = constrained(components, groups, torch.as_tensor(w), torch.as_tensor(V), signs).numpy()
    C = np.concatenate([s * slopes(components, groups, j).numpy() for j, s in signs.items()])
    P = np.linalg.inv(V)
    best = minimize(
        lambda u: (u - w) @ P @ (u - w),
        np.zeros(len(w)),
        jac=lambda u: 2 * P @ (u - w),
        constraints=LinearConstraint(C, 0, np.inf),
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    )
    assert (C @ found > -1e-9).all()
    distance = (found - w) @ P @ (found - w)
    assert distance == pytest.approx(best.fun, rel=1e-3)


def test_a_fit_that_keeps_the_signs_stays(given):
    components, groups, w, V, _ = given
    w, V = torch.as_tensor(w), torch.as_tensor(V)
    assert constrained(components, groups, w, V, {}) is w
    once = constrained(components, groups, w, V, {0: 1})
    twice = constrained(components, groups, once, V, {0: 1})
    torch.testing.assert_close(twice, once, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [BIAMRegressor, BIAMClassifier])
@pytest.mark.parametrize("sign", [1, -1])
def test_predictions_rise_or_fall_everywhere(kind, sign):
    stream = np.random.default_rng(1)
    X = stream.normal(size=(500, 3))
    X[stream.random((500, 3)) < 0.1] = np.nan
    seen = np.nan_to_num(X)
    y = np.sin(2 * seen[:, 0]) + seen[:, 0] * seen[:, 1] + 0.3 * stream.normal(size=500)
    y = (y > 0).astype(int) if kind is BIAMClassifier else y
    est = kind(monotone={"x0": sign}, random_state=0).fit(X, y)
    score = est.predict if kind is BIAMRegressor else est.decision_function
    for row in X[:20]:
        path = np.tile(row, (60, 1))
        path[:, 0] = np.linspace(-5, 5, 60)
        assert (sign * np.diff(score(path)) > -1e-9).all()
    assert all(
        "x0" not in (row.first, row.second) or row.kind != "pair"
        for row in est.interactions_.itertuples()
    )


def test_jumps_between_tied_values_keep_the_sign_too():
    stream = np.random.default_rng(2)
    X = np.column_stack([stream.integers(0, 15, 600) * (stream.random(600) < 0.6)]).astype(float)
    X = np.column_stack([X, stream.normal(size=600)])
    y = np.where(X[:, 0] == 4, 5.0, 0.1 * X[:, 0]) + 0.3 * stream.normal(size=600)
    free, held = (BIAMRegressor(monotone=m, random_state=0).fit(X, y) for m in ({}, {"x0": 1}))
    assert any(term["kind"] == "jump" for term in held.details_["terms"])
    path = np.column_stack([np.linspace(0, 14, 141), np.zeros(141)])
    assert np.diff(free.predict(path)).min() < -0.1
    assert np.diff(held.predict(path)).min() > -1e-9


def test_a_true_sign_helps_where_rows_are_few():
    errors = []
    for seed in range(6):
        stream = np.random.default_rng(seed)
        X = stream.normal(size=(60, 1))
        y = np.tanh(2 * X[:, 0]) + stream.normal(size=60)
        grid = np.linspace(-2, 2, 200)[:, None]
        for monotone in (None, {"x0": 1}):
            est = BIAMRegressor(monotone=monotone, random_state=0).fit(X, y)
            errors.append(np.mean((est.predict(grid) - np.tanh(2 * grid[:, 0])) ** 2))
    free, kept = np.reshape(errors, (6, 2)).mean(0)
    assert kept < free


@pytest.mark.parametrize(
    ("monotone", "said"),
    [
        ({"age": 1}, "no column"),
        ({"x0": 2}, "rises"),
        ({0: 1}, "column names"),
        ([1, -1], "column names"),
    ],
)
def test_signs_that_make_no_sense_are_refused(monotone, said):
    X = np.random.default_rng(0).normal(size=(30, 2))
    with pytest.raises(InvalidInputError, match=said):
        BIAMRegressor(monotone=monotone).fit(X, X[:, 0])


def test_categories_and_more_classes_are_refused():
    X = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(InvalidInputError, match="two classes"):
        BIAMClassifier(monotone={"x0": 1}).fit(X, np.arange(60) % 3)
    words = np.array([["a", "b"][i % 2] for i in range(60)], dtype=object)
    table = np.column_stack([words, X[:, 1]])
    with pytest.raises(InvalidInputError, match="no order"):
        BIAMRegressor(monotone={"x0": 1}).fit(table, X[:, 0])
    with pytest.raises(InvalidInputError, match="solver='exact'"):
        BIAMRegressor(monotone={"x0": 1}, weighting="network").fit(X, X[:, 0])
