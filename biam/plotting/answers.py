"""Where a model of two inputs changes its answer, with the rows of two domains."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from biam.exceptions import InvalidInputError
from biam.plotting.style import BLUE, FONT, GREY, OCHRE, VERMILLION, axes, dress
from biam.plotting.tidy import check_columns

__all__ = ["domain_answers"]

MOST_POINTS = 150


def domain_answers(
    curves: pd.DataFrame,
    x: NDArray[np.floating],
    y: NDArray[np.integer],
    domain: NDArray[np.integer],
    *,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """The boundary, source rows as dots in the colour of their class, target rows as crosses.

    Parameters
    ----------
    curves : DataFrame
        x, z (the two inputs, on a grid), value (logit): one method, one seed.
    x : ndarray, shape (n, 2)
    y, domain : ndarray of {0, 1}, shape (n,)
        Class, and 1 for a target row.
    title : str
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent, or the points do not form a grid.
    """
    check_columns(curves, ["x", "z", "value"])
    grid = curves.pivot_table(index="z", columns="x", values="value")
    if grid.size != len(curves) or grid.isna().to_numpy().any():
        raise InvalidInputError(
            f"curves must be a full grid of x and z, got {len(curves)} points for {grid.shape}."
        )
    ax = axes(3.0) if ax is None else dress(ax)
    levels = [-np.inf, 0, np.inf]
    ax.contourf(grid.columns, grid.index, grid, levels=levels, colors=[OCHRE, BLUE], alpha=0.12)
    ax.contour(grid.columns, grid.index, grid, levels=[0], colors=[GREY], linewidths=1.4)
    for marker, size, which in (("o", 3.0, 0), ("x", 3.6, 1)):
        for label, colour in ((0, VERMILLION), (1, BLUE)):
            rows = np.flatnonzero((domain == which) & (y == label))[: MOST_POINTS // 2]
            ax.plot(*x[rows].T, marker, color=colour, markersize=size, markeredgewidth=0.8)
    ax.set_aspect("equal")
    dress(ax, grid=None)
    ax.tick_params(labelsize=FONT - 2)
    ax.set_title(title, fontsize=FONT, color=GREY)
    return ax
