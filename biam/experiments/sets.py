"""The data sets of the real tables in figures: rows, columns, gaps, rare classes."""

from collections.abc import Iterable

import pandas as pd

from biam.datasets import Dataset, load_dataset
from biam.experiments.catalogue import TABLES

__all__ = ["describe_sets", "real_sets"]

REAL = ("real-classification", "real-regression")


def real_sets() -> tuple[str, ...]:
    """Names of the data sets of the real tables, in the order of the catalogue."""
    scenarios = (scenario for table in REAL for scenario in TABLES[table].scenarios)
    return tuple(dict.fromkeys(scenario.params["dataset"] for scenario in scenarios))


def describe_sets(names: Iterable[str] = ()) -> pd.DataFrame:
    """What a reader wants to know of each data set before its numbers.

    Parameters
    ----------
    names : iterable of str
        Keys of `biam.datasets.DATASETS`; empty = `real_sets`.

    Returns
    -------
    DataFrame
        dataset; task; rows; columns; categorical, how many of the columns; missing, the share of
        empty cells; positives, the share of class 1, NaN unless there are two; source; licence.

    Raises
    ------
    UnknownNameError, DataMissingError
        No such data set, or its files are absent.
    """
    return pd.DataFrame([_row(load_dataset(name)) for name in tuple(names) or real_sets()])


def _row(data: Dataset) -> dict[str, object]:
    rows, columns = data.X.shape
    positives = float((data.y == 1).mean()) if data.task == "binary" else float("nan")
    return {
        "dataset": data.name,
        "task": data.task,
        "rows": rows,
        "columns": columns,
        "categorical": len(data.categorical),
        "missing": round(data.missing_rate, 6),
        "positives": round(positives, 6),
        "source": data.source,
        "licence": data.licence,
    }
