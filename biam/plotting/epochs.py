"""Test score and meta loss over the epochs, and the looks at which a rule would stop."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from biam.plotting.recovery import figure_legend
from biam.plotting.style import BLUE, FONT, GREEN, GREY, dress, figure, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["epoch_panels"]

PANEL, TOP = 1.2, 0.8
LOSS = "meta_loss"
# Least ratio of the extremes for a logarithmic axis.
DECADES = 10


def epoch_panels(curves: pd.DataFrame, methods: Sequence[str] = ("MAM", "ERM")) -> Figure:
    """A row per scenario: its test score at the left, the loss on the meta rows at the right.

    Curves that span more than a decade are drawn on a logarithmic axis.

    On the curves of the first method two looks are marked: the best test score (what a paper may
    print) and the smallest meta loss (what a user can choose).

    Parameters
    ----------
    curves : DataFrame
        Columns scenario, method, curve, x (epoch), value; of one seed. The test score is the curve
        "test_accuracy" (higher is better) or any other "test_..." (lower), the loss "meta_loss".
    methods : sequence of str

    Raises
    ------
    InvalidInputError
        A column, a method or the meta loss is absent.
    """
    check_columns(curves, ["scenario", "method", "curve", "x", "value"])
    check_rows(curves, "method", methods)
    check_rows(curves, "curve", [LOSS])
    names = list(dict.fromkeys(curves["scenario"]))
    fig = figure(TOP + PANEL * len(names))
    grid = fig.subplots(len(names), 2, squeeze=False)
    for name, panels in zip(names, grid, strict=True):
        rows = curves[(curves["scenario"] == name) & curves["method"].isin(methods)]
        test = next(c for c in dict.fromkeys(rows["curve"]) if c.startswith("test_"))
        looks = _looks(rows[rows["method"] == methods[0]], test)
        for ax, curve in zip(panels, (test, LOSS), strict=True):
            part = rows[rows["curve"] == curve]
            _lines(ax, part, methods)
            _marks(ax, looks, curve)
            _scale(ax, part["value"])
            title = f"{name}\n{curve.replace('_', ' ')}" if curve == test else f"\n{LOSS}"
            ax.set_title(title.replace("_loss", " loss"), loc="left", color=GREY, fontsize=FONT - 1)
    for ax in grid[-1]:
        ax.set_xlabel("epoch")
        dress(ax)
    for ax in grid.flat:
        ax.tick_params(labelsize=FONT - 2)
    figure_legend(fig, grid[0, 0])
    return fig


def _looks(rows: pd.DataFrame, test: str) -> pd.DataFrame:
    """Both curves of one method at its two looks: index "test" and "meta", columns x and curves."""
    wide = rows.pivot_table(index="x", columns="curve", values="value")
    best = wide[test].idxmax() if test == "test_accuracy" else wide[test].idxmin()
    return wide.loc[[best, wide[LOSS].idxmin()]].reset_index().set_axis(["test", "meta"])


def _lines(ax: Axes, rows: pd.DataFrame, methods: Sequence[str]) -> None:
    for method in methods:
        part, look = rows[rows["method"] == method].sort_values("x"), method_look(method)
        ax.plot(
            part["x"],
            part["value"],
            color=look.colour if method == methods[0] else GREY,
            linestyle=look.line,
            linewidth=1.5,
            label=method,
        )


def _marks(ax: Axes, looks: pd.DataFrame, curve: str) -> None:
    own = (("test", "best on test rows", "o", BLUE), ("meta", "best on meta rows", "D", GREEN))
    for rule, label, marker, colour in own:
        x, y = looks.loc[rule, ["x", curve]]
        size = 8 if rule == "test" else 5
        ax.plot(
            x,
            y,
            marker,
            color=colour,
            markerfacecolor="none",
            markersize=size,
            markeredgewidth=1.5,
            linestyle="none",
            label=label,
        )


def _scale(ax: Axes, values: pd.Series) -> None:
    dress(ax)
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    # Room for the marks, which stand on the extremes.
    ax.margins(y=0.15)
    if values.min() <= 0 or values.max() < DECADES * values.min():
        ax.yaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
        return
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(numticks=5))
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.yaxis.set_minor_locator(NullLocator())
