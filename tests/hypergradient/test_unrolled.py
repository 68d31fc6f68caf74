"""Backwards through K steps: the written-out Jacobian, the implicit limit and its proven rate."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.hypergradient import Implicit, OneStep, Truncated, Unrolled
from biam.hypergradient.unrolled import descend

SPECTRUM = [0.3, 0.7, 1.5, 4.0]
spectra = st.lists(st.floats(0.2, 5), min_size=1, max_size=6)
seeds = st.integers(0, 10**6)
few = settings(max_examples=25)
near = {"rtol": 1e-8, "atol": 1e-10}


def start_of(case, seed):
    p = len(case.optimum)
    return torch.randn(p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@few
@given(spectrum=spectra, seed=seeds, n_steps=st.integers(1, 25), share=st.floats(0, 1.9))
def test_the_sweep_is_the_written_out_product_of_jacobians(
    quadratic, spectrum, seed, n_steps, share
):
    # For every step size, also those with which the lower level does not converge as it should.
    nu = torch.rand(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1
    case = quadratic(spectrum, seed % 97, nu)
    w, lr = start_of(case, seed), share / case.top
    expected = case.unrolled(w, n_steps, lr)
    found, judged = Unrolled(n_steps, lr, start=w).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, expected, **near)
    end = case.problem.linearise(case.path(w, n_steps, lr)[-1], case.upper.rows)
    torch.testing.assert_close(judged.losses, end.losses, **near)
    from_here, _ = Truncated(n_steps, lr).gradient(case.lower(w), case.upper)
    torch.testing.assert_close(from_here, found, rtol=0, atol=0)


@few
@given(spectrum=spectra, seed=seeds, n_steps=st.integers(1, 60), share=st.floats(0.05, 1))
def test_truncated_error_at_the_optimum_is_below_the_proven_bound(
    quadratic, spectrum, seed, n_steps, share
):
    # |error| <= (1 - lr mu)^K |G| |g| / (n mu), G the slopes of the rows: Shaban et al. (2019).
    case = quadratic(spectrum, seed % 97)
    lr = share / case.top
    found, _ = Truncated(n_steps, lr).gradient(case.lower(), case.upper)
    slopes, g = case.row_slopes(case.optimum), case.upper_gradient(case.optimum)
    rate = (1 - lr * case.mu) ** n_steps
    bound = rate * torch.linalg.matrix_norm(slopes, 2) * g.norm() / (12 * case.mu)
    assert (found - case.exact()).norm() <= bound * (1 + 1e-9) + 1e-12


@few
@given(spectrum=spectra, seed=seeds, n_steps=st.integers(1, 80), share=st.floats(0.05, 1))
def test_unrolled_error_is_below_the_proven_bound(quadratic, spectrum, seed, n_steps, share):
    # (a + b K) (1 - lr mu)^K with the constants of a quadratic: Grazzi et al. (2020), theorem 2.1;
    # Ji, Yang and Liang (2021), proposition 2.
    case = quadratic(spectrum, seed % 97)
    lr, w = share / case.top, start_of(case, seed)
    found, _ = Unrolled(n_steps, lr, start=w).gradient(case.lower(), case.upper)
    rate, gap = 1 - lr * case.mu, (w - case.optimum).norm()
    g = case.upper_gradient(case.optimum).norm()
    bend = torch.linalg.matrix_norm(case.upper_hessian, 2) * gap
    slopes = torch.linalg.matrix_norm(case.row_slopes(case.optimum), 2)
    rows = torch.linalg.matrix_norm(case.X, 2) * case.X.norm(dim=1).max()
    bound = rate**n_steps * slopes * (g + bend) / case.mu
    bound += 2 * lr * n_steps * rate ** (n_steps - 1) * rows * gap * (g + bend)
    assert (found - case.exact()).norm() <= bound / 12 * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_the_rate_is_met_not_only_bounded(quadratic, share):
    case = quadratic(SPECTRUM)
    lr = share / case.top
    errors = [
        (Truncated(k, lr).gradient(case.lower(), case.upper)[0] - case.exact()).norm().item()
        for k in (200, 210)
    ]
    rate = (errors[1] / errors[0]) ** 0.1
    assert rate == pytest.approx(1 - lr * case.mu, rel=1e-3)


def test_unrolled_tends_to_implicit_from_anywhere(quadratic):
    case = quadratic(SPECTRUM)
    w, lr = case.optimum + 3, 1 / case.top
    exact, _ = Implicit("dense").gradient(case.lower(), case.upper)
    errors = [
        (Unrolled(k, lr, start=w).gradient(case.lower(), case.upper)[0] - exact).norm().item()
        for k in (5, 50, 100, 400)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1e-2
    assert errors[-1] < 1e-10


@few
@given(spectrum=spectra, seed=seeds, n_terms=st.integers(1, 30), share=st.floats(0.05, 1))
def test_truncated_at_the_optimum_is_the_neumann_series(quadratic, spectrum, seed, n_terms, share):
    case = quadratic(spectrum, seed % 97)
    lr = share / case.top
    found, _ = Truncated(n_terms, lr).gradient(case.lower(), case.upper)
    series, _ = Implicit("neumann", n_terms, lr=lr).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, series, **near)


@few
@given(lr=st.floats(0, 2))
def test_one_step_of_any_length_is_the_one_step_record(quadratic, lr):
    case = quadratic(SPECTRUM)
    lower = case.lower(case.optimum + 1)
    expected, judged = OneStep(lr).gradient(lower, case.upper)
    for method in (Truncated(1, lr), Unrolled(1, lr), Unrolled(1, lr, start=lower.w)):
        found, at = method.gradient(lower, case.upper)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(at.losses, judged.losses, rtol=0, atol=0)


@pytest.mark.parametrize("n_ahead", [0, 1, 7])
def test_steps_ahead_move_the_start_and_nothing_else(quadratic, n_ahead):
    case = quadratic(SPECTRUM)
    w, lr = case.optimum + 1, 0.2
    found, _ = Truncated(5, lr, n_ahead).gradient(case.lower(w), case.upper)
    there = case.path(w, n_ahead, lr)[-1]
    torch.testing.assert_close(found, case.unrolled(there, 5, lr), **near)


def test_a_path_begins_at_each_step_and_ends_after_the_last(quadratic):
    case = quadratic(SPECTRUM)
    lower = case.lower(case.optimum + 1)
    path, end = descend(lower, lower.w, 3, 0.1)
    expected = case.path(lower.w, 3, 0.1)
    for (w, here), point in zip(path, expected[:-1], strict=True):
        torch.testing.assert_close(w, point)
        assert torch.equal(here.losses, case.problem.linearise(w, lower.rows).losses)
    torch.testing.assert_close(end, expected[-1])
    assert path[0][1] is lower.here


def test_a_row_switched_off_is_still_told_what_it_would_do(quadratic):
    nu = torch.ones(12, dtype=torch.float64)
    nu[3] = 0
    case = quadratic(SPECTRUM, nu=nu)
    found, _ = Truncated(8, 0.2).gradient(case.lower(), case.upper)
    torch.testing.assert_close(found, case.unrolled(case.optimum, 8, 0.2), **near)
    assert found[3].abs() > 1e-6


@pytest.mark.parametrize("make", [Truncated, Unrolled])
@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"lr": -0.1}, {"n_steps": 2.5}])
def test_settings_out_of_range_are_refused(make, wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        make(**wrong)
    with pytest.raises(InvalidInputError, match="n_ahead"):
        Truncated(n_ahead=-1)
