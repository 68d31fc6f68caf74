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
every_upper = pytest.mark.parametrize("upper", UPPER.values(), ids=UPPER)
both_types = pytest.mark.parametrize("dtype", TOLERANCE, ids=["float32", "float64"])


def make(task="regression", upper=UPPER["learned"], dtype=torch.float32, *, n=N, **changes):
    """An optimizer and the training and meta rows of a small problem with gaps."""
    g = np.random.default_rng(0)
    X, X_meta = g.normal(size=(n, P)), g.normal(size=(N_META, P))
    X[g.uniform(size=X.shape) < 0.1] = np.nan
    y, y_meta = (np.sin(x[:, 0]) + 3 * (x[:, 1] > 0) for x in (np.nan_to_num(X), X_meta))
    y[::5] += 4
    d, loss = (1, SquaredError()) if task == "regression" else (3, SoftmaxCrossEntropy())
    if task == "softmax":
        y, y_meta = (np.clip(target, 0, 2).astype(int) for target in (y, y_meta))
    generator = torch.Generator().manual_seed(1)
    model = AdditiveModel(Basis.fit(X, 5, dtype=dtype), d, generator=generator)
    strength = torch.ones(model.layout.size, dtype=dtype)
    problem = AdditiveProblem(model, loss, CoefficientPenalty(1e-3 * strength, 1e-4 * strength))
    kind = dtype if task == "regression" else torch.int64
    rows, meta = (
        Rows(model.join(model.basis.design(x)), torch.as_tensor(t).to(kind))
        for x, t in ((X, y), (X_meta, y_meta))
    )
    optimizer = BilevelOptimizer(problem, upper, lower_lr=0.1, upper_lr=0.5, batch_size=BATCH)
    return replace(optimizer, **changes), rows, meta


def start(optimizer):
    return optimizer.init(optimizer.problem.model.w, torch.Generator().manual_seed(2))


def settings_of(optimizer):
    o = optimizer
    return StepSettings(o.lower_lr, o.upper_lr, o.clip, o.batch_size)


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
@pytest.mark.parametrize("first", [0, 1], ids=["whole", "from-mid-epoch"])
@pytest.mark.parametrize("n", [128, 150, 129, 40], ids=["even", "short", "one-row", "one-batch"])
def test_the_kernel_is_the_general_path(task, upper, dtype, first, n):
    optimizer, rows, meta = make(task, upper, dtype, n=n)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(3))
    state = replace(start(optimizer), batch=first)
    expected, lower, judged = epoch_by_steps(optimizer, rows, meta, order, state)
    kernel = EpochKernel(optimizer.problem, upper, rows, meta, settings_of(optimizer))
    w, theta, *losses = kernel.run(state.lower.numpy(), state.upper.numpy(), order.numpy(), first)
    near = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    torch.testing.assert_close(torch.from_numpy(w), expected.lower, **near)
    torch.testing.assert_close(torch.from_numpy(theta), expected.upper, **near)
    np.testing.assert_allclose(losses[0], lower, **near)
    np.testing.assert_allclose(losses[1], [] if upper is None else judged, **near)
    assert (n == 40 and first) or (expected.lower - state.lower).norm() > 0.05


@both_losses
@every_upper
def test_the_kernel_leaves_its_inputs_alone(task, upper):
    optimizer, rows, meta = make(task, upper)
    state = start(optimizer)
    before = [x.clone() for x in (state.lower, state.upper, rows.y, meta.y, rows.inputs.joint)]
    kernel = EpochKernel(optimizer.problem, upper, rows, meta, settings_of(optimizer))
    w, _, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), np.arange(N))
    after = [state.lower, state.upper, rows.y, meta.y, rows.inputs.joint]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert w.dtype == np.float32


@both_losses
def test_a_problem_without_penalty_is_covered(task):
    optimizer, rows, meta = make(task, dtype=torch.float64)
    optimizer = replace(optimizer, problem=replace(optimizer.problem, penalty=None))
    state, order = start(optimizer), torch.arange(N)
    expected, *_ = epoch_by_steps(optimizer, rows, meta, order, state)
    kernel = EpochKernel(optimizer.problem, optimizer.upper, rows, meta, settings_of(optimizer))
    w, theta, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), order.numpy())
    np.testing.assert_allclose(w, expected.lower, atol=1e-10)
    np.testing.assert_allclose(theta, expected.upper, atol=1e-10)


def test_overflow_is_silent_and_shows_in_the_parameters():
    optimizer, rows, meta = make()
    rows = Rows(rows.inputs, rows.y * 1e30)
    kernel = EpochKernel(optimizer.problem, optimizer.upper, rows, meta, settings_of(optimizer))
    state = start(optimizer)
    w, *_ = kernel.run(state.lower.numpy(), state.upper.numpy(), np.arange(N))
    assert not np.isfinite(w).all()


@both_losses
@every_upper
def test_the_kernel_covers_the_published_case(task, upper):
    assert applies(*make(task, upper))


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


class OtherLearner:
    """Some upper learner that is no weighting network."""


def plain(part):
    return Rows(replace(part.inputs, joint=None), part.y)


def weighted(part):
    return Rows(part.inputs, part.y, torch.ones(len(part)))


def elsewhere(part):
    return Rows(part.inputs.to("meta"), part.y.to("meta"))


NOT_COVERED = {
    "pairs": lambda: with_model(n_ranks=2),
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
