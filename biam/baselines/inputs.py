"""What a rival sees of a table: one matrix, made from the training rows only.

Learners differ in what they take. Each `kind` is one honest way to serve them; the encoder behind
all of them is the one our own estimators use.
"""

from typing import Any

import numpy as np
from sklearn.preprocessing import SplineTransformer

from biam.exceptions import InvalidInputError
from biam.table import TableEncoder
from biam.validation import check_choice

__all__ = ["KINDS", "TableInputs", "as_table", "stack_rows"]

KINDS = {
    "mean": "gaps filled by the mean, categories one-hot: the inputs of the published rivals",
    "impute": "standardised, gaps filled by the mean, missing indicators, categories one-hot",
    "native": "gaps stay NaN, categories one-hot with a column for missing",
    "codes": "gaps stay NaN, categories as codes: for learners told which columns they are",
    "labels": "gaps stay NaN, categories as text: CatBoost",
}
"""Ways to prepare a table."""

MAX_CODES = 255


class TableInputs:
    """Encoder of a table for one kind of learner.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    n_knots : int, optional
        Replace every numeric column by cubic B-splines with this many knots (SAM).
    knots : {"uniform", "quantile"}

    Attributes
    ----------
    sources : ndarray of int
        Input feature behind each column of the matrix.
    categorical : ndarray of bool, shape (n_features,)
    """

    def __init__(self, kind: str, n_knots: int | None = None, knots: str = "uniform") -> None:
        self.kind = check_choice("kind of inputs", kind, KINDS)
        self.n_knots = n_knots
        self.knots = knots
        self.encoder = TableEncoder(kind == "impute", handle_unknown="missing")

    def fit(self, X: Any) -> "TableInputs":
        """Learn means, levels and knots of the training table, shape (n_rows, n_features)."""
        self.encoder.fit(X)
        values = self.encoder.transform(X)
        self.levels = self.encoder.n_levels
        self.categorical = np.array(self.levels) > 0
        self.gappy = np.isnan(values).any(0)
        self.means = np.nanmean(values, axis=0)
        self.splines = {
            j: self._spline(values[:, j])
            for j in np.flatnonzero(~self.categorical).tolist()
            if self.n_knots is not None and np.nanmax(values[:, j]) > np.nanmin(values[:, j])
        }
        blocks = self._blocks(values[:1])
        self.sources = np.concatenate([np.full(b.shape[1], j) for j, b in blocks])
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Matrix of the table, shape (n_rows, n_columns)."""
        values = self.encoder.transform(as_table(X))
        if self.kind == "labels" and self.categorical.any():
            return self._labels(values)
        return np.concatenate([block for _, block in self._blocks(values)], axis=1)

    def inform(self, estimator: Any) -> Any:
        """Tell a learner which columns are categories, in the learner's own words."""
        if not self.categorical.any() or self.kind not in ("codes", "labels"):
            return estimator
        known = estimator.get_params(deep=False)
        marked = self.categorical
        if "cat_features" in known or self.kind == "labels":
            return estimator.set_params(cat_features=np.flatnonzero(marked).tolist())
        if "enable_categorical" in known:
            kinds = ["c" if c else "q" for c in marked]
            return estimator.set_params(enable_categorical=True, feature_types=kinds)
        if "feature_types" in known:
            kinds = ["nominal" if c else "continuous" for c in marked]
            return estimator.set_params(feature_types=kinds)
        few = marked & (np.array(self.levels) < MAX_CODES)
        return estimator.set_params(categorical_features=few)

    def _blocks(self, values: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Columns of the matrix with the feature they come from."""
        if self.kind in ("codes", "labels"):
            return [(j, values[:, [j]]) for j in range(values.shape[1])]
        blocks = [(j, self._column(values[:, j], j)) for j in range(values.shape[1])]
        if self.kind == "impute":
            gaps = np.isnan(values).astype(float)
            blocks += [
                (j, gaps[:, [j]]) for j in np.flatnonzero(self.gappy & ~self.categorical).tolist()
            ]
        return blocks

    def _column(self, x: np.ndarray, j: int) -> np.ndarray:
        missing = np.isnan(x)
        if self.levels[j]:
            one_hot = (x[:, None] == np.arange(self.levels[j])).astype(float)
            return np.column_stack([one_hot, missing]) if self.gappy[j] else one_hot
        if self.kind == "native":
            return x[:, None]
        filled = np.where(missing, self.means[j], x)[:, None]
        return self.splines[j].transform(filled) if j in self.splines else filled

    def _spline(self, x: np.ndarray) -> SplineTransformer:
        seen = x[~np.isnan(x)][:, None]
        knots, wanted = self.knots, int(self.n_knots or 2)
        if knots == "quantile":
            # Quantiles of a column with few values coincide, and a spline needs distinct knots.
            cuts = np.quantile(seen, np.linspace(0, 1, wanted))
            knots = "uniform" if len(np.unique(cuts)) < wanted else knots
        made = SplineTransformer(n_knots=wanted, degree=3, knots=knots, include_bias=False)
        return made.fit(seen)

    def _labels(self, values: np.ndarray) -> np.ndarray:
        labels = values.astype(object)
        for j in np.flatnonzero(self.categorical):
            labels[:, j] = [str(code) for code in values[:, j]]
        return labels


def as_table(X: Any) -> Any:
    """Return `X` as it is when it is a data frame, else as a matrix.

    Raises
    ------
    InvalidInputError
        Not two axes, or no rows.
    """
    table = X if hasattr(X, "iloc") else np.asarray(X)
    if table.ndim != 2 or 0 in table.shape:
        raise InvalidInputError(
            f"X must be a table with rows and columns, got shape {table.shape}."
        )
    return table


def stack_rows(first: Any, second: Any) -> Any:
    """Rows of `first`, then those of `second`: both matrices, or both data frames.

    A category of `second` that the column of `first` does not declare counts as missing.
    """
    if not hasattr(first, "iloc"):
        return np.concatenate([first, second])
    columns = {}
    for name in first.columns:
        numeric = getattr(first[name].dtype, "kind", "O") in "iufb"
        options = {"dtype": float, "na_value": np.nan} if numeric else {"dtype": object}
        columns[name] = np.concatenate([p[name].to_numpy(**options) for p in (first, second)])
    joined = type(first)(columns)
    kept = {n: t for n, t in first.dtypes.items() if getattr(t, "kind", "O") not in "iufb"}
    for name, dtype in kept.items():
        if hasattr(dtype, "categories"):
            known = set(dtype.categories)
            joined[name] = joined[name].where(joined[name].isin(known), None)
    return joined.astype(kept)
