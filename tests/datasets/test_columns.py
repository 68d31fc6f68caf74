"""Codes become labels, numbers float64, text categories."""

import numpy as np
import pandas as pd

from biam.datasets.columns import coded, labelled, typed, yes_no


def test_labels_come_in_codebook_order_without_those_that_do_not_occur():
    table = pd.DataFrame({"size": [3, 1, 3], "kept": [1, 2, 3]})
    got = labelled(table, {"size": {1: "small", 2: "middle", 3: "large"}})
    assert got["size"].tolist() == ["large", "small", "large"]
    assert got["size"].cat.categories.tolist() == ["small", "large"]
    assert got["kept"].tolist() == [1, 2, 3]
    assert table["size"].tolist() == [3, 1, 3]


def test_gaps_and_codes_without_a_label_are_gaps():
    got = labelled(pd.DataFrame({"sign": [0.0, np.nan, 1.0, 7.0]}), yes_no(["sign"]))
    assert got["sign"].isna().tolist() == [False, True, False, True]
    assert got["sign"].dropna().tolist() == ["no", "yes"]


def test_yes_no_takes_any_two_codes():
    assert yes_no(["a", "b"], no="N", yes="Y") == {
        "a": {"N": "no", "Y": "yes"},
        "b": {"N": "no", "Y": "yes"},
    }


def test_typed_leaves_categories_alone():
    kinds = pd.CategoricalDtype(["b", "a"])
    table = pd.DataFrame({"n": [1, 2], "t": ["x", None], "c": pd.Series(["a", "b"], dtype=kinds)})
    got = typed(table)
    assert got["n"].dtype == "float64"
    assert got["t"].cat.categories.tolist() == ["x"]
    assert got["c"].dtype == kinds


def test_coded_counts_in_the_given_unit_and_marks_gaps():
    got = coded(pd.DataFrame({"a": [0.29, np.nan], "b": [-1.5, 2.0]}), scale=100)
    assert got.to_numpy().tolist() == [[29, -150], [-(10**9), 200]]
    assert (got.dtypes == "int64").all()
