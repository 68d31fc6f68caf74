"""The NumPy epoch against the general path, and the cases that it must leave to it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer
from biam.hypergradient import Implicit, OneStep
from biam.kernel import EpochKernel, StepSettings
from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.weighting import WeightingNetwork

N, N_META, P, BATCH = 150, 70, 4, 64
UPPER = {
    "learned": WeightingNetwork(),
    "raw-losses": WeightingNetwork(5, standardise=False, normalise=False),
    "uniform": None,
}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}
both_losses = pytest.mark.parametrize("task", ["regression", "softmax"])
RANKS = {"main": 0, "pairs": 3}
every_model = pytest.mark.parametrize("n_ranks", RANKS.values(), ids=RANKS)
every_upper = pytest.mark.parametrize("upper", UPPER.values(), ids=UPPER)
both_types = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])


def make(
    task="regression",
    upper=UPPER["learned"],
    dtype=torch.float32,
    *,
    n=N,
    n_ranks=0,
    gaps=0.1,
    warm_up=0,
    **changes,
):
    """An optimizer and the training and meta rows of a small problem with gaps."""
    g = np.random.default_rng(0)
    X, X_meta = g.normal(size=(n, P)), g.normal(size=(N_META, P))
    X[g.uniform(size=X.shape) < gaps] = np.nan
    y, y_meta = (np.sin(x[:, 0]) + 3 * (x[:, 1] > 0) for x in (np.nan_to_num(X), X_meta))
    y[::5] += 4
    d, loss = (1, SquaredError()) if task == "regression" else (3, SoftmaxCrossEntropy())
    if task == "softmax":
        y, y_meta = (np.clip(target, 0, 2).astype(int) for target in (y, y_meta))
    generator = torch.Generator().manual_seed(1)
    basis = Basis.fit(X, 5, dtype=dtype)
    model = AdditiveModel(basis, d, n_ranks=n_ranks, generator=generator)
    strength = torch.rand(model.layout.size, generator=generator, dtype=dtype)
    penalty = CoefficientPenalty(1e-2 * strength, 1e-2 * strength.flip(0))
    problem = AdditiveProblem(model, loss, penalty, warm_up=warm_up)
    kind = dtype if task == "regression" else torch.int64
    rows, meta = (
        Rows(model.join(model.basis.design(x)), torch.as_tensor(t).to(kind))
        for x, t in ((X, y), (X_meta, y_meta))
    )
    changes.setdefault("lr_scale", 0.5 + strength if n_ranks else None)
    optimizer = BilevelOptimizer(problem, upper, lower_lr=0.1, upper_lr=0.5, batch_size=BATCH)
    return replace(optimizer, **changes), rows, meta


def start(optimizer):
    """A first state with every parameter, the gates too, away from zero."""
    g, w = torch.Generator().manual_seed(2), optimizer.problem.model.w.detach()
    return optimizer.init(w + 0.05 * torch.randn(len(w), generator=g, dtype=w.dtype), g)


def settings_of(optimizer):
    o = optimizer
    return StepSettings(o.lower_lr, o.upper_lr, o.clip, o.batch_size, o.lr_scale)


def kernel_of(optimizer, rows, meta, *, epoch=0):
    problem = optimizer.problem.at_epoch(epoch)
    return EpochKernel(problem, optimizer.upper, rows, meta, settings_of(optimizer))


def applies(optimizer, rows, meta):
    parts = (optimizer.problem, optimizer.upper, optimizer.hypergradient)
    return EpochKernel.applies(*parts, rows, meta, settings_of(optimizer))


def epoch_by_steps(optimizer, rows, meta, order, state):
    """One epoch through `step`, from batch `state.batch` on, with the losses that it saw."""
    batches, judges = rows.take(order).batches(BATCH), meta.batches(BATCH)
    lower, upper = [], []
    for i in range(state.batch, len(batches)):
        state, info = optimizer.step(state, batches[i], judges[i % len(judges)])
        lower.append(info.lower_loss)
        upper.append(info.meta_loss)
    return state, lower, upper


@both_losses
@every_upper
@both_types
@every_model
@pytest.mark.parametrize("first", [0, 1], ids=["whole", "from-mid-epoch"])
@pytest.mark.parametrize("n", [128, 150, 129, 40], ids=["even", "short", "one-row", "one-batch"])
def test_the_kernel_is_the_general_path(task, upper, dtype, n_ranks, first, n):
    optimizer, rows, meta = make(task, upper, dtype, n=n, n_ranks=n_ranks)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
    state = replace(start(optimizer), batch=first)
    expected, lower, judged = epoch_by_steps(optimizer, rows, meta, order, state)
    kernel = kernel_of(optimizer, rows, meta)
    w, theta, *losses = kernel.run(state.lower.numpy(), state.upper.numpy(), order.numpy(), first)
    near = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(torch.from_numpy(w), expected.lower, **near)
    torch.testing.assert_close(torch.from_numpy(theta), expected.upper, **near)
    np.testing.assert_allclose(losses[0], lower, **near)
    np.testing.assert_allclose(losses[1], [] if upper is None else judged, **near)
    assert (n == 40 and first) or (expected.lower - state.lower).norm() > 0.05


@both_losses
@pytest.mark.parametrize("gaps", [0, 0.2], ids=["complete", "gaps"])
@pytest.mark.parametrize("scaled", [False, True], ids=["one-rate", "gate-rate"])
def test_pairs_wait_as_on_the_general_path(task, gaps, scaled):
    changes = {} if scaled else {"lr_scale": None}
    settings = {"n_ranks": 3, "gaps": gaps, "warm_up": 2, **changes}
    optimizer, rows, meta = make(task, dtype=torch.float64, **settings)
    assert rows.inputs.complete == (gaps == 0)
    fast = slow = start(optimizer)
    g = torch.Generator().manual_seed(3)
    for epoch in range(5):
        order = torch.randperm(N, generator=g)
        slow, *_ = epoch_by_steps(optimizer, rows, meta, order, replace(slow, epoch=epoch, batch=0))
        kernel = kernel_of(optimizer, rows, meta, epoch=epoch)
        w, theta, *_ = kernel.run(fast.lower.numpy(), fast.upper.numpy(), order.numpy())
        fast = replace(fast, lower=torch.from_numpy(w), upper=torch.from_numpy(theta))
        torch.testing.assert_close(fast.lower, slow.lower, rtol=0, atol=1e-9)
        torch.testing.assert_close(fast.upper, slow.upper, rtol=0, atol=1e-9)


@both_losses
@every_upper
@every_model
def test_the_kernel_leaves_its_inputs_alone(task, upper, n_ranks):
    optimizer, rows, meta = make(task, upper, n_ranks=n_ranks)
    state, penalty = start(optimizer), optimizer.problem.penalty
    given = [state.lower, state.upper, rows.y, meta.y, rows.inputs.joint, rows.inputs.H]
    given += [penalty.l2, penalty.l0] + ([optimizer.lr_scale] if n_ranks else [])
    before = [x.clone() for x in given]
    kernel = kernel_of(optimizer, rows, meta)
    w, _, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), np.arange(N))
    after = given
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert w.dtype == np.float32


@both_losses
@every_model
def test_a_problem_without_penalty_is_covered(task, n_ranks):
    optimizer, rows, meta = make(task, dtype=torch.float64, n_ranks=n_ranks)
    optimizer = replace(optimizer, problem=replace(optimizer.problem, penalty=None))
    state, order = start(optimizer), torch.arange(N)
    expected, *_ = epoch_by_steps(optimizer, rows, meta, order, state)
    kernel = kernel_of(optimizer, rows, meta)
    w, theta, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), order.numpy())
    np.testing.assert_allclose(w, expected.lower, atol=1e-10)
    np.testing.assert_allclose(theta, expected.upper, atol=1e-10)


@every_model
def test_overflow_is_silent_and_shows_in_the_parameters(n_ranks):
    optimizer, rows, meta = make(n_ranks=n_ranks)
    rows = Rows(rows.inputs, rows.y * 1e30)
    kernel = kernel_of(optimizer, rows, meta)
    state = start(optimizer)
    w, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), np.arange(N))
    assert not np.isfinite(w).all()


@both_losses
@every_upper
@every_model
def test_the_kernel_covers_the_published_case(task, upper, n_ranks):
    assert applies(*make(task, upper, n_ranks=n_ranks))


@pytest.mark.parametrize("lr", [None, 0.1], ids=["default", "spelled-out"])
def test_the_one_step_hypergradient_of_the_lower_rate_is_covered(lr):
    assert applies(*make(hypergradient=None if lr is None else OneStep(lr)))


def with_problem(**changes):
    optimizer, rows, meta = make()
    return replace(optimizer, problem=replace(optimizer.problem, **changes)), rows, meta


def with_model(**options):
    optimizer, rows, meta = make()
    model = AdditiveModel(optimizer.problem.model.basis, **options)
    return replace(optimizer, problem=AdditiveProblem(model, SquaredError())), rows, meta


def with_rows(which, change):
    optimizer, *parts = make()
    parts[which] = change(parts[which])
    return optimizer, *parts


def uneven_pairs():
    """Pairs of features with different numbers of basis columns."""
    optimizer, rows, meta = with_model(n_ranks=2)
    basis = Basis.fit(np.column_stack([np.arange(9.0) % 2, np.arange(9.0)]), 5)
    assert {len(f.knots) for f in basis.features} == {2, 5}
    model = AdditiveModel(basis, n_ranks=2)
    return replace(optimizer, problem=AdditiveProblem(model, SquaredError())), rows, meta


class OtherLearner:
    """Some upper learner that is no weighting network."""


def plain(part):
    return Rows(replace(part.inputs, joint=None), part.y)


def weighted(part):
    return Rows(part.inputs, part.y, torch.ones(len(part)))


def elsewhere(part):
    return Rows(part.inputs.to("meta"), part.y.to("meta"))


NOT_COVERED = {
    "uneven-pairs": uneven_pairs,
    "surfaces": lambda: with_model(pairs=[(0, 1)]),
    "two-outputs-squared": lambda: with_model(n_outputs=2),
    "one-class-softmax": lambda: with_problem(loss=SoftmaxCrossEntropy()),
    "huber": lambda: with_problem(loss=Huber()),
    "logistic": lambda: with_problem(loss=Logistic()),
    "module": lambda: make(problem=ModuleProblem(torch.nn.Linear(4, 1), SquaredError())),
    "other-learner": lambda: make(upper=OtherLearner()),
    "implicit": lambda: make(hypergradient=Implicit(lambda b: b)),
    "other-look-ahead": lambda: make(hypergradient=OneStep(0.2)),
    "rows-without-joint": lambda: with_rows(0, plain),
    "meta-without-joint": lambda: with_rows(1, plain),
    "weighted-rows": lambda: with_rows(0, weighted),
    "weighted-meta": lambda: with_rows(1, weighted),
    "tensor-rows": lambda: with_rows(0, lambda part: Rows(part.inputs.joint, part.y)),
    "other-device": lambda: with_rows(0, elsewhere),
}


@pytest.mark.parametrize("case", NOT_COVERED.values(), ids=NOT_COVERED)
def test_other_cases_are_left_to_the_general_path(case):
    assert applies(*case()) is False


def test_uniform_weights_ask_nothing_of_the_meta_rows():
    optimizer, rows, meta = make(upper=None)
    assert applies(optimizer, rows, None)
    assert applies(optimizer, rows, weighted(meta))
