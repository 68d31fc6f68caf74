"""Linear rivals beyond plain scikit-learn: L1 logistic for any K, RANSAC that answers."""

import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LinearRegression, LogisticRegressionCV, RANSACRegressor

__all__ = ["L1LogisticCV", "SteadyRANSAC", "ridge_logistic"]

DOUBLINGS = 12


class L1LogisticCV(ClassifierMixin, BaseEstimator):
    """L1 logistic regression, its strength found by cross-validation; one against the rest.

    Parameters
    ----------
    cv : int
        Folds.
    n_strengths : int
        Candidates for C, logarithmic between 1e-4 and 1e4.
    scoring : str, optional
        What the folds are compared by; default accuracy.
    tol : float
        Where liblinear stops, the library's default.
    random_state : int
        Order of liblinear's coordinates.
    """

    def __init__(
        self,
        *,
        cv: int = 3,
        n_strengths: int = 10,
        scoring: str | None = None,
        tol: float = 1e-4,
        random_state: int = 0,
    ) -> None:
        self.cv = cv
        self.n_strengths = n_strengths
        self.scoring = scoring
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "L1LogisticCV":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        self.classes_ = np.unique(y)
        # liblinear knows two classes only: with more, one model per class.
        against = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        models = [self._binary().fit(X, y == label, sample_weight) for label in against]
        self.coef_ = np.concatenate([model.coef_ for model in models])
        self.intercept_ = np.array([model.intercept_[0] for model in models])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K)."""
        positive = 1 / (1 + np.exp(-np.clip(X @ self.coef_.T + self.intercept_, -500, 500)))
        if len(self.classes_) == 2:
            return np.concatenate([1 - positive, positive], axis=1)
        return positive / np.maximum(positive.sum(1, keepdims=True), 1e-300)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def _binary(self) -> LogisticRegressionCV:
        options: dict[str, Any] = {
            "Cs": self.n_strengths,
            "cv": self.cv,
            "solver": "liblinear",
            "scoring": self.scoring or "accuracy",
            "tol": self.tol,
            "max_iter": 1000,
            "random_state": self.random_state,
        }
        return _logistic_cv(1.0, options)


def ridge_logistic(cv: int = 3, n_strengths: int = 10) -> LogisticRegressionCV:
    """L2 logistic regression, multinomial, its strength found by the log-loss of `cv` folds."""
    options = {"Cs": n_strengths, "cv": cv, "scoring": "neg_log_loss", "max_iter": 1000}
    return _logistic_cv(0.0, options)


def _logistic_cv(l1_ratio: float, options: dict[str, Any]) -> LogisticRegressionCV:
    known = inspect.signature(LogisticRegressionCV).parameters
    # Newer releases say L1 by the ratio and ask which attributes are wanted.
    if "use_legacy_attributes" in known:
        return LogisticRegressionCV(l1_ratios=(l1_ratio,), use_legacy_attributes=False, **options)
    return LogisticRegressionCV(penalty="l1" if l1_ratio else "l2", **options)


class SteadyRANSAC(RegressorMixin, BaseEstimator):
    """RANSAC around least squares that always answers.

    Where no sample finds a consensus set, the residual threshold (the median absolute deviation of
    the targets) is doubled until one does; with fewer rows than a sample needs, all rows are used.

    Parameters
    ----------
    max_trials : int
    random_state : int
    """

    def __init__(self, *, max_trials: int = 200, random_state: int = 0) -> None:
        self.max_trials = max_trials
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "SteadyRANSAC":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        spread = float(np.median(np.abs(y - np.median(y))))
        # Half of the targets may be one and the same value.
        self.threshold_ = spread or 0.1 * float(np.std(y)) or 1.0
        for _ in range(DOUBLINGS if len(y) > X.shape[1] else 0):
            model = RANSACRegressor(
                max_trials=self.max_trials,
                residual_threshold=self.threshold_,
                random_state=self.random_state,
            )
            try:
                self.model_ = model.fit(X, y, sample_weight=sample_weight)
            except ValueError as error:
                if "RANSAC" not in str(error):
                    raise
                self.threshold_ *= 2
            else:
                return self
        self.model_ = LinearRegression().fit(X, y, sample_weight=sample_weight)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self.model_.predict(X)
