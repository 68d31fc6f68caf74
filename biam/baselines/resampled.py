"""Rivals that change the training rows first: cleaned labels, balanced classes.

All of them train histogram gradient boosting afterwards, so what differs is the rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone

from biam.baselines.extra import load_extra

__all__ = ["CleanedClassifier", "CleanedRegressor", "SmoteClassifier"]


class CleanedClassifier(ClassifierMixin, BaseEstimator):
    """cleanlab's confident learning around a classifier.

    Parameters
    ----------
    estimator : classifier
        Takes NaN where the rows have it.
    cv : int
        Folds for the out-of-sample probabilities.
    random_state : int
    """

    def __init__(self, estimator: Any, *, cv: int = 5, random_state: int = 0) -> None:
        self.estimator = estimator
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "CleanedClassifier":
        """Find label issues, drop them, fit on the rest; `kept_` is the share that stays."""
        learn = load_extra("cleanlab.classification")
        with numpy_state_kept():
            cleaner = learn.CleanLearning(
                clone(self.estimator),
                seed=self.random_state,
                cv_n_folds=self.cv,
                find_label_issues_kwargs={"n_jobs": 1},
            )
            issues = cleaner.find_label_issues(X, y)["is_label_issue"].to_numpy()
        kept = _kept(y, issues)
        self.classes_, self.kept_ = np.unique(y), float(kept.mean())
        self.estimator_ = clone(self.estimator).fit(X[kept], y[kept])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K)."""
        return self.estimator_.predict_proba(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]


class CleanedRegressor(RegressorMixin, BaseEstimator):
    """cleanlab's regression cleaning around a regressor.

    Parameters
    ----------
    estimator : regressor
    cv : int
        Folds for the out-of-sample predictions.
    n_boot : int
        Bootstraps for the model's own uncertainty.
    random_state : int
    """

    def __init__(
        self, estimator: Any, *, cv: int = 5, n_boot: int = 5, random_state: int = 0
    ) -> None:
        self.estimator = estimator
        self.cv = cv
        self.n_boot = n_boot
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "CleanedRegressor":
        """Find label issues, drop them, fit on the rest."""
        learn = load_extra("cleanlab.regression.learn")
        with numpy_state_kept():
            self.estimator_ = learn.CleanLearning(
                clone(self.estimator),
                cv_n_folds=self.cv,
                n_boot=self.n_boot,
                seed=self.random_state,
            ).fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self.estimator_.predict(X)


class SmoteClassifier(ClassifierMixin, BaseEstimator):
    """SMOTE, then a classifier on the balanced rows.

    SMOTE makes rows between neighbours of one class; with fewer rows than neighbours asked for it
    takes as many neighbours as there are.

    Parameters
    ----------
    estimator : classifier
    k_neighbors : int
    random_state : int
    """

    def __init__(self, estimator: Any, *, k_neighbors: int = 5, random_state: int = 0) -> None:
        self.estimator = estimator
        self.k_neighbors = k_neighbors
        self.random_state = random_state

    def fit(self, X: np.ndarray, y: np.ndarray) -> "SmoteClassifier":
        """Fit on complete numbers, shape (n_rows, n_features); each class has two rows or more."""
        load_extra("imblearn")
        sampling = load_extra("imblearn.over_sampling")
        self.classes_, counts = np.unique(y, return_counts=True)
        self.k_neighbors_ = max(1, min(self.k_neighbors, int(counts.min()) - 1))
        smote = sampling.SMOTE(k_neighbors=self.k_neighbors_, random_state=self.random_state)
        self.estimator_ = clone(self.estimator).fit(*smote.fit_resample(X, y))
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K)."""
        return self.estimator_.predict_proba(X)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]


def _kept(y: np.ndarray, issues: np.ndarray) -> np.ndarray:
    """Rows that stay: those without an issue, and all of a class that would vanish."""
    return ~issues | np.isin(y, np.setdiff1d(y, y[~issues]))


@contextmanager
def numpy_state_kept() -> Iterator[None]:
    """Undo what a library does to NumPy's global generator: cleanlab seeds it."""
    state = np.random.get_state()
    try:
        yield
    finally:
        np.random.set_state(state)
