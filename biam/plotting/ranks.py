"""Average ranks of many methods, and which of them can be told apart."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from biam.plotting.style import FONT, GREY, axes, dress, method_look

__all__ = ["critical_difference_plot"]

ROW_HEIGHT, ROOM = 0.215, 0.95
# Distance of the bars of overlapping groups, and of the first from the worst rank: shares of the
# range of ranks.
BAR_STEP, BAR_START = 0.035, 0.06


def critical_difference_plot(
    ranks: Any, cd: float, cliques: Sequence[Sequence[str]] = (), *, ax: Axes | None = None
) -> Axes:
    """Average rank of every method, one line each, best first, with the critical difference.

    The classical diagram, turned so that twenty names can be read on a phone: the ruler above is as
    long as the critical difference, and a bar at the right joins methods that cannot be told apart.

    Parameters
    ----------
    ranks : DataFrame
        Columns `method` and `rank`, as from `biam.experiments.ranks.average_ranks`.
    cd : float
        Critical difference of average ranks.
    cliques : sequence of sequence of str
        Groups of methods within `cd`, as from `biam.experiments.ranks.cliques`.
    ax : Axes, optional
    """
    ordered = ranks.sort_values("rank", kind="stable")
    names, values = list(ordered["method"]), ordered["rank"].to_numpy(float)
    ax = axes(ROOM + ROW_HEIGHT * len(names)) if ax is None else ax
    dress(ax, grid="x")
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        look = method_look(name)
        face = look.colour if look.filled else "none"
        ax.hlines(row, values[0], value, color=GREY, alpha=0.35, linewidth=0.8)
        ax.plot(value, row, look.marker, color=look.colour, markerfacecolor=face, markersize=6)
    _ruler(ax, values[0], cd)
    right = max(values[-1], values[0] + cd)
    width = right - values[0] or 1.0
    lanes = _lanes([(names.index(group[0]), names.index(group[-1])) for group in cliques])
    for (first, last), lane in lanes:
        x = right + width * (BAR_START + BAR_STEP * lane)
        ax.vlines(x, first - 0.25, last + 0.25, color=GREY, linewidth=2.2)
    used = 1 + max((lane for _, lane in lanes), default=-1)
    ax.set_xlim(values[0] - 0.05 * width, right + width * (BAR_START + BAR_STEP * used))
    ax.set_ylim(len(names) - 0.4, -2.3)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("average rank (1 is best)")
    return ax


def _ruler(ax: Axes, start: float, cd: float) -> None:
    ax.plot([start, start + cd], [-1, -1], "|-", color=GREY, linewidth=1.6, markersize=7)
    ax.annotate(
        f"critical difference {cd:.2f}",
        (start, -1),
        (0, 6),
        textcoords="offset points",
        color=GREY,
        fontsize=FONT,
    )


def _lanes(spans: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], int]]:
    """Each span of rows with the first lane in which nothing touches it; spans come sorted."""
    ends: list[int] = []
    placed = []
    for first, last in spans:
        free = [lane for lane, end in enumerate(ends) if end < first]
        lane = free[0] if free else len(ends)
        ends[lane : lane + 1] = [last]
        placed.append(((first, last), lane))
    return placed
