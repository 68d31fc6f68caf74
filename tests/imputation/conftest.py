"""A linear Gaussian latent model, whose likelihood and conditional means are known."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from biam.imputation.columns import Layout
from biam.imputation.likelihoods import Likelihood
from biam.imputation.networks import LatentModel


@dataclass
class LinearGaussian:
    """x = W z + b + sigma e; `model` is the same as a network."""

    model: LatentModel
    W: np.ndarray
    b: np.ndarray
    sigma: float

    @property
    def covariance(self):
        return self.W @ self.W.T + self.sigma**2 * np.eye(len(self.b))

    def conditional(self, x, seen):
        """Mean and covariance of the gaps of one row."""
        S = self.covariance
        A = S[np.ix_(~seen, seen)] @ np.linalg.inv(S[np.ix_(seen, seen)])
        mean = self.b[~seen] + A @ (x[seen] - self.b[seen])
        return mean, S[np.ix_(~seen, ~seen)] - A @ S[np.ix_(seen, ~seen)]


@pytest.fixture
def linear_gaussian():
    def make(p=3, latent=1, sigma=0.7, mask_model=None, seed=0):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            likelihood = Likelihood(Layout(("gaussian",) * p, (1,) * p), "shared", 0.01)
            model = LatentModel(likelihood, latent, (8,), "linear", mask_model)
            torch.nn.init.normal_(model.decoder[0].weight)
            likelihood.raw_scale.data.fill_(float(np.log(np.expm1(sigma - 0.01))))
        W, b = (t.detach().double().numpy() for t in model.decoder[0].parameters())
        return LinearGaussian(model, W, b, sigma)

    return make


@pytest.fixture
def gaps_above_mean():
    """Two correlated Gaussian columns; the first is missing where it is above its mean."""

    def make(n=300, rho=0.8, seed=0):
        rng = np.random.default_rng(seed)
        X = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
        holes = X.copy()
        holes[X[:, 0] > X[:, 0].mean(), 0] = np.nan
        return X, holes

    return make
