"""Our own learner in any table, on arrays or data frames: BIAM-X, and the clean rows alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from biam.datasets.synthetic import Split
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.metrics import evaluate, pair_auprc

__all__ = ["SCORES", "biam_x", "meta_only", "published"]

SCORES: dict[str, tuple[str, ...]] = {
    "regression": ("mse", "mae", "r2"),
    "classification": (
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "auroc",
        "auprc",
        "log_loss",
        "brier",
        "ece",
    ),
}
"""Metrics of the clean test rows, by task, where the settings name none."""

Estimator = BIAMRegressor | BIAMClassifier


def biam_x(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """BIAM-X: ``solver="exact"`` on the training rows, weighted with the help of the meta rows.

    Parameters
    ----------
    split : Split
        Arrays or data frames.
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "scores": names of metrics, default `SCORES`. "estimator": keywords of the estimator.
        "meta": False leaves the meta rows out (method `BIAM-X-no-meta`).

    Returns
    -------
    dict of str to float
        The scores; `spearman_weight_loss` where the learned weights vary, and `weight_auroc` where
        some training rows are corrupted and some are not: the chance that a corrupted row weighs
        less than a clean one, ties counting half; `pair_auprc` where "pairs" says what was planted;
        `f1_macro_most_likely`, the macro-F1 of the most likely class, where the estimator was asked
        to decide otherwise.
    """
    return _fit_and_score(split, task, seed, settings, settings.get("estimator", {}))


def meta_only(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """The additive model by the exact solver, fitted on the clean meta rows and nothing else.

    Parameters as in `biam_x`. Meta rows of a single class give a constant: the rule of succession,
    (rows of the class + 1) / (rows + classes).
    """
    X, y = split.X_meta, np.asarray(split.y_meta)
    classes = None if task == "regression" else _classes(split)
    if classes is not None and len(np.unique(y)) < 2:
        counts = (y[:, None] == classes).sum(0) + 1
        proba = np.tile(counts / counts.sum(), (len(split.y_test), 1))
        return _scores(split, task, settings, classes[proba.argmax(1)], proba, classes)
    est = _estimator(task, seed, settings.get("estimator", {}))
    columns = _observed(X)
    est.fit(_take(X, columns), y)
    predictions = _predictions(est, _take(split.X_test, columns), classes)
    return _scores(split, task, settings, *predictions) | _most_likely(est, split, predictions)


def published(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """The paper's loop on a table in its own units: 40 epochs, numbers standardised inside.

    Parameters and results as in `biam_x`; "estimator" holds `variant` and what else differs.
    """
    loop = {"solver": "published", "standardise": True, "epochs": 40}
    return _fit_and_score(split, task, seed, settings, loop | dict(settings.get("estimator", {})))


def _fit_and_score(
    split: Split,
    task: str,
    seed: int,
    settings: Mapping[str, Any],
    estimator: Mapping[str, Any],
) -> dict[str, float]:
    """Fit one of our estimators with the keywords `estimator` and score it, as `biam_x` does."""
    est = _estimator(task, seed, estimator)
    columns = _observed(split.X_train)
    X, X_meta, X_test = (
        _take(part, columns) for part in (split.X_train, split.X_meta, split.X_test)
    )
    if settings.get("meta", True):
        est.fit(X, split.y_train, X_meta, split.y_meta)
    else:
        est.fit(X, split.y_train)
    classes = None if task == "regression" else _classes(split)
    predictions = _predictions(est, X_test, classes)
    values = _scores(split, task, settings, *predictions) | _most_likely(est, split, predictions)
    if "pairs" in settings and "pair_evidence" in est.details_:
        values["pair_auprc"] = pair_auprc(_pair_ranking(est), settings["pairs"])
    return values | _weight_scores(est, split)


def _pair_ranking(est: Estimator) -> np.ndarray:
    """Pairs in the model by their strength, all others below them by what the screening says."""
    evidence = est.details_["pair_evidence"]
    ranking = evidence / (1 + evidence.max())
    for row in est.interactions_.itertuples():
        if row.kind == "pair":
            j, k = (est.encoder_.names.index(name) for name in (row.first, row.second))
            ranking[j, k] = ranking[k, j] = 1 + row.strength
    return ranking


def _observed(X: Any) -> Sequence[int]:
    """Positions of the columns of `X` with any observed value, the only ones a fit can use."""
    gaps = X.isna().to_numpy() if hasattr(X, "isna") else np.isnan(X)
    return np.flatnonzero(~gaps.all(0)).tolist()


def _take(X: Any, columns: Sequence[int]) -> Any:
    return X.iloc[:, columns] if hasattr(X, "iloc") else X[:, columns]


def _estimator(task: str, seed: int, keywords: Mapping[str, Any]) -> Estimator:
    kind = BIAMRegressor if task == "regression" else BIAMClassifier
    # A rare category may be in the test rows only; the model then treats it as not observed.
    defaults = {"handle_unknown": "missing", "progress": False, "random_state": seed}
    return kind(**{**defaults, **keywords})


def _classes(split: Split) -> np.ndarray:
    return np.unique(np.concatenate([split.y_train, split.y_meta, split.y_test]))


def _predictions(
    est: Estimator, X: Any, classes: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
    """Predictions, and probabilities with a column for every class of the problem."""
    if classes is None:
        return est.predict(X), None, None
    proba = np.zeros((len(X), len(classes)))
    proba[:, np.searchsorted(classes, est.classes_)] = est.predict_proba(X)
    return est.predict(X), proba, classes


def _most_likely(
    est: Estimator,
    split: Split,
    predictions: tuple[np.ndarray, np.ndarray | None, np.ndarray | None],
) -> dict[str, float]:
    """Macro-F1 of the most likely class, where that is not what `est` predicts."""
    _, proba, classes = predictions
    if proba is None or classes is None or est.objective in ("auto", "log_loss", "accuracy"):
        return {}
    values = evaluate(["f1_macro"], split.y_test, classes[proba.argmax(1)], classes=classes)
    return {"f1_macro_most_likely": values["f1_macro"]}


def _scores(
    split: Split,
    task: str,
    settings: Mapping[str, Any],
    prediction: np.ndarray,
    proba: np.ndarray | None = None,
    classes: np.ndarray | None = None,
) -> dict[str, float]:
    names = settings.get("scores", SCORES[task])
    return evaluate(names, split.y_test, prediction, proba, classes=classes)


def _weight_scores(est: Estimator, split: Split) -> dict[str, float]:
    """How the learned weights order the training rows: by loss, and corrupted before clean."""
    values: dict[str, float] = {}
    if np.ptp(est.weights_) > 0:
        losses = est.details_["losses"]
        name = "spearman_weight_loss"
        values |= evaluate([name], losses, losses, losses=losses, weights=est.weights_)
    mask = np.asarray(split.mask, bool)
    if 0 < mask.sum() < len(mask):
        values["weight_auroc"] = _chance_below(est.weights_[mask], est.weights_[~mask])
    return values


def _chance_below(low: np.ndarray, high: np.ndarray) -> float:
    """P(a value of `low` < a value of `high`), ties counting half (Mann and Whitney)."""
    ranks = rankdata(np.concatenate([high, low]))[: len(high)]
    return float((ranks.mean() - (len(high) + 1) / 2) / len(low))
