"""Learned weights: against the loss, and of clean beside corrupted rows."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from biam.plotting.style import BLUE, VERMILLION, axes, dress, legend

__all__ = ["weight_curve", "weight_histogram"]


def weight_curve(
    losses: Any,
    weights: Any,
    mask: Any = None,
    *,
    names: tuple[str, str] = ("clean", "corrupted"),
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Weight of each row against its loss.

    Parameters
    ----------
    losses, weights : array-like, shape (n,)
    mask : array-like of bool, shape (n,), optional
        True where the label is corrupted: drawn as crosses.
    names : tuple of str
        What rows are called where `mask` is False, and where it is True.
    log : bool
        Logarithmic losses (those of 0 are then not shown).
    ax : Axes, optional
    """
    ax = axes() if ax is None else dress(ax)
    losses, weights = np.asarray(losses, float), np.asarray(weights, float)
    for name, rows, colour, marker in _groups(mask, len(weights), names):
        ax.plot(
            losses[rows],
            weights[rows],
            marker,
            color=colour,
            markersize=3.5 if marker == "o" else 4.5,
            alpha=0.7,
            markeredgewidth=0 if marker == "o" else 1,
            label=f"{name} ({int(rows.sum())} rows)" if mask is not None else None,
        )
    if log:
        ax.set_xscale("log")
    ax.set(xlabel="loss of the row", ylabel="weight")
    ax.set_ylim(bottom=0)
    if mask is not None:
        legend(ax)
    return ax


def weight_histogram(
    weights: Any,
    mask: Any,
    *,
    names: tuple[str, str] = ("clean", "corrupted"),
    bins: int = 25,
    ax: Axes | None = None,
) -> Axes:
    """Share of the clean and of the corrupted rows in each bin of weights.

    Parameters
    ----------
    weights : array-like, shape (n,)
    mask : array-like of bool, shape (n,)
        True where the label is corrupted.
    names : tuple of str
        What rows are called where `mask` is False, and where it is True.
    bins : int
    ax : Axes, optional
    """
    ax = axes() if ax is None else dress(ax)
    weights = np.asarray(weights, float)
    edges = np.linspace(0, max(float(weights.max()), 1e-12), bins + 1)
    for name, rows, colour, marker in _groups(mask, len(weights), names):
        shares = np.histogram(weights[rows], edges)[0] / max(int(rows.sum()), 1)
        filled = marker == "o"
        ax.stairs(
            shares,
            edges,
            fill=filled,
            color=colour,
            alpha=0.55 if filled else 1,
            linewidth=1.6,
            label=f"{name} ({int(rows.sum())} rows)",
        )
    ax.set(xlabel="weight", ylabel="share of these rows", xlim=(0, edges[-1]))
    ax.set_ylim(bottom=0)
    legend(ax)
    return ax


def _groups(mask: Any, n: int, names: tuple[str, str]) -> list[tuple[str, np.ndarray, str, str]]:
    if mask is None:
        return [(names[0], np.ones(n, bool), BLUE, "o")]
    mask = np.asarray(mask, bool)
    return [(names[0], ~mask, BLUE, "o"), (names[1], mask, VERMILLION, "x")]
