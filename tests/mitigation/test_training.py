"""One loop for all: every row once, same seed same model, nothing global changed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.exceptions import InvalidInputError
from biam.losses import Logistic, SquaredError
from biam.mitigation.training import Average, Shuffled, group_sizes, rows, train


def table(n=64):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, generator=g, dtype=torch.float64)
    return rows(x, x @ torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64))


def test_full_batches_find_least_squares(linear):
    data, model = table(), linear([[0.0, 0.0, 0.0]])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train(model, data, Shuffled(64, 64), Average(SquaredError()), optimizer, steps=300)
    expected = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(model.weight.data, expected)
    assert not model.training


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 5))
def test_an_epoch_holds_every_row_once(n, size, seed):
    parts = list(Shuffled(n, size).epoch(torch.Generator().manual_seed(seed)))
    assert sorted(torch.cat(parts).tolist()) == list(range(n))
    assert all(len(part) == size for part in parts[:-1])


def dropped(seed):
    torch.manual_seed(99)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 1)).double()
    before = torch.get_rng_state()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    data = table()
    train(model, data, Shuffled(64, 10), Average(SquaredError()), optimizer, steps=9, seed=seed)
    assert torch.equal(torch.get_rng_state(), before)
    return model[0].weight.data


def test_same_seed_same_model_and_torch_is_left_alone():
    assert torch.equal(dropped(1), dropped(1))
    assert not torch.equal(dropped(1), dropped(2))


def test_rate_and_watch_follow_the_steps(linear):
    model, seen = linear([[0.0, 0.0, 0.0]]), []
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    history = train(
        model,
        table(),
        Shuffled(64, 16),
        Average(SquaredError()),
        optimizer,
        steps=10,
        rate=lambda p: seen.append(p) or 0.0,
        watch=lambda step, net: {"training": float(net.training), "twice": 2.0 * step},
        every=4,
    )
    assert [record["step"] for record in history] == [4, 8, 10]
    assert [record["twice"] for record in history] == [8, 16, 20]
    assert not any(record["training"] for record in history)
    assert seen == [k / 10 for k in range(10)]
    assert not model.weight.data.any()


def test_rows_go_together():
    data = rows([[1.0], [2.0], [3.0]], [0, 1, 1], [2, 0, 1])
    part = data.take(torch.tensor([2, 0]))
    assert part.x.dtype == torch.float32
    assert (part.x[:, 0].tolist(), part.y.tolist()) == ([3, 1], [1, 0])
    assert (part.groups.tolist(), part.index.tolist()) == ([1, 2], [2, 0])
    assert group_sizes(torch.tensor([0, 2, 2])).tolist() == [1, 0, 2]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: rows([[1.0]], [0, 1]), "one entry per row, got 1, 2, 2"),
        (lambda: rows([[1.0]], [0], [-1]), "integers from 0"),
        (lambda: group_sizes(torch.tensor([0.5])), "integers from 0"),
        (lambda: Shuffled(0, 1), "n_rows must be an integer of at least 1"),
    ],
)
def test_wrong_input_is_named(make, text):
    with pytest.raises(InvalidInputError, match=text):
        make()


def test_a_sampler_without_batches_is_an_error(linear):
    class Nothing:
        def epoch(self, stream):
            return iter(())

    model = linear([[0.0, 0.0, 0.0]])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(InvalidInputError, match="at least one batch"):
        train(model, table(), Nothing(), Average(Logistic()), optimizer, steps=1)


def test_the_average_is_that_of_the_last_steps(linear):
    """Gradient descent on one row, w <- (1 - 2 r) w: its iterates are known."""
    data = rows(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1))
    found = {}
    for share in (0.0, 0.5, 1.0):
        model = linear([[1.0]])
        optimizer = torch.optim.SGD(model.parameters(), 0.25)
        objective = Average(SquaredError())
        train(model, data, Shuffled(1, 1), objective, optimizer, steps=4, average=share)
        found[share] = model.weight.item()
    assert found == pytest.approx({0.0: 1 / 16, 0.5: (1 / 8 + 1 / 16) / 2, 1.0: 15 / 16 / 4})
