"""Tables that cannot be drawn are refused, with what is missing."""

import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.tidy import check_columns, check_rows

TABLE = pd.DataFrame({"method": ["BIAM", "truth", "BIAM"], "value": [1.0, 2.0, 3.0]})


def test_a_good_table_comes_back():
    assert check_columns(TABLE, ["method", "value"]) is TABLE
    check_rows(TABLE, "method", ["truth", "BIAM"])


def test_absent_columns_are_named():
    with pytest.raises(InvalidInputError, match="lacks the columns x, z: expected value, x, z"):
        check_columns(TABLE, ["value", "x", "z"])


def test_no_rows_are_nothing_to_draw():
    with pytest.raises(InvalidInputError, match="no rows"):
        check_columns(TABLE[:0], ["value"])


def test_absent_names_are_listed_with_those_there():
    with pytest.raises(InvalidInputError, match="no rows with method 'NAM': there are 'BIAM', 'tr"):
        check_rows(TABLE, "method", ["NAM", "truth"])
