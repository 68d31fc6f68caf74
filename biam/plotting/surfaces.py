"""Pairs: how strong each is, how well the planted ones are found, and what their surfaces are."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from biam.exceptions import InvalidInputError
from biam.plotting.interactions import strength_map
from biam.plotting.style import (
    BLUE,
    FONT,
    GREY,
    VERMILLION,
    axes,
    dress,
    figure,
    legend,
    method_look,
)
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["pair_auprc", "pair_strengths", "pair_surfaces"]

# Zero shows the page, whatever its colour.
_SIGNED = LinearSegmentedColormap.from_list(
    "signed",
    [
        (0.0, to_rgba(VERMILLION, 1.0)),
        (0.5, to_rgba(VERMILLION, 0.0)),
        (0.5, to_rgba(BLUE, 0.0)),
        (1.0, to_rgba(BLUE, 1.0)),
    ],
)
PANEL, TOP, GROUP = 1.75, 0.35, 0.26


def pair_strengths(
    curves: pd.DataFrame, planted: Iterable[Sequence[int]] = (), *, ax: Axes | None = None
) -> Axes:
    """Strength of every pair as a heat map, the planted pairs framed.

    Parameters
    ----------
    curves : DataFrame
        Columns x, z (the two feature numbers), value (strength): one method, one seed.
    planted : iterable of (j, k)
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent.
    """
    check_columns(curves, ["x", "z", "value"])
    first, second = curves["x"].astype(int), curves["z"].astype(int)
    n = int(max(first.max(), second.max())) + 1
    table = pd.DataFrame(
        {
            "kind": "pair",
            "first": [f"x{j}" for j in first],
            "second": [f"x{k}" for k in second],
            "strength": curves["value"].to_numpy(),
        }
    )
    ax = strength_map(table, kind="pair", features=[f"x{j}" for j in range(n)], ax=ax)
    for j, k in planted:
        for column, row in ((j, k), (k, j)):
            frame = Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False)
            frame.set(edgecolor=VERMILLION, linewidth=1.8, clip_on=False)
            ax.add_patch(frame)
    return ax


def pair_surfaces(curves: pd.DataFrame, left: str, right: str) -> Figure:
    """Surfaces of two methods side by side, a row per pair, one scale of colours in a row.

    Parameters
    ----------
    curves : DataFrame
        Columns method, curve (the pair, "x4 x5"), x, z, value on a full grid: one seed.
    left, right : str
        Methods to compare, the truth and a learner say.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        A column or a method is absent, or a surface is not on a full grid.
    """
    check_columns(curves, ["method", "curve", "x", "z", "value"])
    check_rows(curves, "method", [left, right])
    names = list(dict.fromkeys(curves["curve"]))
    fig = figure(TOP + PANEL * len(names))
    panels = fig.subplots(len(names), 2, squeeze=False, sharex="row", sharey="row")
    for row, name in zip(panels, names, strict=True):
        sides = {m: _grid(curves, m, name) for m in (left, right)}
        top = max(float(side.abs().to_numpy().max()) for side in sides.values())
        for ax, (method, side) in zip(row, sides.items(), strict=True):
            image = _surface(ax, side, top)
            if name == names[0]:
                ax.set_title(method, color=GREY, fontsize=FONT, fontweight="bold")
        first, _, second = name.partition(" ")
        row[0].set_ylabel(second)
        for ax in row:
            ax.set_xlabel(first, labelpad=1)
        bar = fig.colorbar(image, ax=list(row), fraction=0.06, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(colors=GREY, labelsize=FONT, length=0)
        bar.locator = MaxNLocator(4)
        bar.update_ticks()
    return fig


def pair_auprc(results: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Area under the precision-recall curve of planted pairs: a bar at the mean, a dot per seed.

    Parameters
    ----------
    results : DataFrame
        Columns scenario, method, seed, value: rows of the metric `pair_auprc`.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent.
    """
    check_columns(results, ["scenario", "method", "seed", "value"])
    scenarios = list(dict.fromkeys(results["scenario"]))
    methods = list(dict.fromkeys(results["method"]))
    ax = axes(0.9 + GROUP * len(scenarios) * len(methods)) if ax is None else ax
    dress(ax, grid="x")
    height = 0.8 / len(methods)
    for m, method in enumerate(methods):
        look, rows = method_look(method.removesuffix("-fair")), results[results["method"] == method]
        place = rows["scenario"].map(lambda s: -scenarios.index(s)) + 0.4 - height * (m + 0.5)
        means = rows.groupby(place)["value"].mean()
        ax.barh(means.index, means, height=0.85 * height, color=look.colour, alpha=0.35)
        ax.plot(rows["value"], place, look.marker, color=look.colour, markersize=4, label=method)
    ax.set_yticks(-np.arange(len(scenarios)), [s.rpartition("/")[2] for s in scenarios])
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, 1.03), xlabel="AUPRC of the planted pairs")
    legend(ax, columns=3)
    return ax


def _grid(curves: pd.DataFrame, method: str, name: str) -> pd.DataFrame:
    rows = curves[curves["method"] == method]
    check_rows(rows, "curve", [name])
    side = rows[rows["curve"] == name].pivot(index="z", columns="x", values="value")
    if side.isna().any(axis=None):
        # The page shows through a hole, as it does where a surface is zero.
        raise InvalidInputError(f"{name!r} of {method} is not on a full grid: give one seed only.")
    return side


def _surface(ax: Axes, side: pd.DataFrame, top: float) -> QuadMesh:
    dress(ax, grid=None)
    image = ax.pcolormesh(side.columns, side.index, side, cmap=_SIGNED, vmin=-top, vmax=top)
    ax.spines[:].set_visible(True)
    ax.spines[:].set(color=GREY, linewidth=0.8)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(3, integer=True))
    return image
