"""A learner of the noisy rows put right by a straight line through the clean ones.

The cheapest use of clean rows there is: the model never sees them, and two numbers are fitted to
its predictions of them. Where noise shifts all labels alike the line undoes most of it.
"""

from typing import Any

import numpy as np
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.utils.validation import check_is_fitted

from biam.exceptions import InvalidInputError

__all__ = ["LineCorrected"]

_FLOOR = 1e-6


class LineCorrected(BaseEstimator):
    """Fit on the training rows alone, then a line, or a logistic curve on the logit, on meta rows.

    Parameters
    ----------
    estimator : estimator
        Regressor, or classifier of two classes.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on the training rows.
    line_ : LinearRegression or LogisticRegression
        Of one feature: the prediction, or its logit. None where the meta rows hold one class.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, X_meta: Any, y_meta: Any) -> "LineCorrected":
        """Fit the learner to the training rows, and the line to the meta rows.

        Parameters
        ----------
        X, X_meta : array-like or DataFrame, shape (n_rows, n_features)
        y, y_meta : array-like, shape (n_rows,)

        Raises
        ------
        InvalidInputError
            More than two classes.
        """
        self.estimator_ = clone(self.estimator).fit(X, y)
        if not is_classifier(self.estimator):
            self.line_ = LinearRegression().fit(self._raw(X_meta), y_meta)
            return self
        self.classes_ = self.estimator_.classes_
        if len(self.classes_) != 2:
            raise InvalidInputError(
                f"y must hold two classes for a line on the logit, got {len(self.classes_)}: use "
                "MetaCalibrated."
            )
        positive = np.asarray(y_meta) == self.classes_[1]
        mixed = 0 < positive.sum() < len(positive)
        # A weak penalty: separable meta rows would send the slope to infinity.
        self.line_ = LogisticRegression(C=100.0).fit(self._raw(X_meta), positive) if mixed else None
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Targets on the line, or the more probable class; shape (n_rows,)."""
        check_is_fitted(self)
        if is_classifier(self.estimator):
            return self.classes_[self.predict_proba(X).argmax(1)]
        return self.line_.predict(self._raw(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities in the order of `classes_`, shape (n_rows, 2)."""
        check_is_fitted(self)
        if self.line_ is not None:
            return self.line_.predict_proba(self._raw(X))
        p = expit(self._raw(X)[:, 0])
        return np.stack([1 - p, p], 1)

    def _raw(self, X: Any) -> np.ndarray:
        """What the line is drawn through, shape (n_rows, 1)."""
        if not is_classifier(self.estimator):
            return np.asarray(self.estimator_.predict(X), dtype=float)[:, None]
        p = self.estimator_.predict_proba(X)[:, 1]
        return logit(np.clip(p, _FLOOR, 1 - _FLOOR))[:, None]
