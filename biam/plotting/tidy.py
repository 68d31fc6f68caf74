"""What the figures of stored curves ask of their tables."""

from collections.abc import Iterable

import pandas as pd

from biam.exceptions import InvalidInputError

__all__ = ["check_columns", "check_rows"]


def check_columns(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return `table` if it has all `columns`, and rows.

    Raises
    ------
    InvalidInputError
        A column is absent, or there is nothing to draw.
    """
    wanted = list(columns)
    absent = [name for name in wanted if name not in table]
    if absent:
        raise InvalidInputError(
            f"the table lacks the columns {', '.join(absent)}: expected {', '.join(wanted)}, as in "
            "biam.experiments.report.load_curves."
        )
    if not len(table):
        raise InvalidInputError("the table has no rows: nothing to draw. Are results stored?")
    return table


def check_rows(table: pd.DataFrame, column: str, names: Iterable[str]) -> None:
    """Refuse a table without rows for each of `names` in `column`.

    Raises
    ------
    InvalidInputError
        A name has no rows; those that have are listed.
    """
    there = list(dict.fromkeys(table[column]))
    absent = [name for name in names if name not in there]
    if absent:
        raise InvalidInputError(
            f"no rows with {column} {', '.join(map(repr, absent))}: there are "
            f"{', '.join(map(repr, there))}."
        )
