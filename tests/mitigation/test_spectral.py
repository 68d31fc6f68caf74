"""The optimum of one logit has a closed form; lambda = 0 is plain risk; the delay is kept."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import expit

from biam.exceptions import InvalidInputError
from biam.losses import Logistic, SoftmaxCrossEntropy
from biam.mitigation.spectral import SpectralDecoupling
from biam.mitigation.training import Average, Shuffled, rows, train

ONE = rows(torch.ones(4, 1, dtype=torch.float64), torch.ones(4))


@pytest.mark.parametrize("gamma", [0.0, 1.5])
@pytest.mark.parametrize("strength", [0.01, 0.5])
def test_a_single_logit_ends_where_drag_meets_slope(linear, strength, gamma):
    objective = SpectralDecoupling(Logistic(), strength, targets=(0.0, gamma))
    model = linear([[0.0]])
    optimizer = torch.optim.SGD(model.parameters(), 1.0 / (strength + 0.05))
    train(model, ONE, Shuffled(4, 4), objective, optimizer, steps=150)
    expected = brentq(lambda f: strength * (f - gamma) - expit(-f), -50, 50)
    assert model.weight.item() == pytest.approx(expected, rel=1e-6)


@given(st.floats(-3, 3), st.floats(0, 2))
def test_the_penalty_is_the_mean_square(weight, strength):
    model = torch.nn.Linear(1, 1, bias=False, dtype=torch.float64)
    model.weight.data.fill_(weight)
    x = torch.tensor([[1.0], [-2.0]], dtype=torch.float64)
    data = rows(x, torch.tensor([1.0, 0.0]))
    plain = Average(Logistic())(model, data).item()
    found = SpectralDecoupling(Logistic(), strength)(model, data).item()
    assert found == pytest.approx(plain + strength / 2 * weight**2 * 2.5)


def test_all_logits_of_several_classes_count():
    f = torch.tensor([[1.0, 2.0, 2.0], [0.0, 0.0, 3.0]])
    drag = SpectralDecoupling(SoftmaxCrossEntropy(), 1.0).drag(f, torch.tensor([0, 1]))
    assert drag.item() == 9


def test_delay_strength_before_and_scale_after(linear):
    model = linear([[2.0]])
    objective = SpectralDecoupling(Logistic(), 1.0, delay=2, before=0.1, scale=0.5)
    risk = Average(Logistic())(model, ONE).item()
    values = [objective(model, ONE).item() for _ in range(4)]
    early, late = risk + 0.05 * 4, 0.5 * (risk + 0.5 * 4)
    assert values == pytest.approx([early, early, late, late])


def test_a_starved_feature_gets_its_share():
    """Two features tell the label, one three times larger: with the drag the small one gives more
    of the logit than after as many steps without."""
    y = torch.tensor([1.0, 0.0] * 50).double()
    x = (2 * y - 1)[:, None] * torch.tensor([[3.0, 1.0]]).double()
    # Some rows lack the large feature; among the others it is enough.
    x[:10, 0] = 0
    data, share = rows(x, y), {}
    for strength in (0.0, 0.3):
        model = torch.nn.Linear(2, 1, bias=False, dtype=torch.float64)
        model.weight.data.zero_()
        optimizer = torch.optim.SGD(model.parameters(), 0.4)
        objective = SpectralDecoupling(Logistic(), strength)
        train(model, data, Shuffled(100, 100), objective, optimizer, steps=300)
        w = model.weight.data[0]
        share[strength] = (w[1] / (3 * w[0] + w[1])).item()
    assert share[0.3] > share[0.0] + 0.1


@pytest.mark.parametrize("field", [{"strength": -1}, {"strength": 1, "scale": 0}])
def test_wrong_numbers(field):
    with pytest.raises(InvalidInputError):
        SpectralDecoupling(Logistic(), **field)
