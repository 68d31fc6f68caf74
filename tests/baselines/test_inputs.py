"""Tables to matrices: what each kind holds, and that test rows decide nothing."""

import numpy as np
import pandas as pd
import pytest

from biam.baselines.inputs import TableInputs, as_table, stack_rows
from biam.exceptions import InvalidInputError, UnknownNameError

NAN = np.nan
X = np.array([[1.0, 0.0], [3.0, NAN], [NAN, 4.0]])
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(["u", None, "w"])})


def test_mean_fills_with_the_training_mean():
    inputs = TableInputs("mean").fit(X)
    np.testing.assert_array_equal(inputs.transform(X), [[1, 0], [3, 2], [2, 4]])
    np.testing.assert_array_equal(inputs.transform([[NAN, 100.0]]), [[2, 100]])


def test_impute_standardises_and_marks():
    found = TableInputs("impute").fit(X).transform(X)
    expected = [[-1, -1, 0, 0], [1, 0, 0, 1], [0, 1, 1, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_native_keeps_gaps_and_one_hot_has_a_column_for_missing():
    inputs = TableInputs("native").fit(FRAME)
    np.testing.assert_array_equal(
        inputs.transform(FRAME), [[1, 1, 0, 0], [3, 0, 0, 1], [NAN, 0, 1, 0]]
    )
    assert inputs.sources.tolist() == [0, 1, 1, 1]


def test_codes_and_labels():
    np.testing.assert_array_equal(
        TableInputs("codes").fit(FRAME).transform(FRAME), [[1, 0], [3, NAN], [NAN, 1]]
    )
    labels = TableInputs("labels").fit(FRAME).transform(FRAME)
    assert labels[:, 1].tolist() == ["0.0", "nan", "1.0"]


def test_a_new_category_counts_as_missing():
    new = pd.DataFrame({"a": [1.0], "kind": ["z"]})
    found = TableInputs("native").fit(FRAME).transform(new)
    np.testing.assert_array_equal(found, [[1, 0, 0, 1]])


@pytest.mark.parametrize("knots", ["uniform", "quantile"])
def test_splines_stand_for_numeric_columns_only(knots):
    g = np.random.default_rng(0)
    table = np.column_stack([g.normal(size=50), np.arange(50) % 2, np.ones(50)])
    inputs = TableInputs("impute", 8, knots).fit(table)
    found = inputs.transform(table)
    # 8 knots, cubic: 10 splines less the constant; a constant column stays one column.
    assert np.bincount(inputs.sources).tolist() == [9, 9, 1]
    assert np.isfinite(found).all()


class Recorder:
    def __init__(self, **params):
        self.params = params

    def get_params(self, deep):
        return self.params

    def set_params(self, **params):
        self.params |= params
        return self


@pytest.mark.parametrize(
    ("kind", "knows", "told"),
    [
        ("labels", "cat_features", [1]),
        ("codes", "feature_types", ["continuous", "nominal"]),
        ("codes", "categorical_features", [False, True]),
    ],
)
def test_learners_are_told_of_categories(kind, knows, told):
    recorder = TableInputs(kind).fit(FRAME).inform(Recorder(**{knows: None}))
    assert list(recorder.params[knows]) == told
    plain = TableInputs(kind).fit(X).inform(Recorder(**{knows: None}))
    assert plain.params[knows] is None


def test_xgboost_is_told_of_categories():
    told = TableInputs("codes").fit(FRAME).inform(Recorder(enable_categorical=False)).params
    assert told == {"enable_categorical": True, "feature_types": ["q", "c"]}


def test_stack_rows_keeps_types():
    other = pd.DataFrame({"a": [7], "kind": ["z"]})
    joined = stack_rows(FRAME, other)
    assert joined["kind"].dtype == FRAME["kind"].dtype
    np.testing.assert_array_equal(joined["a"], [1, 3, NAN, 7])
    assert joined["kind"].isna().tolist() == [False, True, False, True]
    text = pd.DataFrame({"a": [1], "t": ["x"]})
    pd.testing.assert_frame_equal(
        stack_rows(text, text), pd.DataFrame({"a": [1.0, 1.0], "t": ["x", "x"]})
    )
    np.testing.assert_array_equal(stack_rows(X, X[:1]), np.vstack([X, X[:1]]))


def test_no_table():
    with pytest.raises(InvalidInputError, match="rows and columns"):
        as_table([1.0, 2.0])
    with pytest.raises(UnknownNameError, match="kind of inputs"):
        TableInputs("meen")
