"""pyGAM with scikit-learn's surface: penalised splines, smoothness by generalised CV."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from biam.baselines.extra import load_extra

__all__ = ["PyGAMClassifier", "PyGAMRegressor"]

FEW, MANY = 10, 20


class _PyGAM(BaseEstimator):
    """Shared by the two estimators.

    Parameters
    ----------
    n_splines : int
        Splines per numeric feature, half as many above 20 features; a feature with fewer than 10
        values gets one slope.
    smoothness : tuple of float
        Candidates for the penalty, common to all features.
    """

    def __init__(
        self, *, n_splines: int = 20, smoothness: tuple[float, ...] = (0.01, 0.6, 30.0)
    ) -> None:
        self.n_splines = n_splines
        self.smoothness = smoothness

    def _train(self, name: str, X: np.ndarray, y: np.ndarray, weight: Any) -> Any:
        pygam = load_extra("pygam")
        terms = None
        size = self.n_splines if X.shape[1] <= MANY else self.n_splines // 2
        for j, x in enumerate(X.T):
            rich = len(np.unique(x)) >= FEW
            term = pygam.s(j, n_splines=size) if rich else pygam.l(j)
            terms = term if terms is None else terms + term
        model = getattr(pygam, name)(terms)
        # Its link divides by mu (n - mu) before it clips; the fit is finite all the same.
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            grid = np.array(self.smoothness)
            return model.gridsearch(X, y, weights=weight, lam=grid, progress=False)


class PyGAMRegressor(RegressorMixin, _PyGAM):
    """LinearGAM."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "PyGAMRegressor":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        self.gam_ = self._train("LinearGAM", X, y, sample_weight)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self.gam_.predict(X)


class PyGAMClassifier(ClassifierMixin, _PyGAM):
    """LogisticGAM, one against the rest when there are more than two classes."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "PyGAMClassifier":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        self.classes_ = np.unique(y)
        against = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        self.gams_ = [
            self._train("LogisticGAM", X, (y == label).astype(float), sample_weight)
            for label in against
        ]
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K); pyGAM's own are a vector."""
        with np.errstate(over="ignore"):
            positive = np.column_stack([gam.predict_proba(X) for gam in self.gams_])
        if len(self.classes_) == 2:
            return np.concatenate([1 - positive, positive], axis=1)
        return positive / np.maximum(positive.sum(1, keepdims=True), 1e-300)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]
