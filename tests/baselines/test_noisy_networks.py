"""Rivals of Meta-Weight-Net: each does what defines it."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.baselines.noisy_networks import (
    coteach,
    early_stopped,
    gold_matrix,
    keep_share,
    reweighted,
    smallest,
    train_reweighted,
)
from biam.bilevel import BilevelOptimizer
from biam.exceptions import InvalidInputError
from biam.losses import SoftmaxCrossEntropy
from biam.lower import ModuleProblem, Rows

K, P = 3, 5
seeds = st.integers(0, 60)


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


def drawn(n, seed, wrong=0.0):
    """Separable rows, the first `wrong` of them with the next class as their label."""
    generator = stream(seed)
    y = torch.randint(0, K, (n,), generator=generator)
    X = 0.5 * torch.randn(n, P, generator=generator) + 2 * torch.eye(K, P)[y]
    y = y.clone()
    y[: round(wrong * n)] = (y[: round(wrong * n)] + 1) % K
    return Rows(X, y)


@pytest.fixture(scope="module")
def problem():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(P, 16), nn.ReLU(), nn.Linear(16, K))
    return ModuleProblem(module, SoftmaxCrossEntropy())


@pytest.fixture(scope="module")
def optimizer(problem):
    return BilevelOptimizer(problem, lower_lr=0.2, clip=5.0, batch_size=20)


def error(problem, w, rows):
    f = torch.func.functional_call(problem.module, problem.named(w), (rows.inputs,))
    return (f.argmax(1) != rows.y).float().mean().item()


@given(seed=seeds)
def test_l2rw_weights_are_a_simplex_of_agreeing_gradients(problem, seed):
    """A row weighs in proportion to <grad l_i, grad meta loss>, cut at zero."""
    rows, meta, w = drawn(12, seed, 0.5), drawn(9, seed + 1), problem.initial()
    weights = reweighted(problem, w, rows, meta, 0.3)
    upward = problem.linearise(w, meta).gradient()
    agree = torch.stack(
        [problem.linearise(w, rows.take(slice(i, i + 1))).gradient() @ upward for i in range(12)]
    ).clamp_min(0)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights / 12, agree / agree.sum(), rtol=1e-3, atol=1e-5)


def test_l2rw_is_silent_where_no_row_helps(problem):
    rows, w = drawn(6, 0), problem.initial()
    against = replace(rows, weight=-torch.ones(6))
    assert not reweighted(problem, w, rows.take(slice(1)), against.take(slice(1)), 0.1).any()


def test_l2rw_beats_plain_training_under_flips(problem, optimizer):
    rows, meta, test = drawn(300, 1, 0.6), drawn(30, 2), drawn(300, 3)
    w = train_reweighted(optimizer, problem.initial(), rows, meta, 8, stream())
    plain = optimizer.run(optimizer.init(problem.initial(), stream()), rows, None, 8).state.lower
    assert error(problem, w, test) < 0.1 < error(problem, plain, test)


@given(n=st.integers(1, 50), share=st.floats(0, 1), seed=seeds)
def test_smallest_is_exactly_the_share_and_the_lowest(n, share, seed):
    losses = torch.rand(n, generator=stream(seed))
    kept = smallest(losses, share)
    assert len(kept) == max(1, round(share * n)) == len(set(kept.tolist()))
    rest = losses[[i for i in range(n) if i not in kept]]
    assert not len(rest) or losses[kept].max() <= rest.min()


@given(rate=st.floats(0, 1), ramp=st.integers(1, 20))
def test_the_kept_share_falls_to_one_less_the_rate(rate, ramp):
    shares = [keep_share(epoch, rate, ramp) for epoch in range(ramp + 3)]
    assert shares[0] == 1
    assert shares[-1] == pytest.approx(1 - rate)
    assert shares == sorted(shares, reverse=True)


def test_coteaching_told_of_no_noise_is_plain_training(problem, optimizer):
    """Nothing is dropped: two equal starts stay equal, and take the steps that all rows make."""
    rows, w = drawn(40, 4), problem.initial()
    first, second = coteach(optimizer, (w, w), rows, 1, stream(), rate=0.0)
    state = optimizer.init(w, stream())
    for batch in rows.take(torch.randperm(40, generator=stream())).batches(20):
        state, _ = optimizer.step(state, batch, None)
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, state.lower)


def test_coteaching_drops_wrong_labels(problem, optimizer):
    rows, test = drawn(300, 5, 0.25), drawn(300, 6)
    w = problem.initial()
    other = w + 0.1 * torch.randn(len(w), generator=stream(1))
    taught, _ = coteach(optimizer, (w, other), rows, 20, stream(), rate=0.25, ramp=3)
    kept = smallest(problem.losses(taught, rows), 0.75)
    assert (kept >= round(0.25 * 300)).float().mean() > 0.9
    assert error(problem, taught, test) < 0.05


def test_the_gold_matrix_is_the_noise(problem):
    """From the true chances of noisy labels it is the matrix that made them."""
    noise = torch.tensor([[0.6, 0.4, 0.0], [0.0, 0.7, 0.3], [0.1, 0.1, 0.8]])
    y = torch.tensor([0, 1, 1, 2, 0, 2])
    torch.testing.assert_close(gold_matrix(noise[y], y, K), noise)
    with pytest.raises(InvalidInputError, match="trusted row"):
        gold_matrix(noise[y[:3]], y[:3], K)


def test_early_stopping_takes_the_first_best_epoch(problem, optimizer):
    rows, values = drawn(40, 7), iter([3.0, 1.0, 2.0, 1.0])
    state = optimizer.init(problem.initial(), stream())
    w, epoch = early_stopped(optimizer, state, rows, 4, lambda w: next(values))
    assert epoch == 2
    assert torch.equal(w, optimizer.run(state, rows, None, 2).state.lower)


def test_wrong_settings_are_said(problem, optimizer):
    rows, w = drawn(20, 0), problem.initial()
    with pytest.raises(InvalidInputError, match="rate"):
        coteach(optimizer, (w, w), rows, 1, stream(), rate=1.5)
    with pytest.raises(InvalidInputError, match="epochs"):
        train_reweighted(optimizer, w, rows, rows, 0, stream())
