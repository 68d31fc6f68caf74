"""Hinge and step bases on quantile knots, level indicators, and missing masks.

A `Basis` turns a table with gaps into a `Design`: basis columns `H` that are zero where the value
is missing, and the missing mask `M`. Both start with a column of ones, so that the whole main model
of Eq. 1 is one bilinear form f = H C M^T (see `biam.additive`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = ["Basis", "Design", "FeatureBasis", "quantile_knots", "shared_knots"]

KINDS = ("hinge", "step", "level")


def quantile_knots(x: np.ndarray, n_knots: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Distinct knots at the quantiles of one column's observed values.

    Where ties leave fewer than `n_knots` distinct quantiles (a column that is mostly zero), the
    quantiles of the distinct values are used, so that a rare tail still gets its knots.

    Parameters
    ----------
    x : ndarray, shape (n_rows,)
        One column; NaN is missing.
    n_knots : int
    weight : ndarray, shape (n_rows,), optional
        Weights of the rows: a row of weight two and the same row twice give the same knots.

    Returns
    -------
    ndarray, shape (at most n_knots,)
        Increasing; a single knot for a constant column, none for an empty one.
    """
    seen = ~np.isnan(x)
    observed = x[seen]
    if observed.size == 0:
        return np.empty(0)
    q = np.linspace(0, 1, n_knots)
    if weight is None:
        knots = np.unique(np.quantile(observed, q))
    else:
        knots = np.quantile(observed, q, weights=weight[seen], method="inverted_cdf")
        knots = np.unique(np.append(knots, observed.min()))
    if len(knots) < n_knots:
        distinct = np.unique(observed)
        knots = distinct if len(distinct) <= n_knots else np.unique(np.quantile(distinct, q))
    return knots


def shared_knots(X: np.ndarray, n_knots: int) -> np.ndarray:
    """The published knots: quantiles of each column's observed values, averaged over columns.

    Parameters
    ----------
    X : ndarray, shape (n_rows, n_features)
    n_knots : int

    Returns
    -------
    ndarray, shape (n_knots,)
        Columns without any observed value have no say; all zero when every column is such.
    """
    seen = X[:, ~np.isnan(X).all(axis=0)]
    if seen.shape[1] == 0:
        return np.zeros(n_knots)
    return np.nanquantile(seen, np.linspace(0, 1, n_knots), axis=0).mean(axis=1)


@dataclass(frozen=True)
class FeatureBasis:
    """Basis of one feature.

    Parameters
    ----------
    kind : {"hinge", "step", "level"}
        max(0, x - knot), 1(x > knot), or 1(x == level) for a category coded 0, 1, ...
    knots : Tensor, shape (n_columns,)
        Knots, or the level codes.
    centre : Tensor, shape (n_columns,), optional
        Taken from each column where the value is observed; the published bases have none.
    """

    kind: str
    knots: Tensor
    centre: Tensor | None = None

    def columns(self, x: Tensor) -> Tensor:
        """Basis columns of `x`, shape (n,), without gaps; shape (n, n_columns)."""
        distance = x[:, None] - self.knots
        if self.kind == "hinge":
            columns = distance.clamp_min(0)
        else:
            columns = ((distance > 0) if self.kind == "step" else (distance == 0)).to(x.dtype)
        return columns if self.centre is None else columns - self.centre

    def to(self, dtype: torch.dtype) -> "FeatureBasis":
        """The same knots in another precision."""
        centre = None if self.centre is None else self.centre.to(dtype)
        return FeatureBasis(self.kind, self.knots.to(dtype), centre)


@dataclass(frozen=True)
class Design:
    """A table seen through a `Basis`.

    Parameters
    ----------
    H : Tensor, shape (n, 1 + n_columns)
        Ones, then the basis columns, zero where the value is missing.
    M : Tensor, shape (n, 1 + n_features)
        Ones, then the missing mask (1 where missing).
    complete : bool
        No value is missing in the table this was cut from: the model may skip the mask terms.
    joint : Tensor, shape (n, n_main_parameters), optional
        All products of the main model in one matrix, when that is small (`AdditiveModel.join`).
    """

    H: Tensor
    M: Tensor
    complete: bool
    joint: Tensor | None = None

    def __len__(self) -> int:
        return len(self.H)

    def take(self, rows: Tensor | slice) -> "Design":
        """The design of some rows."""
        joint = None if self.joint is None else self.joint[rows]
        return Design(self.H[rows], self.M[rows], self.complete, joint)

    def batches(self, size: int) -> list["Design"]:
        """Consecutive cuts of `size` rows, the last one shorter."""
        H, M = self.H.split(size), self.M.split(size)
        joint = [None] * len(H) if self.joint is None else self.joint.split(size)
        return [Design(*parts) for parts in zip(H, M, [self.complete] * len(H), joint, strict=True)]

    def to(self, device: torch.device | str) -> "Design":
        """The same design on another device."""
        joint = None if self.joint is None else self.joint.to(device)
        return Design(self.H.to(device), self.M.to(device), self.complete, joint)


@dataclass(frozen=True)
class Basis:
    """The bases of all features of a table.

    Parameters
    ----------
    features : tuple of FeatureBasis
    """

    features: tuple[FeatureBasis, ...]

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        n_knots: int = 10,
        *,
        kind: str = "hinge",
        shared: bool = False,
        n_levels: Sequence[int] | None = None,
        weight: np.ndarray | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "Basis":
        """Place the knots.

        Parameters
        ----------
        X : ndarray of float, shape (n_rows, n_features)
            Training rows; NaN is missing.
        n_knots : int
            Knots per feature.
        kind : {"hinge", "step"}
            Basis of the numeric features.
        shared : bool
            One set of knots for all numeric features, as published; else each has its own.
        n_levels : sequence of int, optional
            Number of categories per feature, 0 for a numeric one.
        weight : ndarray, shape (n_rows,), optional
            Positive weights of the rows, for per-feature knots.
        dtype : torch.dtype

        Raises
        ------
        InvalidInputError
            Not a 2-D table, no rows, fewer than 2 knots, or `n_levels` of another length.
        """
        check_integer("n_knots", n_knots, low=2)
        check_choice("basis kind", kind, KINDS[:2])
        if X.ndim != 2 or len(X) == 0:
            raise InvalidInputError(f"X must be a 2-D table with rows, got shape {X.shape}.")
        levels = list(n_levels) if n_levels is not None else [0] * X.shape[1]
        if len(levels) != X.shape[1]:
            raise InvalidInputError(
                f"n_levels must have one entry per feature ({X.shape[1]}), got {len(levels)}."
            )
        numeric = [j for j, n in enumerate(levels) if n == 0]
        common = shared_knots(X[:, numeric], n_knots) if shared and numeric else None
        features = []
        for j, n in enumerate(levels):
            if n:
                features.append(FeatureBasis("level", torch.arange(n, dtype=dtype)))
                continue
            knots = common if common is not None else quantile_knots(X[:, j], n_knots, weight)
            features.append(FeatureBasis(kind, torch.tensor(knots, dtype=dtype)))
        return cls(tuple(features))

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.features)

    @property
    def n_columns(self) -> int:
        """Number of basis columns over all features."""
        return sum(len(f.knots) for f in self.features)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Columns of `Design.H` that belong to each feature (column 0 is the intercept)."""
        ends = 1 + np.cumsum([0, *(len(f.knots) for f in self.features)])
        return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))

    def to(self, dtype: torch.dtype) -> "Basis":
        """The same knots in another precision."""
        return Basis(tuple(f.to(dtype) for f in self.features))

    def design(self, X: np.ndarray) -> Design:
        """Evaluate the basis on a table.

        Parameters
        ----------
        X : ndarray of float, shape (n, n_features)
            NaN is missing.

        Returns
        -------
        Design

        Raises
        ------
        InvalidInputError
            Not a 2-D table with the features the knots were placed on.
        """
        if np.ndim(X) != 2 or np.shape(X)[1] != self.n_features:
            raise InvalidInputError(
                f"X must have shape (n, {self.n_features}), as in `fit`, got {np.shape(X)}."
            )
        dtype = self.features[0].knots.dtype
        # The published code keeps float64 arrays until the model takes them: one cast, here.
        values = torch.as_tensor(np.asarray(X, dtype=np.float64)).to(dtype)
        missing = values.isnan()
        values = values.masked_fill(missing, 0.0)
        observed = (~missing).to(dtype)
        ones = values.new_ones(len(values), 1)
        H = [f.columns(values[:, j]) * observed[:, j, None] for j, f in enumerate(self.features)]
        return Design(
            torch.cat([ones, *H], 1),
            torch.cat([ones, missing.to(dtype)], 1),
            complete=not bool(missing.any()),
        )
