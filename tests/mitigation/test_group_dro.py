"""q stays in the simplex, follows its closed form, and finds the worst group."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.losses import Logistic, SquaredError
from biam.mitigation.group_dro import GroupDRO
from biam.mitigation.training import Average, Shuffled, rows, train

SIZES = torch.tensor([10, 40])


@given(
    st.lists(st.lists(st.floats(0, 50), min_size=3, max_size=3), min_size=1, max_size=20),
    st.floats(0, 10),
)
def test_q_stays_in_the_simplex(losses, eta):
    dro = GroupDRO(SquaredError(), torch.tensor([5, 5, 90]), eta, adjustment=2.0)
    for means in losses:
        dro.step(torch.tensor(means))
        assert dro.q.sum().item() == pytest.approx(1)
        assert (dro.q >= 0).all()


def test_q_follows_its_closed_form():
    dro = GroupDRO(SquaredError(), SIZES, eta=0.1, adjustment=3.0)
    means = torch.tensor([0.2, 1.0], dtype=torch.float64)
    for _ in range(5):
        dro.step(means)
    gains = (0.5 * (means + 3 / SIZES.double().sqrt())).exp()
    torch.testing.assert_close(dro.q, gains / gains.sum())


def test_a_small_group_gains_by_adjustment_alone():
    dro = GroupDRO(SquaredError(), SIZES, eta=0.1, adjustment=1.0)
    dro.step(torch.tensor([1.0, 1.0]))
    assert dro.q[0] > dro.q[1]


def test_group_means_are_zero_where_a_group_is_absent():
    dro = GroupDRO(SquaredError(), torch.tensor([1, 1, 1]))
    losses = torch.tensor([1.0, 2.0, 6.0])
    means = dro.group_means(losses, torch.tensor([0, 0, 2]))
    assert means.tolist() == [1.5, 0, 6]


def test_without_a_step_it_is_the_mean_of_group_means(linear):
    x = torch.tensor([[1.0], [2.0], [3.0]], dtype=torch.float64)
    data = rows(x, torch.zeros(3), [0, 0, 1])
    dro = GroupDRO.of(SquaredError(), data.groups, eta=0.0)
    assert dro(linear([[1.0]]), data).item() == pytest.approx((2.5 + 9) / 2)


def test_two_groups_that_disagree_end_level(linear):
    """One constant for targets 0 (90 rows) and 1 (10 rows): ERM says 0.1, the worst case 0.5."""
    groups = torch.tensor([0] * 90 + [1] * 10)
    data = rows(torch.ones(100, 1, dtype=torch.float64), groups.double(), groups)
    found = {}
    for name, objective in {
        "erm": Average(SquaredError()),
        "dro": GroupDRO.of(SquaredError(), groups, eta=0.3),
    }.items():
        model = linear([[0.0]])
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        train(model, data, Shuffled(100, 100), objective, optimizer, steps=250)
        found[name] = model.weight.item()
    assert found["erm"] == pytest.approx(0.1, abs=1e-3)
    assert found["dro"] == pytest.approx(0.5, abs=0.02)


def test_negative_step_is_refused():
    with pytest.raises(InvalidInputError, match="eta"):
        GroupDRO(Logistic(), SIZES, eta=-1)
