"""The rivals of deep imputation by name: column fills, neighbours, chains, low rank, PPCA.

Each is a scikit-learn transformer of numbers with NaN for gaps: `fit`, `transform` (one completed
table) and, where it has a distribution, `sample` (several). What was observed is never changed.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import BayesianRidge
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from biam.exceptions import InvalidInputError
from biam.imputation.low_rank import SoftImputer
from biam.imputation.ppca import PPCAImputer
from biam.validation import check_choice, check_integer

__all__ = ["IMPUTERS", "ChainedImputer", "Imputer", "StandardisedImputer", "make_imputer"]


class ChainedImputer(IterativeImputer):
    """`IterativeImputer` that can be asked for several completed tables, and stops in silence.

    Its parameters are those of `IterativeImputer`. A chain of forests never meets the tolerance,
    so that the warning about it says nothing.
    """

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> np.ndarray:
        """Fit the chain on a table, shape (n, p), and complete it."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            return super().fit_transform(X, y, **params)

    def sample(self, X: Any, n_draws: int = 10) -> np.ndarray:
        """Completed tables, shape (n_draws, n_rows, p), each a run of the chain with its own draws.

        The regressions are those of the fit (made with ``sample_posterior=True``); a value is drawn
        from the posterior predictive distribution of its regression. Source: van Buuren (2018),
        Flexible imputation of missing data, 4.5.

        Raises
        ------
        InvalidInputError
            The chain was made with ``sample_posterior=False``.
        """
        check_is_fitted(self)
        check_integer("n_draws", n_draws, low=1)
        if not self.sample_posterior:
            raise InvalidInputError(
                "sample needs a chain of draws, got sample_posterior=False: make the imputer with "
                "sample_posterior=True."
            )
        before = self.random_state_
        self.random_state_ = check_random_state(self.random_state)
        try:
            return np.stack([self.transform(X) for _ in range(n_draws)])
        finally:
            self.random_state_ = before


class StandardisedImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """An imputer that works on standardised columns, in the units of the table.

    Parameters
    ----------
    imputer : transformer
        Distances, chains and low-rank models depend on the units of the columns; this one sees each
        with mean 0 and deviation 1 over its observed training values.

    Attributes
    ----------
    imputer_ : transformer
        Fitted.
    centre_, scale_ : ndarray, shape (p,)
    """

    def __init__(self, imputer: Any) -> None:
        self.imputer = imputer

    def fit(self, X: Any, y: Any = None) -> "StandardisedImputer":
        """Fit on a table, shape (n, p), NaN where a value is missing.

        Raises
        ------
        InvalidInputError
            A column without any observed value.
        """
        X = _table(self, X, reset=True)
        empty = np.flatnonzero(np.isnan(X).all(0))
        if empty.size:
            raise InvalidInputError(
                f"every column must have an observed value, got none in column {empty[0]}: drop it."
            )
        self.centre_, scale = np.nanmean(X, 0), np.nanstd(X, 0)
        self.scale_ = np.where(scale > 0, scale, 1.0)
        self.imputer_ = clone(self.imputer).fit(self._standard(X))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Completed table, shape (n, p)."""
        check_is_fitted(self)
        X = _table(self, X)
        return self._own(X, self.imputer_.transform(self._standard(X)))

    @available_if(lambda self: hasattr(self.imputer, "sample"))
    def sample(self, X: Any, n_draws: int = 10) -> np.ndarray:
        """Completed tables, shape (n_draws, n_rows, p), drawn by the imputer inside."""
        check_is_fitted(self)
        X = _table(self, X)
        return self._own(X, self.imputer_.sample(self._standard(X), n_draws))

    def _standard(self, X: np.ndarray) -> np.ndarray:
        return (X - self.centre_) / self.scale_

    def _own(self, X: np.ndarray, Z: np.ndarray) -> np.ndarray:
        """Filled values in the units of the table; observed ones to the last bit."""
        return np.where(np.isnan(X), Z * self.scale_ + self.centre_, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True)
class Imputer:
    """One entry of the registry.

    Parameters
    ----------
    name : str
    reference : str
        Where the method comes from.
    build : callable
        ``(random_state)`` -> transformer of standardised columns.
    note : str
        What a reader of its numbers should know.
    """

    name: str
    reference: str
    build: Callable[[int], Any]
    note: str = ""


def make_imputer(name: str, random_state: int = 0, **options: Any) -> StandardisedImputer:
    """Build an imputer by name.

    Parameters
    ----------
    name : str
        A key of `IMPUTERS`.
    random_state : int
        Seed of all that is random in it.
    **options
        Parameters that replace those of the registry, e.g. ``sample_posterior=True`` for "MICE".

    Returns
    -------
    StandardisedImputer
        ``fit(X)``, ``transform(X)``; "PPCA", and "MICE" with ``sample_posterior=True``, also have
        ``sample(X, n_draws)``.

    Raises
    ------
    UnknownNameError
        Unknown name.
    InvalidInputError
        `random_state` is no integer of at least 0.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, np.nan]])
    >>> float(make_imputer("mean").fit_transform(X)[2, 1])
    2.0
    >>> round(float(make_imputer("MICE").fit_transform(X)[2, 1]), 2)
    5.0
    """
    entry = IMPUTERS[check_choice("imputer", name, IMPUTERS)]
    check_integer("random_state", random_state)
    return StandardisedImputer(entry.build(random_state).set_params(**options))


def _table(estimator: Any, X: Any, *, reset: bool = False) -> np.ndarray:
    return validate_data(estimator, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan")


def _forest(seed: int) -> ChainedImputer:
    # As in the authors' package: sqrt(p) features a split, leaves of five rows.
    forest = RandomForestRegressor(
        n_estimators=100, max_features="sqrt", min_samples_leaf=5, random_state=seed
    )
    return ChainedImputer(forest, max_iter=10, skip_complete=True, random_state=seed)


IMPUTERS: dict[str, Imputer] = {
    entry.name: entry
    for entry in (
        Imputer(
            "mean",
            "Little & Rubin (2002), Statistical analysis with missing data, 4.2",
            lambda seed: SimpleImputer(strategy="mean"),
        ),
        Imputer(
            "median",
            "Little & Rubin (2002), Statistical analysis with missing data, 4.2",
            lambda seed: SimpleImputer(strategy="median"),
        ),
        Imputer(
            "KNN",
            "Troyanskaya et al. (2001), Missing value estimation methods for DNA microarrays",
            lambda seed: KNNImputer(n_neighbors=5),
            note="Five neighbours, uniform weights.",
        ),
        Imputer(
            "MICE",
            "van Buuren & Groothuis-Oudshoorn (2011), mice: multivariate imputation by chained "
            "equations in R",
            lambda seed: ChainedImputer(BayesianRidge(), max_iter=10, random_state=seed),
            note="scikit-learn's chain of Bayesian ridge regressions, ten rounds of conditional "
            "means; with sample_posterior=True of draws.",
        ),
        Imputer(
            "missForest",
            "Stekhoven & Buehlmann (2012), MissForest",
            _forest,
            note="scikit-learn's chain with 100 trees, ten rounds; the original stops when the "
            "change grows. Columns complete in the fit are not modelled.",
        ),
        Imputer(
            "soft-impute",
            "Mazumder, Hastie & Tibshirani (2010), Spectral regularization algorithms",
            lambda seed: SoftImputer(random_state=seed),
            note="Penalty chosen on a tenth of the observed entries.",
        ),
        Imputer(
            "PPCA",
            "Tipping & Bishop (1999), Probabilistic principal component analysis",
            lambda seed: PPCAImputer(random_state=seed),
            note="EM on the observed entries, one dimension less than columns (at most ten).",
        ),
    )
}
"""All classical imputers by name."""
