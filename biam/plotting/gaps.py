"""Gaps filled or modelled: losses side by side, and what becomes of the curve of a feature."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from biam.plotting.recovery import figure_legend
from biam.plotting.style import BLUE, FONT, GREEN, GREY, VERMILLION, dress, figure
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["gap_losses", "gap_responses"]

MECHANISMS = {"mcar": (BLUE, "o"), "mar": (GREEN, "s"), "mnar": (VERMILLION, "^")}
ROW, PANEL, TOP = 0.185, 1.55, 0.55
ROUND = (0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.5, 2, 3, 4, 6)
APART = 0.24
FOOT, MARGIN = 0.22, 0.2


def gap_losses(
    ratios: pd.DataFrame, methods: Sequence[str], *, label: str = "loss, gaps as they are = 1"
) -> Figure:
    """A panel per data set, a row per method, a marker per mechanism; left of the line is better.

    Parameters
    ----------
    ratios : DataFrame
        Columns dataset, mechanism, method, ratio; the ratios of several seeds are averaged (their
        geometric mean), and each is a faint dot.
    methods : sequence of str
        From top to bottom.
    label : str
        Of the x axis.

    Raises
    ------
    InvalidInputError
        A column or a method is absent.
    """
    check_columns(ratios, ["dataset", "mechanism", "method", "ratio"])
    check_rows(ratios, "method", methods)
    names = list(dict.fromkeys(ratios["dataset"]))
    n_rows = -(-len(names) // 2)
    fig = figure(TOP + n_rows * (0.5 + ROW * len(methods)))
    grid = fig.subplots(n_rows, 2, sharey=True, squeeze=False)
    for name, ax in zip(names, grid.flat, strict=False):
        _losses(ax, ratios[ratios["dataset"] == name], list(methods))
        ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold", pad=3)
    for ax in grid.flat[len(names) :]:
        ax.axis("off")
    fig.supxlabel(label, fontsize=FONT, color=GREY)
    figure_legend(fig, grid[0, 0])
    return fig


def gap_responses(
    curves: pd.DataFrame,
    methods: Sequence[str],
    *,
    reference: str = "truth",
    feature: str = "x",
    unit: str = "effect",
) -> Figure:
    """The response to a feature with gaps by each method, over what its gaps were filled with.

    Grey and wide is the reference. Bars at the foot are the filled values; of a learner that takes
    gaps the diamond at the right is its response to a missing value, the grey one the true mean.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve ("response", "filled", "gap", "truth", "true gap"), x, value: one
        scenario and one seed, as `biam.experiments.gaps.predict_with_gaps` keeps them.
    methods : sequence of str
        A panel each, two a row.
    reference : str
        "truth", or the method whose response is the reference.
    feature, unit : str
        Labels of the axes.

    Raises
    ------
    InvalidInputError
        A column, a method or the reference is absent.
    """
    check_columns(curves, ["method", "curve", "x", "value"])
    check_rows(curves, "method", methods)
    true = curves[curves["curve"] == "truth"]
    if reference != "truth":
        check_rows(curves, "method", [reference])
        true = curves[(curves["method"] == reference) & (curves["curve"] == "response")]
    else:
        check_rows(curves, "curve", ["truth"])
    true = true.drop_duplicates("x")
    n_rows = -(-len(methods) // 2)
    fig = figure(0.4 + PANEL * n_rows)
    grid = fig.subplots(n_rows, 2, sharex=True, sharey=True, squeeze=False)
    for name, ax in zip(methods, grid.flat, strict=False):
        _panel(ax, curves[curves["method"] == name], true)
        ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold", pad=3)
    for ax in grid.flat[len(methods) :]:
        ax.axis("off")
    shown = curves[curves["method"].isin(methods) & (curves["curve"] != "filled")]
    _frame(grid, pd.concat([shown, true]))
    fig.supxlabel(feature, fontsize=FONT, color=GREY)
    fig.supylabel(unit, fontsize=FONT, color=GREY)
    return fig


def _losses(ax: Axes, rows: pd.DataFrame, methods: list[str]) -> None:
    ax.axvline(1, color=GREY, linewidth=1)
    shift = np.linspace(0.22, -0.22, len(MECHANISMS))
    for step, (mechanism, (colour, marker)) in zip(shift, MECHANISMS.items(), strict=True):
        part = rows[rows["mechanism"] == mechanism]
        values = [np.log(part.loc[part["method"] == name, "ratio"]) for name in methods]
        place = -np.arange(len(methods)) + step
        for y, logs in zip(place, values, strict=True):
            ax.plot(
                np.exp(logs), np.full(len(logs), y), ".", color=colour, alpha=0.45, markersize=3
            )
        centre = [np.exp(logs.mean()) if len(logs) else np.nan for logs in values]
        ax.plot(centre, place, marker, color=colour, markersize=4.2, label=mechanism.upper())
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(_ticks(*ax.get_xlim())))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    ax.set_yticks(-np.arange(len(methods)), methods)
    ax.set_ylim(-len(methods) + 0.4, 0.6)
    dress(ax, grid="x")
    ax.tick_params(axis="y", labelsize=FONT - 2, length=0)
    ax.tick_params(axis="x", labelsize=FONT - 2)


def _ticks(low: float, high: float) -> list[float]:
    """One, and round numbers to both sides of it that do not touch their neighbours."""
    room = APART * np.log(high / low)
    kept = [1.0]
    for tick in sorted(ROUND, key=lambda tick: abs(np.log(tick))):
        clear = all(abs(np.log(tick / other)) >= room for other in kept)
        if low <= tick <= high and clear:
            kept.append(tick)
    return sorted(kept)


def _panel(ax: Axes, rows: pd.DataFrame, true: pd.DataFrame) -> None:
    dress(ax)
    by = dict(iter(rows.groupby("curve", sort=False)))
    ax.plot(true["x"], true["value"], color=GREY, linewidth=4.5, alpha=0.55)
    ax.plot(by["response"]["x"], by["response"]["value"], color=BLUE, linewidth=1.7)
    if "filled" in by:
        x, share = by["filled"]["x"].to_numpy(), by["filled"]["value"].to_numpy()
        width = np.diff(x).min() if len(x) > 1 else 1.0
        # Square roots: a spike of all gaps and a spread over twenty bins show in one panel.
        height = FOOT * np.sqrt(share)
        foot = ax.get_xaxis_transform()
        ax.bar(x, height, width, color=VERMILLION, alpha=0.7, linewidth=0, transform=foot)
    if "gap" in by:
        x = true["x"].to_numpy(float)
        place = x.max() + 0.5 * MARGIN * np.ptp(x)
        ax.axvline(x.max() + 0.12 * MARGIN * np.ptp(x), color=GREY, linewidth=0.6, linestyle=":")
        if "true gap" in by:
            ax.plot(place, by["true gap"]["value"], "D", color=GREY, alpha=0.55, markersize=9)
        ax.plot(place, by["gap"]["value"], "D", color=VERMILLION, markersize=4.5)


def _frame(grid: np.ndarray, shown: pd.DataFrame) -> None:
    """One range for all panels: room for the bars below, and for a missing value at the right."""
    x, y = shown["x"].to_numpy(float), shown["value"].to_numpy(float)
    low, high = y.min(), y.max()
    ax = grid[0, 0]
    ax.set_ylim(low - (FOOT + 0.08) * (high - low), high + 0.06 * (high - low))
    ax.set_xlim(x.min(), x.max() + MARGIN * np.ptp(x))
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    for panel in grid.flat:
        panel.tick_params(labelsize=FONT - 1)
