"""Scores of many methods on many problems as a heat map, coloured by what is won or lost."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from biam.exceptions import InvalidInputError
from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, axes, dress
from biam.plotting.tidy import check_columns

__all__ = ["advantage_map"]

# Nothing won shows the page, whatever its colour.
_DIVIDE = LinearSegmentedColormap.from_list(
    "divide",
    [
        *((0.0, to_rgba(VERMILLION)), (0.5, to_rgba(VERMILLION, 0.0))),
        *((0.5, to_rgba(BLUE, 0.0)), (1.0, to_rgba(BLUE))),
    ],
)
# Beyond this share of the limit, figures are white on the colour.
DARK = 0.55


def advantage_map(
    scores: pd.DataFrame, reference: str, *, limit: float = 0.3, ax: Axes | None = None
) -> Axes:
    """A row per method, a column per problem: the score in per cent, blue where it is better.

    Parameters
    ----------
    scores : DataFrame
        Shares, higher is better; index methods, columns problems.
    reference : str
        Method to which the others are compared, column by column.
    limit : float
        Difference that has the full colour.
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
    change = (scores - scores.loc[reference]).to_numpy(dtype=float) / limit
    ax.imshow(change, cmap=_DIVIDE, vmin=-1, vmax=1, aspect="auto")
    for (row, column), size in np.ndenumerate(change):
        value = scores.iat[row, column]
        if np.isfinite(value):
            ax.text(
                column,
                row,
                f"{100 * value:.0f}",
                ha="center",
                va="center",
                color="white" if abs(size) > DARK else GREY,
                fontsize=FONT - 1,
            )
    ax.set_xticks(
        range(scores.shape[1]), scores.columns, rotation=45, ha="left", rotation_mode="anchor"
    )
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(scores)), scores.index)
    ax.tick_params(length=0)
    ax.tick_params(axis="y", labelsize=FONT - 1)
    ax.spines[:].set_visible(False)
    return ax
