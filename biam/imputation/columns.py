"""Mixed tables at the border of the deep imputers: values in, one float block and a mask out.

Columns are put into model order: continuous ones first (Gaussian, then Student-t), then Bernoulli,
then categorical as one column per level, so that each likelihood owns one slice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError
from biam.table import TableEncoder
from biam.validation import check_choice

__all__ = ["KINDS", "Columns", "Layout", "by_column"]

KINDS = ("gaussian", "student", "bernoulli", "categorical")
"""Likelihoods a column can have, in model order."""

_DISCRETE = KINDS[2:]
_TINY = 1e-12


@dataclass(frozen=True)
class Layout:
    """Kinds and widths of the columns in model order.

    Parameters
    ----------
    kinds : tuple of str, length p
        One of `KINDS` each, sorted in their order.
    sizes : tuple of int, length p
        Encoded width of each column: the number of levels of a categorical one, else one.
    """

    kinds: tuple[str, ...]
    sizes: tuple[int, ...]

    @property
    def width(self) -> int:
        """Number of encoded columns."""
        return sum(self.sizes)

    def count(self, kind: str) -> int:
        """Number of columns of a kind."""
        return self.kinds.count(kind)

    @property
    def owner(self) -> np.ndarray:
        """Column in model order that each encoded column belongs to, shape (width,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)


@dataclass
class Columns:
    """Remembers how a training table becomes what the networks see, and the way back.

    Parameters
    ----------
    likelihood : str, sequence or mapping
        A kind for all columns, one per column, or kinds by name or position; "auto" is Bernoulli
        for two text levels, categorical for more, Gaussian for numbers.
    standardise : bool
        Centre and scale continuous columns by their observed values.

    Attributes
    ----------
    kinds : list of str, length p
        In table order.
    levels : list, length p
        Values of a discrete column in code order; None for a continuous one.
    centre, scale : ndarray, shape (p,)
    order : ndarray of int, shape (p,)
        Table column that stands at each place of the model order.
    """

    likelihood: Any = "auto"
    standardise: bool = True
    encoder: TableEncoder = field(default_factory=TableEncoder)
    kinds: list[str] = field(default_factory=list)
    levels: list[list[Any] | None] = field(default_factory=list)
    centre: np.ndarray = field(default_factory=lambda: np.empty(0))
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))

    def fit(self, X: Any) -> "Columns":
        """Learn the columns of a table, shape (n, p).

        Raises
        ------
        InvalidInputError
            A column cannot have the likelihood asked for, or holds nothing.
        """
        values = self.encoder.fit(X).transform(X)
        texts = self.encoder.categories
        self.kinds = self._chosen_kinds()
        self.levels = [
            known if known is not None else _number_levels(values[:, j], self.kinds[j])
            for j, known in enumerate(texts)
        ]
        for name, kind, known in zip(self.encoder.names, self.kinds, self.levels, strict=True):
            _check_levels(name, kind, known)
        self.centre, self.scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        for j, kind in enumerate(self.kinds):
            if self.standardise and kind not in _DISCRETE:
                x = values[:, j][~np.isnan(values[:, j])]
                self.centre[j] = x.mean()
                spread = x.std()
                if spread > _TINY * max(1.0, abs(self.centre[j])):
                    self.scale[j] = spread
        return self

    @property
    def order(self) -> np.ndarray:
        """Table column at each place of the model order, shape (p,)."""
        places = [KINDS.index(kind) for kind in self.kinds]
        return np.argsort(places, kind="stable")

    @property
    def layout(self) -> Layout:
        """Kinds and widths in model order."""
        kinds = tuple(self.kinds[j] for j in self.order)
        return Layout(
            kinds,
            tuple(
                len(self.levels[j] or ()) if kind == "categorical" else 1
                for j, kind in zip(self.order, kinds, strict=True)
            ),
        )

    def encode(self, X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A table as the networks see it.

        Returns
        -------
        values : ndarray of float64, shape (n, p)
            In table order, text as level codes, NaN where missing.
        block : ndarray of float32, shape (n, width)
            In model order, zero where missing (the mean of a standardised column).
        observed : ndarray of bool, shape (n, p)
            In model order.
        """
        values = self.encoder.transform(X)
        observed = ~np.isnan(values)
        parts = [self._block(j, values[:, j], observed[:, j]) for j in self.order]
        return values, np.hstack(parts).astype(np.float32), observed[:, self.order]

    def decode(self, block: np.ndarray) -> np.ndarray:
        """Imputations in table order and in the table's units, text as level codes.

        Parameters
        ----------
        block : ndarray, shape (..., width)
            Means, or draws; of a discrete column probabilities, of which the largest counts.

        Returns
        -------
        ndarray of float64, shape (..., p)
        """
        out = np.empty((*block.shape[:-1], len(self.kinds)))
        start = 0
        for j, size in zip(self.order, self.layout.sizes, strict=True):
            part = block[..., start : start + size].astype(np.float64)
            start += size
            if self.kinds[j] not in _DISCRETE:
                out[..., j] = part[..., 0] * self.scale[j] + self.centre[j]
                continue
            code = part.argmax(-1) if self.kinds[j] == "categorical" else part[..., 0] > 0.5
            out[..., j] = self._numbers(j)[code.astype(int)]
        return out

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Level codes of text columns turned into their text; an object array if there is one."""
        if not any(known is not None for known in self.encoder.categories):
            return values
        out = values.astype(object)
        for j, known in enumerate(self.encoder.categories):
            if known is not None:
                levels = np.array([*known, np.nan], dtype=object)
                # A gap that nobody filled stays one.
                codes = np.where(np.isnan(values[..., j]), len(known), values[..., j]).astype(int)
                out[..., j] = levels[codes]
        return out

    def _numbers(self, j: int) -> np.ndarray:
        """What a discrete column holds in the table: level codes of text, else its own numbers."""
        known = self.levels[j] or []
        if self.encoder.categories[j] is not None:
            return np.arange(len(known), dtype=float)
        return np.asarray(known, dtype=float)

    def _block(self, j: int, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        if self.kinds[j] not in _DISCRETE:
            return np.where(seen, (x - self.centre[j]) / self.scale[j], 0.0)[:, None]
        numbers = self._numbers(j)
        code = np.searchsorted(numbers, np.where(seen, x, numbers[0])).clip(max=len(numbers) - 1)
        strange = np.flatnonzero(seen & (numbers[code] != x))
        if strange.size:
            raise InvalidInputError(
                f"column {self.encoder.names[j]!r} has the value {x[strange[0]]:g} (row "
                f"{strange[0]}), which was not in the training rows: expected one of "
                f"{self.levels[j]}."
            )
        if self.kinds[j] == "bernoulli":
            return np.where(seen, code, 0.0)[:, None]
        return np.eye(len(numbers))[code] * seen[:, None]

    def _chosen_kinds(self) -> list[str]:
        names, texts = self.encoder.names, self.encoder.categories
        kinds = [
            "gaussian" if known is None else "bernoulli" if len(known) == 2 else "categorical"
            for known in texts
        ]
        asked = by_column("likelihood", self.likelihood, names, "auto")
        for j, kind in enumerate(asked):
            if check_choice("likelihood", kind, ("auto", *KINDS)) == "auto":
                continue
            if texts[j] is not None and kind not in _DISCRETE:
                raise InvalidInputError(
                    f"likelihood of {names[j]!r} is {kind!r}, but the column holds text: expected "
                    "'bernoulli', 'categorical' or 'auto'."
                )
            kinds[j] = kind
        return kinds


def by_column(name: str, given: Any, names: Sequence[str], default: Any) -> list[Any]:
    """One entry per column from one for all, a sequence, or a mapping by name or position.

    Raises
    ------
    InvalidInputError
        An unknown column, or entries for more or fewer columns than there are.
    """
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in names and key not in range(len(names))]
        if unknown:
            raise InvalidInputError(
                f"{name} names the column {unknown[0]!r}: expected one of {list(names)}, or a "
                "position."
            )
        return [given.get(column, given.get(j, default)) for j, column in enumerate(names)]
    if isinstance(given, str) or np.ndim(given) == 0:
        return [given] * len(names)
    if len(given) != len(names):
        raise InvalidInputError(
            f"{name} must have one entry per column, {len(names)}, got {len(given)}."
        )
    return list(given)


def _number_levels(x: np.ndarray, kind: str) -> list[Any] | None:
    return np.unique(x[~np.isnan(x)]).tolist() if kind in _DISCRETE else None


def _check_levels(name: str, kind: str, known: list[Any] | None) -> None:
    if kind == "bernoulli" and len(known or ()) != 2:
        raise InvalidInputError(
            f"column {name!r} has {len(known or ())} different values: likelihood 'bernoulli' "
            "expects two; use 'categorical'."
        )
