"""Probabilistic PCA with gaps: x = W z + mu + noise, fitted by EM on what was observed.

Source: Tipping & Bishop (1999), Probabilistic principal component analysis, JRSS B 61; gaps are
left out of the likelihood, which is right where values are missing at random.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from biam.validation import check_integer, check_number

__all__ = ["PPCAImputer"]

MOST_COMPONENTS = 10
LEAST_VARIANCE = 1e-6


class Posterior(NamedTuple):
    """Of z given what a row shows: means (n, q), covariances (n, q, q)."""

    mean: np.ndarray
    covariance: np.ndarray


class PPCAImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Gaussian with covariance W W' + s^2 I, and the conditional mean of what is missing.

    Columns should be standardised (`biam.imputation.classical.make_imputer` does it), since the
    noise has one variance for all of them.

    Parameters
    ----------
    n_components : int, optional
        q; None: p - 1, at most ten.
    max_iter : int
        Most steps of EM.
    tol : float
        Gain of the log-likelihood per row at which EM stops.
    random_state : int, RandomState or None
        Draws the loadings that EM begins with, and what `sample` returns.

    Attributes
    ----------
    mean_ : ndarray, shape (p,)
    loadings_ : ndarray, shape (p, q)
    noise_variance_ : float
    n_iter_ : int
    log_likelihoods_ : list of float
        Per row, of the observed values, after each step.
    """

    def __init__(
        self,
        *,
        n_components: int | None = None,
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "PPCAImputer":
        """Fit on a table, shape (n, p), NaN where a value is missing."""
        check_integer("max_iter", self.max_iter, low=1)
        check_number("tol", self.tol, low=0)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        p, seen = X.shape[1], ~np.isnan(X)
        q = min(p - 1, MOST_COMPONENTS)
        if self.n_components is not None:
            q = check_integer("n_components", self.n_components, low=1, high=p)
        counts = np.maximum(seen.sum(0), 1)
        self.mean_ = np.nan_to_num(X).sum(0) / counts
        spread = np.where(seen, X - self.mean_, 0.0)
        variance = (spread**2).sum() / counts.sum()
        self.noise_variance_ = max(float(variance) / 2, LEAST_VARIANCE)
        stream = check_random_state(self.random_state)
        self.loadings_ = stream.normal(size=(p, q)) * np.sqrt(self.noise_variance_ / max(q, 1))
        self.log_likelihoods_ = []
        for _ in range(self.max_iter):
            self._step(X, seen)
            self.log_likelihoods_.append(self._log_likelihood(X))
            if len(self.log_likelihoods_) > 1 and np.diff(self.log_likelihoods_[-2:])[0] < self.tol:
                break
        self.n_iter_ = len(self.log_likelihoods_)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Completed table, shape (n, p): the mean of each gap given what its row shows."""
        X = self._checked(X)
        return np.where(np.isnan(X), self.mean_ + self._posterior(X).mean @ self.loadings_.T, X)

    def sample(self, X: Any, n_draws: int = 10) -> np.ndarray:
        """Completed tables, shape (n_draws, n_rows, p), gaps drawn given what their rows show."""
        check_integer("n_draws", n_draws, low=1)
        X, stream = self._checked(X), check_random_state(self.random_state)
        mean, covariance = self._posterior(X)
        root = np.linalg.cholesky(covariance)
        draws = stream.normal(size=(n_draws, *mean.shape, 1))
        z = mean + (root @ draws)[..., 0]
        noise = np.sqrt(self.noise_variance_) * stream.normal(size=(n_draws, *X.shape))
        return np.where(np.isnan(X), self.mean_ + z @ self.loadings_.T + noise, X)

    def score(self, X: Any, y: Any = None) -> float:
        """Mean log-likelihood per row of what was observed."""
        return self._log_likelihood(self._checked(X))

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")

    def _posterior(self, X: np.ndarray) -> Posterior:
        """M_i = s^2 I + W_o' W_o; mean M_i^-1 W_o' (x_o - mu_o), covariance s^2 M_i^-1."""
        W, seen = self.loadings_, ~np.isnan(X)
        q = W.shape[1]
        outer = (W[:, :, None] * W[:, None, :]).reshape(len(W), q * q)
        M = (seen @ outer).reshape(len(X), q, q) + self.noise_variance_ * np.eye(q)
        inverse = np.linalg.inv(M)
        inverse = (inverse + inverse.transpose(0, 2, 1)) / 2
        sums = np.where(seen, X - self.mean_, 0.0) @ W
        return Posterior((inverse @ sums[:, :, None])[:, :, 0], self.noise_variance_ * inverse)

    def _step(self, X: np.ndarray, seen: np.ndarray) -> None:
        """One step of EM; each column is regressed on (z, 1) over the rows that show it."""
        mean, covariance = self._posterior(X)
        n, q = mean.shape
        moments = np.empty((n, q + 1, q + 1))
        moments[:, :q, :q] = covariance + mean[:, :, None] * mean[:, None, :]
        moments[:, :q, q] = moments[:, q, :q] = mean
        moments[:, q, q] = 1.0
        design = np.column_stack([mean, np.ones(n)])
        filled = np.where(seen, X, 0.0)
        gram = (seen.T @ moments.reshape(n, -1)).reshape(-1, q + 1, q + 1)
        # A column that is shown by no more rows than there are factors leaves its gram singular.
        gram += 1e-9 * np.eye(q + 1)
        coefficients = np.linalg.solve(gram, (filled.T @ design)[:, :, None])[:, :, 0]
        self.loadings_, self.mean_ = coefficients[:, :q], coefficients[:, q]
        fitted = mean @ self.loadings_.T + self.mean_
        spread = np.einsum(
            "jq,nqr,jr->nj", self.loadings_, covariance, self.loadings_, optimize=True
        )
        variance = ((filled - fitted) ** 2 + spread)[seen].mean()
        self.noise_variance_ = max(float(variance), LEAST_VARIANCE)

    def _log_likelihood(self, X: np.ndarray) -> float:
        """Mean over rows of log N(x_o; mu_o, W_o W_o' + s^2 I), by the determinant of M_i."""
        seen, s2 = ~np.isnan(X), self.noise_variance_
        residual = np.where(seen, X - self.mean_, 0.0)
        mean, covariance = self._posterior(X)
        q = mean.shape[1]
        counts = seen.sum(1)
        # |C_o| = s^(2 (o - q)) |M|, and x' C^-1 x = (x'x - x' W E[z]) / s^2.
        log_det = (
            counts * np.log(s2) - np.linalg.slogdet(covariance)[1] if q else counts * np.log(s2)
        )
        square = (residual**2).sum(1) - ((residual @ self.loadings_) * mean).sum(1)
        return float(-0.5 * (counts * np.log(2 * np.pi) + log_det + square / s2).mean())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
