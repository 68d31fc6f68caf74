"""Penalties: gradients against autograd, proximal steps against their optimality conditions."""

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.penalties import (
    CoefficientPenalty,
    WeightEntropy,
    group_lasso,
    group_lasso_prox,
    l1,
    l1_prox,
    l2,
    l2_prox,
    smooth_l0,
    weight_entropy,
)

vectors = st.lists(st.floats(-5, 5), min_size=1, max_size=12).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)
steps = st.floats(0, 3)
STRENGTHS = {"l2-only": (1.0, 0.0), "l0-only": (0.0, 1.0), "both": (0.7, 0.3), "free": (0.0, 0.0)}


def penalty(l2, l0, n):
    scale = torch.linspace(0.5, 2, n, dtype=torch.float64)
    return CoefficientPenalty(l2 * scale, l0 * scale)


@pytest.mark.parametrize(("l2", "l0"), STRENGTHS.values(), ids=STRENGTHS)
@given(w=vectors)
def test_coefficient_penalty_gradient_is_that_of_autograd(l2, l0, w):
    pen = penalty(l2, l0, len(w))
    before = w.clone()
    expected = torch.func.grad(pen.value)(w)
    torch.testing.assert_close(pen.gradient(w), expected, rtol=1e-12, atol=1e-14)
    assert torch.equal(w, before)


@pytest.mark.parametrize(("l2", "l0"), STRENGTHS.values(), ids=STRENGTHS)
@given(w=vectors)
def test_coefficient_penalty_hessian_is_that_of_autograd(l2, l0, w):
    pen, v = penalty(l2, l0, len(w)), torch.linspace(-1, 2, len(w), dtype=torch.float64)
    expected = torch.autograd.functional.hessian(pen.value, w) @ v
    torch.testing.assert_close(pen.hessian_vector(w, v), expected, rtol=1e-9, atol=1e-12)


@given(w=vectors)
def test_the_published_penalty_is_made_of_l2_and_smooth_l0(w):
    ones = torch.ones_like(w)
    whole = CoefficientPenalty(0.3 * ones, 0.7 * ones).value(w)
    torch.testing.assert_close(0.3 * l2(w) + 0.7 * smooth_l0(w), whole)


@given(w=st.lists(st.sampled_from([0.0, 0.5, -2.0, 3.0]), min_size=1, max_size=9))
def test_smooth_l0_tends_to_the_count(w):
    w = torch.tensor(w, dtype=torch.float64)
    values = [smooth_l0(w, width).item() for width in (3.0, 1.0, 0.3, 0.05)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(w.count_nonzero().item(), abs=1e-12)


@given(w=vectors, step=steps)
def test_l2_prox_is_where_the_slope_is_zero(w, step):
    z = l2_prox(w, step)
    torch.testing.assert_close(z - w + step * torch.func.grad(l2)(z), torch.zeros_like(w))


def test_coefficient_penalty_passes_gradcheck():
    w = torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penalty(0.7, 0.3, 9).value, w)


def test_smooth_l0_counts_what_is_not_zero():
    pen = CoefficientPenalty(torch.zeros(5), torch.ones(5))
    assert pen.value(torch.tensor([0.0, 9.0, 0.0, -9.0, 8.0])).item() == 3


def test_zero_strength_leaves_a_coefficient_free():
    pen = CoefficientPenalty(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0]))
    slope = pen.gradient(torch.tensor([2.0, 2.0]))
    assert slope[0] > 0
    assert slope[1] == 0


@given(w=vectors, step=steps)
def test_l1_prox_meets_its_optimality_condition(w, step):
    z = l1_prox(w, step)
    kept = z != 0
    torch.testing.assert_close(z[kept] + step * z[kept].sign(), w[kept])
    assert (w[~kept].abs() <= step + 1e-12).all()


@given(w=vectors, step=steps, other=vectors)
def test_l1_prox_is_the_minimum(w, step, other):
    n = min(len(w), len(other))
    w, other = w[:n], other[:n]

    def objective(z):
        return (z - w).square().sum() / 2 + step * l1(z)

    assert objective(l1_prox(w, step)) <= objective(other) + 1e-9


@given(w=vectors, step=steps)
def test_group_prox_meets_its_optimality_condition(w, step):
    z, strength = group_lasso_prox(w, step), step * len(w) ** 0.5
    if z.norm() > 1e-9:
        torch.testing.assert_close(z + strength * z / z.norm(), w, rtol=1e-6, atol=1e-6)
    else:
        assert w.norm() <= strength + 1e-6


@given(w=vectors, step=steps, other=vectors)
def test_group_prox_is_the_minimum(w, step, other):
    n = min(len(w), len(other))
    w, other = w[:n], other[:n]

    def objective(z):
        return (z - w).square().sum() / 2 + step * group_lasso([z])

    assert objective(group_lasso_prox(w, step)) <= objective(other) + 1e-9


@given(w=st.floats(-5, 5), step=steps)
def test_a_group_of_one_is_the_soft_threshold(w, step):
    w = torch.tensor([w], dtype=torch.float64)
    torch.testing.assert_close(group_lasso_prox(w, step), l1_prox(w, step))
    torch.testing.assert_close(group_lasso([w]), l1(w))


def test_group_lasso_weighs_a_group_by_the_root_of_its_size():
    groups = [torch.full((4,), 3.0), torch.zeros(7), torch.tensor([[3.0, 4.0]])]
    torch.testing.assert_close(group_lasso(groups), torch.tensor(2 * 6 + 2**0.5 * 5))


@pytest.mark.parametrize("prox", [l1_prox, l2_prox, group_lasso_prox], ids=["l1", "l2", "group"])
def test_a_zero_stays_zero(prox):
    assert torch.equal(prox(torch.zeros(3), 0.1), torch.zeros(3))


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=20))
def test_entropy_is_at_most_log_n(values):
    weights = torch.tensor(values, dtype=torch.float64)
    assert -1e-12 <= weight_entropy(weights).item() <= log(len(values)) + 1e-12


@given(n=st.integers(1, 50), scale=st.floats(0.01, 100))
def test_entropy_of_equal_weights_is_log_n_whatever_their_size(n, scale):
    weights = torch.full((n,), scale, dtype=torch.float64)
    assert weight_entropy(weights).item() == pytest.approx(log(n), abs=1e-12)


def test_entropy_of_one_trusted_row_is_zero():
    assert weight_entropy(torch.tensor([0.0, 3.0, 0.0])).item() == 0


def test_entropy_is_stationary_at_equal_weights_and_only_there():
    slope = torch.func.grad(weight_entropy)
    equal = torch.full((5,), 0.3, dtype=torch.float64)
    assert slope(equal).abs().max() < 1e-12
    assert slope(torch.linspace(0.1, 1, 5, dtype=torch.float64)).abs().max() > 0.1


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=20), st.floats(0, 5))
def test_the_price_of_uneven_weights_and_its_slope(values, strength):
    weights, price = torch.tensor(values, dtype=torch.float64), WeightEntropy(strength)
    assert -1e-9 <= price.value(weights).item() <= strength * log(len(values)) + 1e-9
    slope = torch.func.grad(price.value)(weights)
    torch.testing.assert_close(price.gradient(weights), slope, rtol=1e-9, atol=1e-10)
    # The size of the weights is not seen.
    torch.testing.assert_close(price.value(7 * weights), price.value(weights))
    assert torch.dot(price.gradient(weights), weights).abs() < 1e-9 * (1 + strength)


def test_a_row_trusted_alone_costs_the_most():
    price = WeightEntropy(2.0)
    alone = torch.tensor([0.0, 3.0, 0.0, 0.0])
    assert price.value(alone).item() == pytest.approx(2 * log(4))
    assert price.value(torch.ones(4)).item() == pytest.approx(0, abs=1e-6)
    slope = price.gradient(alone)
    assert slope.isfinite().all()
    assert (slope[[0, 2, 3]] < 0).all()


def test_a_price_below_zero_is_refused():
    with pytest.raises(InvalidInputError, match="strength"):
        WeightEntropy(-1.0)
