"""The batched lower problem: against autograd, against one structure at a time."""

import pytest
import torch

from biam.losses import Logistic, SquaredError
from biam.solvers.structured_lower import LowerProblem, Rows
from biam.weighting import WeightingNetwork

S, N, C, LR, RIDGE = 4, 30, 7, 0.05, 0.02


def rows(n, seed, binary):
    g = torch.Generator().manual_seed(seed)
    B = torch.randn(n, C, generator=g, dtype=torch.float64)
    B[:, 0] = 1.0
    y = torch.randn(n, generator=g, dtype=torch.float64)
    return Rows(B, (y > 0).double() if binary else y)


@pytest.fixture(params=[False, True], ids=["regression", "classification"])
def problem(request):
    binary = request.param
    g = torch.Generator().manual_seed(1)
    Z = (torch.rand(S, C, generator=g) < 0.6).double()
    Z[:, 0] = 1.0
    W = torch.randn(S, C, generator=g, dtype=torch.float64) * Z
    theta = WeightingNetwork().init(g, dtype=torch.float64)
    theta = theta + 0.1 * torch.randn(len(theta), generator=g, dtype=torch.float64)
    lower = LowerProblem(Logistic() if binary else SquaredError(), LR, RIDGE)
    return lower, theta, W, Z, rows(N, 2, binary), rows(12, 3, binary)


def plain_weights(theta, losses):
    """Weights of one structure, written with autograd's own operations."""
    z = (losses - losses.mean()) / (losses.std() + 1e-8)
    first, bias, second, offset = torch.split(theta, [10, 10, 10, 1])
    raw = torch.sigmoid(torch.relu(z[:, None] * first + bias) @ second + offset)
    return raw / (raw.mean() + 1e-8)


def plain_risk(lower, weights, w, part):
    losses = lower.loss.value((part.B @ w)[:, None], part.y)
    return (weights * losses).mean() + RIDGE * w[1:].square().sum()


def test_weights_of_each_structure_are_those_of_the_network_alone(problem):
    lower, theta, W, _, train, _ = problem
    ours = lower.weigh(theta, W, train).weights
    for s in range(S):
        losses = lower.loss.value((train.B @ W[s])[:, None], train.y)
        torch.testing.assert_close(ours[s], WeightingNetwork().weights(theta, losses))
        torch.testing.assert_close(ours[s], plain_weights(theta, losses))


def test_lower_gradient_agrees_with_autograd(problem):
    lower, theta, W, Z, train, _ = problem
    risk = lower.weigh(theta, W, train)
    ours = lower.gradient(risk, W, Z, train)
    for s in range(S):
        w = W[s].clone().requires_grad_()
        (wanted,) = torch.autograd.grad(plain_risk(lower, risk.weights[s], w, train), w)
        torch.testing.assert_close(ours[s], wanted * Z[s])


def test_columns_that_are_off_do_not_move(problem):
    lower, theta, W, Z, train, _ = problem
    moved, _ = lower.descend(theta, W, Z, train, 3)
    assert not moved[Z == 0].any()
    assert (moved != W)[Z == 1].all()


def test_hypergradient_of_the_last_step_agrees_with_autograd(problem):
    lower, theta, W, Z, train, meta = problem
    before, _ = lower.descend(theta, W, Z, train, 2)
    last, risk = lower.descend(theta, before, Z, train, 1)
    risks, ours = lower.upper(risk, last, Z, train, meta)

    graph, wanted = theta.clone().requires_grad_(), []
    for s in range(S):
        losses = lower.loss.value((train.B @ before[s])[:, None], train.y)
        w = before[s].clone().requires_grad_()
        inner = plain_risk(lower, plain_weights(graph, losses), w, train)
        (step,) = torch.autograd.grad(inner, w, create_graph=True)
        end = w - LR * step * Z[s]
        wanted.append(lower.loss.value((meta.B @ end)[:, None], meta.y).mean())
    torch.testing.assert_close(risks, torch.stack(wanted).detach())
    (gradient,) = torch.autograd.grad(torch.stack(wanted).mean(), graph)
    torch.testing.assert_close(ours, gradient)


def test_hypergradient_agrees_with_finite_differences(problem):
    lower, theta, W, Z, train, meta = problem

    def value(at):
        last, risk = lower.descend(at, W, Z, train, 1)
        return lower.upper(risk, last, Z, train, meta)

    _, ours = value(theta)
    for i in (0, 15, 25, 30):
        nudge = torch.zeros_like(theta)
        nudge[i] = 1e-6
        slope = (value(theta + nudge)[0] - value(theta - nudge)[0]).mean() / 2e-6
        torch.testing.assert_close(ours[i], slope, rtol=1e-4, atol=1e-9)


def test_a_single_row_has_weight_one(problem):
    lower, theta, W, Z, train, _ = problem
    one = train.take(torch.tensor([3]))
    risk = lower.weigh(theta, W, one)
    torch.testing.assert_close(risk.weights, torch.ones(S, 1, dtype=torch.float64))
    assert torch.isfinite(lower.gradient(risk, W, Z, one)).all()


def test_trusted_rows_are_added_with_weight_one(problem):
    lower, theta, W, Z, train, meta = problem
    risk = lower.weigh(theta, W, train).extended(lower.losses(W, meta)[1])
    both = Rows(torch.cat([train.B, meta.B]), torch.cat([train.y, meta.y]))
    w = W[0].clone().requires_grad_()
    (wanted,) = torch.autograd.grad(plain_risk(lower, risk.weights[0], w, both), w)
    torch.testing.assert_close(lower.gradient(risk, W, Z, both)[0], wanted * Z[0])
    assert risk.weights[:, N:].eq(1).all()
