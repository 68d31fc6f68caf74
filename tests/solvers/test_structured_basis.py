"""Columns in groups: centred on their support, zero elsewhere, supported by enough rows."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError
from biam.solvers.structured_basis import Group, StructuredBasis


@pytest.fixture
def table():
    g = np.random.default_rng(0)
    X = g.normal(2.0, 3.0, (120, 3))
    X[g.random(120) < 0.4, 0] = np.nan
    X[:15, 1] = np.nan
    return X


def columns_of(basis, X):
    ends = np.cumsum(basis.sizes)[:-1]
    return dict(zip(basis.groups, np.split(basis.design(X), ends, 1), strict=True))


def test_groups_are_those_with_support(table):
    basis = StructuredBasis.fit(table)
    assert basis.groups == (
        *(Group("main", j, j) for j in range(3)),
        Group("missing", 0, 0),
        Group("missing", 1, 1),
        Group("interaction", 0, 1),
        Group("interaction", 0, 2),
    )
    assert basis.sizes == (16, 16, 16, 1, 1, 16, 16)


def test_min_support_is_the_smallest_number_that_will_do(table):
    kept = StructuredBasis.fit(table, min_support=15).groups
    assert Group("interaction", 1, 2) in kept
    assert Group("interaction", 1, 2) not in StructuredBasis.fit(table, min_support=16).groups


def test_every_group_is_centred_on_its_support_and_zero_elsewhere(table):
    gap = np.isnan(table)
    for (kind, source, target), columns in columns_of(StructuredBasis.fit(table), table).items():
        support = np.ones(len(table), bool) if kind == "missing" else ~gap[:, target]
        if kind == "interaction":
            support = support & gap[:, source]
        np.testing.assert_allclose(columns[support].mean(0), 0, atol=1e-12)
        assert not columns[~support].any()


def test_missing_indicator_is_centred_by_its_rate(table):
    columns = columns_of(StructuredBasis.fit(table), table)[Group("missing", 0, 0)][:, 0]
    gap = np.isnan(table[:, 0])
    np.testing.assert_allclose(columns, gap - gap.mean())


def test_hinges_come_in_both_directions_from_the_quantiles():
    x = np.linspace(-1, 1, 91)[:, None]
    basis = StructuredBasis.fit(x, n_knots=8)
    scaled = (x[:, 0] - x.mean()) / x.std()
    knots = np.quantile(scaled, np.arange(1, 9) / 9)
    np.testing.assert_allclose(basis.knots[0], knots)
    right = np.maximum(scaled[:, None] - knots, 0)
    left = np.maximum(knots - scaled[:, None], 0)
    wanted = np.concatenate([right, left], 1)
    np.testing.assert_allclose(basis.design(x), wanted - wanted.mean(0), atol=1e-12)


def test_units_of_the_columns_do_not_matter(table):
    other = table * np.array([1e-3, 5.0, 1e4]) + np.array([7.0, -2.0, 1e3])
    first = StructuredBasis.fit(table).design(table)
    np.testing.assert_allclose(StructuredBasis.fit(other).design(other), first, atol=1e-8)


def test_a_constant_or_empty_column_has_no_hinges():
    X = np.column_stack([np.ones(50), np.full(50, np.nan), np.arange(50.0)])
    basis = StructuredBasis.fit(X)
    assert basis.groups == (Group("main", 2, 2),)
    assert np.isfinite(basis.design(X)).all()


def test_no_group_at_all_gives_no_columns():
    assert StructuredBasis.fit(np.ones((5, 1))).design(np.ones((3, 1))).shape == (3, 0)


def test_shapes_that_do_not_fit_are_refused(table):
    with pytest.raises(InvalidInputError, match="2-D table"):
        StructuredBasis.fit(table[:, 0])
    with pytest.raises(InvalidInputError, match=r"shape \(n, 3\)"):
        StructuredBasis.fit(table).design(table[:, :2])
    with pytest.raises(InvalidInputError, match="n_knots"):
        StructuredBasis.fit(table, n_knots=0)
