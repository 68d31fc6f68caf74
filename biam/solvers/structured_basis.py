"""Columns of the structure search, in whole groups: main effects, missing effects, interactions.

Every column is centred on the rows that support it and zero elsewhere, so that a group which is
switched off leaves the intercept where it was. Source: BIAM protocol, section 6.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from biam.exceptions import InvalidInputError
from biam.validation import check_integer

__all__ = ["Group", "StructuredBasis"]

Array = np.ndarray


class Group(NamedTuple):
    """Name of a group of columns.

    Parameters
    ----------
    kind : {"main", "missing", "interaction"}
    source, target : int
        "interaction": mask of `source` times the observed feature `target`; else both are j.
    """

    kind: str
    source: int
    target: int


@dataclass(frozen=True)
class StructuredBasis:
    """Two-sided hinges of each column, missing indicators, and directed products of the two.

    Parameters
    ----------
    location, scale : ndarray, shape (n_features,)
        Mean and deviation of the observed training values.
    knots : tuple of ndarray
        Per feature, in standardised units.
    groups : tuple of Group
    centres : tuple of ndarray
        Per group, the mean of its columns over the training rows that support it.
    """

    location: Array
    scale: Array
    knots: tuple[Array, ...]
    groups: tuple[Group, ...]
    centres: tuple[Array, ...]

    @classmethod
    def fit(cls, X: Array, n_knots: int = 8, min_support: int = 20) -> "StructuredBasis":
        """Place the knots and list the groups.

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_features)
            Training rows; NaN is missing.
        n_knots : int
            Knots at the quantiles k / (n_knots + 1) of the observed values.
        min_support : int
            Rows with j missing and k observed that the interaction of j and k needs.

        Raises
        ------
        InvalidInputError
            Not a 2-D table with rows, no knots, no support asked for.
        """
        check_integer("n_knots", n_knots, low=1)
        check_integer("min_support", min_support, low=1)
        if np.ndim(X) != 2 or len(X) == 0:
            raise InvalidInputError(f"X must be a 2-D table with rows, got shape {np.shape(X)}.")
        seen = ~np.isnan(X)
        count = seen.sum(0)
        location = np.where(seen, X, 0.0).sum(0) / np.maximum(count, 1)
        spread = np.sqrt(np.where(seen, (X - location) ** 2, 0.0).sum(0) / np.maximum(count, 1))
        scale = np.where(spread > 0, spread, 1.0)
        levels = np.arange(1, n_knots + 1) / (n_knots + 1)
        knots = tuple(
            np.quantile((X[seen[:, j], j] - location[j]) / scale[j], levels)
            if spread[j] > 0
            else np.empty(0)
            for j in range(X.shape[1])
        )
        groups = _groups(seen, spread > 0, min_support)
        bare = cls(location, scale, knots, groups, ())
        centres = tuple(_centre(bare, X, group) for group in groups)
        return cls(location, scale, knots, groups, centres)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of columns of each group."""
        return tuple(len(centre) for centre in self.centres)

    def design(self, X: Array) -> Array:
        """Columns of all groups, shape (n, sum of `sizes`).

        Raises
        ------
        InvalidInputError
            Not a 2-D table with the features of `fit`.
        """
        if np.ndim(X) != 2 or np.shape(X)[1] != len(self.location):
            raise InvalidInputError(
                f"X must have shape (n, {len(self.location)}), as in fit, got {np.shape(X)}."
            )
        hinges = [self._hinges(X, k) for k in range(X.shape[1])]
        parts = [np.empty((len(X), 0))]
        for group, centre in zip(self.groups, self.centres, strict=True):
            columns, support = self._columns(X, group, hinges)
            parts.append((columns - centre) * support[:, None])
        return np.concatenate(parts, 1)

    def _hinges(self, X: Array, k: int) -> Array:
        """max(0, x - t) and max(0, t - x) of a standardised column, 0 in place of a gap."""
        x = np.nan_to_num((X[:, k] - self.location[k]) / self.scale[k], nan=0.0)
        distance = x[:, None] - self.knots[k]
        return np.concatenate([distance, -distance], 1).clip(min=0)

    def _columns(self, X: Array, group: Group, hinges: list[Array]) -> tuple[Array, Array]:
        """Columns before centring, and the rows that support them."""
        gap = np.isnan(X)
        kind, source, target = group
        if kind == "missing":
            return gap[:, [source]].astype(float), np.ones(len(X), dtype=bool)
        support = ~gap[:, target]
        return hinges[target], support if kind == "main" else support & gap[:, source]


def _groups(seen: Array, varies: Array, min_support: int) -> tuple[Group, ...]:
    p = seen.shape[1]
    main = [Group("main", j, j) for j in range(p) if varies[j]]
    gappy = [j for j in range(p) if 0 < seen[:, j].sum() < len(seen)]
    missing = [Group("missing", j, j) for j in gappy]
    support = (~seen).astype(int).T @ seen
    directed = [
        Group("interaction", j, k)
        for j in gappy
        for k in range(p)
        if varies[k] and support[j, k] >= min_support
    ]
    return (*main, *missing, *directed)


def _centre(basis: StructuredBasis, X: Array, group: Group) -> Array:
    hinges = {group.target: basis._hinges(X, group.target)}
    columns, support = basis._columns(X, group, hinges)  # type: ignore[arg-type]
    return columns[support].mean(0)
