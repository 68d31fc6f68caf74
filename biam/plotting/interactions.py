"""How strong missing interactions and pairs are, as a heat map."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba

from biam.plotting.style import BLUE, FONT, GREY, WIDTH, axes, dress

__all__ = ["strength_map"]

# From nothing to blue: zero shows the page, whatever its colour.
_FADE = LinearSegmentedColormap.from_list("fade", [to_rgba(BLUE, 0.0), to_rgba(BLUE, 1.0)])
MOST_WITH_NUMBERS = 7


def strength_map(
    table: pd.DataFrame,
    *,
    kind: str | None = None,
    features: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Strength of each interaction: rows are the missing feature, columns the curve it changes.

    Parameters
    ----------
    table : DataFrame
        `est.interactions_`: term, kind, first, second, strength.
    kind : {"interaction", "pair"}, optional
        Which to draw; default that of the strongest. Pairs are drawn on both sides of the diagonal.
    features : sequence of str, optional
        Names and order of rows and columns; default those in the table.
    ax : Axes, optional
    """
    kind = table["kind"].iloc[0] if kind is None and len(table) else kind
    rows = table[table["kind"] == kind]
    names = list(features or dict.fromkeys([*rows["first"], *rows["second"]]))
    strength = pd.DataFrame(0.0, index=names, columns=names)
    for first, second, size in rows[["first", "second", "strength"]].itertuples(index=False):
        if first in strength.index and second in strength.index:
            strength.loc[first, second] = size
            if kind == "pair":
                strength.loc[second, first] = size
    ax = axes(0.85 * WIDTH) if ax is None else ax
    dress(ax, grid=None)
    image = ax.imshow(strength, cmap=_FADE, vmin=0, vmax=max(strength.to_numpy().max(), 1e-12))
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if kind == "interaction":
        ax.set(xlabel="curve that changes", ylabel="missing feature")
    if len(names) <= MOST_WITH_NUMBERS:
        _numbers(ax, strength.to_numpy())
    else:
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.7)
        bar.outline.set_edgecolor(GREY)
        bar.ax.tick_params(colors=GREY, labelsize=FONT)
    return ax


def _numbers(ax: Axes, strength: np.ndarray) -> None:
    for (r, c), size in np.ndenumerate(strength):
        if size > 0:
            # Dark cells carry white figures on both themes.
            colour = "white" if size > 0.6 * strength.max() else GREY
            ax.text(c, r, f"{size:.2f}", ha="center", va="center", color=colour, fontsize=FONT)
