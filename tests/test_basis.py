"""Bases: knots on ties and gaps, columns against plain formulas, designs that cut like tables."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biam.basis import Basis, FeatureBasis, quantile_knots, shared_knots
from biam.exceptions import InvalidInputError, UnknownNameError

nan = np.nan
tables = arrays(
    float,
    st.tuples(st.integers(2, 20), st.integers(1, 4)),
    elements=st.one_of(st.floats(-100, 100).map(lambda x: round(x, 2)), st.just(nan)),
)


@pytest.fixture
def gappy():
    g = np.random.default_rng(0)
    X = g.normal(size=(50, 4))
    X[g.uniform(size=X.shape) < 0.2] = nan
    X[:, 3] = nan
    assert 0 < np.isnan(X[:, :3]).sum() < 100
    return X


# Knots


def test_knots_without_ties_are_the_quantiles():
    x = np.random.default_rng(0).normal(size=101)
    knots = quantile_knots(np.append(x, nan), 11)
    np.testing.assert_allclose(knots, np.sort(x)[::10])


@pytest.mark.parametrize(
    ("x", "knots"),
    [
        ([3, 3, nan, 3], [3]),
        ([nan, nan], []),
        ([0, 1, 0, 1, 1], [0, 1]),
        ([0] * 97 + [1, 2, 3], [0, 1, 2, 3]),
        ([0] * 94 + [1, 2, 3, 4, 5, 6], [0, 1.5, 3, 4.5, 6]),
    ],
    ids=["constant", "all-missing", "binary", "few-values", "rare-tail"],
)
def test_knots_of_columns_with_ties(x, knots):
    np.testing.assert_allclose(quantile_knots(np.array(x, dtype=float), 5), knots)


@given(tables, st.integers(2, 8))
def test_knots_increase_within_the_observed_range(X, n_knots):
    x = X[:, 0]
    knots = quantile_knots(x, n_knots)
    observed = x[~np.isnan(x)]
    assert min(n_knots, len(np.unique(observed))) <= len(knots) <= n_knots
    assert (np.diff(knots) > 0).all()
    if observed.size:
        assert knots[0] == observed.min()
        np.testing.assert_allclose(knots[-1], observed.max() if len(knots) > 1 else knots[0])


@given(st.lists(st.integers(1, 4), min_size=3, max_size=12), st.integers(2, 6))
def test_a_row_of_weight_two_is_the_row_twice(counts, n_knots):
    x = np.random.default_rng(len(counts)).normal(size=len(counts))
    weighted = quantile_knots(x, n_knots, np.array(counts, dtype=float))
    repeated = quantile_knots(np.repeat(x, counts), n_knots, np.ones(sum(counts)))
    np.testing.assert_array_equal(weighted, repeated)
    assert len(weighted) <= n_knots


def test_weights_move_the_knots_of_the_basis():
    X = np.arange(20.0)[:, None]
    weight = np.where(X[:, 0] < 10, 9.0, 1.0)
    plain, low = Basis.fit(X, 5), Basis.fit(X, 5, weight=weight)
    assert low.features[0].knots.mean() < plain.features[0].knots.mean() - 2


def test_shared_knots_are_the_published_ones():
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1, 2, 3]
    X[::7, 1] = nan
    expected = np.zeros(10)
    for column in X.T:
        ordered = np.sort(column[~np.isnan(column)])
        places = np.linspace(0, 1, 10) * (len(ordered) - 1)
        expected += np.interp(places, np.arange(len(ordered)), ordered) / 3
    np.testing.assert_allclose(shared_knots(X, 10), expected, rtol=1e-12)
    basis = Basis.fit(X, 10, shared=True, dtype=torch.float64)
    for feature in basis.features:
        np.testing.assert_allclose(feature.knots, expected, rtol=1e-12)


def test_a_column_without_values_has_no_say_in_shared_knots(gappy):
    np.testing.assert_array_equal(shared_knots(gappy, 6), shared_knots(gappy[:, :3], 6))
    design = Basis.fit(gappy, 6, shared=True).design(gappy)
    assert design.H.isfinite().all()
    np.testing.assert_array_equal(shared_knots(gappy[:, 3:], 6), np.zeros(6))


def test_categories_have_no_say_in_shared_knots(gappy):
    codes = np.tile([0.0, 900.0], 25)[:, None]
    basis = Basis.fit(np.hstack([codes, gappy[:, :3]]), 6, shared=True, n_levels=[901, 0, 0, 0])
    np.testing.assert_allclose(basis.features[1].knots, shared_knots(gappy[:, :3], 6), rtol=1e-6)


# Columns


@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        ("hinge", lambda x, t: np.maximum(0, x - t)),
        ("step", lambda x, t: (x > t).astype(float)),
        ("level", lambda x, t: (x == t).astype(float)),
    ],
    ids=["hinge", "step", "level"],
)
def test_columns_follow_their_formula(kind, formula):
    x, knots = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 7.0]), np.array([0.0, 1.0, 2.0])
    columns = FeatureBasis(kind, torch.tensor(knots)).columns(torch.tensor(x))
    np.testing.assert_array_equal(columns, formula(x[:, None], knots))
    assert columns.dtype == torch.float64


@pytest.mark.parametrize("kind", ["hinge", "step"])
def test_design_is_ones_columns_and_mask(kind, gappy):
    basis = Basis.fit(gappy, 5, kind=kind, dtype=torch.float64)
    design = basis.design(gappy)
    assert [len(f.knots) for f in basis.features] == [5, 5, 5, 0]
    assert basis.n_columns == 15
    assert basis.n_features == 4
    np.testing.assert_array_equal(design.M, np.c_[np.ones(50), np.isnan(gappy)])
    np.testing.assert_array_equal(design.H[:, 0], np.ones(50))
    for j, columns in enumerate(basis.slices):
        distance = gappy[:, j, None] - basis.features[j].knots.numpy()
        h = np.maximum(0, distance) if kind == "hinge" else distance > 0
        expected = np.where(np.isnan(distance), 0, h)
        np.testing.assert_array_equal(design.H[:, columns], expected)


@given(tables, st.sampled_from(["hinge", "step"]), st.booleans())
def test_a_missing_value_gives_zero_columns_and_a_mask(X, kind, shared):
    basis = Basis.fit(X, 4, kind=kind, shared=shared)
    design = basis.design(X)
    missing = np.isnan(X)
    for j, columns in enumerate(basis.slices):
        assert not design.H[missing[:, j], columns].any()
    np.testing.assert_array_equal(design.M[:, 1:], missing)
    assert design.complete == (not missing.any())
    assert design.H.isfinite().all()


def test_levels_are_a_partition_of_unity():
    x = np.array([[0.0], [2.0], [1.0], [nan], [2.0], [5.0]])
    basis = Basis.fit(x, n_levels=[3])
    design = basis.design(x)
    # One where a known level is seen; a level that was never announced has no column.
    np.testing.assert_array_equal(design.H[:, 1:].sum(1), [1, 1, 1, 0, 1, 0])
    np.testing.assert_array_equal(design.H[:, 1:].argmax(1)[:3], [0, 2, 1])
    np.testing.assert_array_equal(design.M[:, 1], [0, 0, 0, 1, 0, 0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_the_design_has_the_type_of_the_knots(dtype, gappy):
    design = Basis.fit(gappy, dtype=dtype).design(gappy.astype(np.float32))
    assert design.H.dtype == design.M.dtype == dtype


def test_the_table_is_left_alone(gappy):
    before = gappy.copy()
    Basis.fit(gappy, shared=True).design(gappy)
    np.testing.assert_array_equal(gappy, before)


# Cuts


@pytest.fixture(params=[False, True], ids=["plain", "joint"])
def design(request, gappy):
    design = Basis.fit(gappy, 5).design(gappy)
    joint = torch.arange(100.0).view(50, 2) if request.param else None
    return type(design)(design.H, design.M, design.complete, joint)


@pytest.mark.parametrize("size", [1, 7, 25, 50, 64])
def test_batches_put_together_are_the_design(size, design):
    parts = design.batches(size)
    assert [len(part) for part in parts] == [len(x) for x in torch.arange(50).split(size)]
    assert all(part.complete == design.complete for part in parts)
    for name in ("H", "M", "joint"):
        whole, cuts = getattr(design, name), [getattr(part, name) for part in parts]
        assert (
            all(c is None for c in cuts) if whole is None else torch.equal(torch.cat(cuts), whole)
        )


@pytest.mark.parametrize(
    "rows", [slice(10, 20), torch.arange(49, -1, -3)], ids=["slice", "reversed-index"]
)
def test_take_is_the_design_of_those_rows(rows, design, gappy):
    index = np.arange(50)[rows if isinstance(rows, slice) else rows.numpy()]
    taken, expected = design.take(rows), Basis.fit(gappy, 5).design(gappy[index])
    assert torch.equal(taken.H, expected.H)
    assert torch.equal(taken.M, expected.M)
    if design.joint is not None:
        assert torch.equal(taken.joint, design.joint[index])


def test_a_design_moves_whole_to_another_device(design):
    moved = design.to("meta")
    assert {x.device.type for x in (moved.H, moved.M)} == {"meta"}
    assert (moved.joint is None) == (design.joint is None)
    assert len(moved) == 50


# Refusals


@pytest.mark.parametrize(
    ("X", "options", "error", "message"),
    [
        (np.zeros(3), {}, InvalidInputError, r"2-D table with rows, got shape \(3,\)"),
        (np.zeros((0, 2)), {}, InvalidInputError, r"2-D table with rows, got shape \(0, 2\)"),
        (np.zeros((3, 2)), {"n_knots": 1}, InvalidInputError, "n_knots must be .* at least 2"),
        (np.zeros((3, 2)), {"kind": "hing"}, UnknownNameError, "did you mean 'hinge'"),
        (np.zeros((3, 2)), {"kind": "level"}, UnknownNameError, "known: hinge, step"),
        (np.zeros((3, 2)), {"n_levels": [0]}, InvalidInputError, r"per feature \(2\), got 1"),
    ],
    ids=["vector", "no-rows", "one-knot", "typo", "level-kind", "levels-too-short"],
)
def test_fit_refuses(X, options, error, message):
    with pytest.raises(error, match=message):
        Basis.fit(X, **options)


@pytest.mark.parametrize("shape", [(5, 3), (5, 5), (4,)], ids=["narrow", "wide", "vector"])
def test_design_refuses_another_table(shape, gappy):
    with pytest.raises(InvalidInputError, match=r"shape \(n, 4\), as in `fit`, got"):
        Basis.fit(gappy).design(np.zeros(shape))
