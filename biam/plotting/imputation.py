"""Imputed values: where in the plane they fall, and how errors change with an assumption."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biam.exceptions import InvalidInputError
from biam.plotting.style import (
    BLUE,
    FONT,
    GREY,
    PALETTE,
    VERMILLION,
    WIDTH,
    dress,
    figure,
    legend,
)
from biam.validation import check_integer

__all__ = ["error_lines", "imputed_pictures", "imputed_points"]

_MARKERS, _LINES = "osD^vP", ("-", "--", "-.", ":")
_PANEL = 1.75
# Of the width, for the names at the left.
_NAMES = 0.3


def imputed_points(
    seen: Any,
    imputed: Mapping[str, Any],
    truth: Any = None,
    *,
    columns: int = 2,
    names: tuple[str, str] = ("x0", "x1"),
) -> Figure:
    """A panel per method: rows seen in full in grey, hidden rows where the method puts them.

    Parameters
    ----------
    seen : array-like, shape (n, 2)
        Rows without gaps.
    imputed : mapping of str to array-like, shape (m, 2)
        Hidden rows, filled or drawn, by method.
    truth : array-like, shape (m, 2), optional
        Hidden rows as they were: a panel of their own, the first.
    columns : int
        Panels per line.
    names : pair of str
        Of the axes.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        Nothing to draw, or rows that are no points of a plane.
    """
    seen = np.asarray(seen, float)
    panels = {name: np.asarray(points, float) for name, points in imputed.items()}
    if truth is not None:
        panels = {"true": np.asarray(truth, float)} | panels
    for name, points in {"seen": seen, **panels}.items():
        if points.ndim != 2 or points.shape[1] != 2:
            raise InvalidInputError(f"{name!r} must have shape (n, 2), got {points.shape}.")
    if not panels:
        raise InvalidInputError("imputed has no method: expected at least one panel.")
    columns = min(check_integer("columns", columns, low=1), len(panels))
    lines = -(-len(panels) // columns)
    drawing = figure(_PANEL * lines + 0.3)
    grid = drawing.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for ax, (name, points) in zip(grid.flat, panels.items(), strict=False):
        # Truth is vermillion, guesses are blue; crosses tell them apart without colour.
        colour, marker = (VERMILLION, "x") if name == "true" else (BLUE, "o")
        ax.plot(*seen.T, ".", color=GREY, markersize=1.5, alpha=0.5)
        ax.plot(*points.T, marker, color=colour, markersize=2.5, alpha=0.6, markeredgewidth=0.6)
        dress(ax, grid=None)
        ax.set_title(name, fontsize=FONT - 1, color=GREY)
        ax.tick_params(labelsize=FONT - 2)
    for ax in grid.flat[len(panels) :]:
        ax.set_visible(False)
    drawing.supxlabel(names[0], fontsize=FONT, color=GREY)
    drawing.supylabel(names[1], fontsize=FONT, color=GREY)
    return drawing


def imputed_pictures(pictures: Mapping[str, Any]) -> Figure:
    """A line per method, a column per picture: how each fills what is hidden.

    Parameters
    ----------
    pictures : mapping of str to array-like, shape (n, h, w)
        Grey values from -1, black, to 1, white, by method; NaN where nothing is known, which is
        drawn in vermillion.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        Nothing to draw, or lines of different shapes.
    """
    lines = {name: np.asarray(part, float) for name, part in pictures.items()}
    shapes = {part.shape for part in lines.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != 3:
        raise InvalidInputError(
            f"pictures must have one shape (n, h, w) for all methods, got {sorted(shapes)}."
        )
    n = next(iter(shapes))[0]
    drawing = figure(len(lines) * (1 - _NAMES) * WIDTH / n)
    grid = drawing.subplots(len(lines), n, squeeze=False)
    for line, (name, part) in zip(grid, lines.items(), strict=True):
        for ax, picture in zip(line, part, strict=True):
            ax.set_facecolor(VERMILLION)
            # Pixels are data: black stays black on both themes.
            ax.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
            ax.set_xticks([])
            ax.set_yticks([])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=FONT - 1, color=GREY)
    return drawing


def error_lines(table: pd.DataFrame, *, xlabel: str, ylabel: str, log: bool = False) -> Axes:
    """One line per column of a table over its index.

    Parameters
    ----------
    table : DataFrame
        Index: the assumption that changes, numbers; a column per method or set.
    xlabel, ylabel : str
    log : bool
        Logarithmic x axis.

    Returns
    -------
    Axes

    Raises
    ------
    InvalidInputError
        An empty table, or more columns than there are colours.
    """
    if table.empty or table.shape[1] > len(PALETTE):
        raise InvalidInputError(
            f"table must have rows and at most {len(PALETTE)} columns, got shape {table.shape}."
        )
    # Names of many lines stand below one another.
    ax = dress(figure(2.9 + 0.17 * max(0, table.shape[1] - 3)).add_subplot())
    for k, name in enumerate(table):
        ax.plot(
            table.index,
            table[name],
            marker=_MARKERS[k],
            linestyle=_LINES[k % len(_LINES)],
            color=PALETTE[k],
            markersize=4,
            label=str(name),
        )
    if log:
        ax.set_xscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    legend(ax, columns=3 if max(len(str(name)) for name in table) < 9 else 2)
    return ax
