"""Deep weighting networks: one hidden layer is the written-out record; derivatives; bounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.deep_weighting import DeepWeighting, weighting_network
from biam.exceptions import InvalidInputError
from biam.weighting import WeightingNetwork

LOSSES = torch.tensor([0.1, 2.0, 0.7, 3.5, 0.05, 1.1], dtype=torch.float64)
options = pytest.mark.parametrize("normalise", [True, False])


def theta_of(network, seed=0):
    theta = network.init(torch.Generator().manual_seed(seed)).double()
    return theta + 0.1 * torch.linspace(-1, 1, len(theta)).double()


@options
@pytest.mark.parametrize("standardise", [True, False])
def test_one_hidden_layer_is_the_written_out_network(standardise, normalise):
    deep = DeepWeighting((7,), standardise, normalise)
    flat = WeightingNetwork(7, standardise, normalise)
    theta, cotangent = theta_of(deep), torch.linspace(-1, 2, 6).double()
    ours, theirs = (network.linearise(theta, LOSSES) for network in (deep, flat))
    torch.testing.assert_close(ours.weights, theirs.weights)
    torch.testing.assert_close(ours.vjp(cotangent), theirs.vjp(cotangent))
    torch.testing.assert_close(ours.jacobian(), theirs.jacobian())


@options
def test_the_pullback_is_the_derivative(normalise):
    network = DeepWeighting((4, 3), normalise=normalise)
    theta, eps = theta_of(network), 1e-6
    made = network.linearise(theta, LOSSES)
    for j in range(0, len(theta), 5):
        step = eps * torch.eye(len(theta), dtype=torch.float64)[j]
        ends = [network.weights(theta + sign * step, LOSSES) for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * eps)
        torch.testing.assert_close(made.jacobian()[:, j], slope, rtol=1e-5, atol=1e-8)
    cotangent = torch.linspace(-1, 1, 6).double()
    torch.testing.assert_close(made.vjp(cotangent), cotangent @ made.jacobian())


@given(seed=st.integers(0, 40), widths=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_weights_lie_between_zero_and_one_or_average_one(seed, widths):
    for normalise in (False, True):
        network = DeepWeighting(tuple(widths), normalise=normalise)
        weights = network.weights(theta_of(network, seed), LOSSES)
        assert (weights > 0).all()
        if normalise:
            assert weights.mean().item() == pytest.approx(1, abs=1e-6)
        else:
            assert (weights < 1).all()


def test_zero_biases_and_bounded_draws():
    theta = DeepWeighting((10, 10)).init(torch.Generator().manual_seed(0))
    assert theta.shape == (10 + 10 + 100 + 10 + 10 + 1,)
    assert not theta[10:20].any() and not theta[-1:].any()
    assert theta.abs().max() <= (6 / 11) ** 0.5


def test_the_faster_record_is_taken():
    assert weighting_network((50,)) == WeightingNetwork(50)
    assert weighting_network((10, 10), normalise=False) == DeepWeighting((10, 10), normalise=False)


def test_empty_layers_are_said():
    with pytest.raises(InvalidInputError, match="width"):
        DeepWeighting((10, 0))
