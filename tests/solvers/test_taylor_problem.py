"""The concept network in the bilevel engine: derivatives row by row, look-ahead, Hessian."""

import pytest
import torch

from biam.bilevel import BilevelOptimizer
from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import Logistic, SoftmaxCrossEntropy, SquaredError
from biam.lower import ModuleProblem, Rows
from biam.solvers.taylor_problem import TaylorProblem
from biam.taylor import TaylorModel
from biam.weighting import RowWeights, WeightingNetwork

LOSSES = {
    "squared": (SquaredError(), 1),
    "logistic": (Logistic(), 1),
    "softmax": (SoftmaxCrossEntropy(), 3),
}


def case(name="softmax", *, price=0.3, seed=0):
    """A small problem in float64, its parameters, training rows and meta rows."""
    stream = torch.Generator().manual_seed(seed)
    loss, d = LOSSES[name]
    model = TaylorModel([(0, 1), (2,)], d, hidden=(3,), n_ranks=2, generator=stream)
    w = model.w.detach().double()
    w = w + 0.2 * torch.randn(w.shape, generator=stream, dtype=w.dtype)

    def rows(n):
        X = torch.randn((n, 3), generator=stream, dtype=torch.float64)
        y = torch.randint(0, max(d, 2), (n,), generator=stream)
        return Rows(X, y if d > 1 else y.double())

    return TaylorProblem(model, loss, price), w, rows(6), rows(4)


def risk(problem, w, rows, weights=None):
    """The penalised risk, written out for autograd."""
    trace = problem.model.trace(w, rows.inputs)
    losses = problem.loss.value(trace.f, rows.y)
    weighted = losses if weights is None else losses * weights
    return weighted.mean() + problem.output_penalty * trace.z.square().mean()


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_the_weighted_risk(name):
    problem, w, rows, _ = case(name)
    weights = torch.rand(6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    here = problem.linearise(w, rows)
    for given in (None, weights):
        expected = torch.func.grad(lambda w, v=given: risk(problem, w, rows, v))(w)
        torch.testing.assert_close(here.gradient(given), expected)
    problem = TaylorProblem(problem.model, problem.loss)
    bare = torch.func.grad(lambda w: risk(problem, w, rows))(w)
    torch.testing.assert_close(here.gradient(penalised=False), bare)


@pytest.mark.parametrize("name", LOSSES)
def test_same_as_any_torch_module(name):
    problem, w, rows, _ = case(name, price=0.0)
    other = ModuleProblem(problem.model, problem.loss)
    v = torch.randn(w.shape, generator=torch.Generator().manual_seed(2), dtype=w.dtype)
    here, there = problem.linearise(w, rows), other.linearise(w, rows)
    torch.testing.assert_close(here.losses, there.losses)
    torch.testing.assert_close(here.gradient(), there.gradient())
    torch.testing.assert_close(here.directional(v), there.directional(v))
    torch.testing.assert_close(here.hessian_vector(v), there.hessian_vector(v))


def test_hessian_with_penalty_and_weights():
    problem, w, rows, _ = case()
    weights = torch.rand(6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    v = torch.randn(w.shape, generator=torch.Generator().manual_seed(2), dtype=w.dtype)
    expected = torch.func.hessian(lambda w: risk(problem, w, rows, weights))(w) @ v
    torch.testing.assert_close(problem.linearise(w, rows).hessian_vector(v, weights), expected)


def test_look_ahead_is_the_closed_form():
    """dL / d nu_i = -(lr / n) <grad L(w^), grad l_i(w)>, and so finite differences say."""
    problem, w, rows, meta = case()
    nu, lr = torch.linspace(0.2, 1.0, 6, dtype=torch.float64), 0.1
    lower = LowerRisk(problem, rows, RowWeights(nu), w)
    got, _ = OneStep(lr).gradient(lower, UpperRisk(problem, meta))

    def ahead(nu):
        return w - lr * torch.func.grad(lambda w: risk(problem, w, rows, nu))(w)

    def judged(w):
        return problem.loss.value(problem.model.trace(w, meta.inputs).f, meta.y).mean()

    own = torch.func.jacrev(lambda w: problem.linearise(w, rows).losses)(w)
    closed = -(lr / 6) * own @ torch.func.grad(judged)(ahead(nu))
    torch.testing.assert_close(got, closed)
    eps = 1e-6
    for i in range(6):
        step = eps * torch.eye(6, dtype=torch.float64)[i]
        slope = (judged(ahead(nu + step)) - judged(ahead(nu - step))) / (2 * eps)
        torch.testing.assert_close(got[i], slope, rtol=1e-5, atol=1e-9)


def test_the_engine_trains_it():
    problem, w, rows, meta = case("logistic", price=0.0)
    optimizer = BilevelOptimizer(problem, WeightingNetwork(), lower_lr=0.3)
    state = optimizer.init(w, torch.Generator().manual_seed(0))
    result = optimizer.run(state, rows, meta, 60)
    assert result.status == "finished"
    assert result.history[-1]["lower_loss"] < 0.5 * result.history[0]["lower_loss"]
    assert problem.at_epoch(3) is problem
