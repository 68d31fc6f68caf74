"""How many times the risk of the best possible prediction a learner makes, scenario by scenario."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from biam.plotting.recovery import figure_legend
from biam.plotting.style import FONT, GREEN, axes, dress, method_look
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["distance_to_limit"]

# Per scenario, and for labels and legend, in inches.
_ROW, _REST = 0.23, 1.3
_FARTHEST = 30.0


def distance_to_limit(
    rows: pd.DataFrame,
    methods: Sequence[str],
    *,
    column: str = "to_rows",
    near: float = 1.25,
    ax: Axes | None = None,
) -> Axes:
    """A line per scenario, a marker per method at its risk over the limit, `near` the limit shaded.

    Parameters
    ----------
    rows : DataFrame
        From `biam.experiments.limits.beside_limits`; NaN is left out. What lies beyond 30 times the
        limit stands at the right end.
    methods : sequence of str
    column : {"to_rows", "to_limit"}
        Over the best predictor's risk on the same test rows, or over its expected risk.
    near : float
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a method is absent.
    """
    check_columns(rows, ["scenario", "method", column])
    check_rows(rows, "method", methods)
    known = rows[rows["method"].isin(methods)].dropna(subset=[column])
    places = list(dict.fromkeys(known["scenario"]))
    own = ax is None
    ax = axes(_ROW * len(places) + _REST) if ax is None else ax
    dress(ax, grid="x")
    ax.axvspan(1, near, color=GREEN, alpha=0.2, linewidth=0, zorder=0)
    for k, method in enumerate(methods):
        look, chosen = method_look(method), known[known["method"] == method]
        ax.plot(
            chosen[column].clip(upper=_FARTHEST),
            [places.index(place) for place in chosen["scenario"]],
            look.marker,
            color=look.colour,
            markerfacecolor=look.colour if look.filled else "none",
            markersize=5.5,
            label=method,
            clip_on=False,
            zorder=3 + len(methods) - k,
        )
    ax.set_xscale("log")
    ax.set_xlim(min(0.9, known[column].min()), _FARTHEST)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter("")
    ax.set_yticks(range(len(places)), places, fontsize=FONT - 1)
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.set_xlabel("risk over the best possible")
    if own:
        figure_legend(ax.figure, ax)
    return ax
