"""Published beside reproduced, with a verdict per number.

The published numbers are data of the package, ``published.csv`` beside this module: table,
scenario, method, seed, metric, value, the band around it, and a note. A number is met when the
difference is within its band; for a value printed to four decimals that is half of the last one.
"""

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from biam.exceptions import DataMissingError
from biam.experiments.catalogue import TABLES
from biam.experiments.store import COLUMNS
from biam.validation import check_choice

__all__ = ["load_results", "markdown", "published_numbers", "report", "verify"]

CELL = ["table", "scenario", "method", "seed", "metric"]
# A decimal such as 0.1324 is not a double: half a unit of its last place needs that much slack.
SLACK = 1e-9


def published_numbers() -> pd.DataFrame:
    """The published numbers: columns table, scenario, method, seed, metric, paper, band, note.

    `band` is NaN where no band is set: such a number is shown without a verdict.
    """
    source = resources.files("biam.experiments").joinpath("published.csv")
    with source.open(encoding="utf-8") as stream:
        numbers = pd.read_csv(stream, keep_default_na=True).rename(columns={"value": "paper"})
    return numbers.assign(note=numbers["note"].fillna(""))


def load_results(out: str | os.PathLike[str], table: str) -> pd.DataFrame:
    """Tidy results of one table, ``out/<table>.csv``; no rows where there is no such file.

    Raises
    ------
    DataMissingError
        The file is there and is not a table of results.
    """
    path = Path(out) / f"{table}.csv"
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    try:
        results = pd.read_csv(path, dtype={"value": str})
    except (ValueError, OSError) as error:
        raise DataMissingError(f"cannot read results in {str(path)!r}: {error}") from error
    absent = [column for column in COLUMNS if column not in results]
    if absent:
        raise DataMissingError(
            f"{str(path)!r} lacks the columns {', '.join(absent)}: make it with "
            f"`biam reproduce {table} --out {Path(out)}`."
        )
    # Python's own parser is exact; that of pandas is off in the last digit at times.
    return results.assign(value=results["value"].map(float))


def report(out: str | os.PathLike[str] = "results", tables: Iterable[str] = ()) -> pd.DataFrame:
    """Compare results with the published numbers.

    Parameters
    ----------
    out : path
        Output folder of `biam.experiments.runner.reproduce`.
    tables : iterable of str
        Empty = all that have published numbers.

    Returns
    -------
    DataFrame
        One row per published number: table, scenario, method, seed, metric, paper, reproduced,
        difference, band, verdict, note. The verdict is "met", "not met", "missing" (no result), or
        "no band".

    Raises
    ------
    UnknownNameError
        Unknown table.
    """
    names = [check_choice("table", name, TABLES) for name in tables] or list(TABLES)
    numbers = published_numbers()
    numbers = numbers[numbers["table"].isin(names)]
    parts = [load_results(out, name) for name in names]
    results = pd.concat([part for part in parts if len(part)] or parts[:1])
    results = results[[*CELL, "value"]].rename(columns={"value": "reproduced"})
    keys = {"seed": "int64"}
    joined = numbers.merge(results.astype(keys), on=CELL, how="left")
    joined["reproduced"] = joined["reproduced"].astype(float)
    joined["difference"] = joined["reproduced"] - joined["paper"]
    joined["verdict"] = np.select(
        [
            joined["reproduced"].isna(),
            joined["band"].isna(),
            joined["difference"].abs() <= joined["band"] + SLACK,
        ],
        ["missing", "no band", "met"],
        "not met",
    )
    columns = ["paper", "reproduced", "difference", "band", "verdict", "note"]
    return joined[[*CELL, *columns]].reset_index(drop=True)


def verify(out: str | os.PathLike[str] = "results", tables: Iterable[str] = ()) -> pd.DataFrame:
    """Rows of the report that fail: outside the band, or missing. No rows: all is well."""
    rows = report(out, tables)
    return rows[rows["verdict"].isin(["not met", "missing"])].reset_index(drop=True)


def markdown(rows: pd.DataFrame) -> str:
    """A report as a markdown table, numbers to four decimals."""
    shown = rows[[*CELL, "paper", "reproduced", "verdict"]]
    lines = [list(shown.columns), ["---"] * shown.shape[1]]
    lines += [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.4f}"
