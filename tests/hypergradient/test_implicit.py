"""Implicit differentiation against the closed form, with every solver and over its options."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.hypergradient import Implicit

SPECTRUM = [0.3, 0.7, 1.5, 4.0]
spectra = st.lists(st.floats(0.2, 5), min_size=1, max_size=6)
round_spectra = st.lists(st.floats(1, 3), min_size=1, max_size=6)
seeds = st.integers(0, 96)
few = settings(max_examples=25)
near = {"rtol": 1e-6, "atol": 1e-9}


@few
@given(spectrum=round_spectra, seed=seeds, solve=st.sampled_from(["cg", "neumann", "dense"]))
def test_every_solver_is_the_closed_form(quadratic, spectrum, seed, solve):
    generator = torch.Generator().manual_seed(seed)
    nu = torch.rand(12, generator=generator, dtype=torch.float64) + 0.2
    case = quadratic(spectrum, seed, nu)
    found, judged = Implicit(solve, 500).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, case.exact(), **near)
    there = case.problem.linearise(case.optimum, case.upper.rows)
    assert torch.equal(judged.losses, there.losses)


def test_the_closed_form_is_the_slope_of_optima_solved_again(quadratic, solving):
    case = quadratic(SPECTRUM)
    lower = case.lower()
    again = solving.solved_again(
        case.problem, case.optimum, lower.rows, case.upper.rows, case.nu, 1e-5
    )
    torch.testing.assert_close(case.exact(), again, rtol=1e-6, atol=1e-8)


@few
@given(seed=seeds, copies=st.integers(1, 3), n_distinct=st.integers(1, 3))
def test_cg_needs_as_many_steps_as_distinct_eigenvalues(quadratic, seed, copies, n_distinct):
    case = quadratic([0.4, 1.1, 3.7][:n_distinct] * copies, seed)
    found, _ = Implicit("cg", n_distinct).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, case.exact(), **near)


@few
@given(spectrum=spectra, seed=seeds, n_terms=st.integers(1, 60), share=st.floats(0.05, 1))
def test_neumann_error_falls_at_the_proven_rate(quadratic, spectrum, seed, n_terms, share):
    case = quadratic(spectrum, seed)
    lr = share / case.top
    found, _ = Implicit("neumann", n_terms, 0.0, lr=lr).gradient(case.lower(), case.upper)
    slopes, g = case.row_slopes(case.optimum), case.upper_gradient(case.optimum)
    bound = (1 - lr * case.mu) ** n_terms * torch.linalg.matrix_norm(slopes, 2) * g.norm()
    error = (found - case.exact()).norm()
    assert error <= bound / (12 * case.mu) * (1 + 1e-9) + 1e-12


@few
@given(damping=st.floats(0, 100), solve=st.sampled_from(["cg", "neumann", "dense"]))
def test_damping_is_added_to_the_diagonal(quadratic, damping, solve):
    case = quadratic(SPECTRUM)
    found, _ = Implicit(solve, 500, damping=damping).gradient(case.lower(), case.upper)
    H = case.hessian + damping * torch.eye(4, dtype=torch.float64)
    q = torch.linalg.solve(H, case.upper_gradient(case.optimum))
    torch.testing.assert_close(found, -case.row_slopes(case.optimum) @ q / 12, **near)


@pytest.mark.parametrize("solve", ["cg", "neumann"])
def test_a_looser_tolerance_stops_earlier(quadratic, solve):
    case = quadratic([0.3, 0.4, 0.5, 1.1, 2.4, 5.0, 9.0])
    errors = [
        (Implicit(solve, 1000, tol).gradient(case.lower(), case.upper)[0] - case.exact()).norm()
        for tol in (0.5, 1e-2, 1e-12)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-8


def test_a_solver_of_ones_own_is_given_the_right_hand_side(quadratic):
    case = quadratic(SPECTRUM)
    method = Implicit(lambda b: torch.linalg.solve(case.hessian, b))
    found, _ = method.gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, case.exact(), **near)
    g = case.upper_gradient(case.optimum)
    torch.testing.assert_close(method.adjoint(g), torch.linalg.solve(case.hessian, g))


def test_fixed_weights_multiply_the_learned_ones(quadratic):
    fixed = torch.linspace(0.2, 2, 12, dtype=torch.float64)
    whole, parted = quadratic(SPECTRUM, nu=fixed), quadratic(SPECTRUM)
    lower = parted.lower(whole.optimum, fixed)
    found, _ = Implicit("dense").gradient(lower, parted.upper)
    torch.testing.assert_close(found, fixed * whole.exact(), **near)


def test_a_name_needs_a_product():
    with pytest.raises(InvalidInputError, match=r"solve='cg' needs the Hessian"):
        Implicit("cg").adjoint(torch.ones(3))


@pytest.mark.parametrize(
    "wrong", [{"n_steps": 0}, {"tol": -1.0}, {"damping": -1.0}, {"lr": 0.0}], ids=str
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        Implicit(**wrong)
    with pytest.raises(UnknownNameError, match="known: cg, neumann, dense"):
        Implicit("qqq")
