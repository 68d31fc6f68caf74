"""Two methods over many data sets: where one gains on the other, and by how much."""

import pandas as pd
from matplotlib.figure import Figure

from biam.exceptions import InvalidInputError
from biam.metrics import METRICS
from biam.plotting.style import FONT, GREY, PALETTE, dress, figure
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["set_differences"]

MARKERS = "osD^vPX<>h"
ROW_HEIGHT, ROOM = 0.18, 1.25


def set_differences(
    results: pd.DataFrame,
    metric: str,
    first: str,
    second: str,
    *,
    linear: float | None = None,
) -> Figure:
    """Metric of `first` minus that of `second`: a row per data set, a marker per kind of damage.

    Data sets are ordered by their mean difference, the one that speaks most for `first` on top.

    Parameters
    ----------
    results : DataFrame
        Tidy: scenario ("set/damage"), method, seed, metric, value. Seeds are averaged; scenarios
        that lack one of the methods are left out.
    metric : str
        Key of `biam.metrics.METRICS`.
    first, second : str
        Methods.
    linear : float, optional
        The axis is linear up to this difference and logarithmic beyond; None = linear throughout.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        A column or a method is absent, or no scenario has both methods.
    """
    check_columns(results, ["scenario", "method", "seed", "metric", "value"])
    rows = results[results["metric"] == metric]
    check_rows(rows, "method", [first, second])
    means = rows.groupby(["scenario", "method"], sort=False)["value"].mean().unstack()
    gaps = (means[first] - means[second]).dropna()
    if gaps.empty:
        raise InvalidInputError(f"no scenario has both {first} and {second}: nothing to compare.")
    gaps.index = pd.MultiIndex.from_tuples([name.rpartition("/")[::2] for name in gaps.index])
    by_set = gaps.groupby(level=0, sort=False).mean()
    lower = metric in METRICS and METRICS[metric].direction == "lower"
    place = {name: k for k, name in enumerate(by_set.sort_values(ascending=lower).index)}
    drawing = figure(ROOM + ROW_HEIGHT * len(place))
    ax = drawing.add_subplot()
    ax.axvline(0, color=GREY, linewidth=1)
    for k, (damage, part) in enumerate(gaps.groupby(level=1, sort=False)):
        heights = [place[name] for name in part.index.get_level_values(0)]
        look = {"color": PALETTE[k % len(PALETTE)], "marker": MARKERS[k % len(MARKERS)]}
        ax.plot(part, heights, linestyle="", markersize=4, alpha=0.8, label=damage, **look)
    if linear is not None:
        ax.set_xscale("symlog", linthresh=linear)
        ax.xaxis.set_major_formatter("{x:g}")
    ax.set_yticks(list(place.values()), list(place))
    ax.set_ylim(len(place) - 0.4, -0.6)
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 1.5, length=0)
    drawing.legend(
        loc="outside upper left",
        ncols=4,
        frameon=False,
        labelcolor=GREY,
        fontsize=FONT,
        handlelength=0.8,
        handletextpad=0.4,
        columnspacing=1.2,
    )
    better = "left" if lower else "right"
    text = f"{metric}: {first} minus {second}\n{better} of the line: {first} is better"
    drawing.supxlabel(text, fontsize=FONT, color=GREY)
    return drawing
