"""All records on real lower models: against optima solved again, each other, and in the loop."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer
from biam.hypergradient import (
    FiniteDifference,
    ForwardMode,
    Implicit,
    LowerRisk,
    OneStep,
    Truncated,
    Unrolled,
    UpperRisk,
)
from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.weighting import RowWeights, WeightingNetwork

N, N_META, P = 14, 9, 2
LOSSES = {
    "squared": (SquaredError(), 1),
    "huber": (Huber(0.7), 1),
    "logistic": (Logistic(), 1),
    "softmax": (SoftmaxCrossEntropy(), 3),
}
MODELS = ("additive", "additive-joint", "BIAM2", "mlp", "relu")
METHODS = {
    "one-step": OneStep(0.2),
    "truncated": Truncated(4, 0.2),
    "truncated-ahead": Truncated(3, 0.2, 2),
    "unrolled": Unrolled(6, 0.2),
    "forward": ForwardMode(3, 0.2),
    "difference": FiniteDifference(3, 0.2),
    "difference-solution": FiniteDifference(2, 0.2, of="solution"),
    "cg": Implicit("cg", 20, damping=0.1),
    "neumann": Implicit("neumann", 20, damping=0.1),
    "dense": Implicit("dense", damping=0.1),
}
every_model = pytest.mark.parametrize("name", MODELS)
every_loss = pytest.mark.parametrize(("loss", "d"), LOSSES.values(), ids=LOSSES)


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(loss, d, n, seed):
    if isinstance(loss, SoftmaxCrossEntropy):
        return torch.randint(0, d, (n,), generator=torch.Generator().manual_seed(seed))
    y = draw(n, seed)
    return (y > 0).double() if isinstance(loss, Logistic) else y


def make(name, loss, d, pen=0.1):
    """Problem, w, training and meta rows."""
    y, y_meta = targets(loss, d, N, 1), targets(loss, d, N_META, 2)
    X, X_meta = draw((N, P), 3), draw((N_META, P), 4)
    if name in ("mlp", "relu"):
        bend = nn.Tanh() if name == "mlp" else nn.ReLU()
        module = nn.Sequential(nn.Linear(P, 3), bend, nn.Linear(3, d)).double()
        problem = ModuleProblem(module, loss, lambda w: pen * w.square().sum())
        return problem, draw(3 * P + 3 + 4 * d, 5), Rows(X, y), Rows(X_meta, y_meta)
    X[::4, 1], X_meta[1::4, 0] = torch.nan, torch.nan
    model = AdditiveModel(
        Basis.fit(X.numpy(), 3, dtype=torch.float64), d, n_ranks=2 if name == "BIAM2" else 0
    )
    w = draw(model.w.shape, 5) / 2
    penalty = CoefficientPenalty(torch.full_like(w, pen), torch.full_like(w, pen / 10))
    cut = model.join if name == "additive-joint" else (lambda design: design)
    rows, meta = (
        Rows(cut(model.basis.design(table.numpy())), target)
        for table, target in ((X, y), (X_meta, y_meta))
    )
    return AdditiveProblem(model, loss, penalty), w, rows, meta


def at_rest(problem, w, rows, weights, solving):
    """A lower minimum: far down by gradient steps, then Newton."""
    for _ in range(400):
        w = w - 0.2 * problem.linearise(w, rows).gradient(weights)
    w = solving.newton(problem, w, rows, weights)
    here = problem.linearise(w, rows)
    assert here.gradient(weights).abs().max() < 1e-10
    H = torch.stack([here.hessian_vector(e, weights) for e in torch.eye(len(w)).double()])
    assert torch.linalg.eigvalsh(H)[0] > 1e-3
    return w


@pytest.fixture(scope="module", params=["additive-logistic", "mlp", "mlp-softmax"])
def minimum(request, solving):
    """A lower risk at its minimum, the upper risk, and the slope of optima solved again."""
    name, kind = {
        "additive-logistic": ("additive-joint", "logistic"),
        "mlp": ("mlp", "squared"),
        "mlp-softmax": ("mlp", "softmax"),
    }[request.param]
    problem, w, rows, meta = make(name, *LOSSES[kind], pen=0.03)
    nu = torch.linspace(0.3, 1.7, N, dtype=torch.float64)
    w = at_rest(problem, w, rows, nu, solving)
    again = solving.solved_again(problem, w, rows, meta, nu)
    return LowerRisk(problem, rows, RowWeights(nu), w), UpperRisk(problem, meta), again


@pytest.mark.parametrize(
    "method",
    [Implicit("dense"), Implicit("cg", 500), Implicit("neumann", 3000, 1e-8)],
    ids=["dense", "cg", "neumann"],
)
def test_implicit_is_the_slope_of_optima_solved_again(minimum, method):
    lower, upper, again = minimum
    found, _ = method.gradient(lower, upper)
    assert again.norm() > 1e-3
    torch.testing.assert_close(found, again, rtol=2e-5, atol=1e-6)


def test_steps_through_the_minimum_tend_to_the_same_slope(minimum):
    lower, upper, again = minimum
    errors = {
        k: ((Truncated(k, 0.3).gradient(lower, upper)[0] - again).norm() / again.norm()).item()
        for k in (1, 10, 100, 400)
    }
    assert list(errors.values()) == sorted(errors.values(), reverse=True)
    assert errors[400] < 0.02
    exact, _ = Implicit("dense").gradient(lower, upper)
    best, _ = Implicit("neumann", 400, lr=0.3).gradient(lower, upper)
    longest, _ = Truncated(400, 0.3).gradient(lower, upper)
    torch.testing.assert_close(longest, best, rtol=1e-6, atol=1e-9)
    assert (best - exact).norm() < 0.02 * exact.norm()


@every_model
@every_loss
def test_forward_reverse_and_double_backward_are_one_number(name, loss, d):
    problem, w, rows, meta = make(name, loss, d)
    nu = torch.linspace(0.3, 1.7, N, dtype=torch.float64)
    lower, upper = LowerRisk(problem, rows, RowWeights(nu), w), UpperRisk(problem, meta)
    reverse, _ = Unrolled(3, 0.1).gradient(lower, upper)
    forward, _ = ForwardMode(3, 0.1).gradient(lower, upper)
    torch.testing.assert_close(forward, reverse, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(
        reverse, by_autograd(problem, w, rows, meta, nu), rtol=1e-9, atol=1e-12
    )
    assert reverse.norm() > 1e-3


def by_autograd(problem, w, rows, meta, nu, n_steps=3, lr=0.1):
    """dL(w_K) / d nu with the graph of all steps kept."""
    nu = nu.clone().requires_grad_()
    w = w.clone().requires_grad_()
    for _ in range(n_steps):
        risk = (nu * losses_of(problem, w, rows)).mean()
        risk = risk + getattr(problem.penalty, "value", problem.penalty)(w)
        (slope,) = torch.autograd.grad(risk, w, create_graph=True)
        w = w - lr * slope
    return torch.autograd.grad(losses_of(problem, w, meta).mean(), nu)[0]


def losses_of(problem, w, rows):
    if isinstance(problem, ModuleProblem):
        return problem.losses(w, rows)
    return problem.loss.value(problem.model.outputs(w, rows.inputs), rows.y)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@every_model
def test_every_record_trains_every_model(name, method):
    problem, w, rows, meta = make(name, *LOSSES["logistic"])
    optimizer = BilevelOptimizer(
        problem, WeightingNetwork(4), method, lower_lr=0.2, upper_lr=0.5, batch_size=7
    )
    state = optimizer.init(w, torch.Generator().manual_seed(1))
    result = optimizer.run(state, rows, meta, 2)
    assert result.status == "finished"
    assert not torch.equal(result.state.upper, state.upper)
    again = optimizer.run(state, rows, meta, 2).state
    assert torch.equal(again.upper, result.state.upper)
    assert torch.equal(again.lower, result.state.lower)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_the_step_in_theta_is_the_gradient_of_the_record(method):
    problem, w, rows, meta = make("additive-joint", *LOSSES["logistic"])
    fixed = torch.linspace(0.2, 2, N, dtype=torch.float64)
    rows = replace(rows, weight=fixed)
    network = WeightingNetwork(4)
    optimizer = BilevelOptimizer(problem, network, method, lower_lr=0.2, upper_lr=1.0, clip=1e9)
    state = optimizer.init(w, torch.Generator().manual_seed(1))
    after, info = optimizer.step(state, rows, meta)
    there = problem.linearise(after.lower, rows)
    learned = network.linearise(state.upper, there.losses)
    lower = LowerRisk(problem, rows, learned, after.lower)
    gradient, judged = method.gradient(lower, UpperRisk(problem, meta))
    torch.testing.assert_close(state.upper - after.upper, gradient)
    assert info.meta_loss == pytest.approx(judged.losses.mean().item())
    assert gradient.norm() > 1e-6
