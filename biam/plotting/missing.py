"""What a gap says: offsets of missing values, and how a gap moves the curve of another feature."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from biam.plotting.recovery import figure_legend, method_curves
from biam.plotting.style import FONT, GREY, WIDTH, axes, dress, figure, legend, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["missing_offsets", "response_curves"]


def missing_offsets(
    curves: pd.DataFrame, *, unit: str = "standardised y", ax: Axes | None = None
) -> Axes:
    """Fitted against true effect of a missing value: on the diagonal they agree.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve, x (true), value (fitted); a point per row.
    unit : str
        What an effect is measured in.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent.
    """
    check_columns(curves, ["method", "curve", "x", "value"])
    ax = axes(0.95 * WIDTH) if ax is None else dress(ax)
    dress(ax, grid="both")
    ends = curves[["x", "value"]].to_numpy()
    low, high = ends.min(), ends.max()
    margin = 0.06 * (high - low)
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=GREY, linewidth=1, label=None)
    for method, part in curves.groupby("method", sort=False):
        look = method_look(str(method))
        ax.plot(
            part["x"],
            part["value"],
            look.marker,
            color=look.colour,
            markerfacecolor=look.colour if look.filled else "none",
            markersize=4.5,
            alpha=0.75,
            markeredgewidth=0 if look.filled else 1,
            label=method,
        )
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel=f"true offset ({unit})", ylabel="fitted offset")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    legend(ax, columns=3)
    return ax


def response_curves(
    curves: pd.DataFrame, *, truth: str = "truth", unit: str = "standardised y"
) -> Figure:
    """Response to one feature while another is observed, and while it is missing, side by side.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve, x, value: one seed. A panel per curve; its name is "what moves |
        what is held".
    truth : str
        The method that is the truth.
    unit : str
        Unit of the prediction.

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
    fig = figure(2.6)
    panels = np.atleast_1d(fig.subplots(1, len(names), sharey=True))
    for ax, name in zip(panels, names, strict=True):
        method_curves(dress(ax), curves[curves["curve"] == name], truth)
        moves, _, held = name.partition(" | ")
        ax.set_title(held, loc="left", color=GREY, fontsize=FONT, fontweight="bold")
        ax.set_xlabel(moves)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    panels[0].set_ylabel(unit)
    figure_legend(fig, panels[0])
    return fig
