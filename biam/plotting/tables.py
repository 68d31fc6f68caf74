"""Figures of table pages: published against reproduced, stable cells, costs side by side."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, axes, dress, legend, method_look

__all__ = ["costs", "differences", "stable_shares"]


def differences(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Each reproduced number minus the published one, in half units of its last printed digit.

    Parameters
    ----------
    rows : DataFrame
        `biam.experiments.report.report`: scenario, method, seed, metric, difference, band, verdict.
        Rows without a band or a result are left out.
    ax : Axes, optional
    """
    rows = rows[rows["band"].notna() & rows["difference"].notna()]
    ax = axes(0.9 + 0.2 * len(rows)) if ax is None else dress(ax)
    share = (rows["difference"] / rows["band"]).clip(-3, 3).to_numpy()
    place = np.arange(len(rows))[::-1]
    ax.axvspan(-1, 1, color=GREY, alpha=0.2, linewidth=0, label="band")
    for met, colour, marker in ((True, BLUE, "o"), (False, VERMILLION, "X")):
        chosen = (rows["verdict"] == "met").to_numpy() == met
        if chosen.any():
            label = "met" if met else "not met"
            ax.plot(share[chosen], place[chosen], marker, color=colour, markersize=4, label=label)
    names = [
        f"{r.scenario.split('/')[-1]} {r.method} {r.seed} {r.metric}" for r in rows.itertuples()
    ]
    ax.set_yticks(place, names, fontsize=FONT - 1.5)
    ax.set(xlim=(-3.2, 3.2), ylim=(-0.7, len(rows) - 0.3))
    ax.set_xlabel("difference / half a unit of the last digit")
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 1.5, length=0)
    legend(ax, columns=3)
    return ax


def stable_shares(cells: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Share of the cells that end in the same model in both precisions, a bar per table and method.

    Parameters
    ----------
    cells : DataFrame
        `biam.experiments.stability.stable_cells`: table, method, stable.
    ax : Axes, optional
    """
    shares = cells.groupby(["table", "method"], sort=False)["stable"].agg(["mean", "size"])
    ax = axes(0.8 + 0.2 * len(shares)) if ax is None else dress(ax)
    place = np.arange(len(shares))[::-1]
    ax.barh(place, shares["mean"], color=BLUE, height=0.6)
    for y, (share, size) in zip(place, shares.itertuples(index=False), strict=True):
        text = f" {share * size:.0f} of {size:.0f}"
        ax.annotate(text, (share, y), va="center", color=GREY, fontsize=FONT - 1.5)
    ax.set_yticks(place, [f"{table} {method}" for table, method in shares.index])
    ax.set(xlim=(0, 1.3), ylim=(-0.7, len(shares) - 0.3), xticks=[0, 0.5, 1])
    ax.set_xlabel("share of cells where float32 and float64 agree")
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 1.5, length=0)
    return ax


def costs(rows: pd.DataFrame, *, unit: str = "seconds", ax: Axes | None = None) -> Axes:
    """One bar per method with its value written at the end, cheapest at the bottom.

    Parameters
    ----------
    rows : DataFrame
        Columns method, value.
    unit : str
        Written on the axis.
    ax : Axes, optional
    """
    rows = rows.sort_values("value", ascending=False)
    ax = axes(0.8 + 0.32 * len(rows)) if ax is None else dress(ax)
    place = np.arange(len(rows))[::-1]
    colours = [method_look(name).colour for name in rows["method"]]
    colours = [BLUE if c == GREY else c for c in colours]
    ax.barh(place, rows["value"], color=colours, height=0.6)
    for y, value in zip(place, rows["value"], strict=True):
        ax.annotate(
            f" {value:.3g}",
            (value, y),
            va="center",
            color=GREY,
            fontsize=FONT,
            annotation_clip=False,
        )
    ax.set_yticks(place, rows["method"])
    ax.set_xlabel(unit)
    ax.set_xlim(0, rows["value"].max() * 1.15)
    dress(ax, grid="x")
    return ax
