"""Stated numbers beside reproduced ones, with a verdict each.

Two files beside this module hold what others stated. ``published.csv``: the authors' numbers, with
the band around each; for a value printed to four decimals that is half of the last one.
``reference.csv``: an independent re-run of the published loop, judged where that re-run agreed with
itself in two precisions. Nothing in them is ours.
"""

import json
import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from biam.exceptions import DataMissingError
from biam.experiments.catalogue import TABLES
from biam.experiments.provenance import code_hash
from biam.experiments.records import Cell
from biam.experiments.stability import stable_cells
from biam.experiments.store import COLUMNS, CURVE_COLUMNS
from biam.metrics import METRICS
from biam.validation import check_choice

__all__ = ["load_curves", "load_results", "markdown", "published_numbers", "report", "verify"]

CELL = ["table", "scenario", "method", "seed", "metric"]
# A decimal such as 0.1324 is not a double: half a unit of its last place needs that much slack.
SLACK = 1e-9
# The re-run is met within a part in a thousand, accuracy within two of its 240 test rows.
RELATIVE, TEST_ROWS = 1e-3, 240
MEAN = "mean"
"""What stands for the seed where a number is the mean over the five seeds."""


def published_numbers() -> pd.DataFrame:
    """The stated numbers: table, scenario, method, seed, metric, paper, band, source, known, note.

    `seed` is text: a seed, or "mean". `source` is "repository" or "README" (the authors), or
    "re-run" (independent). `band` is NaN where none is set: such a number gets no verdict. `known`
    is "fails" for a claim that is known not to hold.
    """
    folder = resources.files("biam.experiments")
    with folder.joinpath("published.csv").open(encoding="utf-8") as stream:
        text = {"seed": str, "known": str, "note": str}
        stated = pd.read_csv(stream, dtype=text, keep_default_na=True).rename(
            columns={"value": "paper"}
        )
    with folder.joinpath("reference.csv").open(encoding="utf-8") as stream:
        rerun = pd.read_csv(stream, dtype={"seed": str}).rename(columns={"value": "paper"})
    rerun = rerun.assign(source="re-run", band=_reference_band(rerun), known="", note="")
    text = {"known": stated["known"].fillna(""), "note": stated["note"].fillna("")}
    both = pd.concat([stated.assign(**text), rerun.drop(columns="stable")], ignore_index=True)
    return both[[*CELL, "paper", "band", "source", "known", "note"]]


def _reference_band(rerun: pd.DataFrame) -> np.ndarray:
    # The optimizer of BIAM2 is not public; the re-run is one reading of its description.
    judged = (rerun["stable"] == 1) & (rerun["method"] != "BIAM2")
    bands = np.select(
        [rerun["metric"].isin(["mse", "mae"]), rerun["metric"] == "accuracy"],
        [RELATIVE * rerun["paper"], 2 / TEST_ROWS],
        np.nan,
    )
    return np.where(judged, bands, np.nan)


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
    return results.assign(value=results["value"].map(float).astype(float))


def load_curves(out: str | os.PathLike[str], table: str) -> pd.DataFrame:
    """Points of the curves of one table, ``out/<table>.curves.csv``; no rows without the file.

    Returns
    -------
    DataFrame
        table, scenario, method, seed, curve, x, z (NaN unless the curve is a surface), value.
    """
    path = Path(out) / f"{table}.curves.csv"
    return pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=list(CURVE_COLUMNS))


def report(out: str | os.PathLike[str] = "results", tables: Iterable[str] = ()) -> pd.DataFrame:
    """Compare results with the stated numbers.

    Parameters
    ----------
    out : path
        Output folder of `biam.experiments.runner.reproduce`.
    tables : iterable of str
        Empty = all that have stated numbers.

    Returns
    -------
    DataFrame
        One row per stated number: table, scenario, method, seed, metric, paper, reproduced,
        difference, band, verdict, stability, stale, source, known, note. The verdict is "met",
        "better" (outside the band on the good side), "not met", "missing" (no result), or "no
        band"; stability is "stable" or "chaotic", by a run in float64; `stale` tells that the code
        changed since.

    Raises
    ------
    UnknownNameError
        Unknown table.
    """
    names = [check_choice("table", name, TABLES) for name in tables] or list(TABLES)
    numbers = published_numbers()
    numbers = numbers[numbers["table"].isin(names)]
    parts = [load_results(out, name) for name in names]
    results = _with_means(pd.concat([part for part in parts if len(part)] or parts[:1]))
    joined = numbers.merge(results, on=CELL, how="left")
    joined["difference"] = joined["reproduced"] - joined["paper"]
    joined["verdict"] = _verdicts(joined)
    joined["stability"] = _stability(joined, results)
    joined["stale"] = _stale(joined, out)
    columns = ["paper", "reproduced", "difference", "band", "verdict", "stability", "stale"]
    return joined[[*CELL, *columns, "source", "known", "note"]].reset_index(drop=True)


def verify(out: str | os.PathLike[str] = "results", tables: Iterable[str] = ()) -> pd.DataFrame:
    """Rows of the report that fail; no rows: all is well.

    A row fails outside its band, unless it is known to, or inside where it is known not to be. A
    number without a result fails where its table is named in `tables`, and everywhere if the folder
    has no results at all.
    """
    tables = list(tables)
    rows = report(out, tables)
    missing = rows["verdict"] == "missing"
    wrong = (rows["verdict"] == "not met") != (rows["known"] == "fails")
    judged = ~missing & ~rows["verdict"].isin(["no band"])
    fails = (judged & wrong) | (missing & (bool(tables) | missing.all()))
    return rows[fails].reset_index(drop=True)


def markdown(rows: pd.DataFrame) -> str:
    """A report as a markdown table, numbers to four decimals."""
    shown = rows[[*CELL, "paper", "reproduced", "verdict", "stability"]]
    lines = [list(shown.columns), ["---"] * shown.shape[1]]
    lines += [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _with_means(results: pd.DataFrame) -> pd.DataFrame:
    """Reproduced values by seed, and their means where all five seeds are there."""
    keys = ["table", "scenario", "method", "metric"]
    single = results[[*CELL, "value"]].astype({"seed": str, "value": float})
    groups = single.groupby(keys, sort=False)["value"].agg(["mean", "size"]).reset_index()
    means = groups[groups["size"] >= 5].assign(seed=MEAN).rename(columns={"mean": "value"})
    both = pd.concat([single, means[[*CELL, "value"]]]) if len(means) else single
    return both.rename(columns={"value": "reproduced"})


def _verdicts(rows: pd.DataFrame) -> np.ndarray:
    higher = rows["metric"].map(
        lambda m: METRICS[m].direction == "higher" if m in METRICS else True
    )
    gain = rows["difference"].where(higher, -rows["difference"])
    return np.select(
        [
            rows["reproduced"].isna(),
            rows["band"].isna(),
            rows["difference"].abs() <= rows["band"] + SLACK,
            # A re-run is to be met, not beaten; nor is a claim that something is bad.
            (gain > 0) & (rows["source"] == "README") & (rows["known"] != "fails"),
        ],
        ["missing", "no band", "met", "better"],
        "not met",
    )


def _stability(rows: pd.DataFrame, results: pd.DataFrame) -> list[str]:
    cells = stable_cells(results.rename(columns={"reproduced": "value"}))
    words = np.where(cells["stable"], "stable", "chaotic")
    judged = dict(zip(cells[CELL[:4]].itertuples(index=False, name=None), words, strict=True))
    keys = rows[CELL[:4]].itertuples(index=False, name=None)
    return [str(judged.get(key, "")) for key in keys]


def _stale(rows: pd.DataFrame, out: str | os.PathLike[str]) -> list[bool]:
    """Whether the code behind each row is another than the one that made it."""
    made: dict[str, dict[str, str]] = {}
    for name in rows["table"].unique():
        path = Path(out) / f"{name}.json"
        made[name] = json.loads(path.read_text("utf-8"))["code"] if path.is_file() else {}

    def changed(row: tuple[str, str, str]) -> bool:
        roots = TABLES[row[0]].roots(Cell(*row, 0))
        before = made[row[0]].get(" ".join(roots))
        return before is not None and before != code_hash(roots)

    cells = rows[["table", "scenario", "method"]].itertuples(index=False, name=None)
    return [changed(row) for row in cells]


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return "" if np.isnan(value) else f"{value:.4f}"
