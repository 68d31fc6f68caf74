"""The first pass over a table in chunks: columns, categories, moments, targets.

What a chunk says of itself is small and is put together in order: categories by union, means and
deviations by the formula of Chan, Golub and LeVeque (1983), which loses no digits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import column_or_1d

from biam.chunks import Chunks
from biam.exceptions import InvalidInputError
from biam.table import TableEncoder, _categories, _columns
from biam.targets import check_classes, checked_numbers

__all__ = ["Encoded", "Moments", "Scan"]


class Moments(NamedTuple):
    """Weight, mean and sum of squared distances from it, of one or more columns."""

    weight: Any
    mean: Any
    square: Any

    @classmethod
    def of(cls, x: np.ndarray, weight: np.ndarray) -> "Moments":
        """Of the rows of `x`, shape (n,) or (n, p), NaN left out, with weights (n,)."""
        seen = ~np.isnan(x)
        v = seen * (weight[:, None] if x.ndim > 1 else weight)
        x = np.where(seen, x, 0.0)
        total = v.sum(0)
        mean = (v * x).sum(0) / np.where(total > 0, total, 1.0)
        return cls(total, mean, (v * (x - mean) ** 2).sum(0))

    def join(self, other: "Moments") -> "Moments":
        """Of the rows of both."""
        total = self.weight + other.weight
        share = other.weight / np.where(total > 0, total, 1.0)
        apart = other.mean - self.mean
        square = self.square + other.square + apart**2 * self.weight * share
        return Moments(total, self.mean + share * apart, square)

    @property
    def deviation(self) -> Any:
        """Root of the mean squared distance from the mean."""
        return np.sqrt(self.square / np.where(self.weight > 0, self.weight, 1.0))


@dataclass(frozen=True)
class Scan:
    """What there is to know of a table before a fit.

    Parameters
    ----------
    names : list of str
    named : bool
        Whether the columns came with names.
    n_rows : int
    categories : list
        Per column its categories, or None for numbers.
    observed : ndarray of int, shape (p,)
        Rows with a value.
    columns : Moments
        Of the columns that are numbers.
    target : Moments or dict
        Of the targets; of classes, the weight of each.
    sizes : tuple of int
        Rows of each chunk.
    """

    names: list[str]
    named: bool
    n_rows: int
    categories: list[list[Any] | None]
    observed: np.ndarray
    columns: Moments
    target: Any
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, chunks: Chunks, classes: bool) -> "Scan":
        """Look at every chunk once.

        Parameters
        ----------
        chunks : Chunks
        classes : bool
            Whether the targets are classes.

        Raises
        ------
        InvalidInputError
            Anything that cannot be fitted, with the number of the chunk.
        """
        parts = chunks.gather(_Look(classes))
        scan = parts[0]
        for number, part in enumerate(parts[1:], start=1):
            scan = scan._join(part, number)
        empty = [name for name, n in zip(scan.names, scan.observed, strict=True) if not n]
        if empty:
            raise InvalidInputError(f"column {empty[0]!r} has no observed value: drop it.")
        weight = sum(scan.target.values()) if classes else scan.target.weight
        if not weight > 0:
            raise InvalidInputError("sample_weight is zero for every row: nothing to learn from.")
        return scan

    def encoder(self, standardise: bool, handle_unknown: str) -> TableEncoder:
        """The encoder that `TableEncoder.fit` would give of the whole table."""
        p = len(self.names)
        encoder = TableEncoder(standardise, handle_unknown, self.names, self.categories)
        encoder.centre, encoder.scale = np.zeros(p), np.ones(p)
        if standardise:
            numeric = np.array([known is None for known in self.categories])
            centre, spread = self.columns.mean, self.columns.deviation
            encoder.centre[numeric] = centre[numeric]
            varies = numeric & (spread > 1e-12 * np.maximum(1.0, np.abs(centre)))
            encoder.scale[varies] = spread[varies]
        return encoder

    def typical_targets(self) -> tuple[np.ndarray, np.ndarray | None]:
        """A few targets, and weights, with the moments or the classes of all."""
        if isinstance(self.target, dict):
            classes = sorted(self.target)
            return np.array(classes), np.array([self.target[c] for c in classes])
        mean, spread = float(self.target.mean), float(self.target.deviation)
        return np.array([mean - spread, mean + spread]), None

    def _join(self, other: "Scan", number: int) -> "Scan":
        if other.names != self.names:
            raise InvalidInputError(
                f"chunk {number} has the columns {other.names}, expected {self.names} as in the "
                "first one."
            )
        pairs = zip(self.categories, other.categories, strict=True)
        kinds = [_joined(self, other, j, number, *known) for j, known in enumerate(pairs)]
        if isinstance(self.target, dict):
            target = {c: 0.0 for c in (*self.target, *other.target)}
            target = {c: self.target.get(c, 0.0) + other.target.get(c, 0.0) for c in target}
        else:
            target = self.target.join(other.target)
        return Scan(
            self.names,
            self.named,
            self.n_rows + other.n_rows,
            kinds,
            self.observed + other.observed,
            self.columns.join(other.columns),
            target,
            (*self.sizes, *other.sizes),
        )


@dataclass(frozen=True)
class _Look:
    """The scan of one chunk."""

    classes: bool

    def __call__(self, number: int, X: Any, y: Any, weight: Any) -> Scan:
        with _of_chunk(number):
            X, y, weight = _checked(X, y, weight)
            columns = list(_columns(X))
            names = [name for name, _ in columns]
            categories = [_categories(name, column) for name, column in columns]
            p = len(names)
            encoder = TableEncoder(names=names, categories=categories)
            encoder.centre, encoder.scale = np.zeros(p), np.ones(p)
            values = encoder.transform(X)
            if self.classes:
                check_classes(y, "y")
                found, codes = np.unique(y, return_inverse=True)
                sums = np.bincount(codes, weight, minlength=len(found))
                target: Any = dict(zip(found.tolist(), sums.tolist(), strict=True))
            else:
                target = Moments.of(checked_numbers(y, "y"), weight)
        named = hasattr(X, "iloc") and all(isinstance(name, str) for name in X.columns)
        observed = (~np.isnan(values)).sum(0)
        moments = Moments.of(values, weight)
        return Scan(names, named, len(y), categories, observed, moments, target, (len(y),))


@dataclass(frozen=True)
class Encoded:
    """A chunk as values, targets and weights, all of them arrays of floats.

    Parameters
    ----------
    encoder : TableEncoder
    classes : ndarray or None
    centre, scale : float
        Of targets that are numbers.
    """

    encoder: TableEncoder
    classes: np.ndarray | None
    centre: float = 0.0
    scale: float = 1.0

    def __call__(
        self, number: int, X: Any, y: Any, weight: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        with _of_chunk(number):
            X, y, weight = _checked(X, y, weight)
            values = self.encoder.transform(X)
            if self.classes is None:
                return values, (checked_numbers(y, "y") - self.centre) / self.scale, weight
            return values, np.searchsorted(self.classes, y), weight


def _checked(X: Any, y: Any, weight: Any) -> tuple[Any, np.ndarray, np.ndarray]:
    X = X if hasattr(X, "iloc") else np.asarray(X)
    y = column_or_1d(y)
    if X.ndim != 2 or not X.shape[1]:
        raise InvalidInputError(f"X must be a table with columns, got shape {X.shape}.")
    weight = np.ones(len(y)) if weight is None else column_or_1d(weight).astype(float)
    if not len(X) == len(y) == len(weight):
        raise InvalidInputError(f"X has {len(X)} rows, y {len(y)}, sample_weight {len(weight)}.")
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise InvalidInputError("sample_weight must be finite and not negative.")
    return X, y, weight


def _joined(
    first: Scan,
    second: Scan,
    j: int,
    number: int,
    known: Sequence[Any] | None,
    other: Sequence[Any] | None,
) -> list[Any] | None:
    """Categories of one column in both; a part without any value fits to anything."""
    if (known is None) == (other is None):
        both = None if known is None or other is None else {*known, *other}
        return both and sorted(both, key=lambda level: (str(type(level)), level))
    numbers, text = (first, other) if known is None else (second, known)
    if numbers.observed[j]:
        raise InvalidInputError(
            f"column {first.names[j]!r} holds numbers in some chunks and text or categories in "
            f"others (chunk {number}): give it one type in all of them."
        )
    return list(text or ())


@contextmanager
def _of_chunk(number: int) -> Iterator[None]:
    """Errors with the number of the chunk."""
    try:
        yield
    except ValueError as error:
        raise InvalidInputError(f"chunk {number}: {error}") from None
