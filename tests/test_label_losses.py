"""Focal loss and label matrices: derivatives, limits, and what they are made for."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import grad, jacrev

from biam.exceptions import InvalidInputError
from biam.label_losses import CorrectedCrossEntropy, Focal
from biam.losses import SoftmaxCrossEntropy

N, K = 20, 4
near = {"rtol": 1e-8, "atol": 1e-10}


def batch(seed=0, n_labels=K):
    generator = torch.Generator().manual_seed(seed)
    f, v = (2 * torch.randn(N, K, generator=generator, dtype=torch.float64) for _ in range(2))
    return f, torch.randint(0, n_labels, (N,), generator=generator), v


def matrix(seed=0):
    generator = torch.Generator().manual_seed(seed)
    chances = torch.rand(K, K, generator=generator, dtype=torch.float64)
    return torch.cat([chances / chances.sum(1, keepdim=True), torch.eye(K).double()], 1)


LOSSES = [Focal(2.0), Focal(0.5), Focal(1.0), CorrectedCrossEntropy(matrix())]


@pytest.mark.parametrize("loss", LOSSES, ids=["focal-2", "focal-half", "focal-1", "corrected"])
def test_derivatives_are_those_of_the_value(loss):
    f, y, v = batch(1, 2 * K if isinstance(loss, CorrectedCrossEntropy) else K)

    def row(f, y):
        return loss.value(f[None], y[None])[0]

    slopes = torch.stack([grad(row)(*pair) for pair in zip(f, y, strict=True)])
    torch.testing.assert_close(loss.gradient(f, y), slopes, **near)
    bends = torch.stack([jacrev(grad(row))(*pair) for pair in zip(f, y, strict=True)])
    bent = torch.einsum("nij,nj->ni", bends, v)
    torch.testing.assert_close(loss.curvature(f, y, v), bent, rtol=1e-6, atol=1e-9)


@given(seed=st.integers(0, 50))
def test_no_focus_and_no_confusion_are_cross_entropy(seed):
    f, y, v = batch(seed)
    plain = SoftmaxCrossEntropy()
    for loss in (Focal(0.0), CorrectedCrossEntropy(torch.eye(K).double())):
        torch.testing.assert_close(loss.value(f, y), plain.value(f, y), **near)
        torch.testing.assert_close(loss.gradient(f, y), plain.gradient(f, y), **near)
        torch.testing.assert_close(loss.curvature(f, y, v), plain.curvature(f, y, v), **near)


@given(seed=st.integers(0, 50), gamma=st.floats(0.1, 5))
def test_focal_takes_more_from_what_is_right(seed, gamma):
    f, y, _ = batch(seed)
    plain = SoftmaxCrossEntropy().value(f, y)
    share = Focal(gamma).value(f, y) / plain
    assert (share <= 1 + 1e-12).all()
    order = plain.argsort()
    assert (share[order].diff() >= -1e-12).all()


def test_the_right_matrix_makes_the_true_posterior_optimal():
    """Forward correction is consistent: the mean slope over noisy labels is zero at the truth."""
    chances = matrix(3)[:, :K]
    posterior = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64)
    f = posterior.log().expand(K, K)
    slopes = CorrectedCrossEntropy(chances).gradient(f, torch.arange(K))
    noisy = posterior @ chances
    torch.testing.assert_close(noisy @ slopes, torch.zeros(K).double(), **near)
    uncorrected = noisy @ SoftmaxCrossEntropy().gradient(f, torch.arange(K))
    assert uncorrected.abs().max() > 0.01


def test_trusted_labels_are_seen_as_they_are():
    f, y, _ = batch(4)
    values = CorrectedCrossEntropy(matrix()).value(f, y + K)
    torch.testing.assert_close(values, SoftmaxCrossEntropy().value(f, y), **near)


def test_wrong_settings_are_said():
    with pytest.raises(InvalidInputError, match="gamma"):
        Focal(-1.0)
    with pytest.raises(InvalidInputError, match="chances"):
        CorrectedCrossEntropy(-torch.eye(2))
