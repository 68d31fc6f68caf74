"""Components: orthonormal, smooth first, jumps where values are tied."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from biam.basis import Basis
from biam.solvers.exact.components import Components, is_skewed, normal_scores
from biam.solvers.exact.terms import (
    main_groups,
    pair_group,
    reaction_group,
)


def drawn(n=200, seed=0, kind="normal"):
    return getattr(np.random.default_rng(seed), kind)(size=n)


@given(scale=st.floats(0.1, 100), centre=st.floats(-50, 50))
@settings(max_examples=20)
def test_normal_scores_of_a_normal_feature_are_its_values(scale, centre):
    x = centre + scale * norm.ppf((np.arange(999) + 0.5) / 999)
    at = torch.as_tensor(x[::111])
    np.testing.assert_allclose(normal_scores(at, x, np.ones(999)), (at - centre) / scale, atol=1e-6)


def test_normal_scores_see_ranks_alone_and_count_weights_as_rows():
    x, v = drawn(60).round(1), np.random.default_rng(2).integers(1, 4, 60)
    at = torch.as_tensor(np.unique(x))
    scores = normal_scores(at, x, v.astype(float))
    cubes = normal_scores(at**3, (torch.as_tensor(x) ** 3).numpy(), v.astype(float))
    np.testing.assert_allclose(scores, cubes)
    many = np.repeat(x, v)
    np.testing.assert_allclose(scores, normal_scores(at, many, np.ones(len(many))))


@pytest.mark.parametrize(
    ("make", "skewed"),
    [(np.asarray, False), (norm.cdf, False), (np.exp, True), (lambda x: x**5, True)],
    ids=["normal", "uniform", "lognormal", "heavy"],
)
def test_a_feature_is_skewed_where_a_few_values_lie_far_out(make, skewed):
    x = make(norm.ppf((np.arange(4000) + 0.5) / 4000))
    at = torch.as_tensor(np.quantile(x, np.linspace(0, 1, 10)))
    assert is_skewed(at, normal_scores(at, x, np.ones(4000)), 4000) == skewed


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("n", [120, 400])
def test_features_that_are_not_skewed_seldom_look_it(kind, n):
    found = 0
    for seed in range(100):
        x = drawn(n, seed, kind)
        at = torch.as_tensor(np.quantile(x, np.linspace(0, 1, 10)))
        found += is_skewed(at, normal_scores(at, x, np.ones(n)), n)
    assert found <= 5


def test_the_first_component_of_a_skewed_feature_is_straight_in_normal_scores_at_the_knots():
    z = norm.ppf((np.arange(2000) + 0.5) / 2000)
    x = np.exp(1.5 * z)
    _, made = one(x, 10)
    assert made.stiffness[0][0] < 1e-9 * made.stiffness[0][1]
    knots = made.basis.features[0].knots.numpy()
    at = made.values(knots[:, None])[0][0][:, 0].numpy()
    scores = normal_scores(torch.as_tensor(knots), x, np.ones(len(x))).numpy()
    slopes = np.diff(at) / np.diff(scores)
    np.testing.assert_allclose(slopes, slopes.mean(), rtol=1e-6)


@pytest.mark.parametrize("n", [80, 400])
def test_a_feature_of_tied_values_may_jump_between_them(n):
    stream = np.random.default_rng(0)
    x = np.where(stream.random(n) < 0.7, 0.0, stream.integers(1, 30, n))
    _, made = one(x, 5)
    knots = made.basis.features[0].knots.numpy()
    assert np.isin(knots, x).all() and len(knots) == min(30, len(np.unique(x)))
    assert len(one(stream.normal(size=n), 5)[1].basis.features[0].knots) == 5
    phi, H = made.values(x[:, None])[0][0].numpy(), made.basis.features[0]
    assert np.allclose(phi.T @ phi / n, np.eye(phi.shape[1]), atol=1e-4)
    # Four smooth components as ever; a jump costs the sum of its squares at the knots.
    assert made.n_smooth(0) == 4 and (np.diff(made.stiffness[0][:4]) > 0).all()
    at = H.columns(H.knots) @ made.maps[0][:, 4:]
    assert torch.allclose(at.T @ at, made.stiffness[0][4:].diag(), rtol=1e-6, atol=1e-6)
    line, shape, jumps = main_groups(made, ())
    assert [g.kind for g in (line, shape, jumps)] == ["line", "shape", "jump"]
    assert shape.parts == ((1,), (2,), (3,)) and len(jumps) == phi.shape[1] - 4
    assert shape.stiffness[0] == jumps.stiffness[0] == 1 and shape.key == jumps.key


def one(x, n_knots=8, weight=None):
    """Components of one column, evaluated on its rows; and the components themselves."""
    weight = np.ones(len(x)) if weight is None else weight
    made = Components.fit(x[:, None], n_knots, None, weight)
    return made.values(x[:, None])[0][0].numpy(), made


@pytest.mark.parametrize("kind", ["normal", "exponential", "uniform"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_components_are_orthonormal_over_the_observed_rows(kind, weighted):
    x = drawn(kind=kind)
    x[::7] = np.nan
    v = np.random.default_rng(1).integers(0, 4, 200).astype(float) if weighted else np.ones(200)
    phi, _ = one(x, weight=v)
    seen = ~np.isnan(x)
    v = v[seen] / v[seen].sum()
    np.testing.assert_allclose(v @ phi[seen], 0, atol=1e-10)
    gram = (phi[seen] * v[:, None]).T @ phi[seen]
    np.testing.assert_allclose(gram, np.eye(phi.shape[1]), atol=1e-4)
    assert not phi[~seen].any()


@pytest.mark.parametrize("kind", ["normal", "uniform", "logistic"])
def test_the_first_component_is_a_straight_line_and_the_others_stiffer_and_stiffer(kind):
    x = drawn(kind=kind)
    phi, made = one(x)
    assert abs(np.corrcoef(x, phi[:, 0])[0, 1]) == pytest.approx(1, abs=1e-12)
    stiffness = made.stiffness[0].numpy()
    assert stiffness[0] < 1e-9 * stiffness[1]
    assert (np.diff(stiffness[1:]) > 0).all()


def test_stiffness_is_the_sum_of_squared_changes_of_slope():
    _, made = one(drawn())
    T = made.maps[0]
    np.testing.assert_allclose(T[1:].square().sum(0), made.stiffness[0], rtol=1e-6, atol=1e-6)
    # No component shares its bends with another: the penalty is diagonal.
    bends = T[1:].T @ T[1:]
    off = bends - torch.diag(bends.diagonal())
    assert off.abs().max() < 1e-6 * bends.max()


def test_components_span_what_the_hinges_span():
    x = drawn()
    phi, made = one(x)
    H = (
        Basis.fit(x[:, None], 8, weight=np.ones(200), dtype=torch.float64)
        .design(x[:, None])
        .H.numpy()
    )
    A = np.column_stack([np.ones(200), phi])
    assert np.linalg.matrix_rank(A) == np.linalg.matrix_rank(H) == A.shape[1]
    for first, second in ((A, H), (H, A)):
        left = second - first @ np.linalg.lstsq(first, second, rcond=None)[0]
        assert np.abs(left).max() < 1e-8 * np.abs(second).max()
    assert made.basis.features[0].knots.shape == (8,)


def test_components_do_not_care_for_units():
    x = drawn()
    phi, made = one(x)
    moved, other = one(1000 * x - 7)
    np.testing.assert_allclose(moved, phi, atol=1e-6)
    ratio = (made.stiffness[0][2:] / made.stiffness[0][1]).numpy()
    np.testing.assert_allclose(other.stiffness[0][2:] / other.stiffness[0][1], ratio, rtol=1e-6)


def test_constant_and_empty_columns_have_no_components():
    X = np.column_stack([np.full(30, 4.0), np.full(30, np.nan), drawn(30)])
    made = Components.fit(X, 5, None, np.ones(30))
    assert [len(s) for s in made.stiffness] == [0, 0, 4]
    assert {group.key for group in main_groups(made, ())} == {(2,)}
    assert pair_group(made, 0, 2) is None
    assert reaction_group(made, 2, 0) is None


def test_two_values_leave_a_line_and_no_shape():
    x = np.tile([0.0, 1.0], 20)
    made = Components.fit(x[:, None], 5, None, np.ones(40))
    assert [group.kind for group in main_groups(made, ())] == ["line"]


def test_levels_are_their_indicators_but_for_those_never_seen(mixed):
    X = np.repeat([0.0, 2.0, np.nan], 10)[:, None]
    made = Components.fit(X, 5, [4], np.ones(30))
    phi = made.values(X)[0][0].numpy()
    np.testing.assert_array_equal(phi, np.column_stack([X[:, 0] == 0, X[:, 0] == 2]))
    assert made.is_level(0)
    assert not mixed.components.is_level(0)
