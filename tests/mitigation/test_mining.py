"""The hardest rows are taken, or are likelier to be; with B = N nothing is left out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import UnknownNameError
from biam.losses import Logistic
from biam.mitigation.mining import HardExamples
from biam.mitigation.training import Average, rows

LOSSES = st.lists(st.floats(0, 10), min_size=1, max_size=20)


@given(LOSSES, st.integers(1, 25))
def test_top_is_the_end_of_the_sorted_losses(losses, kept):
    losses = torch.tensor(losses, dtype=torch.float64)
    chosen = HardExamples(Logistic(), kept).choose(losses)
    expected = losses.sort(descending=True).values[:kept]
    assert torch.equal(losses[chosen].sort(descending=True).values, expected)


@pytest.mark.parametrize("rule", ["power", "softmax"])
@given(LOSSES, st.integers(1, 25))
def test_draws_are_different_rows(rule, losses, kept):
    chosen = HardExamples(Logistic(), kept, rule).choose(torch.tensor(losses))
    assert len(set(chosen.tolist())) == len(chosen) == min(kept, len(losses))


@pytest.mark.parametrize(
    ("rule", "a", "shares"),
    [
        ("power", 1.0, [1 / 6, 2 / 6, 3 / 6]),
        ("power", 2.0, [1 / 14, 4 / 14, 9 / 14]),
        ("softmax", 1.0, torch.tensor([1.0, 2, 3]).softmax(0).tolist()),
    ],
)
def test_one_draw_has_the_stated_chances(rule, a, shares):
    objective = HardExamples(Logistic(), 1, rule, a)
    draws = torch.cat([objective.choose(torch.tensor([1.0, 2.0, 3.0])) for _ in range(3000)])
    found = torch.bincount(draws, minlength=3).double() / 3000
    assert (found - torch.tensor(shares, dtype=torch.float64)).abs().max() < 0.03


def test_all_rows_kept_is_plain_risk_and_the_mean_grows_as_fewer_are(linear):
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    data, model = rows(x, (x[:, 0] > 0.3).double()), linear([[0.4]])
    values = [HardExamples(Logistic(), b)(model, data).item() for b in (9, 6, 3, 1)]
    assert values[0] == pytest.approx(Average(Logistic())(model, data).item())
    assert values == sorted(values)


def test_the_gradient_is_that_of_the_chosen_rows_alone(linear):
    data, model = rows(torch.tensor([[1.0], [3.0]]).double(), torch.tensor([1.0, 0.0])), None
    model = linear([[1.0]])
    HardExamples(Logistic(), 1)(model, data).backward()
    assert model.weight.grad.item() == pytest.approx(3 * torch.sigmoid(torch.tensor(3.0)).item())


def test_wrong_labels_are_what_mining_finds(linear):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(400, 1, generator=g, dtype=torch.float64)
    y = (x[:, 0] > 0).double()
    wrong = torch.arange(400) < 40
    losses = Logistic().value(linear([[4.0]])(x), torch.where(wrong, 1 - y, y)).detach()
    assert wrong[HardExamples(Logistic(), 40).choose(losses)].double().mean() > 0.7


def test_unknown_rule():
    with pytest.raises(UnknownNameError, match="known: top, power, softmax"):
        HardExamples(Logistic(), 1, "x")
