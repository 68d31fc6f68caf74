"""Contributions on a real table: the curves of two or more models, and what their gaps say."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from biam.plotting.recovery import figure_legend
from biam.plotting.style import FONT, GREY, dress, figure, method_look, signed
from biam.plotting.tidy import check_columns

__all__ = ["contribution_curves"]

PANEL, TOP, BAR, MARGIN = 1.65, 0.45, 0.21, 0.85
MISSING = "missing:"
LARGE = 10_000


def contribution_curves(curves: pd.DataFrame, *, unit: str = "log-odds") -> Figure:
    """Curves two a row on one scale, and below them a bar for every missing effect.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve, x, value: one seed. Curves called "missing:NAME" hold one row: the
        share of rows where NAME is missing, and the effect of that.
    unit : str
        What an effect is measured in.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        A column is absent.
    """
    check_columns(curves, ["method", "curve", "x", "value"])
    is_gap = curves["curve"].str.startswith(MISSING)
    lines, gaps = curves[~is_gap], curves[is_gap]
    names, methods = list(dict.fromkeys(lines["curve"])), list(dict.fromkeys(curves["method"]))
    rows = (len(names) + 1) // 2
    foot = MARGIN + BAR * len(gaps) if len(gaps) else 0.0
    fig = figure(TOP + PANEL * rows + foot)
    heights = [TOP + PANEL * rows, max(foot, 1e-3)]
    parts = np.atleast_1d(np.asarray(fig.subfigures(2, 1, height_ratios=heights)))
    for part in parts:
        part.set_facecolor("none")
    panels = parts[0].subplots(rows, 2, squeeze=False, sharey=True)
    for ax, name in zip(panels.flat, names, strict=False):
        _curve(dress(ax), lines[lines["curve"] == name], name)
    for ax in panels.flat[len(names) :]:
        ax.axis("off")
    for ax in panels[:, 0]:
        ax.set_ylabel(unit)
    figure_legend(parts[0], panels[0, 0])
    if len(gaps):
        _bars(dress(parts[1].add_subplot(), grid="x"), gaps, methods, unit)
    return fig


def _curve(ax: Axes, rows: pd.DataFrame, name: str) -> None:
    ax.axhline(0, color=GREY, linewidth=0.8)
    for method, part in rows.groupby("method", sort=False):
        look = method_look(str(method).removesuffix("-fair"))
        style: dict[str, Any] = {"color": look.colour, "linestyle": look.line, "linewidth": 1.6}
        ax.plot(part["x"], part["value"], label=method, **style)
    ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold", pad=2)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    if rows["x"].max() >= LARGE:
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))


def _bars(ax: Axes, gaps: pd.DataFrame, methods: list[str], unit: str) -> None:
    """A group of bars for each feature, one bar per method, its number at the end."""
    names = list(dict.fromkeys(gaps["curve"]))
    ax.axvline(0, color=GREY, linewidth=0.8)
    height = 0.8 / len(methods)
    for curve, method, value in gaps[["curve", "method", "value"]].itertuples(index=False):
        place = -names.index(curve) + 0.4 - height * (methods.index(method) + 0.5)
        look = method_look(method.removesuffix("-fair"))
        ax.barh(place, value, height=0.85 * height, color=look.colour)
        ax.annotate(
            signed(value),
            (value, place),
            xytext=(4 if value >= 0 else -4, 0),
            textcoords="offset points",
            ha="left" if value >= 0 else "right",
            va="center",
            color=GREY,
            fontsize=FONT,
        )
    rates = gaps.groupby("curve")["x"].first()
    labels = [f"{name.removeprefix(MISSING)}\nmissing ({rates[name]:.1%})" for name in names]
    ax.set_yticks(-np.arange(len(names)), labels)
    ax.tick_params(axis="y", length=0)
    ends = [*gaps["value"], 0.0]
    room = 0.35 * (max(ends) - min(ends) or 1.0)
    ax.set_xlim(min(ends) - room, max(ends) + room)
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel(unit)
