"""Methods of table `published`: the paper's loop by the estimators, and the mean prediction."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.datasets.synthetic import Split
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.metrics import evaluate

__all__ = ["SCORES", "biam_published", "mean_prediction"]

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
        Keywords of the estimator: `variant`, `epochs`, ...

    Returns
    -------
    dict of str to float
        `SCORES`; `spearman_weight_loss` over the training rows where weights are learned, and
        `mean_abs_beta_miss` where values are missing.
    """
    regression = task == "regression"
    kind = BIAMRegressor if regression else BIAMClassifier
    est = kind(solver="published", progress=False, random_state=seed, **settings)
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    proba = None if regression else est.predict_proba(split.X_test)
    values = evaluate(SCORES[task], split.y_test, est.predict(split.X_test), proba)
    if np.ptp(est.weights_) > 0:
        losses = _losses(est, split)
        name = "spearman_weight_loss"
        values |= evaluate([name], losses, losses, losses=losses, weights=est.weights_)
    if np.isnan(split.X_train).any():
        values["mean_abs_beta_miss"] = float(np.abs(est.coefficients_["beta_miss"]).mean())
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


def _losses(est: BIAMRegressor | BIAMClassifier, split: Split) -> np.ndarray:
    """Loss of each training row at the end of the fit, shape (n_train,)."""
    if isinstance(est, BIAMRegressor):
        return (est.predict(split.X_train) - split.y_train) ** 2
    proba = est.predict_proba(split.X_train)
    return -np.log(proba[np.arange(len(proba)), np.searchsorted(est.classes_, split.y_train)])
