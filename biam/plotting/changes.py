"""What one changed setting does to an error, over scenarios and seeds."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from biam.exceptions import InvalidInputError
from biam.plotting.recovery import figure_legend
from biam.plotting.style import FONT, GREY, PALETTE, axes, dress, legend
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["change_ratios"]

MARKERS = "osD^vP"
ROW_HEIGHT, ROOM = 0.36, 1.1
# Share of a row over which its scenarios are spread.
SPREAD = 0.7


def change_ratios(
    results: pd.DataFrame,
    changes: Mapping[str, tuple[str, str]],
    *,
    metric: str = "mse",
    ax: Axes | None = None,
) -> Axes:
    """Error with a change over the error without it, at the same seed: above one, it costs.

    A row per change and in it a line per scenario: every seed as a faint dot, their geometric mean
    as a marker.

    Parameters
    ----------
    results : DataFrame
        Tidy: scenario, method, seed, metric, value.
    changes : mapping of str to (method, method)
        Label -> (changed, unchanged), from top to bottom. Scenarios that lack one of the two are
        passed over.
    metric : str
        One with positive values, lower being better.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a method is absent, no scenario has both methods of a change, or there are more
        scenarios than markers.
    """
    check_columns(results, ["scenario", "method", "seed", "metric", "value"])
    check_rows(results, "metric", [metric])
    rows = results[results["metric"] == metric]
    ratios = {label: _ratios(rows, *pair) for label, pair in changes.items()}
    there = set().union(*(part.index.get_level_values("scenario") for part in ratios.values()))
    names = [name for name in dict.fromkeys(rows["scenario"]) if name in there]
    if len(names) > len(MARKERS):
        raise InvalidInputError(
            f"at most {len(MARKERS)} scenarios can be told apart, got {len(names)}: choose some."
        )
    own = ax is None
    ax = axes(ROOM + ROW_HEIGHT * len(changes)) if ax is None else ax
    for k, name in enumerate(names):
        offset = SPREAD * (0.5 - (k + 0.5) / len(names))
        _scenario(ax, ratios, name, offset, PALETTE[k], MARKERS[k])
    ax.axvline(1, color=GREY, linewidth=1)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_yticks(range(len(changes))[::-1], list(changes))
    ax.set_ylim(-0.5, len(changes) - 0.5)
    ax.set_xlabel(f"{metric} with the change / without")
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 1, length=0)
    if own:
        figure_legend(ax.figure, ax)
    else:
        legend(ax)
    return ax


def _ratios(rows: pd.DataFrame, changed: str, unchanged: str) -> pd.Series:
    """Index (scenario, seed)."""
    check_rows(rows, "method", [changed, unchanged])
    one, other = (
        rows[rows["method"] == method].set_index(["scenario", "seed"])["value"]
        for method in (changed, unchanged)
    )
    ratio = (one / other).dropna()
    if ratio.empty:
        raise InvalidInputError(f"no scenario and seed has both {changed!r} and {unchanged!r}.")
    return ratio


def _scenario(
    ax: Axes,
    ratios: Mapping[str, pd.Series],
    name: str,
    offset: float,
    colour: str,
    marker: str,
) -> None:
    """Dots and means of one scenario, in all rows that have it."""
    values = [part[part.index.get_level_values("scenario") == name] for part in ratios.values()]
    place = np.arange(len(values))[::-1] + offset
    ax.plot(
        np.concatenate(values),
        np.repeat(place, list(map(len, values))),
        "o",
        color=colour,
        alpha=0.4,
        markersize=2.2,
        markeredgewidth=0,
    )
    has = [k for k, part in enumerate(values) if len(part)]
    means = [float(np.exp(np.log(values[k]).mean())) for k in has]
    ax.plot(means, place[has], marker, color=colour, markersize=4.5, label=name)
