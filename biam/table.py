"""Tables at the border: arrays or data frames in, one float array with NaN gaps out.

Numbers stay numbers (standardised if asked), text and category columns become level codes, and
every misfit is one clear sentence before any work starts. Data frames are used through their own
methods, so this module needs no pandas.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError

__all__ = ["TableEncoder"]


@dataclass
class TableEncoder:
    """Remembers the columns of the training table.

    Parameters
    ----------
    standardise : bool
        Centre and scale the numeric columns by their observed values.
    handle_unknown : {"error", "missing"}
        What a category that was not in the training table does: stop, or count as missing.

    Attributes
    ----------
    names : list of str
        Column names, "x0", "x1", ... for arrays.
    categories : list
        Per column, the list of its categories in code order, or None for a numeric column.
    centre, scale : ndarray, shape (n_columns,)
        Numeric columns are seen by the model as (x - centre) / scale.
    """

    standardise: bool = False
    handle_unknown: str = "error"
    names: list[str] = field(default_factory=list)
    categories: list[list[Any] | None] = field(default_factory=list)
    centre: np.ndarray = field(default_factory=lambda: np.empty(0))
    scale: np.ndarray = field(default_factory=lambda: np.empty(0))

    def fit(self, X: Any, weight: np.ndarray | None = None) -> "TableEncoder":
        """Learn the columns of a table, shape (n_rows, n_columns).

        Raises
        ------
        InvalidInputError
            Infinite values, a column without any observed value, or a type that is neither number
            nor text.
        """
        columns = list(_columns(X))
        self.names = [name for name, _ in columns]
        self.categories = [_categories(name, column) for name, column in columns]
        values = self._encode(columns)
        empty = [n for n, gone in zip(self.names, np.isnan(values).all(0), strict=True) if gone]
        if empty:
            raise InvalidInputError(
                f"column {empty[0]!r} has no observed value in the training rows: drop it"
                + (f" (so have {len(empty) - 1} more)." if len(empty) > 1 else ".")
            )
        self._standard(values, weight)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode a table with the training table's columns; shape (n_rows, n_columns), float64.

        Raises
        ------
        InvalidInputError
            Infinite values, unknown categories, text where numbers were or the reverse.
        """
        columns = list(_columns(X))
        given = [name for name, _ in columns]
        # scikit-learn compares names that are text; these may be numbers.
        if given != self.names and sorted(given) == sorted(self.names):
            raise InvalidInputError(
                f"the columns are in another order than in fit: expected {self.names}, got {given}."
            )
        return (self._encode(columns) - self.centre) / self.scale

    @property
    def n_levels(self) -> list[int]:
        """Number of categories per column, 0 for a numeric one."""
        return [0 if known is None else len(known) for known in self.categories]

    def _standard(self, values: np.ndarray, weight: np.ndarray | None) -> None:
        self.centre, self.scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        if not self.standardise:
            return
        for j, known in enumerate(self.categories):
            if known is not None:
                continue
            seen = ~np.isnan(values[:, j])
            x, w = values[seen, j], None if weight is None else weight[seen]
            if w is not None and w.sum() == 0:
                continue
            self.centre[j] = np.average(x, weights=w)
            spread = np.sqrt(np.average((x - self.centre[j]) ** 2, weights=w))
            # A constant column keeps scale 1; its basis columns are all zero anyway.
            if spread > 1e-12 * max(1.0, abs(self.centre[j])):
                self.scale[j] = spread

    def _encode(self, columns: list[tuple[str, Any]]) -> np.ndarray:
        coded = [
            self._numbers(name, column) if known is None else self._codes(name, column, known)
            for (name, column), known in zip(columns, self.categories, strict=True)
        ]
        return np.column_stack(coded)

    def _numbers(self, name: str, column: Any) -> np.ndarray:
        try:
            values = _as_float(column)
        except (ValueError, TypeError) as error:
            raise InvalidInputError(
                f"column {name!r} held numbers in fit, got text: {error}"
            ) from None
        infinite = np.flatnonzero(np.isinf(values))
        if infinite.size:
            raise InvalidInputError(
                f"X contains infinity in column {name!r}, row {infinite[0]}: expected finite "
                "numbers, or NaN where a value is missing."
            )
        return values

    def _codes(self, name: str, column: Any, known: list[Any]) -> np.ndarray:
        values, missing = _objects(column)
        numbers = isinstance(known[0], int | float | np.number)
        if _is_numeric(column) and not numbers and not missing.all():
            raise InvalidInputError(f"column {name!r} held text categories in fit, got numbers.")
        _check_cells(name, values, missing)
        code = {level: float(i) for i, level in enumerate(known)}
        coded = np.array(
            [np.nan if m else code.get(v, -1.0) for v, m in zip(values, missing, strict=True)]
        )
        unknown = np.flatnonzero(coded == -1)
        if unknown.size and self.handle_unknown == "error":
            raise InvalidInputError(
                f"column {name!r} has the category {values[unknown[0]]!r} (row {unknown[0]}), "
                "which was not in the training rows: map it to a known one, or use "
                "handle_unknown='missing'."
            )
        coded[unknown] = np.nan
        return coded


def _columns(X: Any) -> list[tuple[str, Any]]:
    if hasattr(X, "iloc"):
        return [(str(name), X.iloc[:, j]) for j, name in enumerate(X.columns)]
    return [(f"x{j}", X[:, j]) for j in range(X.shape[1])]


def _is_numeric(column: Any) -> bool:
    # Extension types of data frames (nullable integers, booleans) carry NumPy's kind letter too.
    return getattr(column.dtype, "kind", "O") in "iufb"


def _as_float(column: Any) -> np.ndarray:
    if hasattr(column, "iloc"):
        return column.to_numpy(dtype=float, na_value=np.nan)
    if column.dtype == object:
        values, missing = _objects(column)
        return np.where(missing, np.nan, values).astype(float)
    return np.asarray(column, dtype=float)


def _objects(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values as objects, and which are missing (None, NaN, NA)."""
    values = np.asarray(column, dtype=object)
    if hasattr(column, "isna"):
        return values, column.isna().to_numpy()
    return values, np.array([_is_gap(v) for v in values], dtype=bool)


def _is_gap(value: Any) -> bool:
    if value is None:
        return True
    # NaN differs from itself; the NA of pandas neither equals itself nor differs.
    same = value == value
    return not same if isinstance(same, bool | np.bool_) else not hasattr(same, "__len__")


def _categories(name: str, column: Any) -> list[Any] | None:
    """Sorted observed categories of a text or category column, None for a numeric one."""
    if _is_numeric(column):
        return None
    kind = getattr(column.dtype, "kind", "O")
    if kind in "mMc":
        raise InvalidInputError(
            f"column {name!r} has dtype {column.dtype}: expected numbers, text or categories; turn "
            "dates into numbers first."
        )
    # A column typed as categorical stays one even when its labels are numbers.
    if not hasattr(column, "cat"):
        try:
            _as_float(column)
        except (ValueError, TypeError):
            pass
        else:
            return None
    values, missing = _objects(column)
    _check_cells(name, values, missing)
    observed = set(values[~missing])
    return sorted(observed, key=lambda level: (str(type(level)), level)) or None


def _check_cells(name: str, values: np.ndarray, missing: np.ndarray) -> None:
    kinds = list(map(type, values))
    for kind in set(kinds):
        row = kinds.index(kind)
        if not issubclass(kind, str | int | float | np.generic) and not missing[row]:
            raise InvalidInputError(
                f"column {name!r} holds a value of type {kind.__name__} (row {row}): expected "
                "numbers, text or categories."
            )
