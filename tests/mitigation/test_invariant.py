"""The penalty is the squared derivative with respect to a scale of the logits."""

import pytest
import torch

from biam.losses import Logistic
from biam.mitigation.invariant import InvariantRisk
from biam.mitigation.training import Average, rows


def data():
    g = torch.Generator().manual_seed(1)
    x = torch.randn(40, 2, generator=g, dtype=torch.float64)
    return rows(x, (x[:, 0] > 0).double(), torch.arange(40) % 2)


def test_penalty_is_the_derivative_by_a_scale(linear):
    model, table = linear([[0.8, -0.4]]), data()
    total = 0.0
    for e in (0, 1):
        part = table.take(torch.nonzero(table.groups == e)[:, 0])
        scale = torch.ones((), dtype=torch.float64, requires_grad=True)
        risk = Logistic().value(scale * model(part.x), part.y).mean()
        (slope,) = torch.autograd.grad(risk, scale)
        total += (risk + 0.5 * slope**2).item() / 2
    assert InvariantRisk(Logistic(), 0.5)(model, table).item() == pytest.approx(total)


def test_large_penalties_are_divided_out_and_wait(linear):
    model, table = linear([[0.8, -0.4]]), data()
    objective = InvariantRisk(Logistic(), 100.0, delay=1)
    first, second = objective(model, table).item(), objective(model, table).item()
    assert first == pytest.approx(InvariantRisk(Logistic(), 1.0)(model, table).item())
    plain = InvariantRisk(Logistic(), 0.0)(model, table).item()
    penalty = first - plain
    assert second == pytest.approx((plain + 100 * penalty) / 100)


def test_without_penalty_and_one_environment_it_is_plain_risk(linear):
    model, table = linear([[0.8, -0.4]]), data()._replace(groups=torch.zeros(40).long())
    expected = Average(Logistic())(model, table).item()
    assert InvariantRisk(Logistic(), 0.0)(model, table).item() == pytest.approx(expected)


def test_l2_is_of_all_parameters_and_divided_too(linear):
    model, table = linear([[0.8, -0.4]]), data()
    plain = InvariantRisk(Logistic(), 100.0)(model, table).item()
    found = InvariantRisk(Logistic(), 100.0, l2=0.5)(model, table).item()
    assert found - plain == pytest.approx(0.5 * 0.8 / 100)
