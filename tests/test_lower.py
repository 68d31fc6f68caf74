"""Lower problems: one linearisation for the closed forms and for any module, against autograd."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import CoefficientPenalty

N, P = 15, 3
LOSSES = {
    "squared": (SquaredError(), 1),
    "huber": (Huber(0.7), 1),
    "logistic": (Logistic(), 1),
    "softmax": (SoftmaxCrossEntropy(), 3),
}
every_loss = pytest.mark.parametrize(("loss", "d"), LOSSES.values(), ids=LOSSES)
both_problems = pytest.mark.parametrize("kind", ["additive", "module"])
with_and_without_penalty = pytest.mark.parametrize("penalised", [True, False], ids=["pen", "free"])


class Joint(nn.Module):
    """The additive model as a plain linear layer on its joint design."""

    def __init__(self, w, d):
        super().__init__()
        self.w, self.d = nn.Parameter(w), d

    def forward(self, J):
        return J @ self.w.view(-1, self.d)


def targets(loss, d):
    g = torch.Generator().manual_seed(d)
    if isinstance(loss, SoftmaxCrossEntropy):
        return torch.randint(0, d, (N,), generator=g)
    y = torch.randn(N, generator=g, dtype=torch.float64)
    return (y > 0).double() if isinstance(loss, Logistic) else y


def make(kind, loss, d, *, ranks=0):
    """Problem, parameters and rows of the same small model, seen either way."""
    X = np.random.default_rng(0).normal(size=(N, P))
    X[::4, 1] = np.nan
    model = AdditiveModel(Basis.fit(X, 4, dtype=torch.float64), d, n_ranks=ranks)
    generator = torch.Generator().manual_seed(2)
    w = torch.randn(model.w.shape, generator=generator, dtype=torch.float64) / 2
    penalty = CoefficientPenalty(torch.full_like(w, 0.2), torch.full_like(w, 0.1))
    design, y = model.join(model.basis.design(X)), targets(loss, d)
    if kind == "additive":
        return AdditiveProblem(model, loss, penalty), w, Rows(design, y)
    problem = ModuleProblem(Joint(w.clone(), d), loss, penalty.value)
    return problem, problem.initial(), Rows(design.joint, y)


def make_mlp(loss, d):
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(P, 4), nn.Tanh(), nn.Linear(4, d)).double()
    X = torch.randn(N, P, dtype=torch.float64)
    torch.set_rng_state(torch_state)
    problem = ModuleProblem(module, loss, lambda w: 0.1 * w.square().sum())
    return problem, problem.initial(), Rows(X, targets(loss, d))


def differentiable_losses(problem, w, rows):
    if isinstance(problem, ModuleProblem):
        return problem.losses(w, rows)
    f = problem.model.outputs(w, rows.inputs, pairs=problem.pairs)
    return problem.loss.value(f, rows.y)


@every_loss
@with_and_without_penalty
def test_a_linear_model_has_the_same_linearisation_either_way(loss, d, penalised):
    weights = torch.linspace(0, 2, N, dtype=torch.float64)
    seen = []
    for kind in ("additive", "module"):
        problem, w, rows = make(kind, loss, d)
        here = problem.linearise(w, rows)
        v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
        gradients = [here.gradient(x, penalised=penalised) for x in (None, weights)]
        seen.append((here.losses, *gradients, here.directional(v)))
    for one, other in zip(*seen, strict=True):
        assert one.abs().max() > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


@every_loss
@pytest.mark.parametrize("make_problem", ["additive", "pairs", "mlp"])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "uniform"])
@with_and_without_penalty
def test_gradient_is_that_of_autograd(loss, d, make_problem, weighted, penalised):
    problem, w, rows = some(make_problem, loss, d)
    weights = torch.linspace(0, 2, N, dtype=torch.float64) if weighted else None
    w.requires_grad_()
    losses = differentiable_losses(problem, w, rows)
    risk = (losses if weights is None else weights * losses).mean()
    if penalised:
        value = getattr(problem.penalty, "value", problem.penalty)
        risk = risk + value(w)
    (expected,) = torch.autograd.grad(risk, w)
    gradient = problem.linearise(w.detach(), rows).gradient(weights, penalised=penalised)
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-12)


@every_loss
@pytest.mark.parametrize("make_problem", ["additive", "pairs", "mlp"])
def test_directional_is_the_jacobian_times_the_direction(loss, d, make_problem):
    problem, w, rows = some(make_problem, loss, d)
    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    J = torch.autograd.functional.jacobian(lambda w: differentiable_losses(problem, w, rows), w)
    here = problem.linearise(w, rows)
    torch.testing.assert_close(here.directional(v), J @ v, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(here.losses, differentiable_losses(problem, w, rows))


@every_loss
@pytest.mark.parametrize("make_problem", ["additive", "pairs", "mlp"])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "uniform"])
@with_and_without_penalty
def test_hessian_vector_is_the_hessian_of_autograd_times_it(
    loss, d, make_problem, weighted, penalised
):
    problem, w, rows = some(make_problem, loss, d)
    weights = torch.linspace(0, 2, N, dtype=torch.float64) if weighted else None

    def risk(w):
        losses = differentiable_losses(problem, w, rows)
        value = (losses if weights is None else weights * losses).mean()
        return value + getattr(problem.penalty, "value", problem.penalty)(w) * penalised

    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    expected = torch.autograd.functional.hessian(risk, w) @ v
    assert expected.norm() > 1e-3
    product = problem.linearise(w, rows).hessian_vector(v, weights, penalised=penalised)
    torch.testing.assert_close(product, expected, rtol=1e-9, atol=1e-11)


def test_pairs_in_their_warm_up_bend_by_their_penalty_only():
    problem, w, rows = make("additive", SquaredError(), 1, ranks=2)
    waiting = AdditiveProblem(problem.model, problem.loss, problem.penalty, warm_up=3).at_epoch(0)
    v = torch.linspace(-1, 1, len(w), dtype=torch.float64)
    product = waiting.linearise(w, rows).hessian_vector(v)
    parts = [problem.model.layout.split(x) for x in (product, problem.penalty.hessian_vector(w, v))]
    for name in ("factors", "gates"):
        torch.testing.assert_close(parts[0][name], parts[1][name])


def some(name, loss, d):
    if name == "mlp":
        return make_mlp(loss, d)
    return make("additive", loss, d, ranks=2 if name == "pairs" else 0)


@pytest.mark.parametrize("make_problem", ["additive", "pairs", "mlp"])
def test_linearising_changes_neither_parameters_nor_rows_nor_model(make_problem):
    problem, w, rows = some(make_problem, SoftmaxCrossEntropy(), 3)
    model = problem.module if make_problem == "mlp" else problem.model
    before = w.clone(), rows.y.clone(), copy.deepcopy(model.state_dict())
    here = problem.linearise(w, rows)
    one = torch.ones_like(w)
    first = here.gradient(), here.directional(one), here.hessian_vector(one)
    again = here.gradient(), here.directional(one), here.hessian_vector(one)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(w, before[0])
    assert torch.equal(rows.y, before[1])
    assert all(torch.equal(x, before[2][name]) for name, x in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_running_means_of_a_module_stay_where_they_are():
    module = nn.Sequential(nn.Linear(P, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    before = copy.deepcopy(module.state_dict())
    problem = ModuleProblem(module, SquaredError())
    here = problem.linearise(problem.initial(), make_mlp(SquaredError(), 1)[2])
    assert here.gradient().abs().max() > 0
    assert here.directional(problem.initial()).isfinite().all()
    assert here.hessian_vector(problem.initial()).isfinite().all()
    assert all(torch.equal(x, before[name]) for name, x in module.state_dict().items())


def test_a_convolution_bends_as_autograd_says():
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)).double()
    problem, g = ModuleProblem(module, SoftmaxCrossEntropy()), torch.Generator().manual_seed(0)
    w, v = torch.randn((2, problem.initial().numel()), generator=g, dtype=torch.float64)
    images = torch.randn((5, 1, 4, 4), generator=g, dtype=torch.float64)
    rows = Rows(images, torch.tensor([0, 1, 2, 1, 0]))
    H = torch.autograd.functional.hessian(lambda w: problem.losses(w, rows).mean(), w)
    with torch.inference_mode():
        product = problem.linearise(w, rows).hessian_vector(v)
    torch.testing.assert_close(product.clone(), H @ v, rtol=1e-9, atol=1e-11)


def test_named_parameters_put_together_are_the_flat_vector():
    problem, w, _ = make_mlp(SquaredError(), 1)
    named = problem.named(w)
    assert {n: p.shape for n, p in problem.module.named_parameters()} == {
        n: p.shape for n, p in named.items()
    }
    assert torch.equal(torch.cat([x.reshape(-1) for x in named.values()]), w)
    assert problem.initial().requires_grad is False


@pytest.mark.parametrize(("epoch", "pairs"), [(0, False), (2, False), (3, True), (9, True)])
def test_pairs_wait_for_the_warm_up(epoch, pairs):
    problem, w, rows = make("additive", SquaredError(), 1, ranks=2)
    problem = AdditiveProblem(problem.model, problem.loss, problem.penalty, warm_up=3)
    now = problem.at_epoch(epoch)
    assert now.pairs is pairs
    factors = problem.model.layout.split(now.linearise(w, rows).gradient(penalised=False))[
        "factors"
    ]
    assert bool(factors.any()) is pairs
    # The penalty holds them from the first epoch on.
    assert problem.model.layout.split(now.linearise(w, rows).gradient())["factors"].all()


def test_other_problems_are_the_same_in_every_epoch():
    problem, _, _ = make("module", SquaredError(), 1)
    assert problem.at_epoch(7) is problem
    additive, _, _ = make("additive", SquaredError(), 1)
    assert additive.at_epoch(7) is additive


@both_problems
@pytest.mark.parametrize("size", [1, 4, 15, 20])
@pytest.mark.parametrize("weighted", [True, False], ids=["weighted", "plain"])
def test_batches_of_rows_are_cut_together(kind, size, weighted):
    problem, w, rows = make(kind, SquaredError(), 1)
    rows = Rows(rows.inputs, rows.y, torch.arange(float(N)) if weighted else None)
    parts = rows.batches(size)
    assert [len(part) for part in parts] == [len(x) for x in torch.arange(N).split(size)]
    assert torch.equal(torch.cat([part.y for part in parts]), rows.y)
    losses = torch.cat([problem.linearise(w, part).losses for part in parts])
    torch.testing.assert_close(losses, problem.linearise(w, rows).losses)
    if weighted:
        assert torch.equal(torch.cat([part.weight for part in parts]), rows.weight)
    else:
        assert all(part.weight is None for part in parts)


@both_problems
@pytest.mark.parametrize(
    "index", [slice(2, 9), torch.tensor([7, 0, 7])], ids=["slice", "repeated-index"]
)
def test_taken_rows_keep_their_losses_and_weights(kind, index):
    problem, w, rows = make(kind, SquaredError(), 1)
    rows = Rows(rows.inputs, rows.y, torch.arange(float(N)))
    taken = rows.take(index)
    expected = problem.linearise(w, rows).losses[index]
    torch.testing.assert_close(problem.linearise(w, taken).losses, expected)
    assert torch.equal(taken.weight, rows.weight[index])
    assert Rows(rows.inputs, rows.y).take(index).weight is None
