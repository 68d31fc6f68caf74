"""A metric against the rate of corruption."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from biam.plotting.recovery import figure_legend
from biam.plotting.style import axes, dress, legend, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["metric_by_rate"]


def metric_by_rate(
    curves: pd.DataFrame,
    *,
    metric: str = "metric",
    xlabel: str = "corrupted rows",
    methods: Iterable[str] = (),
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Mean over the seeds as a line, from the least to the most of them as a band.

    Parameters
    ----------
    curves : DataFrame
        Columns method, seed, x (rate), value.
    metric, xlabel : str
        Labels of the axes.
    methods : iterable of str
        Which to draw, in this order; empty = all.
    log : bool
        Logarithmic metric.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a method is absent.
    """
    check_columns(curves, ["method", "seed", "x", "value"])
    chosen = list(methods) or list(dict.fromkeys(curves["method"]))
    check_rows(curves, "method", chosen)
    own = ax is None
    ax = axes(3.1) if ax is None else dress(ax)
    for method in chosen:
        look = method_look(method.removesuffix("-fair"))
        rows = curves[curves["method"] == method].groupby("x")["value"].agg(["mean", "min", "max"])
        ax.fill_between(
            rows.index, rows["min"], rows["max"], color=look.colour, alpha=0.18, linewidth=0
        )
        ax.plot(
            rows.index,
            rows["mean"],
            look.marker,
            linestyle=look.line,
            color=look.colour,
            markersize=4.5,
            linewidth=1.6,
            label=method,
        )
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel=xlabel, ylabel=metric)
    if own:
        figure_legend(ax.figure, ax)
    else:
        legend(ax, columns=3)
    return ax
