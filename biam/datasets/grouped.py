"""Rows with a group: who is compared when a model is asked whether it treats groups alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biam.datasets.base import Dataset
from biam.datasets.fairness import fetch_compas
from biam.datasets.tabular import fetch_adult
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = ["GroupedSplit", "label_groups", "make_fairness_split"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class GroupedSplit:
    """Training and test rows with their groups.

    Parameters
    ----------
    x_train, x_test : ndarray of float32, shape (n, ...)
    y_train, y_test : ndarray of int64, shape (n,)
    g_train, g_test : ndarray of int64, shape (n,)
        Groups from 0.
    truth : mapping
        What the maker knows besides.

    Raises
    ------
    InvalidInputError
        Arrays of one part have different lengths.
    """

    x_train: Array
    y_train: Array
    g_train: Array
    x_test: Array
    y_test: Array
    g_test: Array
    truth: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            sizes = [len(getattr(self, f"{name}_{part}")) for name in ("x", "y", "g")]
            if len(set(sizes)) != 1:
                raise InvalidInputError(
                    f"x, y and g of the {part} rows must have one entry per row, got {sizes}."
                )


def label_groups(y: Array, attribute: Array) -> Array:
    """Group 2 y + a of each row, for two classes and two values of an attribute."""
    return (2 * np.asarray(y) + np.asarray(attribute)).astype(np.int64)


# Attribute, and the value that is a = 1; all others are a = 0.
SETS = {"adult": (fetch_adult, "sex", "Male"), "compas": (fetch_compas, "race", "Caucasian")}
TEST_SHARE = 0.3


def make_fairness_split(
    dataset: str = "compas", *, n_train_rows: int | None = None, random_state: int = 42
) -> GroupedSplit:
    """Adult by sex or COMPAS by race: label times attribute, four groups.

    Numbers are standardised by the training rows, a gap becomes 0 with an indicator of its own,
    categories become indicators. The attribute stays among the inputs. Adult has its official test
    rows; of COMPAS 30 % are drawn for testing. Groups are 2 y + a, with a = 1 for men in Adult and
    for white defendants in COMPAS.

    Parameters
    ----------
    dataset : {"adult", "compas"}
    n_train_rows : int, optional
        Most training rows, drawn at random.
    random_state : int

    Returns
    -------
    GroupedSplit
        `truth`: "names" of the columns, "indicators": True where a column must be 0 or 1.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched.
    """
    fetch, attribute, value = SETS[check_choice("data set", dataset, SETS)]
    data = fetch()
    train, test = _parts(data, np.random.default_rng(random_state), n_train_rows)
    X, names, indicators = _design(data, train)
    y = data.y.to_numpy(dtype=np.int64)
    groups = label_groups(y, (data.X[attribute] == value).to_numpy())
    truth = {"names": names, "indicators": indicators, "attribute": attribute}
    return GroupedSplit(*(X[train], y[train], groups[train], X[test], y[test], groups[test]), truth)


def _parts(data: Dataset, g: np.random.Generator, most: int | None) -> tuple[Array, Array]:
    n = len(data.y)
    if data.n_train is None:
        order = g.permutation(n)
        n_test = round(TEST_SHARE * n)
        train, test = order[n_test:], np.sort(order[:n_test])
    else:
        train, test = g.permutation(data.n_train), np.arange(data.n_train, n)
    if most is not None:
        train = train[: check_integer("n_train_rows", most, low=10)]
    return np.sort(train), test


def _design(data: Dataset, train: Array) -> tuple[Array, list[str], Array]:
    """Inputs as numbers, their names, and which of them are indicators."""
    columns: dict[str, Array] = {}
    marks: list[bool] = []
    for name in data.numeric:
        values = data.X[name].to_numpy(dtype=float)
        gaps = np.isnan(values)
        seen = values[train][~gaps[train]]
        scaled = (values - seen.mean()) / (seen.std() or 1.0)
        columns[name] = np.where(gaps, 0.0, scaled)
        marks.append(False)
        if gaps.any():
            columns[f"{name} missing"] = gaps.astype(float)
            marks.append(True)
    dummies = pd.get_dummies(data.X[data.categorical], dummy_na=True, dtype=float)
    dummies = dummies.loc[:, dummies.iloc[train].any()]
    columns |= {str(name): dummies[name].to_numpy() for name in dummies}
    marks += [True] * dummies.shape[1]
    X = np.column_stack(list(columns.values())).astype(np.float32)
    return X, list(columns), np.array(marks)
