"""Hypergradients without double backward against double backward, gradcheck and re-solving."""

import numpy as np
import pytest
import torch
from torch import nn

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.hypergradient import Implicit, OneStep, weight_hypergradient
from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.weighting import WeightingNetwork

N, N_META, P, LR = 14, 9, 3, 0.3
LOSSES = {
    "regression": (SquaredError(), 1),
    "huber": (Huber(0.7), 1),
    "logistic": (Logistic(), 1),
    "softmax": (SoftmaxCrossEntropy(), 3),
}
MODELS = ("additive", "additive-joint", "additive-I", "additive-complete", "BIAM2", "mlp")
every_loss = pytest.mark.parametrize(("loss", "d"), LOSSES.values(), ids=LOSSES)
every_model = pytest.mark.parametrize("name", MODELS)
with_and_without_penalty = pytest.mark.parametrize("pen", [0.2, 0.0], ids=["penalty", "free"])


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(loss, d, n, seed):
    if isinstance(loss, SoftmaxCrossEntropy):
        return torch.randint(0, d, (n,), generator=torch.Generator().manual_seed(seed))
    y = draw(n, seed)
    return (y > 0).double() if isinstance(loss, Logistic) else y


def make(name, loss, d, pen):
    """Problem, w, training and meta rows; all parameters away from zero."""
    y, y_meta = targets(loss, d, N, 1), targets(loss, d, N_META, 2)
    X, X_meta = draw((N, P), 3), draw((N_META, P), 4)
    if name == "mlp":
        module = nn.Sequential(nn.Linear(P, 4), nn.Tanh(), nn.Linear(4, d)).double()
        w = draw(4 * P + 4 + 4 * d + d, 5) / 2
        problem = ModuleProblem(module, loss, (lambda w: pen * w.square().sum()) if pen else None)
        return problem, w, Rows(X, y), Rows(X_meta, y_meta)
    X, X_meta = X.numpy(), X_meta.numpy()
    if name != "additive-complete":
        X[::4, 1], X_meta[1::4, 0] = np.nan, np.nan
    basis = Basis.fit(X, 4, dtype=torch.float64)
    model = AdditiveModel(
        basis, d, interactions=name != "additive-I", n_ranks=2 if name == "BIAM2" else 0
    )
    w = draw(model.w.shape, 5) / 2
    penalty = CoefficientPenalty(torch.full_like(w, pen), torch.full_like(w, pen / 2))
    cut = model.join if name == "additive-joint" else (lambda design: design)
    rows, meta = Rows(cut(basis.design(X)), y), Rows(cut(basis.design(X_meta)), y_meta)
    return AdditiveProblem(model, loss, penalty if pen else None), w, rows, meta


def losses_of(problem, w, rows):
    if isinstance(problem, ModuleProblem):
        return problem.losses(w, rows)
    return problem.loss.value(problem.model.outputs(w, rows.inputs), rows.y)


def weights_of(theta, losses):
    """The published weighting network, differentiable in theta."""
    first, bias, second, offset = theta.split([10, 10, 10, 1])
    z = (losses - losses.mean()) / (losses.std() + 1e-8)
    nu = torch.sigmoid(torch.relu(z[:, None] * first + bias) @ second + offset)
    return nu / (nu.mean() + 1e-8)


def look_ahead_loss(problem, w, rows, meta, weigh):
    """L_val(w - lr grad R(w; theta)) with a graph through the gradient step."""
    w = w.detach().requires_grad_()
    losses = losses_of(problem, w, rows)
    risk = (weigh(losses.detach()) * losses).mean()
    if problem.penalty is not None:
        risk = risk + getattr(problem.penalty, "value", problem.penalty)(w)
    (step,) = torch.autograd.grad(risk, w, create_graph=True)
    return losses_of(problem, w - LR * step, meta).mean()


def one_step(problem, w, rows, meta, weights):
    """dL_val / d nu by the package."""
    method = OneStep(LR)
    here = problem.linearise(w, rows)
    ahead = problem.linearise(method.point(w, here.gradient(weights)), meta)
    return weight_hypergradient(here, method.adjoint(ahead.gradient(penalised=False)))


@every_model
@every_loss
@with_and_without_penalty
def test_one_step_is_double_backward(name, loss, d, pen):
    problem, w, rows, meta = make(name, loss, d, pen)
    network, theta = WeightingNetwork(), draw(31, 6)
    learned = network.linearise(theta, problem.linearise(w, rows).losses)
    theta.requires_grad_()
    value = look_ahead_loss(problem, w, rows, meta, lambda x: weights_of(theta, x))
    (expected,) = torch.autograd.grad(value, theta)
    assert expected.norm() > 1e-4
    gradient = learned.vjp(one_step(problem, w, rows, meta, learned.weights))
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


@every_model
@pytest.mark.parametrize(
    ("loss", "d"), [LOSSES["regression"], LOSSES["softmax"]], ids=["regression", "softmax"]
)
def test_the_whole_map_from_theta_passes_gradcheck(name, loss, d):
    problem, w, rows, meta = make(name, loss, d, 0.2)
    network = WeightingNetwork(3)

    class LookAhead(torch.autograd.Function):
        """theta -> L_val, with the package's values forward and its hypergradient backward."""

        @staticmethod
        def forward(ctx, theta):
            here = problem.linearise(w, rows)
            ctx.learned = network.linearise(theta, here.losses)
            point = OneStep(LR).point(w, here.gradient(ctx.learned.weights))
            return problem.linearise(point, meta).losses.mean()

        @staticmethod
        def backward(ctx, outer):
            nu = one_step(problem, w, rows, meta, ctx.learned.weights)
            return outer * ctx.learned.vjp(nu)

    assert torch.autograd.gradcheck(LookAhead.apply, draw(10, 6).requires_grad_())


def test_the_look_ahead_of_zero_length_teaches_nothing():
    problem, w, rows, meta = make("additive", SquaredError(), 1, 0.2)
    here = problem.linearise(w, rows)
    method = OneStep(0.0)
    assert torch.equal(method.point(w, here.gradient()), w)
    adjoint = method.adjoint(problem.linearise(w, meta).gradient(penalised=False))
    assert not weight_hypergradient(here, adjoint).any()


def test_a_training_row_that_is_also_the_meta_row_is_wanted():
    # Its weight lowers the upper loss; that of a row pulling the other way raises it.
    problem, w, rows, _ = make("additive", SquaredError(), 1, 0.0)
    f = problem.model.outputs(w, rows.inputs)[:, 0]
    pair = rows.take(torch.tensor([0, 0]))
    pair = Rows(pair.inputs, f[0] + torch.tensor([1.0, -1.0], dtype=torch.float64))
    gradient = one_step(problem, w, pair, pair.take(slice(0, 1)), torch.zeros(2).double())
    assert gradient[0] < 0 < gradient[1]


# Implicit: a weighted ridge has its optimum and its Hessian in closed form.


@pytest.fixture
def ridge():
    model = AdditiveModel(Basis.fit(draw((N, P), 3).numpy(), 4, dtype=torch.float64))
    tables = draw((N, P), 3).numpy(), draw((N_META, P), 4).numpy()
    J, J_meta = (model.join(model.basis.design(X)) for X in tables)
    w = draw(model.w.shape, 5)
    penalty = CoefficientPenalty(torch.full_like(w, 0.05), torch.zeros_like(w))
    problem = AdditiveProblem(model, SquaredError(), penalty)
    return problem, Rows(J, draw(N, 1)), Rows(J_meta, draw(N_META, 2))


def hessian(rows, nu):
    J = rows.inputs.joint
    return 2 * (J.T @ (nu[:, None] * J) / N + 0.05 * torch.eye(J.shape[1], dtype=J.dtype))


def optimum(rows, nu):
    return torch.linalg.solve(hessian(rows, nu), 2 * rows.inputs.joint.T @ (nu * rows.y) / N)


def implicit(problem, rows, meta, nu):
    method = Implicit(lambda b: torch.linalg.solve(hessian(rows, nu), b))
    w = optimum(rows, nu)
    here = problem.linearise(w, rows)
    assert here.gradient(nu).abs().max() < 1e-12
    judged = problem.linearise(method.point(w, here.gradient(nu)), meta)
    return weight_hypergradient(here, method.adjoint(judged.gradient(penalised=False)))


def test_implicit_is_the_slope_of_the_optimum_solved_again(ridge):
    problem, rows, meta = ridge
    nu = torch.linspace(0.2, 2, N, dtype=torch.float64)
    gradient, step = implicit(problem, rows, meta, nu), 1e-5
    for i in range(N):
        there = nu.clone()
        there[i] += step
        back = nu.clone()
        back[i] -= step
        up, down = (problem.linearise(optimum(rows, x), meta).losses.mean() for x in (there, back))
        assert gradient[i].item() == pytest.approx((up - down).item() / (2 * step), abs=1e-7)
    assert gradient.abs().max() > 1e-3


def test_implicit_is_autograd_through_the_closed_form(ridge):
    problem, rows, meta = ridge
    nu = torch.linspace(0.2, 2, N, dtype=torch.float64, requires_grad=True)
    value = losses_of(problem, optimum(rows, nu), meta).mean()
    (expected,) = torch.autograd.grad(value, nu)
    gradient = implicit(problem, rows, meta, nu.detach())
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


def test_one_step_from_the_optimum_is_implicit_with_the_step_for_an_inverse(ridge):
    # Both methods share one formula and differ in q only: lr g against H^-1 g.
    problem, rows, meta = ridge
    nu = torch.ones(N, dtype=torch.float64)
    w = optimum(rows, nu)
    here = problem.linearise(w, rows)
    method = Implicit(lambda b: LR * b)
    adjoint = method.adjoint(problem.linearise(w, meta).gradient(penalised=False))
    expected = weight_hypergradient(here, adjoint)
    torch.testing.assert_close(one_step(problem, w, rows, meta, nu), expected)
