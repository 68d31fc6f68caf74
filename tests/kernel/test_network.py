"""The weighting network in NumPy against the one in torch, and against differences."""

import numpy as np
import pytest
import torch

from biam.kernel.network import NetworkPass
from biam.weighting import WeightingNetwork

NETWORKS = {
    "published": WeightingNetwork(),
    "plain": WeightingNetwork(4, standardise=False, normalise=False),
    "standardised": WeightingNetwork(3, normalise=False),
}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)


def parameters(network):
    g = torch.Generator().manual_seed(0)
    theta = network.init(g, dtype=torch.float64)
    return theta + 0.1 * torch.randn(len(theta), generator=g, dtype=torch.float64)


@every_network
@pytest.mark.parametrize("n", [1, 2, 64])
def test_weights_and_pullback_are_those_of_torch(network, n):
    theta, g = parameters(network), np.random.default_rng(n)
    losses, cotangent = g.exponential(size=n), g.normal(size=n)
    expected = network.linearise(theta, torch.from_numpy(losses))
    found = NetworkPass(network, theta.numpy(), losses)
    np.testing.assert_allclose(found.weights, expected.weights, atol=1e-12)
    back = expected.vjp(torch.from_numpy(cotangent))
    np.testing.assert_allclose(found.vjp(cotangent), back, atol=1e-12)


@every_network
def test_the_pullback_is_the_derivative(network):
    theta, g = parameters(network).numpy(), np.random.default_rng(1)
    losses, cotangent = g.exponential(size=20), g.normal(size=20)
    slope = NetworkPass(network, theta, losses).vjp(cotangent)
    for i, unit in enumerate(1e-6 * np.eye(len(theta))):
        up, down = (NetworkPass(network, theta + s * unit, losses).weights for s in (1, -1))
        assert slope[i] == pytest.approx(cotangent @ (up - down) / 2e-6, abs=1e-7)


def test_equal_losses_are_centred_only():
    network = WeightingNetwork()
    found = NetworkPass(network, parameters(network).numpy(), np.full(8, 3.0))
    np.testing.assert_allclose(found.weights, 1, atol=1e-7)


def test_large_losses_overflow_at_neither_end():
    network = WeightingNetwork(2, standardise=False, normalise=False)
    theta = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])
    with np.errstate(all="raise", under="ignore"):
        assert NetworkPass(network, theta, np.array([1e6])).weights == pytest.approx([1])
        theta[4:6] = -1
        assert NetworkPass(network, theta, np.array([1e6])).weights == pytest.approx([0])
