"""One prediction taken apart, and what matters over all rows."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from biam.plotting.style import (
    BLUE,
    FONT,
    GREEN,
    GREY,
    PURPLE,
    VERMILLION,
    axes,
    dress,
    legend,
    signed,
)
from biam.plotting.tidy import check_columns

__all__ = ["hierarchy", "importances", "waterfall"]

ROW = 0.25
KINDS = {"shape": BLUE, "missing": VERMILLION, "interaction": PURPLE, "pair": GREEN}
WORDS = {"shape": "shape function", "missing": "missing effect"}
WORDS |= {"interaction": "missing interaction", "pair": "pair"}


def waterfall(
    contributions: pd.Series,
    values: Any = None,
    *,
    n_terms: int = 8,
    unit: str = "effect",
    ax: Axes | None = None,
) -> Axes:
    """From the intercept to the prediction of one row, largest contribution first.

    Parameters
    ----------
    contributions : Series
        One row of ``est.explain(X)``: "intercept", then one entry per term.
    values : Series or mapping, optional
        The row itself; written beside the names of its features.
    n_terms : int
        Terms with a bar of their own; the rest is one bar. Terms that are zero have none.
    unit : str
        Unit of the prediction.
    ax : Axes, optional
    """
    terms = contributions.drop("intercept")
    terms = terms[terms.abs() > 1e-12].sort_values(key=abs, ascending=False)
    shown = terms[:n_terms]
    labels = [_label(name, values) for name in shown.index]
    sizes = list(shown)
    if len(terms) > len(shown):
        labels.append(f"{len(terms) - len(shown)} other terms")
        sizes.append(float(terms[n_terms:].sum()))
    ax = axes(1.0 + ROW * len(sizes)) if ax is None else ax
    dress(ax, grid="x")
    ends = float(contributions["intercept"]) + np.cumsum([0.0, *sizes])
    for k, size in enumerate(sizes):
        _bar(ax, -k, ends[k], size)
    ax.vlines(ends, [0.4, *(-np.arange(len(sizes)) + 0.4)], -np.arange(len(ends)) - 0.4)
    ax.collections[-1].set(color=GREY, linewidth=0.8)
    ax.set_yticks(-np.arange(len(sizes)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-len(sizes) + 0.3, 0.7)
    ax.set_xlim(ends.min() - 0.04 * np.ptp(ends), ends.max() + 0.22 * np.ptp(ends))
    ax.set_title(
        f"average {signed(ends[0])} \N{RIGHTWARDS ARROW} prediction {signed(ends[-1])}",
        loc="right",
        color=GREY,
        fontsize=FONT,
    )
    ax.set_xlabel(unit)
    return ax


def importances(values: pd.Series, *, n_features: int = 12, ax: Axes | None = None) -> Axes:
    """Share of each feature, largest on top.

    Parameters
    ----------
    values : Series
        `est.feature_importances_` (mean absolute contribution) or `est.variance_shares_`, with the
        names of the features as index.
    n_features : int
        How many to show; the rest is one bar.
    ax : Axes, optional
    """
    order = values.sort_values(ascending=False)
    shown = order[:n_features]
    if len(order) > n_features:
        rest = pd.Series({f"{len(order) - n_features} others": order[n_features:].sum()})
        shown = pd.concat([shown, rest])
    ax = axes(0.6 + ROW * len(shown)) if ax is None else ax
    dress(ax, grid=None)
    y = -np.arange(len(shown))
    ax.barh(y, shown, height=0.62, color=BLUE)
    for place, value in zip(y, shown, strict=True):
        ax.annotate(
            f"{value:.0%}",
            (value, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=GREY,
            fontsize=FONT,
        )
    ax.set_yticks(y, [str(name) for name in shown.index])
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", bottom=False, labelbottom=False)
    ax.spines["bottom"].set_visible(False)
    ax.margins(x=0.12)
    return ax


def hierarchy(
    table: pd.DataFrame, *, n_terms: int = 16, unit: str = "effect", ax: Axes | None = None
) -> Axes:
    """How far each term moves the predictions, each main effect above what is built on it.

    Parameters
    ----------
    table : DataFrame
        `est.term_importances_`: term, kind, spread, level.
    n_terms : int
        Only the terms of the largest spread, and the main effects that they stand below.
    unit : str
        Unit of the prediction.
    ax : Axes, optional

    Raises
    ------
    InvalidInputError
        A column is absent.
    """
    check_columns(table, ["term", "kind", "spread", "level"])
    kept = table["spread"].rank(ascending=False, method="first") <= n_terms
    family = (table["level"] == 0).cumsum()
    kept |= (table["level"] == 0) & family.isin(family[kept])
    rows = table[kept]
    ax = axes(0.95 + ROW * len(rows)) if ax is None else ax
    dress(ax, grid="x")
    for kind, colour in KINDS.items():
        own = (rows["kind"] == kind).to_numpy()
        if own.any():
            place, size = -np.flatnonzero(own), rows["spread"][own]
            ax.barh(place, size, height=0.62, color=colour, label=WORDS[kind])
    labels = (
        rows["term"].astype(str).where(rows["level"] == 0, "\N{RIGHTWARDS ARROW} " + rows["term"])
    )
    ax.set_yticks(-np.arange(len(rows)), labels)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(-len(rows) + 0.3, 0.7)
    ax.set_xlabel(f"standard deviation of the {unit}")
    legend(ax)
    return ax


def _bar(ax: Axes, y: int, start: float, size: float) -> None:
    ax.barh(y, size, left=start, height=0.62, color=BLUE if size >= 0 else VERMILLION)
    ax.annotate(
        signed(size),
        (max(start, start + size), y),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        color=GREY,
        fontsize=FONT,
    )


def _label(name: Any, values: Any) -> str:
    """ "age = 39", or the name alone where the term is no single feature."""
    if values is None or name not in values:
        return str(name)
    value = values[name]
    if isinstance(value, float | np.floating):
        value = f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"
    return f"{name} = {value}"
