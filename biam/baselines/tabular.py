"""A learner on a table: inputs, targets and weights prepared the same way for every rival."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    has_fit_parameter,
)

from biam.baselines.inputs import TableInputs, as_table
from biam.exceptions import InvalidInputError

__all__ = ["LEAST_ROWS", "TableClassifier", "TableRegressor"]

LEAST_ROWS = 5
"""Rows that every class has in a fit: a rarer class is repeated, else folds cannot be drawn."""

EXPECTED = (
    "Got `batch_size` less than 1 or larger",  # the published batch on a table smaller than it
    "Missing values detected",  # EBM's own plots lack their bin; its predictions use it
    "For multiclass we cannot currently visualize pairs",  # EBM's plots again
    "May not flag all label issues in class",  # cleanlab leaves very rare classes alone
)
"""How the warnings begin that say nothing about the predictions."""


class _OnTable(BaseEstimator):
    """Shared by the two estimators.

    Parameters
    ----------
    estimator : estimator
        Learner on a matrix; classes are 0 .. K-1 when it sees them.
    inputs : str
        A key of `biam.baselines.inputs.KINDS`.
    n_knots : int, optional
        Cubic B-splines with so many knots for each numeric column.
    knots : {"uniform", "quantile"}
    validation : float
        Share of the training rows that decides when a boosting learner stops; 0: none.
    scale_target : bool
        Regression: the learner sees the targets with mean 0 and deviation 1.
    balance : bool
        Classification: the classes weigh the same, for two by XGBoost's `scale_pos_weight`.
    random_state : int
        Draws the validation part.
    """

    def __init__(
        self,
        estimator: Any,
        inputs: str = "impute",
        *,
        n_knots: int | None = None,
        knots: str = "uniform",
        validation: float = 0.0,
        scale_target: bool = False,
        balance: bool = False,
        random_state: int = 0,
    ) -> None:
        self.estimator = estimator
        self.inputs = inputs
        self.n_knots = n_knots
        self.knots = knots
        self.validation = validation
        self.scale_target = scale_target
        self.balance = balance
        self.random_state = random_state

    def _prepare(self, X: Any, y: Any, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, Any]:
        X, y = as_table(X), column_or_1d(y)
        check_consistent_length(X, y, sample_weight)
        if sample_weight is not None and not has_fit_parameter(self.estimator, "sample_weight"):
            name = type(self.estimator).__name__
            raise InvalidInputError(f"{name} takes no sample_weight: leave it out.")
        self.inputs_ = TableInputs(self.inputs, self.n_knots, self.knots).fit(X)
        self.n_features_in_ = X.shape[1]
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=float)
        return self.inputs_.transform(X), y, weight

    def _train(
        self, learner: Any, Z: np.ndarray, y: np.ndarray, weight: Any, classes: Any = None
    ) -> None:
        self.estimator_ = self.inputs_.inform(learner)
        fitting: dict[str, Any] = {} if weight is None else {"sample_weight": weight}
        if self.validation:
            kept, held = train_test_split(
                np.arange(len(y)),
                test_size=self.validation,
                random_state=self.random_state,
                stratify=classes,
            )
            fitting = {name: values[kept] for name, values in fitting.items()}
            fitting |= {"eval_set": [(Z[held], y[held])], "verbose": False}
            Z, y = Z[kept], y[kept]
        with quiet_fit():
            self.estimator_.fit(Z, y, **fitting)

    def _matrix(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "inputs_")
        X = as_table(X)
        if X.shape[1] != self.n_features_in_:
            raise InvalidInputError(
                f"X has {X.shape[1]} columns, expected the {self.n_features_in_} of fit."
            )
        return self.inputs_.transform(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


class TableRegressor(RegressorMixin, _OnTable):
    """Regression on a table by any learner; parameters as in `TableClassifier`."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "TableRegressor":
        """Fit on a table, shape (n_rows, n_features), and its targets, shape (n_rows,).

        Raises
        ------
        InvalidInputError
            Targets that are not finite, a table that cannot be read, or weights for a learner
            that takes none.
        """
        Z, y, weight = self._prepare(X, y, sample_weight)
        y = y.astype(float)
        if not np.isfinite(y).all():
            raise InvalidInputError("y must hold finite numbers, got NaN or infinity.")
        self.centre_, self.scale_ = 0.0, 1.0
        if self.scale_target:
            self.centre_ = float(np.average(y, weights=weight))
            spread = float(np.sqrt(np.average((y - self.centre_) ** 2, weights=weight)))
            self.scale_ = spread if spread > 0 else 1.0
        self._train(clone(self.estimator), Z, (y - self.centre_) / self.scale_, weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        found = np.asarray(self.estimator_.predict(self._matrix(X)), dtype=float).ravel()
        return self.centre_ + self.scale_ * found


class TableClassifier(ClassifierMixin, _OnTable):
    """Classification on a table by any learner.

    A class with fewer than `LEAST_ROWS` training rows has them repeated up to that number. With
    one class in the training rows it is predicted for certain, without a fit.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "TableClassifier":
        """Fit on a table, shape (n_rows, n_features), and its classes, shape (n_rows,).

        Raises
        ------
        InvalidInputError
            A table that cannot be read, or weights for a learner that takes none.
        """
        Z, y, weight = self._prepare(X, y, sample_weight)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) == 1:
            self.estimator_ = None
            return self
        rows = _repeated(codes)
        Z, codes = Z[rows], codes[rows]
        weight = None if weight is None else weight[rows]
        learner = clone(self.estimator)
        if self.balance and len(self.classes_) == 2:
            negative, positive = np.bincount(codes, weight)
            learner.set_params(scale_pos_weight=float(negative / positive))
        elif self.balance:
            balanced = compute_sample_weight("balanced", codes)
            weight = balanced if weight is None else weight * balanced
        self._train(learner, Z, codes, weight, codes)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities in the order of `classes_`, shape (n_rows, K)."""
        Z = self._matrix(X)
        if self.estimator_ is None:
            return np.ones((len(Z), 1))
        proba = np.clip(np.asarray(self.estimator_.predict_proba(Z), dtype=float), 0, 1)
        return proba / proba.sum(1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Most probable class of each row, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]


@contextmanager
def quiet_fit() -> Iterator[None]:
    """Silence what the settings of this registry provoke on purpose, and nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        for begin in EXPECTED:
            warnings.filterwarnings("ignore", begin, UserWarning)
        yield


def _repeated(codes: np.ndarray) -> np.ndarray:
    """All rows, and those of each rare class again until it has `LEAST_ROWS`."""
    rows = [np.arange(len(codes))]
    for code, count in enumerate(np.bincount(codes)):
        if count < LEAST_ROWS:
            rows.append(np.resize(np.flatnonzero(codes == code), LEAST_ROWS - count))
    return np.concatenate(rows)
