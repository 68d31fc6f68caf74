"""The record every loader returns: a table, its target, and where both come from."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = ["Dataset", "Task"]

Task = Literal["regression", "binary", "multiclass"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """One data set, ready to be split and fitted.

    Parameters
    ----------
    name : str
        Name in `biam.datasets.DATASETS`.
    X : DataFrame, shape (n, p)
        Features: float64 columns with gaps as NaN, and ``category`` columns.
    y : Series, shape (n,)
        Target without gaps: float64 for regression, else integers from 0.
    task : {"regression", "binary", "multiclass"}
        What is predicted; in binary credit sets 1 is the bad outcome.
    source, licence, url : str
        Who made the data, on which terms, and the page that describes them.
    n_train : int or None
        Rows ``[0:n_train)`` are the official training part; None = no official split.
    notes : str
        What was dropped or recoded, and what a user should know.

    Raises
    ------
    InvalidInputError
        Rows of `X` and `y` do not belong together, `y` has gaps, or `n_train` is out of range.
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    task: Task
    source: str
    licence: str
    url: str
    n_train: int | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        check_choice("task", self.task, ("regression", "binary", "multiclass"))
        if len(self.X) != len(self.y) or not self.X.index.equals(self.y.index):
            raise InvalidInputError(
                f"X and y of {self.name!r} must share their rows, got {len(self.X)} and "
                f"{len(self.y)} rows or different indices."
            )
        if self.y.isna().any():
            raise InvalidInputError(
                f"y of {self.name!r} must be without gaps, got {int(self.y.isna().sum())}."
            )
        if self.n_train is not None:
            check_integer("n_train", self.n_train, low=1, high=len(self.X))

    @property
    def categorical(self) -> list[str]:
        """Names of the ``category`` columns, in table order."""
        return [c for c in self.X.columns if isinstance(self.X[c].dtype, pd.CategoricalDtype)]

    @property
    def numeric(self) -> list[str]:
        """Names of the other columns, in table order."""
        categorical = set(self.categorical)
        return [c for c in self.X.columns if c not in categorical]

    @property
    def missing_rate(self) -> float:
        """Share of empty cells in `X`, in [0, 1]."""
        return float(self.X.isna().to_numpy().mean())

    def __repr__(self) -> str:
        rows, columns = self.X.shape
        kinds = f"{len(self.categorical)} categorical" if self.categorical else "all numeric"
        split = f", first {self.n_train} rows for training" if self.n_train else ""
        return (
            f"<Dataset {self.name!r}: {self.task}, {rows} rows x {columns} columns ({kinds}), "
            f"{self.missing_rate:.1%} missing{split}>"
        )
