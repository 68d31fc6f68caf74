"""The paper's loop as a method of tables, in float32 and in float64, and the mean prediction.

The same draws in the two precisions end in different models where the loop is chaotic (protocol,
section 7, point 5), so every published cell can be run twice and reports both.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, softmax

from biam.datasets.synthetic import Split
from biam.metrics import evaluate, pair_auprc
from biam.reading import pair_strengths
from biam.solvers.fitted import Fitted
from biam.solvers.published import PublishedSolver

__all__ = ["SCORES", "TWIN", "biam_published", "mean_prediction"]

TWIN = "float64_"
"""Prefix of the metrics of the float64 run."""

SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("f1_macro", "accuracy", "balanced_accuracy", "auroc"),
}
"""Metrics of the clean test rows, by task."""


UPPER_LR = {"regression": 0.01, "classification": 0.1}
"""Published step sizes of the upper problem."""


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
    fitted = _fit(split, task, seed, options)
    values = _scores(fitted, split, task)
    if np.ptp(fitted.weights) > 0:
        losses = _losses(fitted, split)
        name = "spearman_weight_loss"
        values |= evaluate([name], losses, losses, losses=losses, weights=fitted.weights)
    if np.isnan(split.X_train).any():
        effects = fitted.model.coefficients(fitted.w)["beta_miss"].numpy()
        values["mean_abs_beta_miss"] = float(np.abs(effects).mean())
    if pairs is not None and fitted.model.n_ranks:
        values["pair_auprc"] = pair_auprc(pair_strengths(fitted.model, fitted.w), pairs)
    if twin:
        own = {**options.get("solver_options", {}), "dtype": "float64"}
        double = _fit(split, task, seed, {**options, "solver_options": own})
        scores = _scores(double, split, task)
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


def _fit(split: Split, task: str, seed: int, options: Mapping[str, Any]) -> Fitted:
    settings = {**options, **options.get("solver_options", {})}
    settings.pop("solver_options", None)
    settings.setdefault("upper_lr", UPPER_LR[task])
    solver = PublishedSolver(progress=False, **settings)
    n_classes = 0 if task == "regression" else len(np.unique(split.y_train))
    parts = (split.X_train, split.y_train, split.X_meta, split.y_meta)
    return solver.fit(*(np.asarray(part) for part in parts), n_classes=n_classes, seed=seed)


def _outputs(fitted: Fitted, X: np.ndarray) -> np.ndarray:
    design = fitted.model.basis.design(X)
    with torch.inference_mode():
        return fitted.model.outputs(fitted.w, design).double().numpy()


def _scores(fitted: Fitted, split: Split, task: str) -> dict[str, float]:
    f = _outputs(fitted, split.X_test)
    if task == "regression":
        return evaluate(SCORES[task], split.y_test, f[:, 0])
    prediction = (f[:, 1] - f[:, 0] > 0).astype(int)
    return evaluate(SCORES[task], split.y_test, prediction, softmax(f, 1))


def _losses(fitted: Fitted, split: Split) -> np.ndarray:
    """Loss of each training row at the end of the fit, shape (n_train,)."""
    f = _outputs(fitted, split.X_train)
    if f.shape[1] == 1:
        return (f[:, 0] - split.y_train) ** 2
    return -log_softmax(f, 1)[np.arange(len(f)), np.asarray(split.y_train, int)]
