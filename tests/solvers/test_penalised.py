"""The solved lower level: closed forms, scikit-learn, optimality, any start, the hat's trace."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError
from biam.solvers.penalised import conjugate_gradient, penalised_fit

N, P = 120, 5
TIGHT = {"tol": 1e-18}
LOSSES = {
    "squared": (SquaredError(), 1),
    "huber": (Huber(0.5), 1),
    "logistic": (Logistic(), 1),
    "softmax": (SoftmaxCrossEntropy(), 3),
}
every_loss = pytest.mark.parametrize("name", LOSSES)
RIDGE = torch.tensor([0.0, 0.01, 0.02, 0.03, 0.04, 0.05], dtype=torch.float64)


def make(name, *, seed=0):
    """Design with intercept, targets of the loss, weights with zeros among them."""
    loss, d = LOSSES[name]
    stream = np.random.default_rng(seed)
    A = np.column_stack([np.ones(N), stream.normal(size=(N, P))])
    f = A @ stream.normal(size=(1 + P, d)) + stream.normal(size=(N, d))
    y = f.argmax(1) if d > 1 else f[:, 0]
    if name == "logistic":
        y = (y > 0).astype(float)
    v = stream.uniform(0.2, 2, N) * (stream.uniform(size=N) > 0.1)
    return *(torch.as_tensor(part) for part in (A, y, v)), loss, d


def objective(W, A, y, v, loss, ridge=RIDGE):
    return (v @ loss.value(A @ W, y)) / v.sum() + (ridge[:, None] * W.square()).sum()


def fit(name, **options):
    A, y, v, loss, d = make(name)
    return penalised_fit(A, y, v, loss, RIDGE, n_outputs=d, **(TIGHT | options))


@every_loss
def test_the_gradient_vanishes_and_every_move_costs(name):
    A, y, v, loss, _ = make(name)
    W = fit(name).W.clone().requires_grad_()
    value = objective(W, A, y, v, loss)
    (gradient,) = torch.autograd.grad(value, W)
    assert gradient.abs().max() < 1e-8
    for seed in range(5):
        move = torch.randn(
            W.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        assert objective(W.detach() + 1e-3 * move, A, y, v, loss) > value


@every_loss
def test_the_default_tolerance_is_tight_enough(name):
    A, y, v, loss, d = make(name)
    rough, fine = penalised_fit(A, y, v, loss, RIDGE, n_outputs=d), fit(name)
    assert rough.converged
    torch.testing.assert_close(rough.outputs, fine.outputs, rtol=0, atol=1e-3)


def test_squared_error_is_weighted_ridge():
    A, y, v, _, _ = (part.numpy() if torch.is_tensor(part) else part for part in make("squared"))
    gram = A.T @ (A * v[:, None]) / v.sum() + np.diag(RIDGE.numpy())
    expected = np.linalg.solve(gram, A.T @ (v * y) / v.sum())
    found = fit("squared")
    np.testing.assert_allclose(found.W[:, 0].numpy(), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.outputs[:, 0].numpy(), A @ expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.losses.numpy(), (A @ expected - y) ** 2, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["logistic", "softmax"])
@pytest.mark.parametrize("strength", [1e-3, 0.3], ids=["loose", "stiff"])
def test_classes_match_scikit_learn(name, strength):
    A, y, v, loss, d = make(name)
    ridge = torch.full((1 + P,), strength, dtype=torch.float64)
    ridge[0] = 0
    found = penalised_fit(A, y, v, loss, ridge, n_outputs=d, **TIGHT)
    rival = LogisticRegression(
        C=1 / (2 * strength * float(v.sum())), solver="newton-cholesky", tol=1e-12, max_iter=200
    ).fit(A[:, 1:].numpy(), y.numpy(), sample_weight=v.numpy())
    expected = rival.predict_proba(A[:, 1:].numpy())
    f = found.outputs if d > 1 else torch.cat([torch.zeros_like(found.outputs), found.outputs], 1)
    np.testing.assert_allclose(f.softmax(1).numpy(), expected, atol=1e-6)
    coefficients = found.W[1:].T.numpy()
    np.testing.assert_allclose(coefficients, rival.coef_, rtol=1e-6, atol=1e-6)
    assert np.ptp(expected[:, 0]) > 0.1


def test_huber_is_least_squares_when_wide_and_resists_outliers_when_narrow():
    A, y, v, _, _ = make("squared")
    ridge = torch.full_like(RIDGE, 1e-6)
    plain = penalised_fit(A, y, v, SquaredError(), ridge)
    torch.testing.assert_close(penalised_fit(A, y, v, Huber(1e6), ridge, **TIGHT).W, plain.W)
    wrong = y.clone()
    wrong[:20] += 1000
    moved = penalised_fit(A, wrong, v, SquaredError(), ridge).W - plain.W
    held = penalised_fit(A, wrong, v, Huber(0.5), ridge, **TIGHT).W - plain.W
    assert held.abs().max() < 1
    assert moved.abs().max() > 50


@every_loss
@pytest.mark.parametrize("seed", range(3))
def test_any_start_leads_to_the_same_optimum(name, seed):
    cold, (A, y, v, loss, d) = fit(name), make(name, seed=9 + seed)
    stranger = penalised_fit(A, y, v, loss, 10 * RIDGE, n_outputs=d)
    # One row and almost no penalty: far away, with probabilities of 0 and 1.
    alone = penalised_fit(
        A[seed:][:1], y[seed:][:1], v[:1] + 1, loss, 1e-9 + RIDGE / 1e6, n_outputs=d
    )
    for start in (stranger, alone, cold):
        warm = fit(name, start=start)
        # Free intercepts of a softmax may move together: the classes' mean says nothing.
        shift = (warm.W - cold.W).mean(1, keepdim=True) if d > 1 else 0
        torch.testing.assert_close(warm.W - shift, cold.W, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(warm.losses, cold.losses, rtol=1e-6, atol=1e-6)
        assert warm.edf == pytest.approx(cold.edf, rel=1e-5)


@every_loss
def test_a_weight_of_two_is_the_row_twice_and_of_zero_is_no_row(name):
    A, y, _, loss, d = make(name)
    v = torch.arange(N, dtype=torch.float64) % 3
    rows = torch.repeat_interleave(torch.arange(N), v.long())
    weighted = penalised_fit(A, y, v, loss, RIDGE, n_outputs=d, **TIGHT)
    repeated = penalised_fit(
        A[rows], y[rows], torch.ones(len(rows)).double(), loss, RIDGE, n_outputs=d, **TIGHT
    )
    torch.testing.assert_close(weighted.W, repeated.W, rtol=1e-7, atol=1e-8)
    scaled = penalised_fit(A, y, 7 * v, loss, RIDGE, n_outputs=d, **TIGHT)
    torch.testing.assert_close(weighted.W, scaled.W, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["squared", "logistic"])
def test_edf_is_the_trace_of_the_hat_matrix(name):
    A, y, v, loss, _ = make(name)
    found = fit(name)
    bend = v * loss.curvature(found.outputs, y, torch.ones(N, 1).double())[:, 0] / v.sum()
    gram = A.T @ (A * bend[:, None])
    hat = A @ torch.linalg.solve(gram + 2 * torch.diag(RIDGE), A.T * bend)
    assert found.edf == pytest.approx(float(hat.trace()), rel=1e-8)
    assert 1 < found.edf < 1 + P


def test_edf_runs_from_the_free_columns_to_all():
    A, y, v, loss, _ = make("squared")
    loose = penalised_fit(A, y, v, loss, 1e-9 * RIDGE).edf
    stiff = penalised_fit(A, y, v, loss, 1e9 * RIDGE).edf
    assert loose == pytest.approx(1 + P, abs=1e-4)
    assert stiff == pytest.approx(1, abs=1e-4)


def test_left_out_rows_of_least_squares_are_exact():
    A, y, v, *_ = make("squared")
    found, n = fit("squared"), v.sum()
    for row in range(0, N, 10):
        less = v.clone()
        less[row] -= less[row].clamp_max(1)
        gram = A.T @ (A * less[:, None]) / n + torch.diag(RIDGE)
        W = torch.linalg.solve(gram, A.T @ (less * y) / n)
        assert float(found.left_out[row]) == pytest.approx(float(A[row] @ W), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", ["logistic", "softmax"])
def test_left_out_rows_of_classes_are_close(name):
    A, y, v, loss, d = make(name)
    found = fit(name)
    rows = range(0, N, 6)
    exact = []
    for row in rows:
        less = v.clone()
        less[row] -= less[row].clamp_max(1)
        # The same total weight, so that the penalty weighs the same.
        share = less.sum() / v.sum()
        W = penalised_fit(A, y, less, loss, RIDGE / share, n_outputs=d, **TIGHT).W
        exact.append(loss.value(A[row : row + 1] @ W, y[row : row + 1]))
    near, seen = loss.value(found.left_out, y)[list(rows)], found.losses[list(rows)]
    exact = torch.cat(exact)
    assert (near - exact).norm() < 0.6 * (seen - exact).norm()


@pytest.mark.parametrize("name", ["squared", "logistic", "softmax"])
def test_solve_inverts_the_hessian(name):
    A, y, v, loss, d = make(name)
    ridge = RIDGE + 0.01
    found = penalised_fit(A, y, v, loss, ridge, n_outputs=d, **TIGHT)
    hessian = torch.autograd.functional.hessian(
        lambda flat: objective(flat.view(-1, d), A, y, v, loss, ridge), found.W.reshape(-1)
    )
    b = torch.randn(found.W.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = torch.linalg.solve(hessian, b.reshape(-1)).view_as(b)
    torch.testing.assert_close(found.solve(b), expected, rtol=1e-6, atol=1e-7)


def test_equal_columns_share_their_coefficient():
    A, y, v, loss, _ = make("squared")
    doubled = penalised_fit(
        torch.cat([A, A[:, 1:2]], 1), y, v, loss, torch.cat([RIDGE, RIDGE[1:2]]), **TIGHT
    )
    assert float(doubled.W[1]) == pytest.approx(float(doubled.W[-1]), rel=1e-6)
    free = penalised_fit(torch.cat([A, A], 1), y, v, loss, torch.zeros(2 + 2 * P).double())
    torch.testing.assert_close(
        free.outputs, penalised_fit(A, y, v, loss, torch.zeros(1 + P).double()).outputs
    )


def spd(n, *, seed=0):
    stream = np.random.default_rng(seed)
    Q, _ = np.linalg.qr(stream.normal(size=(n, n)))
    return torch.as_tensor(Q @ np.diag(np.linspace(1, 10, n)) @ Q.T), torch.as_tensor(
        stream.normal(size=(n, 1))
    )


@pytest.mark.parametrize("n", [1, 2, 5, 12])
def test_conjugate_gradients_are_exact_in_n_steps(n):
    H, b = spd(n)
    x, slow = conjugate_gradient(lambda p: H @ p, b, lambda r: r, tol=1e-12, max_iter=n)
    torch.testing.assert_close(x, torch.linalg.solve(H, b), rtol=1e-9, atol=1e-10)
    if n > 1:
        early, late = conjugate_gradient(lambda p: H @ p, b, lambda r: r, tol=1e-12, max_iter=n - 1)
        assert late
        assert (H @ early - b).norm() > 1e-6
    assert n > 5 or not slow


def test_conjugate_gradients_need_one_step_with_the_inverse_and_one_per_eigenvalue():
    H, b = spd(8)
    x, slow = conjugate_gradient(lambda p: H @ p, b, lambda r: torch.linalg.solve(H, r), max_iter=1)
    torch.testing.assert_close(x, torch.linalg.solve(H, b))
    assert not slow
    two = torch.diag(torch.tensor([1.0, 1, 1, 4, 4, 4]).double())
    b = torch.arange(1.0, 7).double()[:, None]
    x, _ = conjugate_gradient(lambda p: two @ p, b, lambda r: r, max_iter=2)
    torch.testing.assert_close(x, torch.linalg.solve(two, b))


def test_conjugate_gradients_of_nothing_are_nothing():
    H, b = spd(4)
    x, slow = conjugate_gradient(lambda p: H @ p, torch.zeros_like(b), lambda r: r)
    assert not x.any()
    assert not slow
