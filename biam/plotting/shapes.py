"""Shape functions in small multiples, each with its missing effect beside it, and their hinges."""

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from biam.exceptions import UnknownNameError
from biam.plotting.style import (
    BLUE,
    FONT,
    GREY,
    PALETTE,
    VERMILLION,
    axes,
    dress,
    figure,
    legend,
    signed,
)

__all__ = ["hinges", "shape_functions"]

CURVE_HEIGHT, LEVEL_HEIGHT, PANEL_MARGIN = 1.8, 0.21, 0.55
LONGEST_LABEL = 24
BAND = 0.25


def shape_functions(
    shapes: pd.DataFrame,
    missing: pd.DataFrame | None = None,
    *,
    features: Sequence[str] | None = None,
    truth: pd.DataFrame | None = None,
    data: pd.DataFrame | None = None,
    n_levels: int = 8,
    unit: str = "effect",
) -> Figure:
    """Curves two a row on one scale of effects, then categories one a row on another.

    Beside each curve a narrow strip shows what a missing value does instead: a diamond at its
    effect, the effect as a number, and the share of rows where the value is missing. With
    categories it is one more row. Where the tables have columns lower and upper, the band between
    them is shaded, and beside points drawn as a broad line.

    Parameters
    ----------
    shapes : DataFrame
        `est.shape_functions_`: feature, x, effect, perhaps lower and upper, and class where there
        are more than two.
    missing : DataFrame, optional
        `est.missing_effects_`: feature, rate, effect (and class).
    features : sequence of str, optional
        Which to draw, in this order; default all.
    truth : DataFrame, optional
        True curves in the same columns as `shapes`, drawn dashed.
    data : DataFrame, optional
        Observed values by feature: a histogram at the foot of each curve, and its range.
    n_levels : int
        Most levels of a category that are shown: the highest and the lowest effects.
    unit : str
        What an effect is measured in.

    Returns
    -------
    Figure

    Raises
    ------
    UnknownNameError
        A name in `features` is not in the table.
    """
    tables = dict(iter(shapes.groupby("feature", sort=False)))
    names = list(tables) if features is None else list(features)
    if unknown := sorted(set(names) - set(tables)):
        raise UnknownNameError(f"no shape function of {unknown}; there are {list(tables)}.")
    gaps = dict(iter(missing.groupby("feature"))) if missing is not None else {}
    curves = [name for name in names if _is_numeric(tables[name])]
    levels = {name: _levels(tables[name], n_levels) for name in names if name not in curves}
    heights = [CURVE_HEIGHT * ((len(curves) + 1) // 2), _heights(levels, gaps).sum()]
    fig = figure(sum(heights))
    # Two layouts in one figure: long names of categories do not squeeze the curves above.
    parts = fig.subfigures(2, 1, height_ratios=np.maximum(heights, 1e-3))
    for part in parts:
        part.set_facecolor("none")
    for ax, name in _draw_curves(parts[0], {name: tables[name] for name in curves}, gaps, unit):
        if truth is not None:
            _draw_truth(ax, truth[truth["feature"] == name])
        if data is not None and name in data:
            _draw_density(ax, data[name])
    _draw_categories(parts[1], levels, gaps, unit)
    return fig


def hinges(
    x: Any, columns: Any, coefficients: Any, *, feature: str = "x", ax: Axes | None = None
) -> Axes:
    """Each basis column times its coefficient, thin, and their sum, thick.

    Parameters
    ----------
    x : array-like, shape (n,)
        Increasing values of one feature.
    columns : array-like, shape (n, n_columns)
        Its basis (`FeatureBasis.columns`).
    coefficients : array-like, shape (n_columns,)
    feature : str
        Label of the x axis.
    ax : Axes, optional
    """
    ax = axes() if ax is None else dress(ax)
    x, parts = np.asarray(x), np.asarray(columns) * np.asarray(coefficients)
    for k, part in enumerate(parts.T):
        ax.plot(x, part, color=GREY, linewidth=1, label="one hinge" if k == 0 else None)
    ax.plot(x, parts.sum(1), color=BLUE, linewidth=2.2, label="their sum")
    ax.set(xlabel=feature, ylabel="value")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    legend(ax)
    return ax


def _draw_curves(
    fig: SubFigure, tables: dict[str, pd.DataFrame], gaps: dict[str, pd.DataFrame], unit: str
) -> Iterator[tuple[Axes, str]]:
    if not tables:
        return
    limits = _limits(tables, gaps)
    grid = fig.add_gridspec((len(tables) + 1) // 2, 2)
    for k, (name, table) in enumerate(tables.items()):
        ax = _draw_curve(fig, grid[k // 2, k % 2], table, gaps.get(name), name, limits)
        if k % 2 == 0:
            ax.set_ylabel(unit)
        yield ax, name


def _draw_categories(
    fig: SubFigure, levels: dict[str, pd.DataFrame], gaps: dict[str, pd.DataFrame], unit: str
) -> None:
    if not levels:
        return
    # A number beyond its band needs room.
    banded = any("lower" in table for table in [*levels.values(), *gaps.values()])
    limits = _limits(levels, gaps, room=0.3 if banded else 0.16)
    grid = fig.add_gridspec(len(levels), 1, height_ratios=_heights(levels, gaps))
    for k, (name, table) in enumerate(levels.items()):
        ax = _draw_levels(fig, grid[k], table, gaps.get(name), name)
        ax.set_xlim(limits)
    ax.set_xlabel(unit)


def _draw_curve(
    fig: SubFigure,
    place: SubplotSpec,
    table: pd.DataFrame,
    gap: pd.DataFrame | None,
    name: str,
    limits: tuple[float, float],
) -> Axes:
    inner = place.subgridspec(1, 2, width_ratios=(1, 0.42), wspace=0)
    ax = dress(fig.add_subplot(inner[0] if gap is not None else inner[:]))
    ax.axhline(0, color=GREY, linewidth=0.8)
    for colour, part in _by_class(table):
        ax.plot(part["x"].astype(float), part["effect"], color=colour, linewidth=1.8)
        if "lower" in part:
            ends = part["lower"].astype(float), part["upper"].astype(float)
            ax.fill_between(part["x"].astype(float), *ends, color=colour, alpha=BAND, linewidth=0)
    x = table["x"].astype(float)
    ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold")
    ax.set(xlim=(x.min(), x.max()) if x.min() < x.max() else None, ylim=limits)
    ax.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    if gap is not None:
        # Beside a strip there is room for two numbers.
        inside = [tick for tick in ax.get_xticks() if x.min() <= tick <= x.max()]
        ax.set_xticks(sorted({*inside[:1], *inside[-1:]}))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    # Short numbers: a panel is a third of a phone wide.
    for axis, large in ((ax.xaxis, x.abs().max() >= 10_000), (ax.yaxis, False)):
        axis.set_major_formatter(EngFormatter(sep="") if large else FuncFormatter(_plain))
    if gap is not None:
        _draw_strip(dress(fig.add_subplot(inner[1], sharey=ax)), gap)
    return ax


def _draw_strip(strip: Axes, gap: pd.DataFrame) -> None:
    """The missing effect as a diamond on a stem from zero."""
    strip.axhline(0, color=GREY, linewidth=0.8)
    strip.spines["left"].set_visible(False)
    strip.tick_params(left=False, labelleft=False, bottom=False)
    for colour, part in _by_class(gap, first=VERMILLION):
        effect = float(part["effect"].iloc[0])
        strip.vlines(0, 0, effect, color=colour, linewidth=1.4)
        strip.plot([0], [effect], "D", color=colour, markersize=5)
        if "lower" in part:
            strip.vlines(0, part["lower"], part["upper"], color=colour, alpha=BAND, linewidth=7)
        strip.annotate(
            signed(effect),
            (0, _end(part, effect)),
            xytext=(0, 5 if effect >= 0 else -5),
            textcoords="offset points",
            ha="center",
            va="bottom" if effect >= 0 else "top",
            color=GREY,
            fontsize=FONT,
        )
    strip.set_xticks([0], [f"missing\n{gap['rate'].iloc[0]:.1%}"])
    strip.set_xlim(-1, 1)


def _draw_truth(ax: Axes, table: pd.DataFrame) -> None:
    if len(table):
        low, high = ax.get_xlim()
        part = table[table["x"].between(low, high)]
        ax.plot(part["x"].astype(float), part["effect"], color=GREY, linewidth=1.4, linestyle="--")


def _draw_density(ax: Axes, column: pd.Series) -> None:
    """A grey histogram along the foot of the panel, whose x axis then ends where the data end."""
    seen = column.dropna().astype(float)
    low, high = ax.get_xlim()
    ax.set_xlim(max(low, seen.min()), min(high, seen.max()))
    counts, edges = np.histogram(seen, bins=24, range=ax.get_xlim())
    ax.bar(
        edges[:-1],
        0.16 * counts / max(counts.max(), 1),
        np.diff(edges),
        align="edge",
        color=GREY,
        alpha=0.45,
        linewidth=0,
        transform=ax.get_xaxis_transform(),
    )


def _draw_levels(
    fig: SubFigure, place: SubplotSpec, table: pd.DataFrame, gap: pd.DataFrame | None, name: str
) -> Axes:
    """Points on stems, highest effect on top, the missing effect as the last row."""
    ax = dress(fig.add_subplot(place), grid="x")
    ax.axvline(0, color=GREY, linewidth=0.8)
    labels = list(dict.fromkeys(table["x"]))
    position = {label: -k for k, label in enumerate(labels)}
    for colour, part in _by_class(table):
        y = part["x"].map(position).astype(float)
        ax.hlines(y, 0, part["effect"], color=colour, linewidth=1.4)
        ax.plot(part["effect"], y, "o", color=colour, markersize=4.5)
        if "lower" in part:
            ax.hlines(y, part["lower"], part["upper"], color=colour, alpha=BAND, linewidth=7)
    names = [_short(label) for label in labels]
    if gap is not None:
        y = -len(labels)
        for colour, part in _by_class(gap, first=VERMILLION):
            effect = float(part["effect"].iloc[0])
            ax.hlines(y, 0, effect, color=colour, linewidth=1.4)
            ax.plot([effect], [y], "D", color=colour, markersize=5)
            if "lower" in part:
                ax.hlines(y, part["lower"], part["upper"], color=colour, alpha=BAND, linewidth=7)
            ax.annotate(
                signed(effect),
                (_end(part, effect), y),
                xytext=(6 if effect >= 0 else -6, 0),
                textcoords="offset points",
                ha="left" if effect >= 0 else "right",
                va="center",
                color=GREY,
                fontsize=FONT,
            )
        names.append(f"missing ({gap['rate'].iloc[0]:.1%})")
    ax.set_yticks([-k for k in range(len(names))], names)
    ax.set_ylim(-len(names) + 0.4, 0.6)
    ax.tick_params(axis="y", length=0)
    ax.set_title(name, loc="left", color=GREY, fontsize=FONT, fontweight="bold")
    return ax


def _end(part: pd.DataFrame, effect: float) -> float:
    """Where the number of an effect stands: beyond it, or beyond its band."""
    if "lower" not in part:
        return effect
    return float(part["upper" if effect >= 0 else "lower"].iloc[0])


def _levels(table: pd.DataFrame, n_levels: int) -> pd.DataFrame:
    """Rows of the levels to show, highest effect first; a row of gaps stands for those left out."""
    effect = table.groupby("x", sort=False)["effect"].max().sort_values(ascending=False)
    order = list(effect.index)
    if len(order) > n_levels:
        left_out = len(order) - n_levels
        order[(n_levels + 1) // 2 : len(order) - n_levels // 2] = [f"... {left_out} between ..."]
    rank = {level: k for k, level in enumerate(order)}
    kept = table[table["x"].isin(order)]
    filler = [level for level in order if level not in effect.index]
    kept = pd.concat([kept, pd.DataFrame({"x": filler, "effect": np.nan})], ignore_index=True)
    return kept.sort_values("x", key=lambda x: x.map(rank), ignore_index=True, kind="stable")


def _by_class(table: pd.DataFrame, first: str = BLUE) -> Iterator[tuple[str, pd.DataFrame]]:
    """Colour and rows of each class, or all rows where there is one curve only."""
    if "class" not in table:
        yield first, table
        return
    classes = table["class"].dropna().unique()
    for colour, label in zip(cycle(PALETTE), classes):
        yield colour, table[table["class"] == label]


def _limits(
    tables: dict[str, pd.DataFrame], gaps: dict[str, pd.DataFrame], room: float = 0.16
) -> tuple[float, float]:
    """Range of all effects drawn, zero included, with room for the numbers."""
    drawn = [*tables.values(), *(gaps[name] for name in tables if name in gaps)]
    columns = ("effect", "lower", "upper")
    effects = np.concatenate(
        [table[name].to_numpy(float) for table in drawn for name in columns if name in table]
    )
    low, high = min(np.nanmin(effects), 0.0), max(np.nanmax(effects), 0.0)
    margin = room * (high - low) or 1.0
    return low - margin, high + margin


def _heights(levels: dict[str, pd.DataFrame], gaps: dict[str, pd.DataFrame]) -> np.ndarray:
    counts = [table["x"].nunique() + (name in gaps) for name, table in levels.items()]
    return PANEL_MARGIN + LEVEL_HEIGHT * np.array(counts, float)


def _plain(value: float, _: int) -> str:
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def _is_numeric(table: pd.DataFrame) -> bool:
    return all(isinstance(x, int | float | np.number) for x in table["x"])


def _short(label: Any) -> str:
    text = str(label)
    return (
        text
        if len(text) <= LONGEST_LABEL
        else text[: LONGEST_LABEL - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )
