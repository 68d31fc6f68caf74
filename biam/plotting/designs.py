"""What a search for the loss has found, and what it buys: designs by class, and trade-offs."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes

from biam.plotting.style import FONT, GREY, PALETTE, axes, dress, legend
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["class_designs", "trade_off"]

LINES, MARKERS = ("-", "--", "-.", ":"), "osD^vP"


def class_designs(
    curves: pd.DataFrame,
    names: Mapping[str, str],
    *,
    known: Sequence[float] | None = None,
    known_label: str = "logit adjustment",
    label: str = "offset",
    ax: Axes | None = None,
) -> Axes:
    """One parameter of the loss over the classes, a line per method, all with mean zero.

    Parameters
    ----------
    curves : DataFrame
        Columns method, x (class), value: one curve of one scenario and seed.
    names : mapping of str to str
        What to call which method, in the order of the legend.
    known : sequence of float, optional
        The same parameter as a formula has it: a grey line.
    known_label, label : str
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a method is absent.
    """
    check_columns(curves, ["method", "x", "value"])
    check_rows(curves, "method", names)
    ax = axes(2.8) if ax is None else dress(ax)
    if known is not None:
        values = pd.Series(known)
        ax.plot(values.index, values - values.mean(), color=GREY, linewidth=3, alpha=0.6)
        ax.lines[-1].set_label(known_label)
    for k, (method, title) in enumerate(names.items()):
        rows = curves[curves["method"] == method].sort_values("x")
        ax.plot(
            rows["x"],
            rows["value"] - rows["value"].mean(),
            color=PALETTE[k % len(PALETTE)],
            marker=MARKERS[k % len(MARKERS)],
            linestyle=LINES[k % len(LINES)],
            linewidth=1.6,
            markersize=4,
            label=title,
        )
    ax.set(xlabel="class, from common to rare", ylabel=label)
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    return ax


def trade_off(
    results: pd.DataFrame,
    first: str,
    second: str,
    *,
    labels: tuple[str, str],
    ax: Axes | None = None,
) -> Axes:
    """Two metrics of one scenario against each other in per cent: a mark per method, dots per seed.

    Parameters
    ----------
    results : DataFrame
        Columns method, seed, metric, value, of one scenario.
    first, second : str
        Metrics of the two axes.
    labels : tuple of str
        What to write on the axes.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or a metric is absent.
    """
    check_columns(results, ["method", "seed", "metric", "value"])
    check_rows(results, "metric", (first, second))
    ax = axes(3.4) if ax is None else dress(ax)
    wide = 100 * results.pivot_table(index=["method", "seed"], columns="metric", values="value")
    for k, method in enumerate(results["method"].unique()):
        rows, look = wide.loc[method], PALETTE[k % len(PALETTE)]
        mark = MARKERS[k % len(MARKERS)]
        ax.plot(rows[first], rows[second], mark, color=look, alpha=0.4, markersize=3)
        ax.plot(rows[first].mean(), rows[second].mean(), mark, color=look, markersize=8)
        ax.lines[-1].set_label(method)
    ax.set(xlabel=labels[0], ylabel=labels[1])
    ax.set_ylim(bottom=0)
    ax.margins(0.12)
    ax.tick_params(labelsize=FONT)
    legend(ax)
    return ax
