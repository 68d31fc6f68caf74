"""Tidy results as people read them: a row per method, a column per scenario, mean ± spread."""

from html import escape

import numpy as np
import pandas as pd

from biam.exceptions import InvalidInputError
from biam.experiments.catalogue import TABLES
from biam.metrics import METRICS

__all__ = ["KINDS", "best", "kind", "means", "score_table", "shown", "wins"]

KINDS = (
    "published method",
    "ours",
    "rival as published",
    "rival, fair",
    "rival with meta rows",
    "small CNN on the pixels",
    "strategy",
)
"""What a method is, in the order in which tables list them."""

SETTINGS = {"ours": KINDS[1], "published": KINDS[2], "fair": KINDS[3], "meta": KINDS[4]}
OF_STRATEGIES = ("mitigation", "domain-adversarial")
SETTINGS = {"published": KINDS[2], "fair": KINDS[3], "meta": KINDS[4]}

STYLE = (
    ".biam-scores {overflow-x: auto} .biam-scores table {font-size: .75rem; white-space: nowrap}"
    ".biam-scores td {text-align: right !important; padding: .1rem .4rem}"
    ".biam-scores th {text-align: left !important; padding: .1rem .5rem; font-weight: normal}"
    ".biam-scores thead th {text-align: right !important}"
    ".biam-scores th.kind {padding-top: .6rem; font-style: italic; opacity: .75}"
)


def kind(method: str, table: str = "") -> str:
    """Which of `KINDS` a method is.

    Parameters
    ----------
    method : str
    table : str
        Key of `biam.experiments.catalogue.TABLES`. Several tables run a rival in one setting only
        and leave it out of the name; without a table the name decides.
    """
    if table in OF_STRATEGIES:
        return KINDS[6]
    known = {m.name: m.settings for m in TABLES[table].methods} if table in TABLES else {}
    setting = known.get(method, {}).get("setting")
    if setting in SETTINGS:
        return SETTINGS[setting]
    base = method.partition(":")[0]
    if base.startswith("CNN"):
        return KINDS[5]
    if base in ("BIAM-X", "BIAM-X-no-meta", "meta-only"):
        return KINDS[1]
    if base == "BIAM" or base.startswith(("BIAM-", "BIAM2")) or base in ("MAM", "ERM", "BATM"):
        return KINDS[0]
    if method.endswith("+meta"):
        return KINDS[4]
    return KINDS[3] if method.endswith("-fair") else KINDS[2]


def means(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean over the seeds: a row per method, a column per scenario, in the order of the results.

    Parameters
    ----------
    results : DataFrame
        From `biam.experiments.report.load_results`.
    metric : str

    Raises
    ------
    InvalidInputError
        No row has the metric.
    """
    return _pivot(results, metric, "mean")


def shown(results: pd.DataFrame, metric: str, *, digits: int = 3) -> pd.DataFrame:
    """Mean ± standard deviation over the seeds as text, grouped by what the methods are.

    Parameters
    ----------
    results : DataFrame
    metric : str
    digits : int
        Significant digits of the mean; the deviation gets as many decimals.

    Returns
    -------
    DataFrame
        Index (kind, method), a column per scenario.
    """
    centre, spread = _pivot(results, metric, "mean"), _pivot(results, metric, "std")
    text = pd.DataFrame(
        {
            name: [_number(c, s, digits) for c, s in zip(centre[name], spread[name], strict=True)]
            for name in centre
        },
        index=centre.index,
    )
    table = str(results["table"].iloc[0]) if "table" in results else ""
    kinds = {name: kind(name, table) for name in text.index}
    order = sorted(text.index, key=lambda name: KINDS.index(kinds[name]))
    text = text.loc[order]
    text.index = pd.MultiIndex.from_tuples(
        [(kinds[name], name) for name in order], names=["", "method"]
    )
    return text


def score_table(results: pd.DataFrame, metric: str, *, digits: int = 3) -> str:
    """The table of `shown` as HTML: methods under what they are, the best mean of a column bold.

    Parameters
    ----------
    results : DataFrame
    metric : str
    digits : int
        As in `shown`.
    """
    text, winners = shown(results, metric, digits=digits), best(results, metric)
    bold = set(zip(winners["scenario"], winners["method"], strict=True))
    head = "".join(f"<th>{escape(name)}</th>" for name in text)
    rows, last = [], ""
    for (group, method), values in zip(text.index, text.to_numpy(), strict=True):
        if group != last:
            rows.append(f'<tr><th class="kind" colspan="{text.shape[1] + 1}">{group}</th></tr>')
        last = group
        cells = "".join(
            f"<td>{f'<b>{value}</b>' if (name, method) in bold else value}</td>"
            for name, value in zip(text, values, strict=True)
        )
        rows.append(f"<tr><th>{escape(method)}</th>{cells}</tr>")
    return (
        f'<div class="biam-scores"><style>{STYLE}</style><table>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def best(results: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Best method of each scenario by its mean: scenario, method, value.

    Methods that ran for fewer seeds than others are left out.
    """
    runs = _pivot(results, metric, "count")
    table = means(results, metric).where(runs == runs.max())
    place = table.idxmin() if _lower(metric) else table.idxmax()
    value = [table.loc[method, scenario] for scenario, method in place.items()]
    return pd.DataFrame({"scenario": place.index, "method": place.to_numpy(), "value": value})


def wins(results: pd.DataFrame, metric: str, first: str, second: str) -> pd.DataFrame:
    """How often `first` beats `second` at the same seed, per scenario.

    Parameters
    ----------
    results : DataFrame
    metric : str
    first, second : str
        Methods.

    Returns
    -------
    DataFrame
        scenario, seeds, wins, first, second (means over these seeds).
    """
    rows = results[results["metric"] == metric]
    pair = rows[rows["method"].isin([first, second])]
    wide = pair.pivot_table(
        index=["scenario", "seed"], columns="method", values="value", sort=False
    ).dropna()
    gain = wide[second] - wide[first] if _lower(metric) else wide[first] - wide[second]
    grouped = wide.groupby("scenario", sort=False)
    return pd.DataFrame(
        {
            "seeds": grouped.size(),
            "wins": (gain > 0).groupby("scenario", sort=False).sum(),
            first: grouped[first].mean(),
            second: grouped[second].mean(),
        }
    ).reset_index()


def _pivot(results: pd.DataFrame, metric: str, how: str) -> pd.DataFrame:
    rows = results[results["metric"] == metric]
    if rows.empty:
        there = ", ".join(results["metric"].unique())
        raise InvalidInputError(f"metric must be one of the results, {there}, got {metric!r}.")
    methods, scenarios = rows["method"].unique(), rows["scenario"].unique()
    table = rows.pivot_table(index="method", columns="scenario", values="value", aggfunc=how)
    # Where a standard deviation has one seed only, pandas leaves the column out.
    table = table.reindex(index=methods, columns=scenarios)
    table.columns.name = table.index.name = None
    return table


def _lower(metric: str) -> bool:
    return metric in METRICS and METRICS[metric].direction == "lower"


def _number(centre: float, spread: float, digits: int) -> str:
    """Mean and spread with as many decimals as `digits` of the mean need, at most five."""
    if np.isnan(centre):
        return ""
    size = int(np.floor(np.log10(abs(centre)))) if centre else 0
    places = min(max(0, digits - 1 - size), 5)
    text = f"{centre:.{places}f}"
    return text if np.isnan(spread) else f"{text} ± {spread:.{places}f}"
