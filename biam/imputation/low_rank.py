"""Soft-impute: completion of a table by a matrix of small nuclear norm.

Source: Mazumder, Hastie & Tibshirani (2010), Spectral regularization algorithms for learning large
incomplete matrices, JMLR 11, Algorithm 1.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from biam.validation import check_integer, check_number

__all__ = ["SoftImputer", "row_factors", "soft_impute"]


class SoftImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """min over Z of 1/2 sum over observed (x_ij - z_ij)^2 + penalty * ||Z||_*.

    Columns should be standardised (`biam.imputation.classical.make_imputer` does it): a gap that
    nothing is known about is filled with zero.

    Parameters
    ----------
    penalty : float, optional
        None: the best of a path of penalties on `held_out` of the observed entries.
    n_penalties : int
        Length of the path, from the largest singular value down to a hundredth of it.
    held_out : float
        Share of the observed entries that chooses the penalty.
    max_iter : int
        Most iterations per penalty.
    tol : float
        Relative change of the squared norm of Z at which an iteration stops.
    random_state : int, RandomState or None
        Draws the held-out entries.

    Attributes
    ----------
    penalty_ : float
    n_iter_ : int
        Iterations at the last penalty.
    factors_ : ndarray, shape (p, rank)
        B with Z = A B', both of them the singular vectors times the roots of the singular values.
    """

    def __init__(
        self,
        *,
        penalty: float | None = None,
        n_penalties: int = 12,
        held_out: float = 0.1,
        max_iter: int = 200,
        tol: float = 1e-7,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.penalty = penalty
        self.n_penalties = n_penalties
        self.held_out = held_out
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "SoftImputer":
        """Fit on a table, shape (n, p), NaN where a value is missing."""
        check_integer("n_penalties", self.n_penalties, low=1)
        check_integer("max_iter", self.max_iter, low=1)
        check_number("held_out", self.held_out, low=0, high=0.9, open_low=True)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan")
        if self.penalty is None:
            path = self._path(X)
            path = path[: self._best(X, path) + 1]
        else:
            path = np.array([check_number("penalty", self.penalty, low=0)])
        self.penalty_ = float(path[-1])
        Z = np.zeros(X.shape)
        for penalty in path:
            Z, self.factors_, self.n_iter_ = soft_impute(X, penalty, Z, self.max_iter, self.tol)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Completed table, shape (n, p); the rows of the fit get the Z of the fit."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        return np.where(
            np.isnan(X), row_factors(X, self.factors_, self.penalty_) @ self.factors_.T, X
        )

    def _path(self, X: np.ndarray) -> np.ndarray:
        largest = np.linalg.norm(np.nan_to_num(X), 2)
        return np.geomspace(largest, 0.01 * largest, self.n_penalties) if largest else np.zeros(1)

    def _best(self, X: np.ndarray, path: np.ndarray) -> int:
        """Position in the path of the penalty with the smallest error on held-out entries."""
        seen = np.argwhere(~np.isnan(X))
        stream = check_random_state(self.random_state)
        count = max(1, round(self.held_out * len(seen)))
        rows, columns = seen[stream.choice(len(seen), count, replace=False)].T
        shown = X.copy()
        shown[rows, columns] = np.nan
        Z, errors = np.zeros(X.shape), []
        for penalty in path:
            Z, _, _ = soft_impute(shown, penalty, Z, self.max_iter, self.tol)
            errors.append(np.mean((Z[rows, columns] - X[rows, columns]) ** 2))
        return int(np.argmin(errors))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def soft_impute(
    X: np.ndarray, penalty: float, Z: np.ndarray, max_iter: int, tol: float
) -> tuple[np.ndarray, np.ndarray, int]:
    """Iterate Z <- S(observed X, gaps from Z), S the soft-thresholded singular values.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        NaN where missing.
    penalty : float
    Z : ndarray, shape (n, p)
        Where to start.
    max_iter : int
    tol : float

    Returns
    -------
    Z : ndarray, shape (n, p)
    B : ndarray, shape (p, rank)
        Right factors.
    n_iter : int
    """
    gaps, n_iter = np.isnan(X), 0
    while n_iter < max_iter:
        n_iter += 1
        U, d, Vt = np.linalg.svd(np.where(gaps, Z, X), full_matrices=False)
        d = np.maximum(d - penalty, 0.0)
        new = (U * d) @ Vt
        change = np.sum((new - Z) ** 2)
        Z = new
        if change <= tol * max(float(np.sum(Z**2)), 1e-12):
            break
    rank = int(np.sum(d > 0))
    return Z, Vt[:rank].T * np.sqrt(d[:rank]), n_iter


def row_factors(X: np.ndarray, B: np.ndarray, penalty: float) -> np.ndarray:
    """A with the least 1/2 sum over observed (x_ij - a_i b_j)^2 + penalty / 2 ||A||^2.

    At the optimum of the nuclear norm problem these are the left factors, since the norm of Z is
    the least (||A||^2 + ||B||^2) / 2 over A B' = Z: new rows are completed as those of the fit.

    Parameters
    ----------
    X : ndarray, shape (n, p)
    B : ndarray, shape (p, rank)
    penalty : float

    Returns
    -------
    ndarray, shape (n, rank)
    """
    seen, rank = ~np.isnan(X), B.shape[1]
    outer = (B[:, :, None] * B[:, None, :]).reshape(len(B), rank * rank)
    gram = (seen @ outer).reshape(len(X), rank, rank)
    # A trace of ridge without a penalty: a row may show fewer values than there are factors.
    gram += max(penalty, 1e-10) * np.eye(rank)
    return np.linalg.solve(gram, (np.nan_to_num(X) @ B)[:, :, None])[:, :, 0]
