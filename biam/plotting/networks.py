"""What the weighting network has learned: one line of weights over losses per scenario."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes

from biam.plotting.style import PALETTE, axes, dress, legend
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["weight_lines"]

LINES, MARKERS = ("-", "--", "-.", ":"), "osD^"


def weight_lines(
    curves: pd.DataFrame, names: Mapping[str, str], *, log: bool = True, ax: Axes | None = None
) -> Axes:
    """Weight over the loss of a row, at quantiles of the losses: a line per scenario.

    Parameters
    ----------
    curves : DataFrame
        Columns scenario, x (loss), value (weight), of one method and seed.
    names : mapping of str to str
        What to call which scenario, in the order of the legend.
    log : bool
        Logarithmic losses.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a scenario is absent.
    """
    check_columns(curves, ["scenario", "x", "value"])
    check_rows(curves, "scenario", names)
    ax = axes(2.8) if ax is None else dress(ax)
    for k, (scenario, label) in enumerate(names.items()):
        rows = curves[curves["scenario"] == scenario].sort_values("x")
        look = {"color": PALETTE[k % len(PALETTE)], "marker": MARKERS[k % len(MARKERS)]}
        style = {"linestyle": LINES[k % len(LINES)], "linewidth": 1.6, "markersize": 3}
        ax.plot(rows["x"], rows["value"], label=label, **look, **style)
    if log:
        ax.set_xscale("log")
    ax.set(xlabel="loss of the row", ylabel="weight")
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax
