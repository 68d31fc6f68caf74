"""Penalties are sums over weights, not biases; l1 makes exact-looking zeros, dropout is placed."""

import pytest
import torch
from torch import nn

from biam.exceptions import InvalidInputError
from biam.losses import SquaredError
from biam.mitigation.occam import OccamPenalty, with_dropout
from biam.mitigation.training import Average, Shuffled, rows, train


def test_the_penalty_counts_weights_and_no_bias():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)).double()
    data = rows(torch.ones(3, 2, dtype=torch.float64), torch.zeros(3))
    weights = torch.cat([model[0].weight.flatten(), model[2].weight.flatten()])
    plain = Average(SquaredError())(model, data).item()
    found = OccamPenalty(SquaredError(), l1=0.3, l2=0.5)(model, data).item()
    expected = plain + 0.3 * weights.abs().sum().item() + 0.25 * weights.square().sum().item()
    assert found == pytest.approx(expected)


def test_l2_is_ridge(linear):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(50, 3, generator=g, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64) + 0.1
    model = linear([[0.0, 0.0, 0.0]])
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    objective = OccamPenalty(SquaredError(), l2=0.5)
    train(model, rows(x, y), Shuffled(50, 50), objective, optimizer, steps=500)
    ridge = torch.linalg.solve(x.T @ x / 50 + 0.25 * torch.eye(3), x.T @ y / 50)
    torch.testing.assert_close(model.weight.data[0], ridge)


def test_dropout_stands_after_every_relu_and_shares_the_layers():
    layers = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    longer = with_dropout(layers, 0.3)
    kinds = [type(layer).__name__ for layer in longer]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Dropout", "Linear"]
    assert longer[3] is layers[2]
    assert all(layer.p == 0.3 for layer in longer if isinstance(layer, nn.Dropout))
    longer.eval()
    x = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(longer(x), layers(x))


def test_wrong_numbers():
    with pytest.raises(InvalidInputError, match="l1"):
        OccamPenalty(SquaredError(), l1=-1)
    with pytest.raises(InvalidInputError, match="rate"):
        with_dropout(nn.Sequential(), 1.0)
