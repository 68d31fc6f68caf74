"""Scores of predictions: one registry with the direction, range and reference values of each.

A metric's name never lies about its direction: `accuracy` is accuracy, an error is called an error.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn import metrics as scores

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = [
    "METRICS",
    "Metric",
    "evaluate",
    "expected_calibration_error",
    "pair_auprc",
    "spearman",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class Metric:
    """One score.

    Parameters
    ----------
    name : str
        Key in `METRICS`.
    function : callable
        (first, second) -> float; what the two are follows from `needs`.
    direction : {"higher", "lower"}
        Which end is better.
    range : tuple of float
        Lowest and highest value there is.
    task : {"regression", "classification", "any"}
    needs : {"predict", "proba", "weights"}
        "predict": (y, prediction). "proba": (one-hot classes, probabilities), both (n, K).
        "weights": (losses, weights) of the training rows.
    perfect : float
        Value when the prediction is the truth.
    constant : float
        Value of the best constant prediction for a target of mean 0 and variance 1, or for two
        equally frequent classes; NaN where that depends on the data.
    """

    name: str
    function: Callable[[Array, Array], float]
    direction: Literal["higher", "lower"]
    range: tuple[float, float]
    task: Literal["regression", "classification", "any"]
    needs: Literal["predict", "proba", "weights"]
    perfect: float
    constant: float


def evaluate(
    names: Iterable[str],
    y: ArrayLike,
    prediction: ArrayLike,
    proba: ArrayLike | None = None,
    *,
    classes: ArrayLike | None = None,
    losses: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> dict[str, float]:
    """Value of each named metric.

    Parameters
    ----------
    names : iterable of str
        Keys of `METRICS`.
    y, prediction : array-like, shape (n,)
        Truth and predicted targets or classes.
    proba : array-like, shape (n, K), optional
        Class probabilities, for the metrics that need them.
    classes : array-like, shape (K,), optional
        Class of each column of `proba`; default the sorted values of `y`.
    losses, weights : array-like, shape (n_train,), optional
        Per-row losses and weights, for `spearman_weight_loss`.

    Returns
    -------
    dict of str to float
        In the order of `names`.

    Raises
    ------
    UnknownNameError
        A name is not in the registry.
    InvalidInputError
        Shapes do not agree, or what a metric needs was not given.
    """
    inputs: dict[str, tuple[Array, Array]] = {"predict": _paired("prediction", y, prediction)}
    if proba is not None:
        inputs["proba"] = _one_hot(np.asarray(y), np.asarray(proba, dtype=float), classes)
    if losses is not None and weights is not None:
        inputs["weights"] = _paired("weights", losses, weights)
    values = {}
    for name in names:
        metric = METRICS[check_choice("metric", name, METRICS)]
        if metric.needs not in inputs:
            raise InvalidInputError(
                f"{name} needs {_NEEDED[metric.needs]}, got none: pass them, or drop the metric."
            )
        values[name] = float(metric.function(*inputs[metric.needs]))
    return values


def expected_calibration_error(truth: Array, proba: Array, n_bins: int = 10) -> float:
    """ECE = sum_b (n_b / n) |accuracy_b - confidence_b| over equal bins of the top probability.

    Bin b of B holds the n_b rows whose largest probability lies in ((b - 1) / B, b / B]; accuracy_b
    is the share of them whose most probable class is right, confidence_b the mean of their largest
    probability. Source: Guo, Pleiss, Sun & Weinberger (2017), Eq. 3.

    Parameters
    ----------
    truth, proba : ndarray, shape (n, K)
        One-hot classes, and class probabilities.
    n_bins : int
        B.
    """
    check_integer("n_bins", n_bins, low=1)
    top = proba.argmax(1)
    confidence = proba.max(1)
    right = truth[np.arange(len(top)), top]
    bins = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    gaps = np.bincount(bins, right - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(top))


def spearman(first: Array, second: Array) -> float:
    """Spearman's rank correlation; 0 where one of the two is constant (no order at all)."""
    a, b = (rankdata(values) - (len(values) + 1) / 2 for values in (first, second))
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def pair_auprc(strength: Array, pairs: Iterable[tuple[int, int]]) -> float:
    """Average precision of the planted pairs among all pairs, ranked by strength.

    Parameters
    ----------
    strength : ndarray, shape (p, p)
        Symmetric; the upper triangle is read.
    pairs : iterable of (j, k)
        The planted pairs.
    """
    planted = {tuple(sorted(pair)) for pair in pairs}
    rows, columns = np.triu_indices(len(strength), 1)
    truth = [pair in planted for pair in zip(rows.tolist(), columns.tolist(), strict=True)]
    return float(scores.average_precision_score(truth, strength[rows, columns]))


def _rmse(y: Array, prediction: Array) -> float:
    return math.sqrt(scores.mean_squared_error(y, prediction))


def _balanced_accuracy(y: Array, prediction: Array) -> float:
    """Mean recall over the classes of `y`."""
    return float(np.mean([np.mean(prediction[y == label] == label) for label in np.unique(y)]))


def _f1_macro(y: Array, prediction: Array) -> float:
    return scores.f1_score(y, prediction, average="macro", zero_division=0.0)


def _auroc(truth: Array, proba: Array) -> float:
    return _one_against_rest(scores.roc_auc_score, truth, proba)


def _auprc(truth: Array, proba: Array) -> float:
    return _one_against_rest(scores.average_precision_score, truth, proba)


def _one_against_rest(score: Callable[..., float], truth: Array, proba: Array) -> float:
    """Score of the second of two classes, else the mean over the classes; NaN with one class."""
    present = np.flatnonzero(truth.any(0))
    if len(present) < 2:
        return float("nan")
    columns = [1] if truth.shape[1] == 2 else present
    return float(np.mean([score(truth[:, k], proba[:, k]) for k in columns]))


def _log_loss(truth: Array, proba: Array) -> float:
    """Mean of -log p_i of the true class, probabilities kept above the smallest double step."""
    p = (truth * proba).sum(1) / proba.sum(1)
    return float(-np.log(np.clip(p, np.finfo(float).eps, 1.0)).mean())


def _brier(truth: Array, proba: Array) -> float:
    """(1 / 2n) sum_ik (p_ik - 1[y_i = k])^2; with two classes the usual mean of (p - y)^2."""
    return float(np.square(truth - proba).sum(1).mean() / 2)


def _paired(name: str, y: ArrayLike, other: ArrayLike) -> tuple[Array, Array]:
    first, second = np.asarray(y), np.asarray(other)
    if first.ndim != 1 or first.shape != second.shape or first.size == 0:
        raise InvalidInputError(
            f"{name} must be a non-empty vector as long as the truth, got shapes {second.shape} "
            f"and {first.shape}."
        )
    return first, second


def _one_hot(y: Array, proba: Array, classes: ArrayLike | None) -> tuple[Array, Array]:
    labels = np.unique(y) if classes is None else np.asarray(classes)
    if proba.shape != (len(y), len(labels)):
        raise InvalidInputError(
            f"proba must have one row per target and one column per class, shape "
            f"({len(y)}, {len(labels)}), got {proba.shape}; name the columns with classes=."
        )
    truth = (y[:, None] == labels).astype(float)
    if not truth.any(1).all():
        raise InvalidInputError("y must hold only classes that are in classes=, got others.")
    return truth, proba


_NEEDED = {"proba": "class probabilities", "weights": "losses and weights of the training rows"}
_INF, _NAN = math.inf, math.nan

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mse", scores.mean_squared_error, "lower", (0, _INF), "regression", "predict", 0, 1),
        Metric("rmse", _rmse, "lower", (0, _INF), "regression", "predict", 0, 1),
        Metric(
            "mae", scores.mean_absolute_error, "lower", (0, _INF), "regression", "predict", 0, _NAN
        ),
        Metric("r2", scores.r2_score, "higher", (-_INF, 1), "regression", "predict", 1, 0),
        Metric(
            "accuracy", scores.accuracy_score, "higher", (0, 1), "classification", "predict", 1, 0.5
        ),
        Metric(
            "balanced_accuracy",
            _balanced_accuracy,
            "higher",
            (0, 1),
            "classification",
            "predict",
            1,
            0.5,
        ),
        Metric("f1_macro", _f1_macro, "higher", (0, 1), "classification", "predict", 1, 1 / 3),
        Metric("auroc", _auroc, "higher", (0, 1), "classification", "proba", 1, 0.5),
        Metric("auprc", _auprc, "higher", (0, 1), "classification", "proba", 1, 0.5),
        Metric(
            "log_loss", _log_loss, "lower", (0, _INF), "classification", "proba", 0, math.log(2)
        ),
        Metric("brier", _brier, "lower", (0, 1), "classification", "proba", 0, 0.25),
        Metric("ece", expected_calibration_error, "lower", (0, 1), "classification", "proba", 0, 0),
        # Down-weighting rows of high loss is the wanted mechanism: -1 is its perfect form.
        Metric("spearman_weight_loss", spearman, "lower", (-1, 1), "any", "weights", -1, 0),
    )
}
"""All metrics by name."""
