"""Options of both levels: price of uneven weights, clip of theta, noise; off by default."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer, BilevelState
from biam.datasets.synthetic import make_additive_regression
from biam.exceptions import InvalidInputError
from biam.losses import SquaredError
from biam.lower import AdditiveProblem, ModuleProblem, Rows
from biam.penalties import WeightEntropy, weight_entropy
from biam.weighting import WeightingNetwork

OFF = {"upper_clip": None, "upper_penalty": None, "lower_noise": 0.0, "upper_noise": 0.0}
ON = {
    "upper_clip": 1e-3,
    "upper_penalty": WeightEntropy(1.0),
    "lower_noise": 0.1,
    "upper_noise": 0.1,
}


def toy(**changes):
    """A small MLP, 20 training rows and 8 meta rows, in float64."""
    g = torch.Generator().manual_seed(0)
    X = torch.randn(28, 2, generator=g, dtype=torch.float64)
    y = X[:, 0] * X[:, 1]
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    problem = ModuleProblem(module, SquaredError())
    w = torch.randn(13, generator=g, dtype=torch.float64)
    settings = {"upper": WeightingNetwork(), "batch_size": 8, "lower_lr": 0.3, "upper_lr": 0.5}
    optimizer = BilevelOptimizer(problem, **(settings | changes))
    state = optimizer.init(w, torch.Generator().manual_seed(1))
    return optimizer, state, Rows(X[:20], y[:20]), Rows(X[20:], y[20:])


def published():
    """The published case, which the kernel covers."""
    split = make_additive_regression(300, 4, noise_rate=0.3, random_state=0)
    model = AdditiveModel(Basis.fit(split.X_train), generator=torch.Generator().manual_seed(0))
    rows, meta = (
        Rows(model.join(model.basis.design(X)), torch.as_tensor(y).float())
        for X, y in ((split.X_train, split.y_train), (split.X_meta, split.y_meta))
    )
    optimizer = BilevelOptimizer(AdditiveProblem(model, SquaredError()), WeightingNetwork())
    return optimizer, optimizer.init(model.w, torch.Generator().manual_seed(1)), rows, meta


def same(one, other):
    return torch.equal(one.lower, other.lower) and torch.equal(one.upper, other.upper)


@pytest.mark.parametrize("option", OFF)
def test_an_option_is_off_by_default_and_does_something_when_on(option):
    for make in (toy, published):
        optimizer, state, rows, meta = make()
        usual = optimizer.run(state, rows, meta, 2)
        off = replace(optimizer, **{option: OFF[option]}).run(state, rows, meta, 2)
        on = replace(optimizer, **{option: ON[option]}).run(state, rows, meta, 2)
        assert same(off.state, usual.state)
        assert off.history == usual.history
        assert not torch.equal(on.state.upper, usual.state.upper)
        assert torch.equal(on.state.rng, usual.state.rng)


@pytest.mark.parametrize("option", ["lower_noise", "upper_noise"])
@pytest.mark.parametrize("cut", [1, 2])
def test_noise_is_that_of_the_stream_also_after_a_cut(option, cut, tmp_path):
    optimizer, state, rows, meta = toy(**{option: 0.2})
    whole = optimizer.run(state, rows, meta, 3).state
    begun = optimizer.run(state, rows, meta, 1).state
    order, _ = optimizer._order(begun, 20)
    batches = rows.take(order).batches(8)
    for i in range(cut):
        begun, _ = optimizer.step(begun, batches[i], meta)
    torch.save(begun.to_dict(), tmp_path / "state.pt")
    begun = BilevelState.from_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert same(optimizer.run(begun, rows, meta, 3).state, whole)
    other = replace(state, rng=torch.Generator().manual_seed(2).get_state())
    assert not same(optimizer.run(other, rows, meta, 3).state, whole)


def test_noise_leaves_the_global_stream_alone():
    optimizer, state, rows, meta = toy(lower_noise=0.2, upper_noise=0.2)
    before = torch.get_rng_state()
    optimizer.run(state, rows, meta, 1)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_has_the_size_asked_for_and_differs_from_batch_to_batch():
    usual, state, rows, meta = toy()
    noisy = replace(usual, lower_noise=0.7, upper_noise=0.4)
    moves = {"lower": [], "upper": []}
    for batch in range(300):
        at = replace(state, batch=batch)
        clean, _ = usual.step(at, rows, meta)
        shaken, _ = replace(noisy, upper_noise=0.0).step(at, rows, meta)
        moves["lower"].append((shaken.lower - clean.lower) / 0.3)
        shaken, _ = replace(noisy, lower_noise=0.0).step(at, rows, meta)
        moves["upper"].append((shaken.upper - clean.upper) / 0.5)
    for name, size in (("lower", 0.7), ("upper", 0.4)):
        noise = torch.stack(moves[name])
        assert noise.std().item() == pytest.approx(size, rel=0.05)
        assert noise.mean().abs() < 0.05
        assert not torch.equal(noise[0], noise[1])


def test_frozen_parameters_get_no_noise():
    scale = torch.ones(13, dtype=torch.float64)
    scale[4:] = 0
    optimizer, state, rows, meta = toy(lower_noise=0.5, lr_scale=scale)
    after, _ = optimizer.step(state, rows, meta)
    assert torch.equal(after.lower[4:], state.lower[4:])
    assert (after.lower[:4] != state.lower[:4]).all()


@pytest.mark.parametrize("clip", [1e-3, 0.05, 1e9])
def test_theta_moves_by_at_most_its_own_clip(clip):
    optimizer, state, rows, meta = toy(upper_clip=clip)
    free, _ = replace(optimizer, upper_clip=1e9).step(state, rows, meta)
    after, _ = optimizer.step(state, rows, meta)
    move, whole = after.upper - state.upper, free.upper - state.upper
    expected = whole * min(1.0, 0.5 * clip / whole.norm().item())
    torch.testing.assert_close(move, expected, rtol=1e-4, atol=1e-9)
    assert torch.equal(after.lower, free.lower)


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_the_price_enters_the_upper_gradient_by_its_slope_in_theta(strength):
    optimizer, state, rows, meta = toy(clip=1e9, upper_lr=1.0)
    usual, _ = optimizer.step(state, rows, meta)
    priced, info = replace(optimizer, upper_penalty=WeightEntropy(strength)).step(state, rows, meta)
    losses = optimizer.problem.linearise(usual.lower, rows).losses
    slopes, eps = [], 1e-6
    for e in torch.eye(len(state.upper), dtype=torch.float64):
        up, down = (
            -strength * weight_entropy(optimizer.upper.weights(state.upper + s * eps * e, losses))
            for s in (1, -1)
        )
        slopes.append((up - down) / (2 * eps))
    torch.testing.assert_close(
        usual.upper - priced.upper, torch.stack(slopes), rtol=1e-5, atol=1e-8
    )
    assert info.meta_loss == optimizer.step(state, rows, meta)[1].meta_loss


def test_a_high_price_keeps_the_network_from_trusting_few_rows():
    optimizer, state, rows, meta = published()
    shifted = Rows(rows.inputs, rows.y + 10 * (torch.arange(len(rows)) % 3 == 0))
    entropies = []
    for strength in (0.0, 0.1, 10.0):
        tried = replace(optimizer, upper_penalty=WeightEntropy(strength), upper_lr=1.0)
        end = tried.run(state, shifted, meta, 40).state
        losses = optimizer.problem.linearise(end.lower, shifted).losses
        entropies.append(weight_entropy(optimizer.upper.weights(end.upper, losses)).item())
    assert entropies == sorted(entropies)
    assert entropies[2] > entropies[0] + 0.02


@pytest.mark.parametrize("option", ["lower_noise", "upper_noise"])
def test_noise_below_zero_is_refused(option):
    with pytest.raises(InvalidInputError, match=option):
        toy(**{option: -0.1})
