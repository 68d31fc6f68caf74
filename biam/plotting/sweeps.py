"""A score over the strength of a penalty, beside what is reached without it."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from biam.plotting.recovery import figure_legend
from biam.plotting.style import FONT, GREY, PALETTE, axes, dress, legend
from biam.plotting.tidy import check_columns

__all__ = ["strength_sweep"]

MARKERS = "osv^DP"


def strength_sweep(
    rows: pd.DataFrame,
    levels: Mapping[str, float] | None = None,
    *,
    xlabel: str = "strength",
    ylabel: str = "accuracy",
    ax: Axes | None = None,
) -> Axes:
    """Means over the seeds as a line for each kind, a band from the least to the most of them.

    Parameters
    ----------
    rows : DataFrame
        kind, strength, value: one row per kind, strength and seed.
    levels : mapping of str to float, optional
        Drawn across, with their names written above them.
    xlabel, ylabel : str
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent, or there are no rows.
    """
    check_columns(rows, ["kind", "strength", "value"])
    own = ax is None
    ax = axes(3.0) if ax is None else dress(ax)
    for k, (kind, group) in enumerate(rows.groupby("kind", sort=False)):
        spread = group.groupby("strength")["value"].agg(["mean", "min", "max"])
        colour = PALETTE[k % len(PALETTE)]
        ax.fill_between(
            spread.index, spread["min"], spread["max"], color=colour, alpha=0.18, linewidth=0
        )
        ax.plot(
            spread.index,
            spread["mean"],
            MARKERS[k % len(MARKERS)] + "-",
            color=colour,
            markersize=5,
            linewidth=1.6,
            label=kind,
        )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(sorted(rows["strength"].unique())))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    for name, level in (levels or {}).items():
        ax.axhline(level, color=GREY, linewidth=0.9, linestyle=":")
        ax.annotate(
            name,
            (0.17, level),
            xycoords=("axes fraction", "data"),
            ha="center",
            va="bottom",
            color=GREY,
            fontsize=FONT - 1.5,
        )
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if own:
        figure_legend(ax.figure, ax)
    else:
        legend(ax)
    return ax
