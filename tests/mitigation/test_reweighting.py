"""Weights have a mean of one over the rows; the two rules meet in their limits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.losses import Logistic
from biam.mitigation.reweighting import Weighted, class_balanced, inverse_frequency
from biam.mitigation.training import Average, rows

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=5)


def groups_of(sizes):
    return torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))


@given(SIZES)
def test_inverse_frequency_gives_every_group_the_same_total(sizes):
    groups = groups_of(sizes)
    weights = inverse_frequency(groups)
    torch.testing.assert_close(weights, len(groups) / (len(sizes) * torch.tensor(sizes).double()))
    assert weights[groups].mean().item() == pytest.approx(1)


@given(SIZES, st.floats(0, 0.9999))
def test_class_balanced_lies_between_equal_and_inverse(sizes, beta):
    groups = groups_of(sizes)
    weights, limit = class_balanced(groups, beta), inverse_frequency(groups)
    assert weights[groups].mean().item() == pytest.approx(1)
    order = torch.tensor(sizes).argsort(stable=True)
    assert (weights[order].diff() <= 1e-9).all()
    assert weights.max() / weights.min() <= limit.max() / limit.min() * (1 + 1e-9)


@given(SIZES)
def test_class_balanced_in_its_limits(sizes):
    groups = groups_of(sizes)
    ones = torch.ones(len(sizes), dtype=torch.float64)
    torch.testing.assert_close(class_balanced(groups, 0.0), ones)
    near = class_balanced(groups, 1 - 1e-9)
    torch.testing.assert_close(near, inverse_frequency(groups), rtol=1e-5, atol=0)


def test_weighted_risk_is_the_mean_of_group_means_on_the_whole_table(linear):
    x = torch.tensor([[1.0], [2.0], [-1.0], [0.5]], dtype=torch.float64)
    data = rows(x, torch.tensor([1.0, 0, 1, 0]), [0, 0, 0, 1])
    model, losses = linear([[0.7]]), Logistic().value(0.7 * x, data.y)
    found = Weighted(Logistic(), inverse_frequency(data.groups))(model, data)
    assert found.item() == pytest.approx((losses[:3].mean() + losses[3]).item() / 2)
    even = Weighted(Logistic(), torch.ones(2, dtype=torch.float64))(model, data)
    assert even.item() == pytest.approx(Average(Logistic())(model, data).item())


def test_an_empty_group_is_an_error():
    with pytest.raises(InvalidInputError, match=r"sizes \[1, 0, 1\]"):
        inverse_frequency(torch.tensor([0, 2]))
    with pytest.raises(InvalidInputError, match="beta"):
        class_balanced(torch.tensor([0]), 1.0)
