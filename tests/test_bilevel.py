"""The bilevel loop: resuming bit for bit, what each setting means, status, purity."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer, BilevelState
from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.exceptions import InvalidInputError
from biam.hypergradient import OneStep
from biam.kernel import EpochKernel
from biam.losses import Huber, SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.weighting import WeightingNetwork

BATCH = 64
near = {"rtol": 1e-5, "atol": 1e-5}


def published(task, variant):
    """A small published problem: split, optimizer, first state, training and meta rows."""
    stream = torch.Generator().manual_seed(42)
    make = make_additive_regression if task == "regression" else make_disc_classification
    split = make(400, 6, noise_rate=0.3, missing_rate=0.2)
    d, loss = (1, SquaredError()) if task == "regression" else (2, SoftmaxCrossEntropy())
    basis, n_ranks = Basis.fit(split.X_train, shared=True), 3 if variant == "BIAM2" else 0
    model = AdditiveModel(basis, d, n_ranks=n_ranks, generator=stream)
    strength = torch.ones(model.layout.size)
    penalty = CoefficientPenalty(1e-3 * strength, 1e-4 * strength)
    optimizer = BilevelOptimizer(
        AdditiveProblem(model, loss, penalty, warm_up=1 if n_ranks else 0),
        None if variant == "BIAM-B" else WeightingNetwork(),
        upper_lr=0.1,
        lr_scale=strength / 2 if n_ranks else None,
    )
    kind = torch.float32 if task == "regression" else torch.int64
    rows, meta = (
        Rows(model.join(basis.design(X)), torch.as_tensor(y).to(kind))
        for X, y in ((split.X_train, split.y_train), (split.X_meta, split.y_meta))
    )
    return split, optimizer, optimizer.init(model.w, stream), rows, meta


# Resuming

PATHS = {
    "kernel": ("regression", "BIAM", {}),
    "kernel-softmax": ("classification", "BIAM", {}),
    "kernel-uniform": ("regression", "BIAM-B", {}),
    "general": ("regression", "BIAM", {"hypergradient": OneStep(0.02)}),
    "kernel-pairs": ("regression", "BIAM2", {}),
    "kernel-pairs-softmax": ("classification", "BIAM2", {}),
    "general-pairs": ("regression", "BIAM2", {"hypergradient": OneStep(0.02)}),
}


def on_path(path):
    task, variant, changes = PATHS[path]
    _, optimizer, state, rows, meta = published(task, variant)
    optimizer = replace(optimizer, **changes)
    return optimizer, state, rows, meta


def saved_and_loaded(state, folder):
    torch.save(state.to_dict(), folder / "state.pt")
    return BilevelState.from_dict(torch.load(folder / "state.pt", weights_only=True))


def assert_same(one, other):
    for name in ("lower", "upper", "rng"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert (one.epoch, one.batch) == (other.epoch, other.batch)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("first", [1, 2])
def test_a_run_that_is_saved_and_resumed_ends_bit_for_bit_the_same(path, first, tmp_path):
    optimizer, state, rows, meta = on_path(path)
    whole = optimizer.run(state, rows, meta, 3)
    part = optimizer.run(state, rows, meta, first)
    loaded = saved_and_loaded(part.state, tmp_path)
    assert_same(loaded, part.state)
    rest = optimizer.run(loaded, rows, meta, 3)
    assert_same(rest.state, whole.state)
    assert part.history + rest.history == whole.history
    assert [record["epoch"] for record in whole.history] == [1, 2, 3]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("cut", [1, 3])
def test_a_state_cut_in_mid_epoch_goes_on_with_the_same_batches(path, cut, tmp_path):
    optimizer, state, rows, meta = on_path(path)
    whole = optimizer.run(state, rows, meta, 2).state
    begun = optimizer.run(state, rows, meta, 1).state
    order, _ = optimizer._order(begun, len(rows))
    batches, judges = rows.take(order).batches(BATCH), meta.batches(BATCH)
    for i in range(cut):
        begun, _ = optimizer.step(begun, batches[i], judges[i % len(judges)])
    assert (begun.epoch, begun.batch) == (1, cut)
    rest = optimizer.run(saved_and_loaded(begun, tmp_path), rows, meta, 2).state
    if path.startswith("kernel"):
        # The first steps went by torch, the others by NumPy: equal up to rounding.
        torch.testing.assert_close(rest.lower, whole.lower, **near)
        torch.testing.assert_close(rest.upper, whole.upper, **near)
        assert torch.equal(rest.rng, whole.rng)
    else:
        assert_same(rest, whole)


@pytest.mark.parametrize("path", [name for name in PATHS if name.startswith("kernel")])
def test_the_kernel_and_the_general_path_are_one_loop(path, monkeypatch):
    optimizer, state, rows, meta = on_path(path)
    fast = optimizer.run(state, rows, meta, 2)
    monkeypatch.setattr(EpochKernel, "applies", staticmethod(lambda *_: False))
    slow = optimizer.run(state, rows, meta, 2)
    torch.testing.assert_close(fast.state.lower, slow.state.lower, **near)
    torch.testing.assert_close(fast.state.upper, slow.state.upper, **near)
    assert torch.equal(fast.state.rng, slow.state.rng)
    for one, other in zip(fast.history, slow.history, strict=True):
        assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.parametrize("path", PATHS)
def test_a_run_leaves_its_inputs_and_all_global_state_alone(path):
    optimizer, state, rows, meta = on_path(path)
    tensors = [state.lower, state.upper, state.rng, rows.inputs.joint, rows.y, meta.y]
    tensors.append(optimizer.problem.model.w.detach())
    before = [x.clone() for x in tensors]
    world = torch.get_rng_state(), repr(np.random.get_state()), torch.get_num_threads()
    optimizer.run(state, rows, meta, 1)
    optimizer.step(state, rows.take(slice(0, 9)), meta.take(slice(0, 5)))
    assert all(torch.equal(a, b) for a, b in zip(before, tensors, strict=True))
    assert torch.equal(torch.get_rng_state(), world[0])
    assert (repr(np.random.get_state()), torch.get_num_threads()) == world[1:]
    assert (state.epoch, state.batch) == (0, 0)


@pytest.mark.parametrize("path", PATHS)
def test_the_state_of_a_run_can_be_differentiated_through(path):
    optimizer, state, rows, meta = on_path(path)
    w = optimizer.run(state, rows, meta, 1).state.lower.requires_grad_()
    (w * w).sum().backward()
    assert torch.equal(w.grad, 2 * w.detach())


# What the settings mean


def toy(**changes):
    """A small MLP, 20 training rows and 8 meta rows, in float64."""
    g = torch.Generator().manual_seed(0)
    X = torch.randn(28, 2, generator=g, dtype=torch.float64)
    y = X[:, 0] * X[:, 1]
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    problem = ModuleProblem(module, SquaredError())
    size = problem.initial().numel()
    w = torch.randn(size, generator=g, dtype=torch.float64)
    settings = {"upper": WeightingNetwork(), "batch_size": 8, "lower_lr": 0.3, "upper_lr": 0.5}
    optimizer = BilevelOptimizer(problem, **(settings | changes))
    state = optimizer.init(w, torch.Generator().manual_seed(1))
    return optimizer, state, Rows(X[:20], y[:20]), Rows(X[20:], y[20:])


@pytest.mark.parametrize("clip", [0.05, 1.0, 1e9], ids=["tight", "published", "none"])
@pytest.mark.parametrize("fixed", [False, True], ids=["plain", "sample-weight"])
def test_uniform_weights_are_plain_clipped_sgd(clip, fixed):
    optimizer, state, rows, _ = toy(upper=None, clip=clip)
    weight = torch.linspace(0, 2, 20, dtype=torch.float64) if fixed else None
    rows = Rows(rows.inputs, rows.y, weight)
    w = state.lower.clone().requires_grad_()
    sgd, current = torch.optim.SGD([w], lr=0.3), state
    for _ in range(2):
        order, rng = optimizer._order(current, 20)
        current = replace(current, rng=rng)
        for batch in rows.take(order).batches(8):
            losses = optimizer.problem.losses(w, batch)
            sgd.zero_grad()
            (losses if batch.weight is None else batch.weight * losses).mean().backward()
            nn.utils.clip_grad_norm_([w], clip)
            sgd.step()
    result = optimizer.run(state, rows, None, 2)
    torch.testing.assert_close(result.state.lower, w.detach(), rtol=1e-10, atol=1e-12)
    assert result.state.upper.numel() == 0
    assert "meta_loss" not in result.history[0]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("lower_lr", 0.1),
        ("upper_lr", 0.1),
        ("clip", 0.01),
        ("batch_size", 5),
        ("lr_scale", torch.full((13,), 0.5, dtype=torch.float64)),
        ("hypergradient", OneStep(0.01)),
        ("upper", WeightingNetwork(normalise=False)),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_every_option_has_an_effect(option, value):
    usual, changed = (toy(**changes) for changes in ({}, {option: value}))
    ends = [optimizer.run(*parts, 2).state for optimizer, *parts in (usual, changed)]
    assert not torch.equal(ends[0].lower, ends[1].lower)


def test_a_step_size_per_parameter_is_never_left_to_the_kernel():
    _, optimizer, state, rows, meta = published("regression", "BIAM")
    frozen = replace(optimizer, lr_scale=torch.zeros_like(state.lower))
    result = frozen.run(state, rows, meta, 1)
    assert torch.equal(result.state.lower, state.lower)
    assert not torch.equal(result.state.upper, state.upper)


def test_fixed_weights_of_one_change_nothing_and_of_zero_switch_rows_off():
    optimizer, state, rows, meta = toy()
    one = torch.ones(20, dtype=torch.float64)
    usual = optimizer.run(state, rows, meta, 2)
    ones, zeros = Rows(rows.inputs, rows.y, one), Rows(rows.inputs, rows.y, 0 * one)
    same = optimizer.run(state, ones, Rows(meta.inputs, meta.y, one[:8]), 2)
    torch.testing.assert_close(same.state.lower, usual.state.lower)
    torch.testing.assert_close(same.state.upper, usual.state.upper)
    none = optimizer.run(state, zeros, meta, 2)
    assert torch.equal(none.state.lower, state.lower)
    assert none.history[0]["lower_loss"] == 0


def test_the_meta_loss_is_that_of_the_weighted_meta_rows():
    optimizer, state, rows, meta = toy()
    weight = torch.tensor([8.0] + [0.0] * 7, dtype=torch.float64)
    _, alone = optimizer.step(state, rows, meta.take(slice(0, 1)))
    _, weighted = optimizer.step(state, rows, Rows(meta.inputs, meta.y, weight))
    assert weighted.meta_loss == pytest.approx(alone.meta_loss, rel=1e-12)


def test_fixed_weights_are_in_the_upper_gradient():
    # Every row enters the look-ahead by learned times fixed weight; the clip is out of the way.
    optimizer, state, rows, meta = toy(clip=1e9, upper_lr=1.0)
    fixed = torch.linspace(0, 2, 20, dtype=torch.float64)
    rows = Rows(rows.inputs, rows.y, fixed)
    after, _ = optimizer.step(state, rows, meta)
    theta, losses = state.upper.clone().requires_grad_(), optimizer.problem.losses
    w = after.lower.clone().requires_grad_()
    here = losses(w, rows)
    first, bias, second, offset = theta.split([10, 10, 10, 1])
    z = ((here - here.mean()) / (here.std() + 1e-8)).detach()
    nu = torch.sigmoid(torch.relu(z[:, None] * first + bias) @ second + offset)
    risk = (nu / (nu.mean() + 1e-8) * fixed * here).mean()
    (slope,) = torch.autograd.grad(risk, w, create_graph=True)
    (expected,) = torch.autograd.grad(losses(w - 0.3 * slope, meta).mean(), theta)
    assert expected.norm() > 1e-3
    torch.testing.assert_close(state.upper - after.upper, expected, rtol=1e-9, atol=1e-12)


def test_a_step_reports_what_it_saw():
    optimizer, state, rows, meta = toy()
    after, info = optimizer.step(state, rows, meta)
    losses = optimizer.problem.linearise(state.lower, rows).losses
    weights = WeightingNetwork().weights(state.upper, losses)
    torch.testing.assert_close(info.weights, weights)
    assert info.lower_loss == pytest.approx((weights * losses).mean().item())
    assert info.meta_loss > 0
    assert (after.epoch, after.batch) == (0, 1)


def test_learned_weights_beat_uniform_ones_on_corrupted_rows():
    split, optimizer, state, rows, meta = published("regression", "BIAM")
    design = optimizer.problem.model.basis.design(split.X_test)
    errors = {}
    for name, upper in (("learned", optimizer.upper), ("uniform", None)):
        shifted = Rows(rows.inputs, rows.y + 10 * torch.tensor(split.mask))
        trained = replace(optimizer, upper=upper, upper_lr=0.5).run(state, shifted, meta, 30).state
        f = optimizer.problem.model.outputs(trained.lower, design)[:, 0]
        errors[name] = (f - torch.tensor(split.y_test)).square().mean().item()
    assert errors["learned"] < 0.7 * errors["uniform"]


# Ends


@pytest.mark.parametrize(
    ("n_epochs", "stop", "status", "done"),
    [(3, None, "finished", 3), (9, 2, "stopped", 2), (0, None, "finished", 0)],
    ids=["finished", "stopped", "nothing-to-do"],
)
def test_a_run_ends_with_a_status(n_epochs, stop, status, done):
    optimizer, state, rows, meta = toy()
    seen = []

    def callback(state, record):
        seen.append((state.epoch, record["epoch"]))
        return state.epoch == stop

    result = optimizer.run(state, rows, meta, n_epochs, callback=callback)
    assert (result.status, result.state.epoch, len(result.history)) == (status, done, done)
    assert seen == [(i, i) for i in range(1, done + 1)]
    assert_same(optimizer.run(state, rows, meta, done).state, result.state)


@pytest.mark.parametrize("part", ["rows", "meta"])
@pytest.mark.parametrize("path", ["kernel", "kernel-softmax", "general", "kernel-pairs"])
def test_a_run_that_leaves_the_finite_numbers_has_diverged(path, part):
    optimizer, state, rows, meta = on_path(path)
    broken = (rows if part == "rows" else meta).take(slice(None))
    broken.inputs.joint[-1, 0] = math.nan
    rows, meta = (broken, meta) if part == "rows" else (rows, broken)
    result = optimizer.run(state, rows, meta, 5)
    assert result.status == "diverged"
    assert result.state.epoch == len(result.history) == 1


def test_an_overflow_in_the_last_upper_step_has_diverged_too():
    optimizer, state, rows, meta = toy(batch_size=20)
    broken = Rows(meta.inputs, meta.y * math.inf)
    result = optimizer.run(state, rows, broken, 1)
    assert result.state.lower.isfinite().all()
    assert result.status == "diverged"


@pytest.mark.parametrize("size", [None, 0], ids=["none", "empty"])
def test_weights_cannot_be_learned_without_meta_rows(size):
    optimizer, state, rows, meta = toy()
    meta = None if size is None else meta.take(slice(0, size))
    with pytest.raises(InvalidInputError, match=r"needs meta rows, got none.*upper=None"):
        optimizer.run(state, rows, meta, 1)


# First state


@pytest.mark.parametrize("upper", [WeightingNetwork(), None], ids=["learned", "uniform"])
def test_the_first_state_draws_theta_from_the_generator_only(upper):
    optimizer, *_ = toy(upper=upper)
    w, generator = torch.ones(13, requires_grad=True), torch.Generator().manual_seed(7)
    state = optimizer.init(w, generator)
    again = torch.Generator().manual_seed(7)
    expected = torch.zeros(0) if upper is None else upper.init(again)
    assert torch.equal(state.upper, expected)
    assert torch.equal(state.rng, again.get_state())
    assert not state.lower.requires_grad
    assert state.lower.data_ptr() != w.data_ptr()


def test_the_order_of_an_epoch_is_that_of_a_data_loader():
    optimizer, state, *_ = toy()
    torch.set_rng_state(state.rng)
    for _ in range(3):
        order, rng = optimizer._order(state, 20)
        list(DataLoader(torch.arange(8), 8))
        assert torch.cat(list(DataLoader(torch.arange(20), 8, shuffle=True))).equal(order)
        assert torch.equal(torch.get_rng_state(), rng)
        state = replace(state, rng=rng)
    assert not order.equal(torch.arange(20))


def test_huber_takes_the_general_path_and_agrees_with_squares_far_out():
    _, optimizer, state, rows, meta = published("regression", "BIAM")
    wide = replace(optimizer, problem=replace(optimizer.problem, loss=Huber(1e6)))
    expected = optimizer.run(state, rows, meta, 1).state
    torch.testing.assert_close(wide.run(state, rows, meta, 1).state.lower, expected.lower, **near)
