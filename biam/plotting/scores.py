"""Results of a table side by side: a panel per scenario, a line per method, a dot per seed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from biam.exceptions import InvalidInputError
from biam.plotting.style import FONT, GREY, dress, figure, method_look

__all__ = ["score_panels"]

COLUMNS = ("scenario", "method", "seed", "metric", "value")


def score_panels(
    results: pd.DataFrame,
    metric: str,
    methods: Sequence[str],
    *,
    log: bool = False,
    label: str | None = None,
) -> Figure:
    """Every seed as a small dot and the mean as the method's marker.

    Parameters
    ----------
    results : DataFrame
        Tidy: scenario, method, seed, metric, value.
    metric : str
    methods : sequence of str
        From top to bottom.
    log : bool
        Logarithmic axis, for errors that span decades.
    label : str, optional
        Written below the panels; default the metric.

    Raises
    ------
    InvalidInputError
        A column or all rows are absent.
    """
    absent = [name for name in COLUMNS if name not in results]
    rows = results if absent else results[results["metric"] == metric]
    rows = rows if absent else rows[rows["method"].isin(methods)]
    if absent or rows.empty:
        raise InvalidInputError(
            f"results must have the columns {', '.join(COLUMNS)} and rows of {metric!r} for "
            f"{', '.join(methods)}, got {'no ' + ', '.join(absent) if absent else 'no such rows'}."
        )
    names = list(rows["scenario"].unique())
    n_rows = -(-len(names) // 2)
    height = (0.55 + 0.17 * len(methods)) * n_rows + 0.45
    drawing = figure(height)
    grid = drawing.subplots(n_rows, 2, sharey=True, squeeze=False)
    for name, ax in zip(names, grid.flat, strict=False):
        _panel(ax, rows[rows["scenario"] == name], list(methods), log)
        ax.set_title(name, fontsize=FONT - 1, color=GREY)
    for ax in grid.flat[len(names) :]:
        ax.set_visible(False)
    drawing.supxlabel(label or metric, fontsize=FONT, color=GREY)
    return drawing


def _panel(ax: Axes, rows: pd.DataFrame, methods: list[str], log: bool) -> None:
    place = {name: len(methods) - 1 - k for k, name in enumerate(methods)}
    for name, group in rows.groupby("method"):
        look, y = method_look(name), place[name]
        ax.plot(
            group["value"], np.full(len(group), y), "o", color=look.colour, alpha=0.45, markersize=2
        )
        ax.plot(
            group["value"].mean(),
            y,
            look.marker,
            color=look.colour,
            markerfacecolor=look.colour if look.filled else "none",
            markersize=5,
        )
    if log:
        _log_axis(ax)
    ax.set_yticks(list(place.values()), list(place))
    ax.set_ylim(-0.6, len(methods) - 0.4)
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 2, length=0)
    ax.tick_params(axis="x", labelsize=FONT - 2)


def _log_axis(ax: Axes) -> None:
    """Plain numbers at a few places: round ones within a decade, powers of ten beyond."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    within = high / low < 20
    ax.xaxis.set_major_locator(MaxNLocator(3) if within else LogLocator(numticks=4))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
