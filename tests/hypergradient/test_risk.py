"""What the records are given: weights, fixed weights, the way back to theta, the upper risk."""

import pytest
import torch

from biam.hypergradient import LowerRisk, UpperRisk, weight_hypergradient
from biam.lower import Rows
from biam.weighting import RowWeights, WeightingNetwork


@pytest.fixture
def case(quadratic):
    return quadratic([0.3, 1.0, 4.0])


def test_weights_are_learned_times_fixed(case):
    fixed = torch.linspace(0, 2, 12, dtype=torch.float64)
    learned = RowWeights(torch.linspace(1, 2, 12, dtype=torch.float64))
    lower = LowerRisk(case.problem, Rows(case.X, case.y, fixed), learned, case.optimum)
    assert torch.equal(lower.weights, learned.weights * fixed)
    plain = LowerRisk(case.problem, Rows(case.X, case.y), learned, case.optimum)
    assert torch.equal(plain.weights, learned.weights)


@pytest.mark.parametrize("fixed", [False, True], ids=["plain", "sample-weight"])
def test_the_ways_back_and_forth_are_transposes(case, fixed):
    weight = torch.linspace(0, 2, 12, dtype=torch.float64) if fixed else None
    g = torch.Generator().manual_seed(0)
    theta = torch.randn(31, generator=g, dtype=torch.float64)
    learned = WeightingNetwork().linearise(theta, case.lower().here.losses)
    lower = LowerRisk(case.problem, Rows(case.X, case.y, weight), learned, case.optimum)
    cotangent = torch.randn(12, generator=g, dtype=torch.float64)
    directions = lower.directions()
    assert directions.shape == (31, 12)
    torch.testing.assert_close(directions @ cotangent, lower.pull(cotangent))


def test_what_is_linearised_already_is_not_again(case):
    lower = case.lower()
    assert lower.at(lower.w) is lower.here
    again = LowerRisk(case.problem, lower.rows, lower.learned, lower.w, lower.here)
    assert again.here is lower.here
    assert lower.at(lower.w + 1) is not lower.here


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_the_upper_risk_is_the_mean_loss_of_the_meta_rows(case, weighted):
    weight = torch.linspace(0, 2, 9, dtype=torch.float64) if weighted else None
    upper = UpperRisk(case.problem, Rows(case.X_meta, case.y_meta, weight))
    judged = upper.judge(case.optimum)
    losses = (case.X_meta @ case.optimum - case.y_meta).square()
    expected = (losses if weight is None else weight * losses).mean()
    assert upper.value(judged) == pytest.approx(expected.item())
    w = case.optimum.clone().requires_grad_()
    losses = (case.X_meta @ w - case.y_meta).square()
    (slope,) = torch.autograd.grad((losses if weight is None else weight * losses).mean(), w)
    # Without the penalty of the lower level.
    torch.testing.assert_close(upper.gradient(judged), slope)


def test_the_weight_hypergradient_is_one_product_per_row(case):
    lower, q = case.lower(case.optimum + 1), torch.ones(3, dtype=torch.float64)
    expected = -case.row_slopes(lower.w) @ q / 12
    torch.testing.assert_close(weight_hypergradient(lower.here, q), expected)
