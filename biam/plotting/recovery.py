"""Recovered shape functions beside the true ones, in small multiples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from biam.plotting.style import FONT, GREY, dress, figure, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["figure_legend", "method_curves", "shape_recovery"]

PANEL, TOP = 1.25, 0.75
# Under outliers a curve can leave the truth by orders of magnitude; the truth sets the scale.
ROOM = 0.25


def shape_recovery(
    curves: pd.DataFrame, *, truth: str = "truth", notes: Mapping[str, str] | None = None
) -> Figure:
    """True shape functions, grey and thick, and those of each method, two panels a row.

    All panels share a scale that the truth sets: a curve that leaves it leaves the panel.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve, x, value: one scenario and one seed. A panel per curve.
    truth : str
        The method that is the truth.
    notes : mapping of str to str, optional
        What to write after the name of a method in the legend, a correlation say.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        A column is absent, or the truth.
    """
    check_columns(curves, ["method", "curve", "x", "value"])
    check_rows(curves, "method", [truth])
    names = list(dict.fromkeys(curves["curve"]))
    rows = (len(names) + 1) // 2
    fig = figure(TOP + PANEL * rows)
    panels = fig.subplots(rows, 2, squeeze=False, sharey=True)
    true = curves.loc[curves["method"] == truth, "value"]
    room = ROOM * max(float(np.ptp(true)), 1e-9)
    for ax, name in zip(panels.flat, names, strict=False):
        method_curves(dress(ax), curves[curves["curve"] == name], truth)
        ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold", pad=2)
        ax.set_ylim(true.min() - room, true.max() + room)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    for ax in panels.flat[len(names) :]:
        ax.axis("off")
    figure_legend(fig, panels[0, 0], notes)
    return fig


def method_curves(ax: Axes, rows: pd.DataFrame, truth: str) -> None:
    """One line per method, the truth first and wide, so that others show on top of it."""
    methods = dict.fromkeys(rows["method"])
    for method in sorted(methods, key=lambda name: name != truth):
        part = rows[rows["method"] == method]
        look: dict[str, Any] = {"color": GREY, "linewidth": 4.5, "alpha": 0.55}
        if method != truth:
            shown = method_look(method)
            look = {"color": shown.colour, "linestyle": shown.line, "linewidth": 1.6}
        ax.plot(part["x"], part["value"], label=method, **look)


def figure_legend(
    fig: Figure | SubFigure, ax: Axes, notes: Mapping[str, str] | None = None
) -> None:
    """Labels of one panel, above all panels."""
    handles, labels = ax.get_legend_handles_labels()
    labels = [f"{label} {(notes or {}).get(label, '')}".rstrip() for label in labels]
    longest = max(map(len, labels))
    # What fits side by side on a phone.
    columns = 4 if longest <= 6 else 3 if longest <= 10 else 2
    fig.legend(
        handles,
        labels,
        loc="outside upper left",
        ncols=columns,
        frameon=False,
        labelcolor=GREY,
        fontsize=FONT,
        handlelength=1.6,
        columnspacing=1.2,
    )
