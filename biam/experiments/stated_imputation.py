"""What papers state about imputing hidden values, beside stored runs of ours.

``not_miwae.csv`` beside this module holds the stated numbers: Tables 1 and A1 of Ipsen, Mattei &
Frellsen (2021), and those of two course projects. Nothing in it is ours.
"""

import os
from html import escape
from importlib import resources

import numpy as np
import pandas as pd

from biam.experiments.report import load_results
from biam.experiments.summary import STYLE

__all__ = ["PAPER", "beside", "spread_table", "stated_numbers"]

PAPER = "Ipsen et al. 2021"
_KEYS = ["scenario", "method"]


def stated_numbers(table: str, metric: str = "rmse") -> pd.DataFrame:
    """The stated numbers of a table: scenario, method, source, value, error.

    Parameters
    ----------
    table, metric : str
    """
    file = resources.files("biam.experiments").joinpath("not_miwae.csv")
    with file.open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream)
    rows = rows[(rows["table"] == table) & (rows["metric"] == metric)]
    return rows[[*_KEYS, "source", "value", "error"]].reset_index(drop=True)


def beside(stored: str | os.PathLike[str], table: str, metric: str = "rmse") -> pd.DataFrame:
    """Our means over the runs beside each source, one row per scenario and method.

    Parameters
    ----------
    stored : path
        Folder with ``<table>.csv``.
    table, metric : str

    Returns
    -------
    DataFrame
        scenario, method, ours, error (standard error, NaN for one run), runs, and a column per
        source of stated numbers, NaN where it has none; in the order of the results.
    """
    results = load_results(stored, table)
    rows = results[results["metric"] == metric]
    groups = rows.groupby(_KEYS, sort=False)["value"]
    ours = groups.agg(ours="mean", error="sem", runs="size").reset_index()
    stated = stated_numbers(table, metric)
    wide = stated.pivot_table(index=_KEYS, columns="source", values="value", sort=False)
    wide.columns.name = None
    return ours.merge(wide.reset_index(), on=_KEYS, how="left")


def spread_table(rows: pd.DataFrame, digits: int = 2) -> str:
    """HTML: a line per method, a column per scenario; ours ± standard error, and what is stated.

    Parameters
    ----------
    rows : DataFrame
        From `beside`.
    digits : int
        Decimals.
    """
    sources = [name for name in rows if name not in (*_KEYS, "ours", "error", "runs")]
    scenarios, methods = rows["scenario"].unique(), rows["method"].unique()
    cells = {(row["scenario"], row["method"]): row for row in rows.to_dict("records")}
    head = "".join(f"<th>{escape(name)}</th>" for name in scenarios)
    body = []
    for method in methods:
        found = [cells.get((scenario, method)) for scenario in scenarios]
        line = "".join(f"<td>{_ours(cell, digits)}</td>" for cell in found)
        body.append(f"<tr><th>{escape(method)}</th>{line}</tr>")
        for source in sources:
            values = [np.nan if cell is None else cell[source] for cell in found]
            if not np.isnan(values).all():
                line = "".join(f"<td><i>{_number(v, digits)}</i></td>" for v in values)
                body.append(f"<tr><th><i>{escape(source)}</i></th>{line}</tr>")
    return (
        f'<div class="biam-scores"><style>{STYLE} .biam-scores i {{opacity: .7}}</style><table>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _ours(cell: dict | None, digits: int) -> str:
    if cell is None:
        return ""
    error = "" if np.isnan(cell["error"]) else f" ± {cell['error']:.{digits}f}"
    return _number(cell["ours"], digits) + error


def _number(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"
