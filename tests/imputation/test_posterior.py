"""Imputations against conditional means that are known."""

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from scipy.special import expit

from biam.imputation import posterior
from biam.imputation.mask_models import KnownMask
from biam.imputation.posterior import bounds, draws_of_gaps, posterior_means

X = np.array([[0.4, 0.0, -0.6], [0.0, 1.0, 0.0]])
SEEN = np.array([[True, False, True], [False, True, False]])
ROWS = torch.tensor(X).float(), torch.tensor(SEEN).float()


def test_at_random_the_imputation_is_the_conditional_mean(linear_gaussian):
    truth = linear_gaussian()
    got = posterior_means(truth.model, *ROWS, 40_000, 0, "posterior")
    for row, seen, filled in zip(X, SEEN, got, strict=True):
        mean, _ = truth.conditional(row, seen)
        # Five standard errors at an effective sample size of thousands.
        np.testing.assert_allclose(filled[~seen], mean, atol=0.03)


def test_draws_have_the_conditional_mean_and_spread(linear_gaussian):
    truth = linear_gaussian()
    drawn = draws_of_gaps(truth.model, *ROWS, 4000, 8000, 0)
    assert drawn.shape == (4000, 2, 3)
    for k, (row, seen) in enumerate(zip(X, SEEN, strict=True)):
        mean, covariance = truth.conditional(row, seen)
        np.testing.assert_allclose(drawn[:, k, ~seen].mean(0), mean, atol=0.1)
        np.testing.assert_allclose(np.cov(drawn[:, k, ~seen].T), covariance.squeeze(), atol=0.15)
        assert (drawn[:, k, seen] == row[seen].astype(np.float32)).all()


def test_not_at_random_only_the_draws_converge_to_the_conditional_mean(linear_gaussian):
    slope = 4.0
    truth = linear_gaussian(p=2, mask_model=KnownMask([0], lambda x: -slope * x))
    row, seen = np.array([0.0, 0.8]), np.array([False, True])
    mean, variance = truth.conditional(row, seen)
    gap = stats.norm(mean[0], np.sqrt(variance[0, 0]))

    def moment(power):
        return integrate.quad(lambda v: v**power * gap.pdf(v) * expit(slope * v), -12, 12)[0]

    expected = moment(1) / moment(0)
    rows = torch.tensor(row[None]).float(), torch.tensor(seen[None]).float()
    by = {
        estimate: posterior_means(truth.model, *rows, 40_000, 0, estimate)[0, 0]
        for estimate in posterior.ESTIMATES
    }
    assert by["posterior"] == pytest.approx(expected, abs=0.03)
    assert by["decoder"] < expected - 0.1


def test_bounds_and_sizes_are_per_row_and_chunks_change_nothing(linear_gaussian, monkeypatch):
    model = linear_gaussian().model
    values, sizes = bounds(model, *ROWS, 500, 0)
    assert values.shape == sizes.shape == (2,) and (sizes > 50).all()
    whole = posterior_means(model, *ROWS, 500, 0, "posterior")
    monkeypatch.setattr(posterior, "_CHUNK", 1)
    np.testing.assert_allclose(posterior_means(model, *ROWS, 500, 0, "posterior"), whole, atol=1e-6)
