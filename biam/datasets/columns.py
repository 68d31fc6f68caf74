"""How raw columns become what every data set has: float64 numbers and ``category`` columns."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import IO, Any

import pandas as pd

__all__ = ["UCI_LICENCE", "Readable", "coded", "labelled", "typed", "yes_no"]

Readable = str | PathLike[str] | IO[str]

UCI_LICENCE = "CC BY 4.0 (UCI donation licence)"


def labelled(table: pd.DataFrame, labels: Mapping[str, Mapping[Any, str]]) -> pd.DataFrame:
    """`table` with the codes of some columns replaced by their labels, in codebook order.

    Codes that do not occur make no category; codes without a label become NaN.
    """
    named = {}
    for column, codes in labels.items():
        present = [label for code, label in codes.items() if code in set(table[column])]
        kinds = pd.CategoricalDtype(list(dict.fromkeys(present)))
        named[column] = table[column].map(dict(codes)).astype(kinds)
    return table.assign(**named)


def typed(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with numbers as float64 and text as categories."""
    numbers = list(table.select_dtypes("number").columns)
    text = [c for c in table.columns if pd.api.types.is_string_dtype(table[c])]
    return table.astype(dict.fromkeys(numbers, "float64") | dict.fromkeys(text, "category"))


def yes_no(columns: Iterable[str], *, no: Any = 0, yes: Any = 1) -> dict[str, dict[Any, str]]:
    """Labels, as `labelled` takes them, of columns that hold two codes."""
    return {column: {no: "no", yes: "yes"} for column in columns}


def coded(table: pd.DataFrame, *, scale: int = 1) -> pd.DataFrame:
    """Numbers of `table` in units of 1 / `scale`, as int64, for `biam.datasets.store.check_values`.

    Gaps become -10^9, which is no value of any table here.
    """
    whole = (table * scale).round()
    return whole.fillna(-(10**9)).astype("int64")
