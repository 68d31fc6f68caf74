"""Densities against SciPy and torch, draws against their densities."""

import numpy as np
import pytest
import torch
from scipy import stats

from biam.imputation.columns import Layout
from biam.imputation.likelihoods import Likelihood

LAYOUT = Layout(("gaussian", "gaussian", "student", "bernoulli", "categorical"), (1, 1, 1, 1, 3))


def outputs(scale, rows=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    likelihood = Likelihood(LAYOUT, scale, 0.05)
    return likelihood, torch.randn(2, rows, 7 + likelihood.n_extra, generator=generator)


def block(rows=4, seed=1):
    rng = np.random.default_rng(seed)
    level = np.eye(3)[rng.integers(3, size=rows)]
    return np.hstack([rng.normal(size=(rows, 3)), rng.integers(2, size=(rows, 1)), level])


@pytest.mark.parametrize("scale", ["shared", "column", "row"])
def test_density_is_that_of_scipy(scale):
    likelihood, out = outputs(scale)
    if scale == "column":
        likelihood.raw_scale.data = torch.tensor([0.1, -0.5, 1.0])
    x = block()
    seen = np.ones((4, 5))
    seen[0] = [1, 0, 0, 1, 0]
    x[0, [1, 2, 4, 5, 6]] = 0
    got = likelihood.log_prob(out, torch.tensor(x).float(), torch.tensor(seen).float())
    s = likelihood._scales(out).detach().numpy()
    s = np.broadcast_to(s, (2, 4, 3))
    o = out.numpy().astype(float)
    df = likelihood.degrees_of_freedom().item()
    terms = [stats.norm.logpdf(x[:, j], o[..., j], s[..., j]) for j in (0, 1)]
    terms.append(stats.t.logpdf(x[:, 2], df, o[..., 2], s[..., 2]))
    terms.append(stats.bernoulli.logpmf(x[:, 3].astype(int), 1 / (1 + np.exp(-o[..., 3]))))
    log_p = torch.log_softmax(torch.tensor(o[..., 4:7]), -1).numpy()
    terms.append((x[:, 4:] * log_p).sum(-1))
    expected = (np.stack(terms, -1) * seen).sum(-1)
    np.testing.assert_allclose(got.detach().numpy(), expected, rtol=1e-4, atol=1e-4)


def test_scale_has_a_floor():
    likelihood, out = outputs("shared")
    likelihood.raw_scale.data.fill_(-100.0)
    assert likelihood._scales(out).min() == pytest.approx(0.05)


def test_draws_have_the_density_they_are_drawn_from():
    likelihood, out = outputs("column", rows=1)
    likelihood.raw_df.data.fill_(2.0)
    many = out[:1].expand(20_000, 1, 7)
    with torch.no_grad():
        x = likelihood.draw(many, torch.Generator().manual_seed(0))[:, 0].numpy().astype(float)
        mean = likelihood.mean(out)[0, 0].numpy().astype(float)
        s = likelihood._scales(out).numpy().astype(float)
    df = likelihood.degrees_of_freedom().item()
    for j in range(2):
        assert stats.kstest(x[:, j], "norm", (mean[j], s[j])).pvalue > 1e-3
    assert stats.kstest((x[:, 2] - mean[2]) / s[2], "t", (df,)).pvalue > 1e-3
    np.testing.assert_allclose(x[:, 3:].mean(0), mean[3:], atol=0.015)
    assert (x[:, 4:].sum(1) == 1).all() and set(np.unique(x[:, 3])) == {0, 1}


def test_gradients_flow_through_every_draw():
    likelihood, out = outputs("row")
    out.requires_grad_()
    likelihood.draw(out, torch.Generator().manual_seed(0)).square().sum().backward()
    assert (out.grad.abs().sum((0, 1)) > 0).all()
    assert likelihood.raw_df.grad.abs().sum() > 0


def test_shared_noise_moves_every_row_alike():
    likelihood, out = outputs("shared")
    same = out[:, :1].expand(2, 4, 7)
    x = likelihood.draw(same, torch.Generator().manual_seed(0), same_noise=True)
    assert torch.equal(x, x[:, :1].expand_as(x))
    apart = likelihood.draw(same, torch.Generator().manual_seed(0))
    assert not torch.equal(apart[:, 0], apart[:, 1])
