"""Errors and accuracies as people read them: per cent, mean ± spread, the best of a column bold."""

from html import escape

import numpy as np
import pandas as pd

from biam.experiments.summary import STYLE, means

__all__ = ["percent_table"]


def percent_table(results: pd.DataFrame, metric: str, *, lower: bool = False) -> str:
    """A row per method, a column per scenario, in their order in the results.

    Parameters
    ----------
    results : DataFrame
        From `biam.experiments.report.load_results`.
    metric : str
        A share, from 0 to 1.
    lower : bool
        Whether the smallest mean of a column is the best one.

    Returns
    -------
    str
        HTML.
    """
    centre = means(results, metric)
    rows = results[results["metric"] == metric]
    spread = rows.pivot_table(index="method", columns="scenario", values="value", aggfunc="std")
    spread = spread.reindex(index=centre.index, columns=centre.columns)
    winners = centre.eq(centre.min() if lower else centre.max())
    head = "".join(f"<th>{escape(name)}</th>" for name in centre)
    body = "".join(
        f"<tr><th>{escape(method)}</th>"
        + "".join(
            _cell(centre.loc[method, name], spread.loc[method, name], winners.loc[method, name])
            for name in centre
        )
        + "</tr>"
        for method in centre.index
    )
    return (
        f'<div class="biam-scores"><style>{STYLE}</style><table>'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(mean: float, spread: float, best: bool) -> str:
    if np.isnan(mean):
        return "<td></td>"
    text = f"{100 * mean:.1f}"
    text = text if np.isnan(spread) else f"{text} ± {100 * spread:.1f}"
    return f"<td>{f'<b>{text}</b>' if best else text}</td>"
