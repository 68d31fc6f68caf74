"""Which groups of terms a structure search keeps, seed by seed."""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, axes, dress
from biam.plotting.tidy import check_columns, check_rows

__all__ = ["group_name", "kept_groups"]

Group = tuple[str, int, int]

ROW_HEIGHT, ROOM = 0.27, 0.85
# Pips of a cell stand in this share of its width.
CELL = 0.72
PREFIX = "gate:"


def group_name(group: Group) -> str:
    """x2, m0 (mask of x0), or m1 x2 (mask of x1 times x2)."""
    kind, source, target = group
    names = {"main": f"x{source}", "missing": f"m{source}", "interaction": f"m{source} x{target}"}
    return names[kind]


def kept_groups(
    curves: pd.DataFrame,
    planted: Sequence[Group],
    uncounted: Collection[Group] = (),
    *,
    threshold: float = 0.5,
    ax: Axes | None = None,
) -> Axes:
    """A pip per scenario, planted group and seed, full where the group was kept.

    A group that a scenario does not offer gets a dash. The last column is the mean number of other
    groups kept, `uncounted` ones aside.

    Parameters
    ----------
    curves : DataFrame
        Columns scenario, seed, curve, x, z, value: rows "gate:KIND" hold the probability of a gate.
        Other curves are passed over.
    planted, uncounted : collection of (kind, source, target)
    threshold : float
        Probability from which a group is kept.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent, or there are no gates.
    """
    check_columns(curves, ["scenario", "seed", "curve", "x", "z", "value"])
    check_rows(curves, "curve", [PREFIX + "main"])
    gates = curves[curves["curve"].str.startswith(PREFIX)]
    names = list(dict.fromkeys(gates["scenario"]))
    seeds = list(dict.fromkeys(gates["seed"]))
    ax = axes(ROOM + ROW_HEIGHT * len(names)) if ax is None else ax
    for row, name in enumerate(names):
        part = gates[gates["scenario"] == name]
        found = dict(zip(_keys(part), part["value"] >= threshold, strict=True))
        for column, group in enumerate(planted):
            _pips(ax, [found.get((seed, group)) for seed in seeds], row, column)
        known = {*planted, *uncounted}
        wrong = sum(kept for (_, group), kept in found.items() if group not in known)
        _text(ax, f"{wrong / len(seeds):.1f}", row, len(planted), VERMILLION)
    ax.set_xlim(-0.5, len(planted) + 0.5)
    ax.set_ylim(len(names) - 0.5, -0.5)
    dress(ax, grid=None)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.xaxis.tick_top()
    # Side by side the longer names would touch.
    titles = [group_name(group).replace(" ", "\n") for group in planted]
    ax.set_xticks(range(len(planted) + 1), [*titles, "others"])
    ax.set_yticks(range(len(names)), [name.partition("/")[2] or name for name in names])
    ax.tick_params(length=0, labelsize=FONT - 1, colors=GREY)
    return ax


def _keys(rows: pd.DataFrame) -> list[tuple[int, Group]]:
    kinds = rows["curve"].str.removeprefix(PREFIX)
    columns = zip(rows["seed"], kinds, rows["x"].astype(int), rows["z"].astype(int), strict=True)
    return [(seed, (kind, source, target)) for seed, kind, source, target in columns]


def _pips(ax: Axes, kept: list[bool | None], row: int, column: int) -> None:
    if all(one is None for one in kept):
        _text(ax, "\N{EN DASH}", row, column, GREY)
        return
    places = column + CELL * (np.arange(len(kept)) + 0.5) / len(kept) - CELL / 2
    for full, face in ((True, BLUE), (False, "none")):
        chosen = [place for place, one in zip(places, kept, strict=True) if bool(one) == full]
        y = [row] * len(chosen)
        colour = BLUE if full else GREY
        ax.plot(
            chosen,
            y,
            "o",
            color=colour,
            markerfacecolor=face,
            markersize=3.4,
            markeredgewidth=0.7,
        )


def _text(ax: Axes, text: str, row: int, column: int, colour: str) -> None:
    ax.annotate(text, (column, row), ha="center", va="center", color=colour, fontsize=FONT - 1)
