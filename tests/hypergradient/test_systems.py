"""Linear systems by products: exact in as many steps as theory says, and safe steps."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.hypergradient.systems import conjugate_gradients, dense, largest_eigenvalue, neumann

spectra = st.lists(st.floats(0.05, 20), min_size=1, max_size=9)
seeds = st.integers(0, 10**6)


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def system(spectrum, seed=0):
    """H with these eigenvalues and a right-hand side with a part along each of them."""
    values = torch.as_tensor(spectrum, dtype=torch.float64)
    V = torch.linalg.qr(draw((len(values), len(values)), seed))[0]
    return V * values @ V.T, V @ (1 + draw(len(values), seed + 1).abs())


class Counted:
    """v -> H v that counts its calls."""

    def __init__(self, H):
        self.H, self.calls = H, 0

    def __call__(self, v):
        self.calls += 1
        return self.H @ v


@given(
    values=st.lists(st.floats(0.1, 10), min_size=1, max_size=4, unique=True),
    copies=st.integers(1, 4),
    seed=seeds,
)
def test_cg_is_exact_after_as_many_steps_as_distinct_eigenvalues(values, copies, seed):
    H, b = system(values * copies, seed)
    x = conjugate_gradients(lambda v: H @ v, b, len(values))
    assert (H @ x - b).norm() <= 1e-6 * b.norm()


def test_cg_is_not_exact_one_step_earlier():
    H, b = system([0.5, 1.0, 3.0, 9.0] * 3)
    short = conjugate_gradients(lambda v: H @ v, b, 3)
    assert (H @ short - b).norm() > 1e-3 * b.norm()


@given(spectrum=spectra, seed=seeds)
def test_cg_errors_fall_in_the_norm_of_the_matrix_at_the_proven_rate(spectrum, seed):
    H, b = system(spectrum, seed)
    truth = torch.linalg.solve(H, b)
    root = (max(spectrum) / min(spectrum)) ** 0.5
    start = torch.sqrt(truth @ H @ truth).item()
    for k in range(1, 12):
        gap = conjugate_gradients(lambda v: H @ v, b, k) - truth
        bound = 2 * ((root - 1) / (root + 1)) ** k * start
        assert torch.sqrt(gap @ H @ gap).item() <= bound * (1 + 1e-6) + 1e-9 * start


@pytest.mark.parametrize("tol", [1e-1, 1e-4, 1e-8])
def test_cg_stops_at_the_residual_asked_for(tol):
    H, b = system(torch.linspace(0.1, 10, 30).tolist())
    product = Counted(H)
    x = conjugate_gradients(product, b, 1000, tol)
    assert (H @ x - b).norm() <= tol * b.norm() * (1 + 1e-9)
    fewer = conjugate_gradients(lambda v: H @ v, b, product.calls - 1)
    assert (H @ fewer - b).norm() > tol * b.norm()


def test_cg_stops_where_there_is_no_positive_curvature():
    H, b = system([2.0, 1.0, -1.0])
    x = conjugate_gradients(lambda v: H @ v, b, 50)
    assert x.isfinite().all()
    down, b = system([-1.0, -2.0])
    assert not conjugate_gradients(lambda v: down @ v, b, 50).any()


@given(spectrum=spectra, seed=seeds, n_terms=st.integers(1, 50), share=st.floats(0.05, 1))
def test_neumann_error_is_below_the_proven_bound(spectrum, seed, n_terms, share):
    H, b = system(spectrum, seed)
    truth, lr = torch.linalg.solve(H, b), share / max(spectrum)
    error = (neumann(lambda v: H @ v, b, n_terms, lr) - truth).norm()
    assert error <= (1 - lr * min(spectrum)) ** n_terms * truth.norm() * (1 + 1e-9) + 1e-12


@given(spectrum=spectra, seed=seeds, lr=st.one_of(st.none(), st.floats(1e-3, 1e4)))
def test_neumann_is_safe_with_any_step(spectrum, seed, lr):
    H, b = system(spectrum, seed)
    residuals = [
        (H @ neumann(lambda v: H @ v, b, k, lr) - b).norm().item() for k in range(1, 30, 4)
    ]
    for before, after in zip([b.norm().item(), *residuals], residuals, strict=False):
        assert after <= before * (1 + 1e-8) + 1e-12


@given(spectrum=st.lists(st.floats(0.5, 5), min_size=1, max_size=9), seed=seeds)
def test_neumann_finds_its_own_step(spectrum, seed):
    H, b = system(spectrum, seed)
    x = neumann(lambda v: H @ v, b, 400)
    torch.testing.assert_close(x, torch.linalg.solve(H, b), rtol=1e-6, atol=1e-8)


def test_neumann_is_the_series_written_out():
    H, b = system([0.5, 2.0, 3.0])
    step, total, term = 0.25, torch.zeros(3).double(), b
    for _ in range(6):
        total, term = total + step * term, term - step * H @ term
    torch.testing.assert_close(neumann(lambda v: H @ v, b, 6, step), total)


def test_neumann_makes_a_product_a_term_and_some_for_its_step():
    H, b = system([0.5, 2.0, 3.0])
    given, found = Counted(H), Counted(H)
    neumann(given, b, 6, 0.25)
    neumann(found, b, 6)
    assert given.calls == 6
    assert 6 < found.calls <= 16


def test_neumann_stops_where_there_is_no_positive_curvature():
    H, b = system([-1.0, -2.0])
    assert not neumann(lambda v: H @ v, b, 50).any()
    assert not neumann(lambda v: H @ v, b, 50, 0.1).any()


@given(spectrum=spectra, seed=seeds)
def test_dense_is_the_solution(spectrum, seed):
    H, b = system(spectrum, seed)
    x = dense(lambda v: H @ v, b)
    torch.testing.assert_close(x, torch.linalg.solve(H, b), rtol=1e-8, atol=1e-10)


def test_dense_gives_nothing_to_directions_without_curvature():
    H = torch.diag(torch.tensor([2.0, 0.0, 4.0], dtype=torch.float64))
    b = torch.tensor([1.0, 5.0, 1.0], dtype=torch.float64)
    x = dense(lambda v: H @ v, b)
    torch.testing.assert_close(x, torch.tensor([0.5, 0.0, 0.25], dtype=torch.float64))


@pytest.mark.parametrize("solve", [conjugate_gradients, neumann], ids=["cg", "neumann"])
def test_nothing_asked_is_nothing_done(solve):
    H, b = system([1.0, 2.0])
    assert not solve(lambda v: H @ v, 0 * b, 5).any()
    assert not dense(lambda v: H @ v, 0 * b).any()


@given(spectrum=spectra, seed=seeds)
def test_the_largest_eigenvalue_is_met_from_below(spectrum, seed):
    H, b = system(spectrum, seed)
    values = [largest_eigenvalue(lambda v: H @ v, b, k) for k in (1, 5, 300)]
    assert values == sorted(values) or values == pytest.approx(sorted(values), rel=1e-9)
    assert values[-1] <= max(spectrum) * (1 + 1e-9)
    assert values[-1] == pytest.approx(max(spectrum), rel=1e-2)
