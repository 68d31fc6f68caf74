"""SMOTE: new rows of a rare class between neighbours of that class."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors
from torch import Tensor, nn

from biam.exceptions import InvalidInputError, MissingExtraError
from biam.validation import check_choice, check_integer, check_number

__all__ = ["Smote", "embed"]

MODES = ("segment", "attribute", "midpoint")

Array = NDArray[Any]


@dataclass(frozen=True)
class Smote:
    """Over-sampling of every class but the largest by x + u (x' - x), x' a neighbour of x.

    Source: Chawla, Bowyer, Hall & Kegelmeyer (2002). The neighbours come from the same class. Not
    defined for missing values, and of little sense on raw pixels: see `embed`.

    Parameters
    ----------
    amount : float, optional
        New rows per row of the class, in per cent (100 doubles it); None = up to the largest class.
    mode : {"segment", "attribute", "midpoint"}
        u drawn once a row (the paper's prose, and imbalanced-learn, which does it here); once an
        entry (its pseudo-code), which fills a box; one half (the lecture: an average of pairs).
    k_neighbors : int
        As many as there are, where a class has fewer.
    nominal : tuple of int
        Columns of categories: SMOTE-NC, by imbalanced-learn; "segment" only. A new row takes the
        most frequent category of its neighbours.
    random_state : int
    """

    amount: float | None = None
    mode: str = "segment"
    k_neighbors: int = 5
    nominal: tuple[int, ...] = ()
    random_state: int = 0

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, MODES)
        check_integer("k_neighbors", self.k_neighbors, low=1)
        if self.amount is not None:
            check_number("amount", self.amount, low=0.0, open_low=True)
        if self.nominal and self.mode != "segment":
            raise InvalidInputError(
                f"nominal columns need mode 'segment', got {self.mode!r}: a category has no middle."
            )

    def fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """The given rows, then the new ones.

        Parameters
        ----------
        X : array-like, shape (n, p)
            Complete numbers; categories as codes.
        y : array-like, shape (n,)

        Raises
        ------
        InvalidInputError
            A value is missing, or a class that needs rows has one only.
        MissingExtraError
            imbalanced-learn is not installed (mode "segment").
        """
        X, y = np.asarray(X, dtype=float), np.asarray(y)
        if X.ndim != 2 or len(X) != len(y) or not np.isfinite(X).all():
            raise InvalidInputError(
                "SMOTE needs complete rows, X of shape (n, p) without NaN, and their labels, got "
                f"{X.shape} with {int(np.isnan(X).sum())} NaN and {len(y)} labels; impute first."
            )
        wanted, k = self._wanted(y)
        if not wanted:
            return X, y
        if self.mode == "segment":
            return self._by_library(X, y, wanted, k)
        g = np.random.default_rng(self.random_state)
        new = [self._between(X[y == label], n, k, g) for label, n in wanted.items()]
        labels = np.repeat(np.array(list(wanted), dtype=y.dtype), list(wanted.values()))
        return np.concatenate([X, *new]), np.concatenate([y, labels])

    def _wanted(self, y: Array) -> tuple[dict[Any, int], int]:
        """New rows of each class that gets some, and the neighbours that all of them have."""
        labels, counts = np.unique(y, return_counts=True)
        wanted = {}
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            gap = counts.max() - count
            n = gap if self.amount is None else round(count * self.amount / 100) * (gap > 0)
            if n > 0:
                wanted[label] = int(n)
        sizes = [int(np.sum(y == label)) for label in wanted]
        if sizes and min(sizes) < 2:
            raise InvalidInputError(
                f"SMOTE needs two rows of each class it adds to, got {min(sizes)}: leave the class "
                "out, or collect more."
            )
        return wanted, min([self.k_neighbors, *(size - 1 for size in sizes)])

    def _by_library(
        self, X: Array, y: Array, wanted: dict[Any, int], k: int
    ) -> tuple[Array, Array]:
        sampling = _imblearn()
        counts = {label: int(np.sum(y == label)) + n for label, n in wanted.items()}
        common = {
            "sampling_strategy": counts,
            "k_neighbors": k,
            "random_state": self.random_state,
        }
        if self.nominal:
            maker = sampling.SMOTENC(categorical_features=list(self.nominal), **common)
        else:
            maker = sampling.SMOTE(**common)
        return maker.fit_resample(X, y)

    def _between(self, own: Array, n: int, k: int, g: np.random.Generator) -> Array:
        """`n` rows between neighbours among the rows `own` of one class."""
        near = NearestNeighbors(n_neighbors=k + 1).fit(own).kneighbors(own, return_distance=False)
        first = g.integers(len(own), size=n)
        second = near[first, g.integers(1, k + 1, size=n)]
        u = 0.5 if self.mode == "midpoint" else g.uniform(size=(n, own.shape[1]))
        return own[first] + u * (own[second] - own[first])


@torch.inference_mode()
def embed(extractor: nn.Module, x: Tensor, size: int = 1000) -> Array:
    """Features of a trained extractor, shape (n, k): where to interpolate pictures.

    Parameters
    ----------
    extractor : nn.Module
        Put into evaluation mode.
    x : Tensor, shape (n, ...)
    size : int
        Rows at a time.
    """
    extractor.eval()
    return torch.cat([extractor(part).flatten(1) for part in x.split(size)]).double().numpy()


def _imblearn() -> Any:
    try:
        from imblearn import over_sampling
    except ImportError as error:
        raise MissingExtraError(
            "SMOTE needs imbalanced-learn: pip install 'biam[baselines]'."
        ) from error
    return over_sampling
