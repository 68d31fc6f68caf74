"""A rival that is given the clean meta rows too: to train on, and to be calibrated by.

The meta rows are halved. Model k trains on the training rows and one half and predicts the other,
so every meta row gets a prediction from a model that has not seen it; the calibrator is fitted on
those. The answer is the calibrator applied to the mean of the two models.
"""

from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length, column_or_1d

from biam.baselines.inputs import as_table, stack_rows
from biam.exceptions import InvalidInputError

__all__ = ["MetaCalibrated", "halves"]

FLOOR = 1e-6
"""Probabilities are kept above it before their logarithm is taken."""


class MetaCalibrated(BaseEstimator):
    """Any regressor or classifier, trained with and calibrated on meta rows.

    Regression: a straight line, fitted by least squares; the identity where its slope is not
    positive or fewer than three meta rows are there. Classification: log-probabilities times a
    positive temperature plus one offset per class (for two classes a logistic curve on the logit),
    fitted by the log-loss with a weak pull to the identity (a unit normal prior on offsets and log
    temperature) that keeps it finite for a handful of rows; the identity where the meta rows hold
    one class.

    Parameters
    ----------
    estimator : estimator
        With `fit`, `predict` and, for classes, `predict_proba`.
    random_state : int
        Draws the halves.

    Attributes
    ----------
    models_ : list
        The two fitted models.
    slope_, intercept_ : float, or temperature and offsets
        The calibrator.
    """

    def __init__(self, estimator: Any, *, random_state: int = 0) -> None:
        self.estimator = estimator
        self.random_state = random_state

    def fit(
        self, X: Any, y: Any, X_meta: Any, y_meta: Any, sample_weight: Any = None
    ) -> "MetaCalibrated":
        """Fit on training rows and meta rows.

        Parameters
        ----------
        X, X_meta : array-like or DataFrame, shape (n_rows, n_features)
        y, y_meta : array-like, shape (n_rows,)
        sample_weight : array-like, shape (n_rows,), optional
            Of the training rows; a meta row weighs as their mean.

        Raises
        ------
        InvalidInputError
            No meta rows.
        """
        X, y, X_meta, y_meta = as_table(X), column_or_1d(y), as_table(X_meta), column_or_1d(y_meta)
        check_consistent_length(X, y, sample_weight)
        check_consistent_length(X_meta, y_meta)
        both = np.concatenate([y, y_meta])
        if is_classifier(self.estimator):
            self.classes_ = np.unique(both)
        self.slope_: float
        self.intercept_: Any
        half = halves(y_meta, self.random_state)
        self.models_, parts = [], []
        for k in (0, 1):
            given, held = np.flatnonzero(half != k), np.flatnonzero(half == k)
            model = clone(self.estimator)
            rows = stack_rows(X, _safe_indexing(X_meta, given))
            model.fit(rows, np.concatenate([y, y_meta[given]]), **_weights(sample_weight, given))
            self.models_.append(model)
            if held.size:
                parts.append((held, self._raw(model, _safe_indexing(X_meta, held))))
        order = np.argsort(np.concatenate([held for held, _ in parts]))
        self._calibrate(np.concatenate([raw for _, raw in parts])[order], y_meta)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Calibrated targets, or the most probable class; shape (n_rows,)."""
        if is_classifier(self):
            return self.classes_[self.predict_proba(X).argmax(1)]
        raw = np.mean([self._raw(model, X) for model in self.models_], axis=0)
        return self.intercept_ + self.slope_ * raw

    def predict_proba(self, X: Any) -> np.ndarray:
        """Calibrated class probabilities in the order of `classes_`, shape (n_rows, K)."""
        raw = np.mean([self._raw(model, X) for model in self.models_], axis=0)
        return softmax(self.slope_ * _log(raw) + self.intercept_, axis=1)

    def _raw(self, model: Any, X: Any) -> np.ndarray:
        """Predictions of one model; for classes, probabilities in the order of `classes_`."""
        if not is_classifier(self):
            return np.asarray(model.predict(X), dtype=float)
        proba = np.zeros((len(X), len(self.classes_)))
        proba[:, np.searchsorted(self.classes_, model.classes_)] = model.predict_proba(X)
        return proba

    def _calibrate(self, raw: np.ndarray, y_meta: np.ndarray) -> None:
        if is_classifier(self):
            codes = np.searchsorted(self.classes_, y_meta)
            self.slope_, self.intercept_ = _tempered(_log(raw), codes)
        else:
            self.slope_, self.intercept_ = _line(raw, y_meta.astype(float))

    def __sklearn_tags__(self) -> Any:
        # What it wraps decides whether it is a classifier.
        tags = super().__sklearn_tags__()
        inner = self.estimator.__sklearn_tags__()
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.input_tags = inner.input_tags
        return tags


def halves(y: np.ndarray, random_state: int) -> np.ndarray:
    """Half of each row, 0 or 1: rows with neighbouring targets go to different halves.

    Parameters
    ----------
    y : ndarray, shape (n,)
    random_state : int

    Returns
    -------
    ndarray of int, shape (n,)
    """
    if len(y) == 0:
        raise InvalidInputError("the meta rows are empty: expected at least one.")
    g = np.random.default_rng(random_state)
    order = np.lexsort((g.uniform(size=len(y)), np.unique(y, return_inverse=True)[1]))
    first = g.integers(0, 2, (len(y) + 1) // 2)
    half = np.empty(len(y), dtype=int)
    half[order] = np.column_stack([first, 1 - first]).ravel()[: len(y)]
    return half


def _weights(sample_weight: Any, given: np.ndarray) -> dict[str, np.ndarray]:
    if sample_weight is None:
        return {}
    weight = np.asarray(sample_weight, dtype=float)
    return {"sample_weight": np.concatenate([weight, np.full(len(given), weight.mean())])}


def _line(raw: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    centred = raw - raw.mean()
    square = float(centred @ centred)
    slope = float(centred @ (y - y.mean())) / square if square > 0 else 0.0
    if len(y) < 3 or slope <= 0:
        return 1.0, 0.0
    return slope, float(y.mean() - slope * raw.mean())


def _tempered(logits: np.ndarray, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Temperature and offsets of least penalised log-loss."""
    n_classes = logits.shape[1]
    if len(np.unique(codes)) < 2:
        return 1.0, np.zeros(n_classes)
    truth = np.eye(n_classes)[codes]

    def risk(theta: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offsets = np.exp(theta[0]), theta[1:]
        scores = slope * logits + offsets
        value = float((logsumexp(scores, axis=1) - (truth * scores).sum(1)).sum())
        excess = softmax(scores, axis=1) - truth
        gradient = np.concatenate([[slope * (excess * logits).sum()], excess.sum(0)])
        return value + 0.5 * float(theta @ theta), gradient + theta

    bounds = [(-5.0, 5.0)] + [(None, None)] * n_classes
    found = minimize(risk, np.zeros(n_classes + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(found[0])), found[1:]


def _log(proba: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(proba, FLOOR))
