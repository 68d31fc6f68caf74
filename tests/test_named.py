"""Columns by name or position: checked before any work, and turned into positions."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.named import check_pairs, check_signs, numbered, numbered_pairs, numbered_signs
from biam.table import TableEncoder

NAMES = ("a", "b", "kind")


@pytest.fixture(scope="module", name="encoder")
def encoder_fixture():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [0.0, 1.0, 0.5], "kind": ["u", "v", "u"]})
    return TableEncoder(True, "error").fit(frame, None)


@pytest.mark.parametrize("pairs", [True, False, "auto", 0, np.int64(3), [], [("a", 1)], ((0, 1),)])
def test_what_pairs_may_be(pairs):
    check_pairs(pairs)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (-1, "pairs must be an integer of at least 0, got -1"),
        ("all", "pairs must be 'auto', False, a number, or a list of two features each"),
        (0.5, "or a list of two features each, got 0.5"),
        (["ab"], "pairs must name two features each, got 'ab'"),
        ([("a", "b", "c")], "pairs must name two features each, got"),
        ([3], "pairs must name two features each, got 3"),
    ],
)
def test_what_pairs_may_not_be(pairs, message):
    with pytest.raises(InvalidInputError, match=message):
        check_pairs(pairs)


def test_pairs_become_sorted_positions_once_each():
    given = [("kind", "a"), (1, "a"), ("a", "b"), (0, 2)]
    assert numbered_pairs(given, NAMES) == ((0, 1), (0, 2))
    for choice in (True, False, "auto", 4, np.int64(2)):
        assert numbered_pairs(choice, NAMES) is choice


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("a", "z"), "pairs has 'z', which is no column: expected a name or a position below 3"),
        (("a", 3), "pairs has 3, which is no column"),
        ((-1, "a"), "pairs has -1, which is no column"),
        (("a", 0), "two different columns are needed"),
    ],
)
def test_pairs_of_no_two_columns_are_refused(pair, message):
    with pytest.raises(InvalidInputError, match=message):
        numbered_pairs([pair], NAMES)


@pytest.mark.parametrize("signs", [None, {}, {"a": 1, "b": -1}])
def test_what_signs_may_be(signs):
    check_signs(signs)


@pytest.mark.parametrize("signs", [["a"], "a", {"a": 0}, {"a": "up"}, {0: 1}, {"a": 2}], ids=str)
def test_what_signs_may_not_be(signs):
    with pytest.raises(InvalidInputError, match=r"monotone must map column names .* got"):
        check_signs(signs)


def test_signs_follow_their_columns_to_positions(encoder):
    assert numbered_signs({"b": -1, "a": 1}, encoder) == {1: -1, 0: 1}
    assert numbered_signs(None, encoder) == numbered_signs({}, encoder) == {}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("z", "monotone has 'z', which is no column: there are a, b, kind"),
        ("kind", "monotone has 'kind', whose categories have no order"),
    ],
)
def test_signs_of_no_ordered_column_are_refused(encoder, name, message):
    with pytest.raises(InvalidInputError, match=message):
        numbered_signs({name: 1}, encoder)


def test_a_pair_of_a_monotone_column_is_refused(encoder):
    with pytest.raises(InvalidInputError, match=r"got \('a', 'b'\) in pairs and 'b' in monotone"):
        numbered([("b", "a")], {"b": 1}, encoder)


@pytest.mark.parametrize("pairs", [True, False, "auto", 3, [(0, 2)], []])
def test_pairs_of_other_columns_go_with_monotone_ones(encoder, pairs):
    found = numbered(pairs, {"b": 1}, encoder)
    expected = tuple(pairs) if isinstance(pairs, list) else pairs
    assert found == {"pairs": expected, "monotone": {1: 1}}
