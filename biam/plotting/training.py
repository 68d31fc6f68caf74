"""Training curves: the losses of both levels over the epochs."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from biam.plotting.style import BLUE, GREEN, VERMILLION, axes, dress, legend

__all__ = ["training_curves"]

_LINES = {
    "lower_loss": ("lower: weighted training rows", BLUE, "-"),
    "meta_loss": ("upper: clean meta rows", VERMILLION, "--"),
}


def training_curves(history: Any, *, log: bool = True, ax: Axes | None = None) -> Axes:
    """Lower and meta loss per epoch.

    Parameters
    ----------
    history : list of dict or DataFrame
        `est.history_` or `BilevelResult.history`: epoch, and columns that end in ``_loss``.
    log : bool
        Logarithmic losses.
    ax : Axes, optional
    """
    ax = axes() if ax is None else dress(ax)
    table = pd.DataFrame(history)
    for column in table.columns[table.columns.str.endswith("_loss")]:
        label, colour, line = _LINES.get(column, (column.replace("_", " "), GREEN, ":"))
        ax.plot(
            table["epoch"], table[column], color=colour, linestyle=line, linewidth=1.8, label=label
        )
    if log:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="epoch", ylabel="mean loss")
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    legend(ax, columns=1)
    return ax
