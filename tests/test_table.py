"""Tables at the border: what each kind of column becomes, and what is refused and how."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.table import TableEncoder

FRAME = pd.DataFrame(
    {
        "number": [1.5, np.nan, 3.0, 4.0],
        "text": ["b", "a", None, "b"],
        "category": pd.Categorical(["low", "high", "low", None], categories=["low", "mid", "high"]),
        "flag": [True, False, True, True],
        "count": pd.array([1, 2, None, 4], dtype="Int64"),
        "maybe": pd.array([True, None, False, True], dtype="boolean"),
        "mixed": [1, "one", pd.NA, 1],
        "code": pd.Categorical([3, 1, 3, np.nan]),
    }
)
CODES = {
    "number": [1.5, np.nan, 3, 4],
    "text": [1, 0, np.nan, 1],
    "category": [1, 0, 1, np.nan],
    "flag": [1, 0, 1, 1],
    "count": [1, 2, np.nan, 4],
    "maybe": [1, np.nan, 0, 1],
    "mixed": [0, 1, np.nan, 0],
    "code": [1, 0, 1, np.nan],
}
LEVELS = {"text": 2, "category": 2, "mixed": 2, "code": 2}


@pytest.mark.parametrize("name", FRAME)
def test_every_kind_of_column_becomes_numbers_with_gaps(name):
    encoder = TableEncoder().fit(FRAME[[name]])
    np.testing.assert_array_equal(encoder.transform(FRAME[[name]])[:, 0], CODES[name])
    assert encoder.n_levels == [LEVELS.get(name, 0)]


@pytest.mark.parametrize("name", FRAME)
def test_an_array_of_objects_reads_like_the_frame(name):
    frame = FRAME[[name]].astype(object)
    numbers_typed_as_categories = name == "code"
    expected = [3, 1, 3, np.nan] if numbers_typed_as_categories else CODES[name]
    encoder = TableEncoder().fit(frame.to_numpy())
    np.testing.assert_array_equal(encoder.transform(frame.to_numpy())[:, 0], expected)
    assert encoder.names == ["x0"]


def test_the_whole_frame_keeps_order_and_names():
    encoder = TableEncoder().fit(FRAME)
    assert encoder.names == list(FRAME)
    np.testing.assert_array_equal(encoder.transform(FRAME), np.column_stack(list(CODES.values())))
    assert encoder.categories[1] == ["a", "b"]
    assert encoder.categories[-1] == [1, 3]
    assert encoder.categories[0] is None


def test_codes_do_not_depend_on_the_order_of_rows():
    mixed = pd.DataFrame({"a": ["x", 2, "b", 1, 2]})
    assert TableEncoder().fit(mixed).categories == TableEncoder().fit(mixed.iloc[::-1]).categories
    assert TableEncoder().fit(mixed).categories == [[1, 2, "b", "x"]]


def test_standardise_uses_observed_values_and_leaves_categories_alone():
    X = pd.DataFrame({"a": [1.0, 3.0, np.nan, 5.0], "b": ["u", "v", "u", "v"], "c": [7.0] * 4})
    encoder = TableEncoder(standardise=True).fit(X)
    values = encoder.transform(X)
    seen = values[[0, 1, 3], 0]
    assert seen.mean() == pytest.approx(0, abs=1e-12)
    assert seen.std() == pytest.approx(1)
    assert values[:, 1].tolist() == [0, 1, 0, 1]
    assert values[:, 2].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(TableEncoder().fit(X).transform(X)[:, 0], X["a"])


def test_weighted_standardisation_equals_repeated_rows():
    X = np.random.default_rng(0).normal(2, 3, (20, 2))
    X[4, 1] = np.nan
    weight = np.arange(20) % 3
    twice = np.repeat(X, weight, axis=0)
    weighted = TableEncoder(standardise=True).fit(X, weight.astype(float))
    repeated = TableEncoder(standardise=True).fit(twice)
    np.testing.assert_allclose(weighted.centre, repeated.centre, rtol=1e-12)
    np.testing.assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)
    assert not np.allclose(weighted.centre, TableEncoder(standardise=True).fit(X).centre)


def test_unknown_categories_stop_or_count_as_missing():
    train, test = pd.DataFrame({"a": ["u", "v"]}), pd.DataFrame({"a": ["v", "w"]})
    with pytest.raises(InvalidInputError, match=r"'a' has the category 'w' \(row 1\).*'missing'"):
        TableEncoder().fit(train).transform(test)
    lenient = TableEncoder(handle_unknown="missing").fit(train)
    np.testing.assert_array_equal(lenient.transform(test)[:, 0], [1, np.nan])


@pytest.mark.parametrize("gap", [np.nan, None, pd.NA], ids=["nan", "none", "na"])
@pytest.mark.parametrize("column", ["number", "text", "category", "count"])
def test_a_column_may_be_all_gaps_after_fit(gap, column):
    encoder = TableEncoder().fit(FRAME[[column]])
    gaps = pd.DataFrame({column: [gap, gap]})
    assert np.isnan(encoder.transform(gaps)).all()


def test_numbers_in_text_are_numbers():
    X = np.array([["1", "a"], ["2.5", "b"]])
    encoder = TableEncoder().fit(X)
    assert encoder.n_levels == [0, 2]
    np.testing.assert_array_equal(encoder.transform(X), [[1, 0], [2.5, 1]])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.0, np.inf, 2.0], "infinity in column 'odd', row 1: expected finite numbers, or NaN"),
        ([1.0, 2.0, -np.inf], "infinity in column 'odd', row 2"),
        ([np.nan] * 3, "'odd' has no observed value in the training rows: drop it."),
        ([None] * 3, "'odd' has no observed value in the training rows: drop it."),
        (pd.date_range("2020", periods=3), "'odd' has dtype datetime64.*turn dates into numbers"),
        (pd.timedelta_range("1h", periods=3), "'odd' has dtype timedelta64"),
        ([{"a": 1}, {}, {}], r"'odd' holds a value of type dict \(row 0\): expected numbers"),
        (["a", None, [1]], r"'odd' holds a value of type list \(row 2\)"),
        (pd.interval_range(0, 3), r"'odd' holds a value of type Interval \(row 0\)"),
    ],
    ids=["inf", "-inf", "nan", "none", "dates", "spans", "dict", "list", "interval"],
)
def test_columns_that_cannot_work_are_named(column, message):
    X = pd.DataFrame({"fine": [1.0, 2.0, 4.0], "odd": pd.Series(column)})
    with pytest.raises(InvalidInputError, match=message):
        TableEncoder().fit(X)


def test_two_empty_columns_are_counted():
    X = pd.DataFrame({"a": [np.nan] * 2, "b": [1.0, 2.0], "c": [None] * 2})
    with pytest.raises(InvalidInputError, match=r"column 'a' .* drop it \(so have 1 more\)\."):
        TableEncoder().fit(X)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (["u", "v"], [1.0, 2.0], "'a' held text categories in fit, got numbers"),
        ([1.0, 2.0], ["u", "v"], "'a' held numbers in fit, got text"),
        ([1.0, 2.0], [1.0, np.inf], "infinity in column 'a', row 1"),
        (["u", "v"], ["u", {}], r"'a' holds a value of type dict \(row 1\)"),
    ],
    ids=["numbers-for-text", "text-for-numbers", "inf", "dict"],
)
def test_a_later_table_must_match(train, test, message):
    encoder = TableEncoder().fit(pd.DataFrame({"a": train}))
    with pytest.raises(InvalidInputError, match=message):
        encoder.transform(pd.DataFrame({"a": test}))


def test_numbered_columns_in_another_order_are_refused():
    X = pd.DataFrame(np.arange(6.0).reshape(2, 3))
    encoder = TableEncoder().fit(X)
    np.testing.assert_array_equal(encoder.transform(X), X)
    with pytest.raises(InvalidInputError, match=r"another order than in fit: expected \['0', '1'"):
        encoder.transform(X[[2, 0, 1]])
