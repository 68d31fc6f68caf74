"""The summary of the data sets, against a second count of the embedded ones."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from biam.datasets import DATASETS
from biam.exceptions import UnknownNameError
from biam.experiments.catalogue import TABLES
from biam.experiments.sets import describe_sets, real_sets


def test_counts_are_those_of_the_source():
    table = describe_sets(["breast-cancer", "diabetes"]).set_index("dataset")
    X, y = load_breast_cancer(return_X_y=True)
    two, number = table.loc["breast-cancer"], table.loc["diabetes"]
    assert (two["rows"], two["columns"], two["categorical"]) == (*X.shape, 0)
    share = y.mean()
    assert min(abs(two["positives"] - share), abs(two["positives"] - 1 + share)) < 1e-6
    assert (number["rows"], number["columns"]) == load_diabetes().data.shape
    assert np.isnan(number["positives"])
    assert table["missing"].eq(0).all()
    assert list(table["task"]) == ["binary", "regression"]


def test_every_scenario_of_the_real_tables_has_its_set_once():
    names = real_sets()
    assert len(names) == len(set(names))
    assert set(names) <= set(DATASETS)
    for table in ("real-classification", "real-regression"):
        assert {s.name.partition("/")[0] for s in TABLES[table].scenarios} <= set(names)


def test_unknown_set_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'diabetes'"):
        describe_sets(["diabetis"])
