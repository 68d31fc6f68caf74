"""The bound: below the closed form, tighter with K; weights that sum to one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import expit

from biam.imputation.bound import bound, draw, effective_sample_size, normalised
from biam.imputation.mask_models import KnownMask

SEEN = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 0]], bool)


def mean_bounds(model, x, seen, sizes, n_total=60_000):
    """Mean over many repetitions of L_K, shape (len(sizes), n), and its standard error."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        log_w = draw(model, x, seen, n_total, generator).log_weights.double()
    means, errors = [], []
    for K in sizes:
        values = bound(log_w.reshape(K, n_total // K, -1)).numpy()
        means.append(values.mean(0))
        errors.append(values.std(0) / np.sqrt(len(values)))
    return np.array(means), np.array(errors)


def test_bound_rises_to_the_closed_form_and_never_above(linear_gaussian):
    truth = linear_gaussian()
    x = np.random.default_rng(0).normal(size=(3, 3)) * SEEN
    log_p = [
        stats.multivariate_normal(truth.b[s], truth.covariance[np.ix_(s, s)]).logpdf(row[s])
        for row, s in zip(x, SEEN, strict=True)
    ]
    tensors = torch.tensor(x).float(), torch.tensor(SEEN).float()
    means, errors = mean_bounds(truth.model, *tensors, (1, 5, 50, 2000))
    assert (np.diff(means, axis=0) > 0).all()
    assert (means <= log_p + 4 * errors).all()
    assert (means[0] < np.array(log_p) - 0.05).all()
    np.testing.assert_allclose(means[-1], log_p, atol=0.01)


def test_with_a_mask_the_bound_is_on_the_joint_likelihood(linear_gaussian):
    truth = linear_gaussian(p=2, mask_model=KnownMask([0], lambda x: -2 * x))
    x, seen = torch.tensor([[0.0, 0.8]]), torch.tensor([[0.0, 1.0]])
    mean, variance = truth.conditional(np.array([0, 0.8]), np.array([False, True]))
    gap = stats.norm(mean[0], np.sqrt(variance[0, 0]))
    missing, _ = integrate.quad(lambda v: gap.pdf(v) * expit(2 * v), -12, 12)
    log_p = stats.norm(truth.b[1], np.sqrt(truth.covariance[1, 1])).logpdf(0.8) + np.log(missing)
    means, errors = mean_bounds(truth.model, x, seen, (1, 10, 2000))
    assert (np.diff(means[:, 0]) > 0).all() and (means <= log_p + 4 * errors).all()
    assert means[-1, 0] == pytest.approx(log_p, abs=0.01)


@given(st.integers(1, 30), st.floats(0, 300))
def test_weights_sum_to_one_and_count_between_one_and_k(K, spread):
    log_w = spread * torch.randn(K, 4, generator=torch.Generator().manual_seed(K))
    alpha = normalised(log_w)
    assert torch.allclose(alpha.sum(0), torch.ones(4), atol=1e-5)
    size = effective_sample_size(log_w)
    assert (size >= 1 - 1e-5).all() and (size <= K * (1 + 1e-5)).all()


def test_equal_weights_count_all_and_a_constant_is_the_bound():
    assert effective_sample_size(torch.full((7, 2), -500.0)).tolist() == pytest.approx([7, 7])
    assert bound(torch.full((7, 2), -500.0)).tolist() == pytest.approx([-500, -500])


def test_rows_with_shared_noise_do_not_depend_on_the_rows_beside_them(linear_gaussian):
    model = linear_gaussian(mask_model=KnownMask([1], lambda x: x)).model
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    seen = torch.ones(5, 3)
    seen[:, 1] = 0
    options = {"same_noise": True, "complete": True}
    together = draw(model, x, seen, 6, torch.Generator().manual_seed(0), **options)
    alone = draw(model, x[3:4], seen[3:4], 6, torch.Generator().manual_seed(0), **options)
    assert torch.allclose(together.log_weights[:, 3], alone.log_weights[:, 0], atol=1e-5)
    assert torch.allclose(together.completed[:, 3], alone.completed[:, 0], atol=1e-6)


def test_completed_rows_keep_what_was_seen(linear_gaussian):
    model = linear_gaussian().model
    x, seen = torch.tensor([[1.0, 0.0, 3.0]]), torch.tensor([[1.0, 0.0, 1.0]])
    done = draw(model, x, seen, 50, torch.Generator().manual_seed(0), complete=True).completed
    assert (done[..., 0] == 1).all() and (done[..., 2] == 3).all()
    assert done[..., 1].std() > 0.1
    assert draw(model, x, seen, 5, torch.Generator()).completed is None


def test_gradients_are_those_of_the_bound(linear_gaussian, monkeypatch):
    model = linear_gaussian(p=2, mask_model=KnownMask([0], lambda x: -2 * x)).model
    n, step = 40_000, 0.02
    x, seen = torch.tensor([[0.0, 0.8]]).expand(n, 2), torch.tensor([[0.0, 1.0]]).expand(n, 2)
    latent = torch.full((n, 1), 0.3), torch.full((n, 1), -0.5)
    bias = model.decoder[0].bias

    def rows(mean, log_variance):
        monkeypatch.setattr(model, "encode", lambda _: (mean, log_variance))
        return bound(draw(model, x, seen, 5, torch.Generator().manual_seed(0)).log_weights)

    @torch.no_grad()
    def plain(place, parts):
        """Of the bound by central differences with the same noise, draw by draw."""
        values = []
        for sign in (1, -1):
            place += sign * step
            values.append(rows(*parts))
            place -= sign * step
        return ((values[0] - values[1]) / (2 * step)).numpy()

    leaves = [part.clone().requires_grad_() for part in latent]
    *encoder, decoder = torch.autograd.grad(rows(*leaves).sum(), [*leaves, bias])
    for part, gradient in zip(latent, encoder, strict=True):
        expected, got = plain(part, latent), gradient[:, 0].numpy()
        error = np.hypot(expected.std(), got.std()) / np.sqrt(n)
        assert got.mean() == pytest.approx(expected.mean(), abs=4 * error)
    for j in range(2):
        expected = plain(bias[j], latent).mean()
        assert decoder[j].item() / n == pytest.approx(expected, rel=0.01, abs=1e-3)


def test_an_encoder_that_is_right_is_not_moved_by_the_noise(linear_gaussian, monkeypatch):
    truth = linear_gaussian(p=2)
    precision = 1 + (truth.W**2).sum() / truth.sigma**2
    x, n = np.array([0.3, -0.8]), 500
    mean = (truth.W[:, 0] @ (x - truth.b)) / truth.sigma**2 / precision
    leaves = [
        torch.full((n, 1), float(value), requires_grad=True) for value in (mean, -np.log(precision))
    ]
    monkeypatch.setattr(truth.model, "encode", lambda _: leaves)
    rows = torch.tensor(x).float().expand(n, 2), torch.ones(n, 2)
    values = bound(draw(truth.model, *rows, 5, torch.Generator().manual_seed(0)).log_weights)
    # q is p(z | x): all weights are the same, and the plain gradient would be noise of order one.
    assert values.std() < 1e-5
    for gradient in torch.autograd.grad(values.sum(), leaves):
        assert gradient.abs().max() < 1e-4
