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

__all__ = ["pair_auprc", "pair_strengths", "pair_surfaces", "surface_map"]

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
FINE = 80


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
        bar.ax.set_facecolor("none")
        bar.ax.tick_params(colors=GREY, labelsize=FONT, length=0)
        bar.locator = MaxNLocator(4)
        bar.update_ticks()
    return fig


def surface_map(
    effects: pd.DataFrame,
    term: str | None = None,
    *,
    top: float | None = None,
    unit: str = "effect",
    ax: Axes | None = None,
) -> Axes:
    """The surface of one pair as a heat map: blue adds, red takes away, the page is zero.

    Parameters
    ----------
    effects : DataFrame
        `est.pair_effects_`: term, first, second, x, z, effect, for one output (class) only.
    term : str, optional
        Which pair; default the first.
    top : float, optional
        Effect of the deepest colour, for several maps on one scale; default the largest.
    unit : str
        What an effect is measured in.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column or the pair is absent, or a surface is not on a full grid.
    """
    check_columns(effects, ["term", "first", "second", "x", "z", "effect"])
    term = effects["term"].iloc[0] if term is None else term
    check_rows(effects, "term", [term])
    rows = effects[effects["term"] == term]
    if rows.duplicated(["x", "z"]).any():
        raise InvalidInputError(f"{term!r} has several effects at one place: give one class only.")
    # Levels stay in their order.
    grid = rows.pivot(index="z", columns="x", values="effect").astype(float)
    grid = grid.loc[rows["z"].unique(), rows["x"].unique()]
    if grid.isna().any(axis=None):
        raise InvalidInputError(f"{term!r} is not on a full grid.")
    ax = axes(2.6) if ax is None else ax
    dress(ax, grid=None)
    x, across = _fine(grid.columns)
    z, down = _fine(grid.index)
    values = down @ grid.to_numpy() @ across.T
    top = float(np.abs(grid.to_numpy()).max()) or 1.0 if top is None else top
    image = ax.pcolormesh(x, z, values, cmap=_SIGNED, vmin=-top, vmax=top, rasterized=True)
    for axis, places in ((ax.xaxis, grid.columns), (ax.yaxis, grid.index)):
        if _is_levels(places):
            axis.set_ticks(range(len(places)), [str(level) for level in places])
            axis.set_tick_params(length=0)
        else:
            axis.set_major_locator(MaxNLocator(4))
    ax.spines[:].set_visible(True)
    ax.spines[:].set(color=GREY, linewidth=0.8)
    ax.set(xlabel=rows["first"].iloc[0], ylabel=rows["second"].iloc[0])
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.06, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.set_facecolor("none")
    bar.ax.tick_params(colors=GREY, labelsize=FONT, length=0)
    bar.set_label(unit, color=GREY, fontsize=FONT)
    return ax


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


def _is_levels(places: pd.Index) -> bool:
    return not all(isinstance(x, int | float | np.number) for x in places)


def _fine(places: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Fine places, and the weights of the given ones at each, shape (n_fine, n_given).

    Between knots a surface is a straight line in either feature; a level is a cell.
    """
    if _is_levels(places) or len(places) == 1:
        return np.arange(len(places)), np.eye(len(places))
    known = places.to_numpy(dtype=float)
    fine = np.linspace(known[0], known[-1], FINE)
    return fine, np.stack([np.interp(fine, known, one) for one in np.eye(len(known))], 1)


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
