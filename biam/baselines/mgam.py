"""M-GAM's recipe: missing indicators and missing-by-threshold terms, chosen by an l0 penalty.

Terms, all 0 or 1: x_j <= t at quantiles t of the observed training values (0 where x_j is missing),
m_j where x_j is missing, and m_j [x_k <= t] for every other feature k. Source: McTavish et al.
(2024), Interpretable generalized additive models for datasets with missing values. Terms are
decided by the training rows alone.
"""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split

from biam.baselines.extra import load_extra

__all__ = ["MGAMClassifier", "MGAMRegressor", "MissingTerms"]

PENALTIES = (20.0, 10.0, 5.0, 2.0, 1.0, 0.5, 0.4, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
"""The l0 penalties of the authors' quick start, for losses summed over the rows."""

GAINS = tuple(0.1 * 0.5**k for k in range(14))
"""The l0 penalties of the regression."""

LIMIT = 30.0


class MissingTerms:
    """The 0/1 terms of a table with gaps.

    Parameters
    ----------
    n_quantiles : int
        Thresholds per feature, at the inner quantiles k / (n_quantiles + 1).
    """

    def __init__(self, n_quantiles: int = 8) -> None:
        self.n_quantiles = n_quantiles

    def fit(self, X: np.ndarray) -> "MissingTerms":
        """Find thresholds, features with gaps and terms that vary over the training rows."""
        levels = np.linspace(0, 1, self.n_quantiles + 2)[1:-1]
        self.cuts = [np.unique(np.quantile(x[~np.isnan(x)], levels)) for x in X.T]
        self.gappy = np.flatnonzero(np.isnan(X).any(0))
        self.kept = np.ones(0, dtype=bool)
        terms = self._all(X)
        self.kept = terms.min(0) < terms.max(0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Terms of a table, shape (n_rows, n_terms), 0 or 1."""
        return np.asfortranarray(self._all(X)[:, self.kept])

    def _all(self, X: np.ndarray) -> np.ndarray:
        # NaN <= t is False: a missing value has no threshold terms.
        below = [(x[:, None] <= cuts).astype(float) for x, cuts in zip(X.T, self.cuts, strict=True)]
        missing = np.isnan(X[:, self.gappy]).astype(float)
        crossed = [
            missing[:, [i]] * below[k]
            for i, j in enumerate(self.gappy)
            for k in range(X.shape[1])
            if k != j
        ]
        return np.concatenate([*below, missing, *crossed], axis=1)


class _MGAM(BaseEstimator):
    """Shared by the two estimators.

    Parameters
    ----------
    n_quantiles : int
    loss : str
        fastsparsegams' name of the loss.
    penalties : tuple of float
        l0 penalties, falling.
    validation : float
        Share of the rows on which the penalty is chosen, before all rows are fitted with it; 0
        takes the smallest one, as the authors' quick start does.
    max_terms : int
        Most terms in a model.
    random_state : int
    """

    def __init__(
        self,
        *,
        n_quantiles: int = 8,
        loss: str = "Logistic",
        penalties: tuple[float, ...] = PENALTIES,
        validation: float = 0.2,
        max_terms: int = 100,
        random_state: int = 0,
    ) -> None:
        self.n_quantiles = n_quantiles
        self.loss = loss
        self.penalties = penalties
        self.validation = validation
        self.max_terms = max_terms
        self.random_state = random_state

    def _train(self, X: np.ndarray, target: np.ndarray, strata: Any = None) -> Any:
        """Coefficients and intercept for one target."""
        if not self.validation:
            return self._path(self.terms_.transform(X), target)[-1]
        kept, held = train_test_split(
            np.arange(len(X)),
            test_size=self.validation,
            random_state=self.random_state,
            stratify=strata,
        )
        inner = MissingTerms(self.n_quantiles).fit(X[kept])
        path = self._path(inner.transform(X[kept]), target[kept])
        Z = inner.transform(X[held])
        risks = [self._risk(target[held], Z @ w + b) for w, b in path]
        best = int(np.argmin(risks))
        whole = self._path(self.terms_.transform(X), target)
        return whole[min(best, len(whole) - 1)]

    def _path(self, Z: np.ndarray, target: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """(coefficients, intercept) for each penalty that was reached."""
        fastsparsegams = load_extra("fastsparsegams")
        model = fastsparsegams.fit(
            Z,
            target,
            loss=self.loss,
            algorithm="CDPSI",
            lambda_grid=[list(self.penalties)],
            num_lambda=None,
            num_gamma=None,
            max_support_size=self.max_terms,
        )
        return list(zip(model.coeffs[0].toarray().T, model.intercepts[0], strict=True))


class MGAMClassifier(ClassifierMixin, _MGAM):
    """M-GAM for classes, one against the rest when there are more than two."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MGAMClassifier":
        """Fit on numbers with gaps, shape (n_rows, n_features)."""
        self.classes_ = np.unique(y)
        self.terms_ = MissingTerms(self.n_quantiles).fit(X)
        against = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
        fits = [self._train(X, np.where(y == label, 1.0, -1.0), y) for label in against]
        self.coef_ = np.array([w for w, _ in fits])
        self.intercept_ = np.array([b for _, b in fits])
        return self

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K)."""
        scores = self.terms_.transform(X) @ self.coef_.T + self.intercept_
        positive = 1 / (1 + np.exp(-self._steepness * np.clip(scores, -LIMIT, LIMIT)))
        if len(self.classes_) == 2:
            return np.concatenate([1 - positive, positive], axis=1)
        return positive / positive.sum(1, keepdims=True)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    @property
    def _steepness(self) -> float:
        # The score that minimises the exponential loss is half the log-odds.
        return 2.0 if self.loss == "Exponential" else 1.0

    def _risk(self, target: np.ndarray, score: np.ndarray) -> float:
        """Log-loss on the validation part, for either loss."""
        return float(np.logaddexp(0, -self._steepness * target * score).mean())


class MGAMRegressor(RegressorMixin, _MGAM):
    """M-GAM's terms with squared loss; not in the paper.

    Parameters as in `MGAMClassifier`; fastsparsegams scales the targets itself, so that a penalty
    is half the gain in R2 that a term must bring.
    """

    def __init__(
        self,
        *,
        n_quantiles: int = 8,
        loss: str = "SquaredError",
        penalties: tuple[float, ...] = GAINS,
        validation: float = 0.2,
        max_terms: int = 100,
        random_state: int = 0,
    ) -> None:
        super().__init__(
            n_quantiles=n_quantiles,
            loss=loss,
            penalties=penalties,
            validation=validation,
            max_terms=max_terms,
            random_state=random_state,
        )

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MGAMRegressor":
        """Fit on numbers with gaps, shape (n_rows, n_features)."""
        self.terms_ = MissingTerms(self.n_quantiles).fit(X)
        self.coef_, self.intercept_ = self._train(X, np.asarray(y, dtype=float))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self.terms_.transform(X) @ self.coef_ + self.intercept_

    @staticmethod
    def _risk(target: np.ndarray, found: np.ndarray) -> float:
        return float(np.square(target - found).mean())
