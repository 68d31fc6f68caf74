"""A score against what it costs, size by size."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from biam.plotting.recovery import figure_legend
from biam.plotting.style import GREY, Look, axes, dress, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["score_against_cost"]


def score_against_cost(
    rows: pd.DataFrame,
    methods: Sequence[str],
    *,
    metric: str,
    cost: str = "cpu_seconds",
    xlabel: str = "processor seconds of the fit",
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """A line per method through its sizes, from the fewest rows to the most.

    Parameters
    ----------
    rows : DataFrame
        Columns method, n, and the names of `metric` and `cost`; one row per method and size.
    methods : sequence of str
        First on top. "name:line" has empty markers, "name:true-labels" grey stars.
    metric, cost : str
        Columns to draw.
    xlabel : str
    log : bool
        Logarithmic scores.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a method is absent.
    """
    check_columns(rows, ["method", "n", metric, cost])
    check_rows(rows, "method", methods)
    own = ax is None
    ax = axes(3.4) if ax is None else ax
    dress(ax, grid="both")
    for k, method in enumerate(methods):
        look, part = _look(method), rows[rows["method"] == method].sort_values("n")
        ax.plot(
            part[cost],
            part[metric],
            look.marker,
            linestyle=look.line,
            color=look.colour,
            markerfacecolor=look.colour if look.filled else "none",
            markersize=5.5,
            linewidth=1.4,
            label=method,
            zorder=3 + len(methods) - k,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator())
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_minor_formatter("")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set(xlabel=xlabel, ylabel=metric)
    if own:
        figure_legend(ax.figure, ax)
    return ax


def _look(method: str) -> Look:
    name, _, setting = method.partition(":")
    if setting == "true-labels":
        return Look(GREY, "*", ":", filled=False)
    return method_look(name.removesuffix("-MAE"))._replace(filled=setting != "line")
