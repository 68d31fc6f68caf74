"""The paper's loop as a method of tables, in float32 and in float64, and the mean prediction.

The same draws in the two precisions end in different models where the loop is chaotic (protocol,
section 7, point 5), so every published cell can be run twice and reports both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.datasets.synthetic import Split
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.metrics import evaluate, pair_auprc
from biam.reading import pair_strengths

__all__ = ["SCORES", "TWIN", "biam_published", "mean_prediction"]

TWIN = "float64_"
"""Prefix of the metrics of the float64 run."""

SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("f1_macro", "accuracy", "balanced_accuracy", "auroc"),
}
"""Metrics of the clean test rows, by task."""


def biam_published(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Fit ``solver="published"`` and score it on the test rows.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        Keywords of the estimator (`variant`, `epochs`, ...), and two of our own. "twin": run once
        more in float64. "pairs": the planted pairs, for `pair_auprc` where the variant has pairs.

    Returns
    -------
    dict of str to float
        `SCORES`; `spearman_weight_loss` over the training rows where weights are learned,
        `mean_abs_beta_miss` where values are missing, and the first two of `SCORES` under the
        prefix `TWIN` from the float64 run.
    """
    options = dict(settings)
    twin, pairs = options.pop("twin", False), options.pop("pairs", None)
    est = _fit(split, task, seed, options)
    values = _scores(est, split, task)
    if np.ptp(est.weights_) > 0:
        losses = _losses(est, split)
        name = "spearman_weight_loss"
        values |= evaluate([name], losses, losses, losses=losses, weights=est.weights_)
    if np.isnan(split.X_train).any():
        values["mean_abs_beta_miss"] = float(np.abs(est.coefficients_["beta_miss"]).mean())
    if pairs is not None and est.model_.n_ranks:
        values["pair_auprc"] = pair_auprc(pair_strengths(est.model_, est.w_), pairs)
    if twin:
        own = {**options.get("solver_options", {}), "dtype": "float64"}
        exact = _fit(split, task, seed, {**options, "solver_options": own})
        scores = _scores(exact, split, task)
        values |= {TWIN + name: scores[name] for name in SCORES[task][:2]}
    return values


def mean_prediction(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Score the mean of the training targets, or their most frequent class."""
    if task == "regression":
        constant = np.mean(split.y_train)
        return evaluate(SCORES[task], split.y_test, np.full(len(split.y_test), constant))
    classes, counts = np.unique(split.y_train, return_counts=True)
    proba = np.tile(counts / counts.sum(), (len(split.y_test), 1))
    constant = classes[counts.argmax()]
    prediction = np.full(len(split.y_test), constant)
    return evaluate(SCORES[task], split.y_test, prediction, proba, classes=classes)


def _fit(
    split: Split, task: str, seed: int, options: Mapping[str, Any]
) -> BIAMRegressor | BIAMClassifier:
    kind = BIAMRegressor if task == "regression" else BIAMClassifier
    est = kind(solver="published", progress=False, random_state=seed, **options)
    return est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)


def _scores(est: BIAMRegressor | BIAMClassifier, split: Split, task: str) -> dict[str, float]:
    proba = None if task == "regression" else est.predict_proba(split.X_test)
    return evaluate(SCORES[task], split.y_test, est.predict(split.X_test), proba)


def _losses(est: BIAMRegressor | BIAMClassifier, split: Split) -> np.ndarray:
    """Loss of each training row at the end of the fit, shape (n_train,)."""
    if isinstance(est, BIAMRegressor):
        return (est.predict(split.X_train) - split.y_train) ** 2
    proba = est.predict_proba(split.X_train)
    return -np.log(proba[np.arange(len(proba)), np.searchsorted(est.classes_, split.y_train)])
