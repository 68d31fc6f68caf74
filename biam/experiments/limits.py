"""Table `limits`: the best prediction of a generated test set by one who knows how it was made.

The predictor knows the process and its constants, and sees of a row what a model sees of it: the
features that are not missing, and which ones are. Its risk bounds every learner's expected score.
A score on a few hundred test rows also depends on the luck of these rows, and so does the best
predictor's: both its scores are given.
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from biam.datasets.limits.law import Process
from biam.metrics import evaluate

__all__ = ["bayes", "beside_limits", "best_threshold", "macro_f1"]

Array = np.ndarray

_BATCHES = 20
_SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("f1_macro", "accuracy", "balanced_accuracy", "auroc", "auprc", "log_loss"),
}


def bayes(process: Process, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Limit of a scenario, and what the best predictor scores on the scenario's own test rows.

    Parameters
    ----------
    process : Process
    task : {"regression", "classification"}
    seed : int
        Of the fresh rows too.
    settings : mapping
        "draws": fresh rows over which the conditional risk is averaged.

    Returns
    -------
    dict of str to float
        "limit": the risk E[Var(y | what is seen)] (regression), or the largest macro-F1 of a
        threshold on P(y = 1 | what is seen), over fresh rows; "limit_error", its standard error.
        "spread": deviation of the best predictor's score between fresh test sets of the size of the
        scenario's own, and "sets", its mean over them. "expected" (regression): the risk at the
        test rows as they are. "threshold" (classes). The scores of the best predictor on the test
        rows, by their names; classes by the threshold.
    """
    generator = np.random.default_rng([zlib.crc32(b"limits"), seed])
    X, y = process.draw(settings["draws"], generator)
    split = process.split
    seen, own = process.posterior(X), process.posterior(split.X_test)
    size = len(split.y_test)
    if task == "regression":
        sets = _in_sets((y - seen[0]) ** 2, size).mean(1)
        values = {
            "limit": float(seen[1].mean()),
            "limit_error": float(seen[1].std() / np.sqrt(len(y))),
            "expected": float(own[1].mean()),
        }
        scores = evaluate(_SCORES[task], split.y_test, own[0])
    else:
        t, limit = best_threshold(seen[0])
        batches = [macro_f1(p, p > t) for p in np.array_split(seen[0], _BATCHES)]
        values = {
            "limit": limit,
            "limit_error": float(np.std(batches, ddof=1) / np.sqrt(_BATCHES)),
            "threshold": t,
        }
        pairs = zip(_in_sets(y, size), _in_sets(seen[0], size), strict=True)
        sets = np.array([macro_f1(labels, p > t) for labels, p in pairs])
        p = own[0]
        proba = np.stack([1 - p, p], 1)
        scores = evaluate(_SCORES[task], split.y_test, (p > t).astype(int), proba)
    return values | {"spread": float(sets.std(ddof=1)), "sets": float(sets.mean())} | scores


def beside_limits(
    results: pd.DataFrame, limits: pd.DataFrame, methods: Sequence[str]
) -> pd.DataFrame:
    """What learners reached beside the limit, as means over the seeds that all of them have.

    Parameters
    ----------
    results : DataFrame
        Tidy rows of tables `e1` to `e7`.
    limits : DataFrame
        Tidy rows of table `limits`.
    methods : sequence of str

    Returns
    -------
    DataFrame
        One row per scenario ("e1/clean") and method, the best predictor being one ("Bayes"):
        `metric`, `value` on the test rows, `limit`, `seeds`; `to_limit` and `to_rows`, how many
        times as large the risk is as the limit, and as the best predictor's own on the same test
        rows. The risk is the MSE, or 1 - macro-F1; NaN where the best predictor makes no error.
    """
    ours = results[results["metric"].isin(["mse", "f1_macro"]) & results["method"].isin(methods)]
    ours = ours.assign(scenario=ours["table"] + "/" + ours["scenario"])
    known = limits.pivot_table(index=["scenario", "seed"], columns="metric", values="value")
    own = limits[limits["metric"].isin(["mse", "f1_macro"])]
    keys = ["scenario", "method", "seed", "metric", "value"]
    both = pd.concat([own[keys], ours[keys]])
    n = both.groupby(["scenario", "seed"])["method"].transform("nunique")
    both = both[n == n.groupby(both["scenario"]).transform("max")]
    both = both.join(known["limit"], on=["scenario", "seed"])
    wide = both.groupby(["scenario", "method", "metric"], sort=False, as_index=False).agg(
        value=("value", "mean"), limit=("limit", "mean"), seeds=("seed", "nunique")
    )
    risks = wide[["value", "limit"]].where(wide["metric"] == "mse", 1 - wide[["value", "limit"]])
    rows = risks["value"].where(wide["method"] == "Bayes").groupby(wide["scenario"])
    wide["to_limit"] = risks["value"] / risks["limit"].where(risks["limit"] > 0)
    rows = rows.transform("max")
    wide["to_rows"] = risks["value"] / rows.where(rows > 0)
    return wide


def macro_f1(p: Array, chosen: Array) -> float:
    """Macro-F1 of large sets: of the expected counts, each row being of class 1 with chance p.

    Parameters
    ----------
    p : ndarray, shape (n,)
        Chances, or labels 0 and 1.
    chosen : ndarray of bool, shape (n,)
        Rows that are predicted to be of class 1.
    """
    hit, missed = float(p[chosen].sum()), float(p[~chosen].sum())
    false, right = chosen.sum() - hit, (~chosen).sum() - missed
    return float(_macro(hit, missed, false, right))


def best_threshold(p: Array) -> tuple[float, float]:
    """Threshold on the chances of class 1 with the largest macro-F1 of expected counts.

    The best rule is a threshold: with as many rows predicted to be of class 1 as before, every
    exchange of one for a row of larger chance makes both F1 larger.

    Parameters
    ----------
    p : ndarray, shape (n,)

    Returns
    -------
    threshold : float
        Half-way between two chances; class 1 above it.
    macro_f1 : float
    """
    order = np.sort(p)[::-1]
    k = np.arange(1, len(order))
    hit = np.cumsum(order)[:-1]
    missed = order.sum() - hit
    scores = _macro(hit, missed, k - hit, len(order) - k - missed)
    # Equal chances fall on the same side.
    scores[order[1:] == order[:-1]] = -np.inf
    if np.all(np.isneginf(scores)):
        return 0.5, macro_f1(p, p > 0.5)
    best = int(np.argmax(scores))
    return float(order[best : best + 2].mean()), float(scores[best])


def _macro(hit: Any, missed: Any, false: Any, right: Any) -> Any:
    errors = missed + false
    with np.errstate(invalid="ignore"):
        both = [np.nan_to_num(2 * kept / (2 * kept + errors)) for kept in (hit, right)]
    return (both[0] + both[1]) / 2


def _in_sets(values: Array, size: int) -> Array:
    """As many whole test sets as there are rows for, shape (n_sets, size)."""
    n = len(values) // size
    return values[: n * size].reshape(n, size)
