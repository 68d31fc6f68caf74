"""How far the worst group lies behind the average, a line per method."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from biam.plotting.recovery import figure_legend
from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, axes, dress, legend
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["average_and_worst"]

ENDS = {"worst_group": ("worst group", VERMILLION, "v"), "accuracy": ("average", BLUE, "o")}


def average_and_worst(
    results: pd.DataFrame, methods: Sequence[str] = (), *, ax: Axes | None = None
) -> Axes:
    """Mean accuracy and mean accuracy of the worst group, joined; small marks are single seeds.

    Parameters
    ----------
    results : DataFrame
        Tidy, of one scenario: method, seed, metric (`accuracy`, `worst_group`), value.
    methods : sequence of str
        From top to bottom; empty = all.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column, a method or a metric is absent.
    """
    check_columns(results, ["method", "seed", "metric", "value"])
    names = list(methods) or list(dict.fromkeys(results["method"]))
    check_rows(results, "method", names)
    check_rows(results, "metric", ENDS)
    own = ax is None
    ax = axes(0.95 + 0.24 * len(names)) if ax is None else dress(ax)
    for place, name in enumerate(reversed(names)):
        rows = results[results["method"] == name]
        means = rows.groupby("metric")["value"].mean()
        ax.plot([means["worst_group"], means["accuracy"]], [place] * 2, color=GREY, linewidth=1.2)
        for metric, (label, colour, marker) in ENDS.items():
            single = rows.loc[rows["metric"] == metric, "value"]
            ax.plot(single, [place] * len(single), marker, color=colour, alpha=0.4, markersize=2.5)
            ax.plot(
                means[metric],
                place,
                marker,
                color=colour,
                markersize=5.5,
                label=label if place == 0 else None,
            )
    ax.set_yticks(range(len(names)), list(reversed(names)))
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel("accuracy on test rows")
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 1, length=0)
    if own:
        figure_legend(ax.figure, ax)
    else:
        legend(ax)
    return ax
