"""The weighting network against a module of torch: draws, weights, pullback, and its limits."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.weighting import RowWeights, WeightingNetwork

SETTINGS = {
    "published": {},
    "raw-losses": {"standardise": False},
    "not-normalised": {"normalise": False},
    "plain": {"standardise": False, "normalise": False},
    "wide": {"n_hidden": 33},
    "one-unit": {"n_hidden": 1},
}
every_setting = pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
losses_of_any_size = st.lists(st.floats(0, 1e4), min_size=1, max_size=30).map(
    lambda values: torch.tensor(values, dtype=torch.float64)
)


class Reference(nn.Module):
    """nu by the words of the protocol."""

    def __init__(self, n_hidden=10, standardise=True, normalise=True):
        super().__init__()
        self.first, self.second = nn.Linear(1, n_hidden), nn.Linear(n_hidden, 1)
        for layer in (self.first, self.second):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.standardise, self.normalise = standardise, normalise

    def forward(self, losses):
        z = losses.detach()
        if self.standardise:
            z = z - z.mean()
            if len(z) > 1 and losses.std() > 1e-8:
                z = z / (losses.std() + 1e-8)
        nu = torch.sigmoid(self.second(torch.relu(self.first(z[:, None]))))[:, 0]
        return nu / (nu.mean() + 1e-8) if self.normalise and len(nu) > 1 else nu


def reference(theta, settings):
    module = Reference(**settings).double()
    with torch.no_grad():
        sizes = [p.numel() for p in module.parameters()]
        for p, part in zip(module.parameters(), theta.split(sizes), strict=True):
            p.copy_(part.view_as(p))
    return module


def make(settings, n=20, *, seed=0):
    g = torch.Generator().manual_seed(seed)
    network = WeightingNetwork(**settings)
    theta = torch.randn(3 * network.n_hidden + 1, generator=g, dtype=torch.float64)
    return network, theta, torch.rand(n, generator=g, dtype=torch.float64) * 3


@pytest.mark.parametrize("n_hidden", [1, 2, 7, 10, 33])
@pytest.mark.parametrize("seed", [0, 42])
def test_initial_draws_are_those_of_torch_and_leave_the_stream_at_the_same_place(n_hidden, seed):
    generator = torch.Generator().manual_seed(seed)
    theta = WeightingNetwork(n_hidden).init(generator)
    torch.manual_seed(seed)
    module = Reference(n_hidden)
    expected = torch.cat([p.detach().view(-1) for p in module.parameters()])
    assert torch.equal(theta, expected)
    assert torch.equal(generator.get_state(), torch.get_rng_state())


def test_the_type_of_theta_does_not_move_the_stream():
    first, second = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    single = WeightingNetwork().init(first)
    double = WeightingNetwork().init(second, dtype=torch.float64)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), single)
    assert torch.equal(first.get_state(), second.get_state())


def test_the_default_type_of_torch_does_not_move_the_draws():
    first, second = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    usual = WeightingNetwork().init(first)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(WeightingNetwork().init(second), usual)
    finally:
        torch.set_default_dtype(torch.float32)


@every_setting
@pytest.mark.parametrize("n", [1, 2, 20])
def test_weights_are_those_of_the_module(settings, n):
    network, theta, losses = make(settings, n)
    expected = reference(theta, settings)(losses)
    torch.testing.assert_close(network.weights(theta, losses), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spread", [1e5, 1e-5, 1e-12], ids=["large", "small", "nil"])
def test_losses_of_any_spread_are_standardised_unless_it_is_nil(spread):
    network, theta, losses = make({})
    losses = 1 + spread * losses
    weights = network.weights(theta, losses)
    torch.testing.assert_close(weights, reference(theta, {})(losses), rtol=1e-9, atol=1e-9)
    assert (weights.std() > 0.1) == (spread > 1e-8)


@every_setting
@pytest.mark.parametrize("n", [1, 2, 20])
def test_vjp_is_that_of_autograd(settings, n):
    network, theta, losses = make(settings, n)
    cotangent = torch.linspace(-1, 2, n, dtype=torch.float64)
    module = reference(theta, settings)
    grads = torch.autograd.grad(module(losses), list(module.parameters()), cotangent)
    expected = torch.cat([g.view(-1) for g in grads])
    assert expected.norm() > 1e-6
    before = cotangent.clone()
    pulled = network.linearise(theta, losses).vjp(cotangent)
    torch.testing.assert_close(pulled, expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(cotangent, before)


@every_setting
def test_vjp_is_the_adjoint_of_finite_differences(settings):
    network, theta, losses = make(settings)
    g = torch.Generator().manual_seed(1)
    direction = torch.randn(theta.shape, generator=g, dtype=torch.float64)
    cotangent = torch.randn(losses.shape, generator=g, dtype=torch.float64)
    step = 1e-6
    up, down = (network.weights(theta + s * direction, losses) for s in (step, -step))
    expected = cotangent @ (up - down) / (2 * step)
    pulled = network.linearise(theta, losses).vjp(cotangent)
    torch.testing.assert_close(pulled @ direction, expected, rtol=1e-6, atol=1e-8)


@every_setting
@pytest.mark.parametrize("n", [1, 2, 20])
def test_jacobian_is_every_pullback_at_once(settings, n):
    network, theta, losses = make(settings, n)
    learned = network.linearise(theta, losses)
    expected = torch.stack([learned.vjp(e) for e in torch.eye(n, dtype=torch.float64)])
    assert expected.norm() > 1e-6
    torch.testing.assert_close(learned.jacobian(), expected, rtol=1e-9, atol=1e-12)


def test_weights_of_rows_are_their_own_parameters():
    learned = RowWeights(torch.linspace(0, 1, 5, dtype=torch.float64))
    cotangent = torch.arange(5.0, dtype=torch.float64)
    assert torch.equal(learned.vjp(cotangent), cotangent)
    assert torch.equal(learned.jacobian(), torch.eye(5, dtype=torch.float64))


@given(losses_of_any_size, st.integers(0, 20))
def test_weights_are_positive_with_mean_one(losses, seed):
    _, theta, _ = make({}, seed=seed)
    weights = WeightingNetwork().weights(theta / 4, losses)
    assert (weights > 0).all()
    if len(losses) > 1:
        assert weights.mean().item() == pytest.approx(1, abs=1e-6)


@given(losses_of_any_size, st.integers(0, 20))
def test_weights_that_are_not_normalised_are_probabilities(losses, seed):
    _, theta, _ = make({}, seed=seed)
    weights = WeightingNetwork(normalise=False).weights(theta, losses)
    assert ((weights >= 0) & (weights <= 1)).all()


@given(losses_of_any_size, st.floats(0.1, 10), st.floats(-50, 50))
def test_standardised_weights_do_not_see_unit_and_origin_of_the_loss(losses, scale, shift):
    _, theta, _ = make({})
    weights = WeightingNetwork().weights(theta, losses)
    moved = WeightingNetwork().weights(theta, scale * losses + shift)
    if len(losses) == 1 or losses.std() > 0.1:
        torch.testing.assert_close(moved, weights, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [2, 9])
def test_constant_losses_give_equal_weights_and_no_gradient(n):
    network, theta, _ = make({})
    learned = network.linearise(theta, torch.full((n,), 3.7, dtype=torch.float64))
    torch.testing.assert_close(learned.weights, torch.ones(n, dtype=torch.float64))
    pulled = learned.vjp(torch.arange(float(n), dtype=torch.float64))
    torch.testing.assert_close(pulled, torch.zeros_like(pulled), rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 2.5, 1e30])
def test_one_row_is_weighed_as_an_average_one(value):
    network, theta, _ = make({})
    learned = network.linearise(theta, torch.tensor([value], dtype=torch.float64))
    expected = network.linearise(theta, torch.zeros(1, dtype=torch.float64))
    assert torch.equal(learned.weights, expected.weights)
    assert 0 < learned.weights.item() < 1


def test_a_row_of_large_loss_can_be_switched_off():
    network = WeightingNetwork(1, standardise=False, normalise=False)
    theta = torch.tensor([1.0, 0.0, -9.0, 4.0])
    weights = network.weights(theta, torch.tensor([0.0, 1.0, 9.0]))
    assert weights[0] > 0.98
    assert weights[2] < 1e-6
