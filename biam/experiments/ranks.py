"""Average ranks of methods over many problems, and what difference of them means anything.

Source: Demsar (2006), "Statistical comparisons of classifiers over multiple data sets".
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2, studentized_range

from biam.exceptions import InvalidInputError
from biam.metrics import METRICS
from biam.validation import check_choice, check_integer, check_number

__all__ = ["Friedman", "average_ranks", "blocks", "cliques", "critical_difference", "friedman"]


class Friedman(NamedTuple):
    """Result of `friedman`.

    Parameters
    ----------
    statistic : float
        Chi-square with `n_methods` - 1 degrees of freedom, corrected for ties.
    p_value : float
        Chance of such ranks, or stranger ones, if all methods were equally good.
    n_methods, n_blocks : int
    """

    statistic: float
    p_value: float
    n_methods: int
    n_blocks: int


def blocks(
    results: pd.DataFrame, metric: str, methods: Iterable[str] | None = None
) -> pd.DataFrame:
    """Mean over the seeds of a metric: one row per complete problem, one column per method.

    Parameters
    ----------
    results : DataFrame
        Tidy: columns `scenario`, `method`, `seed`, `metric`, `value`, and `table` if there are
        several.
    metric : str
        Key of `biam.metrics.METRICS`.
    methods : iterable of str, optional
        Columns, in this order; default all, in order of appearance.

    Returns
    -------
    DataFrame, shape (n_blocks, n_methods)
        Problems which lack a value of any method are left out: ranks of different fields of
        rivals cannot be averaged.

    Raises
    ------
    UnknownNameError
        No such metric, or a method without results.
    InvalidInputError
        Fewer than two methods, or no complete problem.
    """
    check_choice("metric", metric, METRICS)
    rows = results[results["metric"] == metric]
    found = list(dict.fromkeys(rows["method"]))
    wanted = found if methods is None else [check_choice("method", m, found) for m in methods]
    if len(wanted) < 2:
        raise InvalidInputError(
            f"ranks need the {metric} of at least two methods, got {wanted}: run more methods."
        )
    keys = [key for key in ("table", "scenario") if key in rows]
    means = rows.groupby([*keys, "method"], sort=False)["value"].mean()
    complete = means.unstack("method")[wanted].dropna()
    if complete.empty:
        raise InvalidInputError(
            f"no problem has the {metric} of all {len(wanted)} methods: name fewer methods."
        )
    return complete


def average_ranks(
    results: pd.DataFrame, metric: str, methods: Iterable[str] | None = None
) -> pd.DataFrame:
    """Average rank of each method over the complete problems; 1 is best, ties share their ranks.

    Parameters as in `blocks`.

    Returns
    -------
    DataFrame, one row per method, best first
        `method`; `rank`; `wins`, the problems in which no other method is better; `mean` of the
        metric; `n_blocks`, the same for all.
    """
    table = blocks(results, metric, methods)
    ranks = _ranks(table, metric)
    summary = pd.DataFrame(
        {
            "method": table.columns,
            "rank": ranks.mean().to_numpy(),
            "wins": ranks.le(ranks.min(axis=1), axis=0).sum().to_numpy(),
            "mean": table.mean().to_numpy(),
            "n_blocks": len(table),
        }
    )
    return summary.sort_values("rank", kind="stable", ignore_index=True)


def friedman(results: pd.DataFrame, metric: str, methods: Iterable[str] | None = None) -> Friedman:
    """Friedman's test that all methods are equally good, with its correction for ties.

    Parameters as in `blocks`.
    """
    ranks = _ranks(blocks(results, metric, methods), metric).to_numpy()
    n, k = ranks.shape
    spread = np.square(ranks - (k + 1) / 2).sum()
    if spread == 0:
        return Friedman(0.0, 1.0, k, n)
    # The sum of squares within blocks is n k (k^2 - 1) / 12 without ties, and less with them.
    statistic = n * (k - 1) * n * np.square(ranks.mean(0) - (k + 1) / 2).sum() / spread
    return Friedman(float(statistic), float(chi2.sf(statistic, k - 1)), k, n)


def critical_difference(n_methods: int, n_blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference, CD = q_alpha sqrt(k (k + 1) / 6 N).

    Two of k methods differ at level `alpha`, all pairs compared, if their average ranks over N
    problems differ by more. q_alpha is the upper quantile of the studentized range for k groups
    and infinite degrees of freedom, divided by the square root of 2.

    Parameters
    ----------
    n_methods, n_blocks : int
        k, at least 2, and N.
    alpha : float
        In (0, 0.5].
    """
    check_integer("n_methods", n_methods, low=2)
    check_integer("n_blocks", n_blocks, low=1)
    check_number("alpha", alpha, low=0, high=0.5, open_low=True)
    quantile = float(studentized_range.isf(alpha, n_methods, math.inf)) / math.sqrt(2)
    return quantile * math.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks))


def cliques(ranks: pd.DataFrame, cd: float) -> list[tuple[str, ...]]:
    """Largest groups of at least two methods whose average ranks lie within `cd`, best first.

    Parameters
    ----------
    ranks : DataFrame
        Columns `method` and `rank`, as from `average_ranks`.
    cd : float
    """
    ordered = ranks.sort_values("rank", kind="stable")
    names, values = list(ordered["method"]), ordered["rank"].to_numpy()
    # Rounding must not part two ranks that differ by exactly cd.
    ends = np.searchsorted(values, values + cd * (1 + 1e-12), side="right")
    longest = np.concatenate([[True], ends[1:] > ends[:-1]])
    return [
        tuple(names[start:end])
        for start, end in enumerate(ends)
        if longest[start] and end - start > 1
    ]


def _ranks(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    return table.rank(axis=1, ascending=METRICS[metric].direction == "lower")
