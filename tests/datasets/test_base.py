"""The `Dataset` record: what it says about a table and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from biam.datasets.base import Dataset
from biam.exceptions import InvalidInputError, UnknownNameError


def make(**changes):
    parts = {
        "name": "toy",
        "X": pd.DataFrame({"a": [1.0, np.nan], "b": pd.Categorical(["x", "y"])}),
        "y": pd.Series([0, 1]),
        "task": "binary",
        "source": "made up",
        "licence": "none",
        "url": "none",
    }
    return Dataset(**(parts | changes))


def test_columns_are_told_apart_by_kind_in_table_order():
    data = make()
    assert data.categorical == ["b"]
    assert data.numeric == ["a"]


def test_missing_rate_counts_cells():
    assert make().missing_rate == 0.25


def test_repr_is_one_line_with_what_matters():
    assert repr(make(n_train=1)) == (
        "<Dataset 'toy': binary, 2 rows x 2 columns (1 categorical), 25.0% missing, "
        "first 1 rows for training>"
    )
    numeric = make(X=pd.DataFrame({"a": [1.0, 2.0]}))
    assert repr(numeric) == (
        "<Dataset 'toy': binary, 2 rows x 1 columns (all numeric), 0.0% missing>"
    )


def test_fields_cannot_be_set():
    with pytest.raises(AttributeError):
        make().name = "other"


def test_text_columns_that_are_not_categories_are_not_categorical():
    assert make(X=pd.DataFrame({"a": ["x", "y"]})).categorical == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": pd.Series([0, 1, 1])}, "must share their rows, got 2 and 3 rows"),
        ({"y": pd.Series([0, 1], index=[1, 0])}, "different indices"),
        ({"y": pd.Series([0, np.nan])}, "y of 'toy' must be without gaps, got 1"),
        ({"n_train": 3}, "n_train must be an integer of at least 1 and at most 2, got 3"),
        ({"n_train": 0}, "n_train must be an integer of at least 1"),
    ],
)
def test_parts_that_do_not_belong_together_are_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**changes)


def test_unknown_tasks_get_near_matches():
    with pytest.raises(UnknownNameError, match="did you mean 'multiclass'"):
        make(task="multi-class")
