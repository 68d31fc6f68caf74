"""Quotas hold in every batch; weighted draws have the expected shares."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.mitigation.batches import QuotaBatches, WeightedDraws


def stream(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 5)), min_size=1, max_size=4))
def test_every_batch_meets_its_quotas_exactly(plan):
    sizes, quotas = zip(*plan, strict=True)
    groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    parts = list(QuotaBatches(groups, dict(enumerate(quotas))).epoch(stream()))
    assert len(parts) == -(-len(groups) // sum(quotas))
    for part in parts:
        assert torch.bincount(groups[part]).tolist() == list(quotas)
    uses = torch.bincount(torch.cat(parts), minlength=len(groups))
    for g in range(len(sizes)):
        own = uses[groups == g]
        assert own.max() - own.min() <= 1


def test_a_group_without_quota_is_left_out():
    groups = torch.tensor([0, 1, 2, 2])
    used = torch.cat(list(QuotaBatches(groups, {0: 1, 2: 1}).epoch(stream())))
    assert set(groups[used].tolist()) == {0, 2}


def test_draws_follow_the_weights():
    weights = torch.tensor([1.0, 3.0, 0.0, 4.0])
    draws = torch.cat([d for k in range(500) for d in WeightedDraws(weights, 4).epoch(stream(k))])
    shares = torch.bincount(draws, minlength=4).double() / len(draws)
    assert len(draws) == 2000
    expected = torch.tensor([0.125, 0.375, 0, 0.5], dtype=torch.float64)
    assert (shares - expected).abs().max() < 0.04
    assert shares[2] == 0


def test_inverse_frequencies_make_groups_even():
    groups = torch.tensor([0] * 90 + [1] * 10)
    weights = torch.tensor([1 / 90, 1 / 10])[groups]
    draws = torch.cat([d for k in range(30) for d in WeightedDraws(weights, 50).epoch(stream(k))])
    assert abs(groups[draws].double().mean() - 0.5) < 0.03


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: QuotaBatches(torch.tensor([0, 2]), {1: 3}), "got group 1"),
        (lambda: QuotaBatches(torch.tensor([0, 1]), {0: 0}), "quota of group 0"),
        (lambda: QuotaBatches(torch.tensor([0, 1]), {}), "at least one group"),
        (lambda: WeightedDraws(torch.tensor([-1.0, 2.0]), 3), "at least 0"),
        (lambda: WeightedDraws(torch.zeros(3), 3), "positive sum"),
        (lambda: WeightedDraws(torch.tensor([1.0, float("nan")]), 3), "finite"),
    ],
)
def test_wrong_input_is_named(make, text):
    with pytest.raises(InvalidInputError, match=text):
        make()
