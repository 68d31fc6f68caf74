"""Gates: unbiased gradients by enumeration, the baseline, the divergence, the prices."""

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, kl_divergence

from biam.exceptions import InvalidInputError
from biam.structure import GroupGates, leave_pair_out

LOGITS = st.lists(st.floats(-4, 4), min_size=1, max_size=6)


def risk(z):
    """A risk with a large constant, main effects and a product, one per row of `z`."""
    return 3.0 + z @ torch.tensor([0.7, -0.4], dtype=z.dtype) + 0.9 * z[:, 0] * z[:, 1]


def exact_gradient(phi):
    p = torch.sigmoid(phi)
    total = torch.zeros_like(phi)
    for bits in product([0.0, 1.0], repeat=len(phi)):
        z = torch.tensor(bits, dtype=phi.dtype)
        total += (p**z * (1 - p) ** (1 - z)).prod() * risk(z[None])[0] * (z - p)
    return total


def antithetic_pairs(p):
    """All (z, z', probability) of one gate drawn with u and 1 - u."""
    both, other = max(2 * p - 1, 0.0), max(1 - 2 * p, 0.0)
    one = min(p, 1 - p)
    return [(1, 1, both), (0, 0, other), (1, 0, one), (0, 1, one)]


def two_pairs(phi):
    """Every outcome of two antithetic pairs over two gates, with its probability."""
    gates = [antithetic_pairs(p) for p in torch.sigmoid(phi).tolist()]
    for a, b, c, d in product(gates[0], gates[1], gates[0], gates[1]):
        z = torch.tensor(
            [[a[0], b[0]], [c[0], d[0]], [a[1], b[1]], [c[1], d[1]]], dtype=torch.float64
        )
        yield z, a[2] * b[2] * c[2] * d[2]


@pytest.mark.parametrize("phi", [[0.0, 0.0], [-2.0, 1.0], [0.5, 3.0]])
def test_score_gradient_is_unbiased_by_enumeration(phi):
    phi = torch.tensor(phi, dtype=torch.float64)
    mean = torch.zeros_like(phi)
    total = 0.0
    for z, probability in two_pairs(phi):
        mean += probability * GroupGates().score_gradient(phi, z, risk(z))
        total += probability
    assert total == pytest.approx(1.0)
    torch.testing.assert_close(mean, exact_gradient(phi))


def test_a_baseline_with_the_pair_left_in_is_biased():
    phi = torch.tensor([-2.0, 1.0], dtype=torch.float64)
    mean = torch.zeros_like(phi)
    for z, probability in two_pairs(phi):
        values = risk(z)
        mean += probability * (values - values.mean()) @ (z - torch.sigmoid(phi)) / len(z)
    assert (mean - exact_gradient(phi)).abs().max() > 1e-2


def test_baseline_lowers_the_variance():
    phi = torch.tensor([-1.0, 0.4], dtype=torch.float64)
    spread = {True: 0.0, False: 0.0}
    for z, probability in two_pairs(phi):
        values = risk(z)
        plain = values @ (z - torch.sigmoid(phi)) / len(z)
        ours = GroupGates().score_gradient(phi, z, values)
        for based, estimate in ((True, ours), (False, plain)):
            spread[based] += probability * (estimate - exact_gradient(phi)).square().sum().item()
    assert spread[True] < spread[False]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=5), st.floats(-100, 100))
def test_baseline_of_a_sample_ignores_its_own_pair(halves, change):
    risks = torch.tensor(halves + halves[::-1], dtype=torch.float64)
    moved = risks.clone()
    moved[0] += change
    moved[len(halves)] -= 2 * change
    before, after = leave_pair_out(risks), leave_pair_out(moved)
    torch.testing.assert_close(before[0], after[0])
    torch.testing.assert_close(before[len(halves)], before[0])


def test_baseline_is_the_mean_of_the_others():
    torch.testing.assert_close(
        leave_pair_out(torch.tensor([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])),
        torch.tensor([4.5, 4.0, 3.5, 4.5, 4.0, 3.5]),
    )


@pytest.mark.parametrize("n", [2, 5])
def test_too_few_or_odd_samples_are_refused(n):
    with pytest.raises(InvalidInputError, match="even number of at least 4"):
        leave_pair_out(torch.zeros(n))
    with pytest.raises(InvalidInputError):
        GroupGates().sample(torch.zeros(3), n)


def test_samples_have_their_probabilities_and_opposed_partners():
    phi = torch.tensor([-2.0, 0.0, 1.5])
    z = GroupGates().sample(phi, 40_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(z.mean(0), torch.sigmoid(phi), atol=0.01, rtol=0)
    first, second = z.chunk(2)
    assert torch.equal(first[:, 1], 1 - second[:, 1])
    assert not (first[:, 0] * second[:, 0]).any()


def test_samples_repeat_with_their_seed():
    phi = torch.zeros(5)
    draws = [GroupGates().sample(phi, 8, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws)


@given(LOGITS, st.floats(0.01, 0.99))
def test_kl_agrees_with_the_library(logits, prior):
    phi = torch.tensor(logits, dtype=torch.float64)
    other = kl_divergence(
        Bernoulli(logits=phi), Bernoulli(torch.tensor(prior, dtype=torch.float64))
    )
    torch.testing.assert_close(GroupGates(prior=prior).kl(phi), other.sum(), atol=1e-9, rtol=1e-9)


def test_kl_is_zero_at_the_prior_and_finite_when_saturated():
    phi = torch.full((4,), 0.1, dtype=torch.float64).logit()
    assert GroupGates(prior=0.1).kl(phi).item() == pytest.approx(0.0, abs=1e-12)
    value = GroupGates(prior=0.1).kl(torch.tensor([500.0], dtype=torch.float64)).item()
    assert value == pytest.approx(torch.log(torch.tensor(10.0)).item())


@given(LOGITS)
def test_penalty_gradient_agrees_with_autograd(logits):
    gates = GroupGates(prior=0.2, count_weight=0.3, kl_weight=0.7)
    phi = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    (graph,) = torch.autograd.grad(gates.penalty(phi), phi)
    torch.testing.assert_close(gates.penalty_gradient(phi.detach()), graph)


def test_groups_of_one_half_are_kept():
    assert GroupGates().keep(torch.tensor([-0.1, 0.0, 2.0])).tolist() == [False, True, True]
    assert GroupGates().expected_count(torch.zeros(6)).item() == 3.0


@pytest.mark.parametrize("setting", [{"prior": 0.0}, {"prior": 1.0}, {"count_weight": -1.0}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(InvalidInputError, match=next(iter(setting))):
        GroupGates(**setting)
