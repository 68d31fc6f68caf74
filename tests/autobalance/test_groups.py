"""Objectives of classes and groups: hand values, limits, and weights that are their gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.autobalance.groups import (
    Balanced,
    Blend,
    EqualOdds,
    Plain,
    WorstGroup,
    cell_means,
    row_weights,
)
from biam.exceptions import InvalidInputError

SHAPE = (2, 3)
OBJECTIVES = {
    "plain": Plain(),
    "balanced": Balanced(),
    "by-group": Balanced(by_group=True),
    "odds": EqualOdds(),
    "worst": WorstGroup(3.0),
    "blend": Blend(Balanced(), EqualOdds(), 0.3),
}
objectives = pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)


def rows(seed=0, n=60, codes=(0, 1, 2, 3, 4, 5)):
    generator = torch.Generator().manual_seed(seed)
    losses = torch.rand(n, generator=generator, dtype=torch.float64)
    y = torch.as_tensor(codes)[torch.randint(0, len(codes), (n,), generator=generator)]
    return losses, y


def test_cell_means_are_means_of_the_cells():
    losses, y = rows(codes=(0, 2, 3, 4, 5))
    means, counts = cell_means(losses, y, SHAPE)
    assert means[0, 1].isnan() and counts[0, 1] == 0
    for code in (0, 2, 3, 4, 5):
        torch.testing.assert_close(means.view(-1)[code], losses[y == code].mean())
        assert counts.view(-1)[code] == (y == code).sum()


def test_hand_values():
    means = torch.tensor([[0.1, 0.4], [0.3, 0.2]])
    counts = torch.tensor([[8.0, 2.0], [2.0, 8.0]])
    assert Plain()(means, counts).item() == pytest.approx((0.8 + 0.8 + 0.6 + 1.6) / 20)
    assert Balanced()(means, counts).item() == pytest.approx((1.4 / 10 + 2.4 / 10) / 2)
    assert Balanced(by_group=True)(means, counts).item() == pytest.approx(0.25)
    assert EqualOdds()(means, counts).item() == pytest.approx(0.4)
    assert WorstGroup(0.0)(means, counts).item() == pytest.approx(0.25)
    assert Blend(Plain(), EqualOdds(), 0.25)(means, counts).item() == pytest.approx(
        0.75 * 0.19 + 0.25 * 0.4
    )


@objectives
@pytest.mark.parametrize("codes", [(0, 1, 2, 3, 4, 5), (0, 1, 2, 3, 5), (0, 4)])
def test_weights_are_the_gradient(objective, codes):
    losses, y = rows(1, codes=codes)
    value, weights = row_weights(objective, losses, y, SHAPE)
    assert value == pytest.approx(objective(*cell_means(losses, y, SHAPE)).item())
    eps = 1e-6
    for i in range(0, len(y), 7):
        step = eps * torch.eye(len(y), dtype=torch.float64)[i]
        ends = [objective(*cell_means(losses + s * step, y, SHAPE)).item() for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * eps)
        assert weights[i].item() / len(y) == pytest.approx(slope, abs=1e-7)


@given(seed=st.integers(0, 50), shift=st.floats(-2, 2))
def test_equal_odds_sees_differences_only(seed, shift):
    losses, y = rows(seed)
    first, second = (EqualOdds()(*cell_means(x, y, SHAPE)) for x in (losses, losses + shift))
    torch.testing.assert_close(first, second)
    weights = row_weights(EqualOdds(), losses, y, SHAPE)[1]
    assert weights.sum().item() == pytest.approx(0, abs=1e-9)


@given(seed=st.integers(0, 50))
def test_worst_group_grows_to_the_largest(seed):
    means, counts = cell_means(*rows(seed), SHAPE)
    values = [WorstGroup(s)(means, counts).item() for s in (0, 1, 10, 1e5)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(means.mean(1).max().item())


def test_balanced_weights_do_not_depend_on_class_sizes():
    losses, y = rows(2, codes=(0, 1, 1, 1, 2, 2))
    weights = row_weights(Balanced(), losses, y, SHAPE)[1]
    totals = torch.stack([weights[y == c].sum() for c in range(3)])
    torch.testing.assert_close(totals, torch.full((3,), 20.0, dtype=torch.float64))


def test_a_single_group_is_never_unequal():
    losses, y = rows(3, codes=(0, 1, 2))
    assert row_weights(EqualOdds(), losses, y, SHAPE)[0] == 0


def test_errors_are_said():
    with pytest.raises(InvalidInputError, match=r"codes in 0 .. 5"):
        cell_means(torch.ones(2), torch.tensor([0, 6]), SHAPE)
    with pytest.raises(InvalidInputError, match="share"):
        Blend(Plain(), EqualOdds(), 1.5)
    with pytest.raises(InvalidInputError, match="sharpness"):
        WorstGroup(-1.0)
