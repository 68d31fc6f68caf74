"""The look of every figure: width, greys, one colour-blind-safe palette, one look per method.

Pages are read in light and in dark mode and on phones. So there is no background, text is a middle
grey, every colour has a contrast of at least 3 on both, and a figure is as wide as a phone: in the
column of a 390 px screen its smallest text has 9 points. The colours are those of Okabe and Ito
(2008), two of them darkened for white paper.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

__all__ = [
    "BLUE",
    "FONT",
    "GREEN",
    "GREY",
    "OCHRE",
    "PALETTE",
    "PURPLE",
    "VERMILLION",
    "WIDTH",
    "Look",
    "axes",
    "dress",
    "figure",
    "legend",
    "method_look",
    "signed",
]

WIDTH = 4.06
DPI = 200
FONT = 10.0
LEGEND_LETTERS = 34

GREY = "#7d7d7d"
BLUE, VERMILLION, GREEN = "#0072b2", "#d55e00", "#009e73"
PURPLE, OCHRE = "#c06a9b", "#b07f00"
PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, OCHRE, GREY)


class Look(NamedTuple):
    """How a method is drawn: never by colour alone.

    Parameters
    ----------
    colour : str
    marker : str
    line : str
    filled : bool
        False: the marker is an outline (a rival calibrated on the clean rows, "+meta").
    """

    colour: str
    marker: str = "o"
    line: str = "-"
    filled: bool = True


_LOOKS = {
    "BIAM-X": Look(BLUE, "o", "-"),
    "BIAM": Look(VERMILLION, "o", "-"),
    "BIAM2": Look(VERMILLION, "s", "-"),
    "BIAM-B": Look(VERMILLION, "v", "--"),
    "BIAM-I": Look(VERMILLION, "^", "-."),
    "BIAM-H": Look(VERMILLION, "P", ":"),
    "BIAM-X-no-meta": Look(BLUE, "v", "-."),
    "meta-only": Look(BLUE, "D", "--"),
    "XGBoost": Look(GREEN, "o", "-"),
    "XGB-BAL": Look(GREEN, "v", "--"),
    "HGB": Look(GREEN, "^", "-."),
    "CatBoost": Look(GREEN, "s", ":"),
    "SMOTE-HGB": Look(GREEN, "P", "--"),
    "balanced-forest": Look(GREEN, "D", "-."),
    "EBM": Look(PURPLE, "o", "-"),
    "EBM-main": Look(PURPLE, "D", "-"),
    "M-GAM": Look(PURPLE, "P", "--"),
    "NAM": Look(PURPLE, "s", "--"),
    "SAM": Look(PURPLE, "^", "-."),
    "pyGAM": Look(PURPLE, "v", ":"),
    "Lasso": Look(OCHRE, "o", "-"),
    "Huber": Look(OCHRE, "s", "--"),
    "RANSAC": Look(OCHRE, "^", "-."),
    "CNN": Look(PURPLE, "X", "-"),
    "CNN-weighted": Look(PURPLE, "p", "-."),
    "CNN-meta-only": Look(PURPLE, "d", "--"),
    "MAM": Look(VERMILLION, "o", "-"),
    "ERM": Look(VERMILLION, "v", "--"),
    "BIAM-P": Look(VERMILLION, "D", "-"),
    "BATM": Look(VERMILLION, "*", "-"),
    "CAT": Look(OCHRE, "h", "-"),
    "MLP": Look(GREY, "o", "-"),
    "cleanlab": Look(GREY, "s", "--"),
    "plain": Look(GREY, "v", "-"),
    "FGSM": Look(VERMILLION, "s", "--"),
    "FGSM-mixed": Look(GREEN, "D", "--"),
    "FGSM-raw": Look(OCHRE, "v", "-."),
    "PGD": Look(BLUE, "P", "-"),
    "CE": Look(GREY, "D", "-"),
    "CE-early": Look(GREY, "d", "--"),
    "focal": Look(GREEN, "v", "-"),
    "class-balanced": Look(GREEN, "<", "--"),
    "weighted": Look(OCHRE, "D", "-"),
    "LDAM": Look(OCHRE, "d", "--"),
    "LA": Look(GREEN, ">", "--"),
    "CDT": Look(GREEN, "d", "-."),
    "AutoBalance": Look(BLUE, "s", "-"),
    "AutoBalance-l": Look(BLUE, "^", "-."),
    "AutoBalance-Delta": Look(BLUE, "<", ":"),
    "AutoBalance-bare": Look(BLUE, ">", ":"),
    "AutoBalance-LA": Look(BLUE, "p", "--"),
    "MW-Net": Look(VERMILLION, "p", "-"),
    "L2RW": Look(PURPLE, "<", "--"),
    "GLC": Look(PURPLE, ">", "-."),
    "co-teaching": Look(PURPLE, "*", ":"),
    "fine-tuning": Look(OCHRE, "<", "-."),
}


def method_look(name: str) -> Look:
    """The look of a method of the tables; unknown names are grey crosses.

    "+meta" keeps the colour of the rival and empties its marker; "-fair", and a setting after a
    colon, change nothing.
    """
    plain = name.partition(":")[0].removesuffix("-fair")
    base = plain.removesuffix("+meta")
    look = _LOOKS.get(base, Look(GREY, "X", ":"))
    return look if base == plain else look._replace(filled=False)


def figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure without background; sizes in inches."""
    return plt.figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="none")


def axes(height: float = 2.5) -> Axes:
    """One dressed Axes in a figure of its own."""
    return dress(figure(height).add_subplot())


def dress(ax: Axes, *, grid: str | None = "y") -> Axes:
    """Give `ax` the look: no background, grey text and lines, two spines, a faint grid.

    Parameters
    ----------
    ax : Axes
    grid : {"x", "y", "both"}, optional
    """
    ax.set_facecolor("none")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(which="both", colors=GREY, labelsize=FONT, length=3)
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set(color=GREY, fontsize=FONT)
    ax.set_axisbelow(True)
    ax.grid(False)
    if grid:
        ax.grid(axis=grid, color=GREY, alpha=0.25, linewidth=0.6)
    return ax


def legend(ax: Axes, columns: int = 2) -> Legend:
    """Legend above the axes, without a plate; long labels stand below one another."""
    labels = ax.get_legend_handles_labels()[1]
    if sum(map(len, labels)) > LEGEND_LETTERS:
        columns = 1
    return ax.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        frameon=False,
        labelcolor=GREY,
        fontsize=FONT,
        borderaxespad=0.2,
        handlelength=1.6,
        columnspacing=1.2,
    )


def signed(value: float, digits: int = 2) -> str:
    """A number with its sign, a true minus and no negative zero."""
    text = f"{value:+.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else f"{0:.{digits}f}"
