"""Differences: the derivative they stand for, an error of O(eps^2), exact on quadratics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.hypergradient import FiniteDifference, LowerRisk, OneStep, Unrolled, UpperRisk
from biam.losses import Logistic
from biam.lower import ModuleProblem, Rows
from biam.weighting import RowWeights

few = settings(max_examples=15)


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def curved(n_rows=10):
    """A small net with the logistic loss: no difference is exact here."""
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    problem = ModuleProblem(module, Logistic(), lambda w: 0.05 * w.square().sum())
    X, X_meta = draw((n_rows, 2), 0), draw((8, 2), 1)
    rows, meta = Rows(X, (X[:, 0] > 0).double()), Rows(X_meta, (X_meta[:, 0] > 0).double())
    nu = torch.linspace(0.3, 1.7, n_rows, dtype=torch.float64)
    return LowerRisk(problem, rows, RowWeights(nu), draw(13, 2)), UpperRisk(problem, meta)


@pytest.mark.parametrize("of", ["product", "solution"])
@pytest.mark.parametrize("n_steps", [1, 4])
def test_the_error_is_of_second_order(of, n_steps):
    lower, upper = curved()
    exact, at = Unrolled(n_steps, 0.5).gradient(lower, upper)
    sizes, errors = np.array([0.4, 0.2, 0.1, 0.05, 0.025]), []
    for eps in sizes:
        method = FiniteDifference(n_steps, 0.5, eps=eps, of=of)
        found, judged = method.gradient(lower, upper)
        errors.append((found - exact).norm().item())
        assert torch.equal(judged.losses, at.losses)
    order = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert 1.8 < order < 2.2
    assert errors[-1] < 1e-3 * exact.norm().item()


@few
@given(
    eps=st.floats(1e-3, 1e2),
    n_steps=st.integers(1, 6),
    spectrum=st.lists(st.floats(0.2, 5), min_size=1, max_size=5),
)
def test_products_of_a_quadratic_are_exact_at_any_width(quadratic, eps, n_steps, spectrum):
    case = quadratic(spectrum)
    lower, lr = case.lower(case.optimum + 1), 1 / case.top
    method = FiniteDifference(n_steps, lr, eps=eps)
    found, _ = method.gradient(lower, case.upper)
    expected = case.unrolled(lower.w, n_steps, lr)
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


@few
@given(eps=st.floats(1e-4, 1e-2), n_steps=st.integers(1, 6))
def test_solutions_agree_with_the_derivative(quadratic, eps, n_steps):
    case = quadratic([0.3, 1.0, 4.0])
    lower = case.lower(case.optimum + 1)
    found, _ = FiniteDifference(n_steps, 0.2, eps=eps, of="solution").gradient(lower, case.upper)
    exact = case.unrolled(lower.w, n_steps, 0.2)
    torch.testing.assert_close(found, exact, rtol=10 * eps**2 + 1e-8, atol=eps**2 + 1e-9)


def test_differences_of_solutions_keep_double_precision(quadratic):
    case = quadratic([0.3, 1.0, 4.0])
    found, _ = FiniteDifference(2, 0.2, eps=1e-4, of="solution").gradient(case.lower(), case.upper)
    exact = case.unrolled(case.optimum, 2, 0.2)
    assert found.dtype == torch.float64
    assert (found - exact).norm() < 1e-10


def test_one_step_of_differences_is_the_update_of_darts():
    # Liu et al. (2019), equation 8: gradients in the weights at w + r q and w - r q.
    lower, upper = curved()
    found, _ = FiniteDifference(1, 0.5, eps=0.01).gradient(lower, upper)
    ahead = lower.w - 0.5 * lower.here.gradient(lower.weights)
    q = upper.gradient(upper.judge(ahead))
    r = 0.01 / q.norm()
    above, below = (lower.at(lower.w + sign * r * q).losses / 10 for sign in (1, -1))
    torch.testing.assert_close(found, -0.5 * (above - below) / (2 * r))
    exact, _ = OneStep(0.5).gradient(lower, upper)
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("of", ["product", "solution"])
def test_a_start_of_its_own(quadratic, of):
    case = quadratic([0.3, 1.0, 4.0])
    start = case.optimum - 1
    found, _ = FiniteDifference(3, 0.2, of=of, start=start).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, case.unrolled(start, 3, 0.2), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("of", ["product", "solution"])
def test_an_upper_loss_at_rest_moves_nothing(quadratic, of):
    case = quadratic([0.3, 1.0])
    still = UpperRisk(case.problem, Rows(0 * case.X_meta, 0 * case.y_meta))
    found, _ = FiniteDifference(3, 0.2, of=of).gradient(case.lower(), still)
    assert not found.any()


@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"lr": -0.1}, {"eps": 0.0}], ids=str)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        FiniteDifference(**wrong)
    with pytest.raises(UnknownNameError, match="known: product, solution"):
        FiniteDifference(of="gradient")
