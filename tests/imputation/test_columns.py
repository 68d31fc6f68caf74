"""Mixed tables: there and back, gaps as zeros, clear words for what does not fit."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.imputation.columns import Columns, Layout, by_column

MIXED = pd.DataFrame(
    {
        "city": ["b", "a", None, "c", "a"],
        "age": [1.0, 2.0, 3.0, np.nan, 6.0],
        "sex": ["m", "f", "f", None, "m"],
        "visits": [0, 3, 3, 0, 7],
    }
)


def test_kinds_and_model_order_of_a_mixed_table():
    columns = Columns({"visits": "categorical", "age": "student"}).fit(MIXED)
    assert columns.kinds == ["categorical", "student", "bernoulli", "categorical"]
    assert columns.order.tolist() == [1, 2, 0, 3]
    assert columns.layout == Layout(
        ("student", "bernoulli", "categorical", "categorical"), (1, 1, 3, 3)
    )
    assert columns.layout.owner.tolist() == [0, 1, 2, 2, 2, 3, 3, 3]


def test_gaps_are_zero_and_levels_one_hot():
    columns = Columns({"visits": "categorical"}).fit(MIXED)
    values, block, observed = columns.encode(MIXED)
    assert block.shape == (5, 8) and block.dtype == np.float32
    assert observed[:, 0].tolist() == [True, True, True, False, True]
    assert block[3, 0] == 0 and block[2, 2:5].tolist() == [0, 0, 0]
    assert block[0, 2:5].tolist() == [0, 1, 0]
    assert block[4, 5:].tolist() == [0, 0, 1]
    assert np.isnan(values).sum() == 3


def test_what_was_encoded_comes_back():
    columns = Columns({"visits": "categorical"}).fit(MIXED)
    values, block, _ = columns.encode(MIXED)
    back = columns.decode(block)
    seen = ~np.isnan(values)
    np.testing.assert_allclose(back[seen], values[seen], atol=1e-6)
    text = columns.restore(values)
    assert text[:, 0].tolist()[:2] == ["b", "a"] and text[2, 0] is np.nan


@given(arrays(float, (6, 2), elements=st.floats(-1e3, 1e3)))
def test_observed_values_are_standardised(X):
    X = X.copy()
    X[0, 0] = np.nan
    columns = Columns().fit(X)
    block = columns.encode(X)[1].astype(float)
    for j in range(2):
        seen = ~np.isnan(X[:, j])
        assert abs(block[seen, j].mean()) < 1e-4
        spread = X[seen, j].std()
        expected = 1.0 if spread > 1e-12 * max(1.0, abs(X[seen, j].mean())) else 0.0
        assert block[seen, j].std() == pytest.approx(expected, abs=1e-3)


def test_the_most_probable_level_is_taken():
    columns = Columns({"visits": "categorical"}).fit(MIXED)
    block = np.zeros((1, 8))
    block[0, 1], block[0, 2:5], block[0, 5:] = 0.4, [0.1, 0.2, 0.7], [0.5, 0.3, 0.2]
    assert columns.decode(block)[0].tolist() == [2, pytest.approx(MIXED["age"].mean()), 0, 0]


@pytest.mark.parametrize(
    ("likelihood", "error", "text"),
    [
        ({"city": "gaussian"}, InvalidInputError, "holds text"),
        ({"age": "bernoulli"}, InvalidInputError, "expects two"),
        ({"town": "student"}, InvalidInputError, "names the column 'town'"),
        (["gaussian"], InvalidInputError, "one entry per column, 4, got 1"),
        ("gausian", UnknownNameError, "did you mean 'gaussian'"),
    ],
)
def test_misfits_are_told(likelihood, error, text):
    with pytest.raises(error, match=text):
        Columns(likelihood).fit(MIXED)


def test_unknown_levels_are_told():
    columns = Columns("categorical").fit(np.array([[0.0], [1.0], [2.0]]))
    with pytest.raises(InvalidInputError, match=r"value 1\.5 \(row 1\)"):
        columns.encode(np.array([[0.0], [1.5]]))


def test_by_column():
    assert by_column("a", "x", ["p", "q"], "d") == ["x", "x"]
    assert by_column("a", 2.0, ["p", "q"], 0.0) == [2.0, 2.0]
    assert by_column("a", {"q": "x"}, ["p", "q"], "d") == ["d", "x"]
    assert by_column("a", {0: "x"}, ["p", "q"], "d") == ["x", "d"]
    assert by_column("a", np.array([1, 2]), ["p", "q"], 0) == [1, 2]
