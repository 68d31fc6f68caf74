"""The three-step loop of the paper as a drawing; hypergradients by error, steps and cost."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from biam.plotting.style import (
    BLUE,
    FONT,
    GREEN,
    GREY,
    OCHRE,
    PURPLE,
    VERMILLION,
    WIDTH,
    Look,
    axes,
    dress,
    figure,
    legend,
)

__all__ = ["error_against_cost", "error_against_steps", "three_step_loop"]

# Errors below this stand at the bottom: what is drawn is the way there.
FLOOR = 1e-6
_LOOKS = {
    "OneStep": Look(GREY, "X", ""),
    "Truncated": Look(BLUE, "o", "-"),
    "Unrolled": Look(BLUE, "s", "--"),
    "ForwardMode": Look(GREEN, "^", "-"),
    "FiniteDifference-product": Look(OCHRE, "v", "-."),
    "FiniteDifference-solution": Look(OCHRE, "D", ":"),
    "Implicit-cg": Look(VERMILLION, "o", "-"),
    "Implicit-neumann": Look(PURPLE, "P", "--"),
    "Implicit-dense": Look(VERMILLION, "*", ""),
}

HEIGHT = 4.3
_LEFT, _RIGHT = 0.44, 2.96
_BOXES = (
    (
        3.42,
        BLUE,
        "-",
        "1  Lower step",
        r"$w \leftarrow w - \eta\,\nabla_{\!w}\,R(w;\theta)$",
        "kept",
    ),
    (
        1.98,
        GREEN,
        "--",
        "2  Look ahead",
        r"$\hat{w}(\theta) = w - \eta\,\nabla_{\!w}\,R(w;\theta)$",
        "not kept",
    ),
    (
        0.54,
        VERMILLION,
        "-",
        "3  Upper step",
        r"$\theta \leftarrow \theta - \mu\,\nabla_{\!\theta}\,L_{\mathrm{meta}}(\hat{w}(\theta))$",
        "kept",
    ),
)


def three_step_loop(ax: Axes | None = None) -> Axes:
    """Lower step, look-ahead, upper step, and what goes from one to the other.

    Parameters
    ----------
    ax : Axes, optional
        Cleared of its axes; drawn in units of inches, `WIDTH` by `HEIGHT`.
    """
    if ax is None:
        fig = figure(HEIGHT)
        ax = fig.add_subplot()
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    ax.axis("off")
    for middle, colour, line, title, formula, fate in _BOXES:
        _box(ax, middle, colour, line, title, formula, fate)
    top, ahead, upper = (box[0] for box in _BOXES)
    centre = (_LEFT + _RIGHT) / 2
    for start, end, label in ((top, ahead, "$w$"), (ahead, upper, r"$\hat{w}(\theta)$")):
        _arrow(ax, (centre, start - 0.43), (centre, end + 0.43))
        _write(ax, centre + 0.1, (start + end) / 2, label, ha="left", size=FONT + 2)
    _batch(ax, (top + ahead) / 2, "training\nbatch", BLUE)
    for target in (top, ahead):
        _arrow(
            ax, (3.5, (top + ahead) / 2 + (0.26 if target == top else -0.26)), (2.98, target), 0.25
        )
    _batch(ax, upper, "meta\nbatch", VERMILLION)
    _arrow(ax, (3.06, upper), (2.98, upper))
    _back(ax, top, upper)
    return ax


def error_against_cost(rows: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Relative error of each hypergradient over its cost, a line per family.

    Errors below 1e-6 stand at the bottom.

    Parameters
    ----------
    rows : DataFrame
        Columns method ("Truncated:n_steps=10": the family, then one setting), relative_error,
        ratio (cost as a multiple of one-step's).
    ax : Axes, optional
    """
    ax = axes(5.2) if ax is None else dress(ax)
    families = rows["method"].str.partition(":")[0]
    names = [name for name in _LOOKS if (families == name).any()]
    for name in dict.fromkeys([*names, *families]):
        part = rows[families == name].sort_values("ratio")
        _line(ax, name, part["ratio"], part["relative_error"])
    ax.set(xscale="log", yscale="log", xlabel="cost, in one-steps", ylabel="relative error")
    ax.set_ylim(FLOOR / 2)
    dress(ax, grid="both")
    legend(ax)
    return ax


def error_against_steps(
    errors: Mapping[str, Mapping[int, float]],
    *,
    rate: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Relative error of each hypergradient over the number of its steps or terms.

    Errors below 1e-6 stand at the bottom.

    Parameters
    ----------
    errors : mapping of str to mapping of int to float
        Per family the error at each number of steps.
    rate : float, optional
        Also draw rate^K, from an error of one on.
    ax : Axes, optional
    """
    ax = axes(3.4) if ax is None else dress(ax)
    for name, values in errors.items():
        _line(ax, name, list(values), list(values.values()))
    if rate is not None:
        last = max(max(values) for values in errors.values())
        steps = np.geomspace(1, last, 200)
        ax.plot(steps, rate**steps, color=GREY, linewidth=1, label=r"$(1 - \eta\mu)^K$")
    ax.set(xscale="log", yscale="log", xlabel="steps or terms $K$", ylabel="relative error")
    ax.set_ylim(FLOOR / 2)
    dress(ax, grid="both")
    legend(ax)
    return ax


def _line(ax: Axes, family: str, x: Any, errors: Any) -> None:
    look = _LOOKS.get(family, Look(GREY, "X", ":"))
    ax.plot(
        x,
        np.maximum(np.asarray(errors, float), FLOOR),
        marker=look.marker,
        linestyle=look.line,
        color=look.colour,
        markersize=7 if look.marker == "*" else 4.5,
        linewidth=1.4,
        label=family,
    )


def _box(
    ax: Axes, middle: float, colour: str, line: str, title: str, formula: str, fate: str
) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (_LEFT + 0.06, middle - 0.36),
            _RIGHT - _LEFT - 0.12,
            0.72,
            boxstyle="round,pad=0.06,rounding_size=0.12",
            facecolor="none",
            edgecolor=colour,
            linewidth=1.6,
            linestyle=line,
        )
    )
    _write(ax, _LEFT + 0.12, middle + 0.2, title, ha="left", weight="bold")
    _write(ax, _RIGHT - 0.12, middle + 0.2, fate, ha="right", style="italic")
    _write(ax, (_LEFT + _RIGHT) / 2, middle - 0.16, formula, size=FONT + 1.5)


def _batch(ax: Axes, middle: float, text: str, colour: str) -> None:
    ax.add_patch(
        FancyBboxPatch(
            (3.16, middle - 0.18),
            0.78,
            0.36,
            boxstyle="round,pad=0.08,rounding_size=0.05",
            facecolor=colour,
            alpha=0.18,
            edgecolor="none",
        )
    )
    _write(ax, 3.55, middle, text)


def _back(ax: Axes, top: float, upper: float) -> None:
    """The way back on the left: the new theta weights the next batch."""
    x = 0.24
    ax.plot([_LEFT - 0.02, x, x], [upper, upper, top], color=GREY, linewidth=1.3)
    _arrow(ax, (x, top), (_LEFT - 0.02, top))
    _write(ax, 0.1, (top + upper) / 2, r"new $\theta$ weights the next batch", rotation=90)


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0
) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=11,
            shrinkA=0,
            shrinkB=0,
            color=GREY,
            linewidth=1.3,
            connectionstyle=f"arc3,rad={bend if end[1] > start[1] else -bend}",
        )
    )


def _write(
    ax: Axes, x: float, y: float, text: str, *, size: float = FONT, ha: str = "center", **more: Any
) -> None:
    ax.text(x, y, text, ha=ha, va="center", color=GREY, fontsize=size, **more)
