"""Scores of many methods on many problems as a heat map, coloured by what is won or lost."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from biam.exceptions import InvalidInputError
from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, axes, dress
from biam.plotting.tidy import check_columns

__all__ = ["advantage_map"]

# Little shows the page, whatever its colour. The strength jumps, because between a tint that
# carries grey figures and a colour that carries white ones there is none that carries either.
STRENGTHS = (0.0, 0.18, 0.78, 1.0)


def advantage_map(
    scores: pd.DataFrame,
    reference: str,
    *,
    steps: tuple[float, float, float] = (0.02, 0.06, 0.2),
    ax: Axes | None = None,
) -> Axes:
    """A row per method, a column per problem: the score in per cent, blue where it is better.

    Parameters
    ----------
    scores : DataFrame
        Shares, higher is better; index methods, columns problems.
    reference : str
        Method to which the others are compared, column by column.
    steps : tuple of float
        Differences from which a cell has a tint, a colour, the full colour.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        The reference is no row, or there are no rows.
    """
    check_columns(scores, scores.columns)
    if reference not in scores.index:
        raise InvalidInputError(
            f"reference must be a row of the scores, got {reference!r}: there are "
            f"{', '.join(map(str, scores.index))}."
        )
    ax = axes(1.25 + 0.21 * len(scores)) if ax is None else ax
    dress(ax, grid=None)
    values = scores.to_numpy(dtype=float)
    change = np.nan_to_num(values - scores.loc[reference].to_numpy(dtype=float))
    level = np.digitize(np.abs(change).round(9), steps)
    ax.imshow(_colours(change, level), aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if level[row, column] > 1 else GREY
            place = {"ha": "center", "va": "center", "fontsize": FONT - 1}
            ax.text(column, row, f"{100 * value:.0f}", color=colour, **place)
    _name(ax, scores)
    return ax


def _colours(change: NDArray[Any], level: NDArray[Any]) -> NDArray[Any]:
    """Red, green, blue and strength of each cell."""
    colours = np.where((change > 0)[..., None], to_rgba(BLUE), to_rgba(VERMILLION))
    colours[..., 3] = np.array(STRENGTHS)[level]
    return colours


def _name(ax: Axes, scores: pd.DataFrame) -> None:
    """Problems above, methods at the left."""
    ax.set_xticks(
        range(scores.shape[1]), scores.columns, rotation=45, ha="left", rotation_mode="anchor"
    )
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(scores)), scores.index)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", labelsize=FONT - 1)
    ax.spines[:].set_visible(False)
