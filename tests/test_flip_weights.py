"""The sigmoid of the loss: the likelihood of flipped labels, derivatives, where it starts."""

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from biam.corruption import flip_labels
from biam.flip_weights import FlipWeights, flip_offset, kept_share, signal_left
from biam.losses import Logistic, SoftmaxCrossEntropy


def normal(*shape, seed=0):
    stream = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=stream, dtype=torch.float64)


def theta_of(offsets, slopes):
    return torch.cat([torch.as_tensor(offsets), torch.as_tensor(slopes)]).double()


@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.1, 0.4)])
def test_two_classes_climb_the_likelihood_of_flipped_labels(rates):
    """`rates`: share of each class that is called by the other name."""
    f, y = normal(12, 1).requires_grad_(), torch.arange(12) % 2
    p = torch.sigmoid(f[:, 0])
    into = torch.tensor([rates[1], rates[0]]).double()  # r_c: rows of the other class called c.
    good = 1 - sum(rates)
    seen = into[y] + good * torch.where(y == 1, p, 1 - p)
    (expected,) = torch.autograd.grad(-seen.log().sum(), f)
    learned = FlipWeights(2).linearise(
        theta_of(torch.log(good / into), [0.0, 0.0]), Logistic().value(f.detach(), y.double()), y
    )
    slope = Logistic().gradient(f.detach(), y.double())
    torch.testing.assert_close(learned.weights[:, None] * slope, expected)


def test_many_classes_that_take_each_others_names_evenly():
    f, y, rate = normal(20, 5).requires_grad_(), torch.arange(20) % 5, 0.4
    p = torch.softmax(f, 1)
    given = (1 - rate) * p + rate / 4 * (1 - p)
    (expected,) = torch.autograd.grad(-given.log()[torch.arange(20), y].sum(), f)
    loss = SoftmaxCrossEntropy()
    theta = theta_of([flip_offset(1 - rate * 5 / 4, 5)] * 5, [0.0] * 5)
    weights = FlipWeights(5).linearise(theta, loss.value(f.detach(), y), y).weights
    torch.testing.assert_close(weights[:, None] * loss.gradient(f.detach(), y), expected)


def test_numbers_of_which_some_are_spread_out():
    """The weight is the chance that an error is one of the narrow ones."""
    error, variance, share, density = normal(10), 0.3, 0.7, 0.05
    narrow = share * torch.exp(torch.distributions.Normal(0, variance**0.5).log_prob(error))
    peak = share * (2 * torch.pi * variance) ** -0.5
    theta = theta_of([(torch.tensor(peak / ((1 - share) * density))).log()], [0.0])
    theta[1] = torch.tensor(1 / (2 * variance)).log()
    weights = FlipWeights(1).linearise(theta, error**2, torch.zeros(10, dtype=int)).weights
    torch.testing.assert_close(weights, narrow / (narrow + (1 - share) * density))


def test_way_back_is_what_autograd_finds():
    theta = theta_of([0.5, -1.0, 2.0], [0.1, 0.4, -0.3]).requires_grad_()
    losses, kinds = normal(9).abs(), torch.arange(9) % 3
    learned = FlipWeights(3).linearise(theta, losses, kinds)
    cotangent = normal(9, seed=1)
    (expected,) = torch.autograd.grad(learned.weights @ cotangent, theta, retain_graph=True)
    torch.testing.assert_close(learned.vjp(cotangent).detach(), expected)
    torch.testing.assert_close((cotangent @ learned.jacobian()).detach(), expected)


def test_a_start_far_up_weighs_all_rows_alike():
    own = FlipWeights(2, start=40.0)
    learned = own.linearise(own.init(), torch.tensor([0.0, 1.0, 9.0]), torch.tensor([0, 1, 0]))
    assert (learned.weights > 1 - 1e-6).all()


def test_signal_left_is_what_flips_leave():
    """Counted: a classifier that errs in one row of four, three classes of unequal size."""
    stream, rate = np.random.default_rng(0), 0.3
    y = stream.choice(3, 200_000, p=[0.5, 0.3, 0.2])
    said = flip_labels(y, 0.25, random_state=stream).values
    given = flip_labels(y, rate, random_state=stream).values
    signal = [(balanced_accuracy_score(truth, said) - 1 / 3) * 3 / 2 for truth in (y, given)]
    kept, shares = torch.tensor([1 - rate * 3 / 2]), torch.from_numpy(np.bincount(given)) / len(y)
    assert signal_left(kept, shares).item() == pytest.approx(signal[1] / signal[0], abs=0.01)


def test_nothing_is_lost_where_all_labels_are_kept():
    shares = torch.tensor([0.9, 0.06, 0.04])
    assert signal_left(torch.ones(1), shares).item() == pytest.approx(1)


@pytest.mark.parametrize(("kept", "shares"), [(0.2, (0.45, 0.55)), (0.6, (0.1,) * 10)])
def test_kept_share_is_found(kept, shares):
    shares = torch.tensor(shares)
    left = signal_left(torch.tensor([kept]), shares).item()
    found = kept_share((0.5, 1e-5), (0.5 * left, 1e-5), shares)
    assert found == pytest.approx((kept, left), abs=0.02)


def test_a_classifier_that_knows_nothing_tells_nothing():
    kept, _ = kept_share((0.0, 0.01), (0.0, 0.001), torch.tensor([0.5, 0.5]))
    sure, _ = kept_share((0.8, 1e-4), (0.8, 1e-4), torch.tensor([0.5, 0.5]))
    assert 0.2 < kept < 0.5 and sure > 0.95


def test_few_rows_of_a_label_bound_the_noise():
    """At 2 % of the rows, of two classes, no more than 4 % of the labels can be drawn at random."""
    kept, _ = kept_share((0.3, 0.01), (0.1, 0.01), torch.tensor([0.98, 0.02]))
    assert kept > 0.96


def test_offset_of_a_share():
    assert flip_offset(1 / 3, 2) == pytest.approx(0) and flip_offset(1, 2) < 7
    assert flip_offset(0.4, 10) > flip_offset(0.4, 2)
