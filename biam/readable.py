"""What a fitted estimator shows of itself: tables, formulas, files. The work is done elsewhere."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from biam import reading

__all__ = ["Readable"]


class Readable:
    """Reading side of both estimators.

    Needs what `fit` leaves: ``model_``, ``w_``, ``encoder_`` and ``details_``; and the method
    ``_values``, which encodes a table.
    """

    # Given by the estimator.
    model_: Any
    w_: Any
    encoder_: Any
    details_: dict[str, Any]
    _values: Any

    def explain(self, X: Any) -> Any:
        """Contribution of every term to every row's prediction; a row's sum is the prediction.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_features)

        Returns
        -------
        DataFrame, one row per row of `X`, one column per term
            The first column is the intercept. Regression: units of `y`. Binary: log-odds of the
            second class. More classes: a column per (class, term), on the logit scale.
        """
        from biam import explain

        check_is_fitted(self)
        return explain.contributions_table(self, self._values(X))

    @property
    def shape_functions_(self) -> Any:
        """Tidy table of f_j at its knots or levels: feature, x, effect (and class)."""
        from biam import explain

        return explain.shape_functions(self)

    @property
    def missing_effects_(self) -> Any:
        """Tidy table of the effect of each missing value: feature, rate, effect (and class)."""
        from biam import explain

        return explain.missing_effects(self)

    @property
    def interactions_(self) -> Any:
        """Tidy table of missing interactions and pairs with their strength, strongest first."""
        from biam import explain

        return explain.interactions(self)

    @property
    def pair_effects_(self) -> Any:
        """Tidy table of the pairs' surfaces at their knots: term, first, second, x, z, effect."""
        from biam import explain

        return explain.pair_effects(self)

    @property
    def term_importances_(self) -> Any:
        """Tidy table of all terms: term, kind, first, second, spread, share of the variance."""
        from biam import explain

        return explain.term_importances(self)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean |contribution| over the training rows per input column, shares of their sum."""
        check_is_fitted(self)
        total = self.importances_.sum()
        return self.importances_ / total if total > 0 else self.importances_

    @property
    def variance_shares_(self) -> np.ndarray:
        """Share of each input column in the variance of the prediction over the training rows.

        Its shape function, missing effect, missing interactions and half of its pairs; sums to
        one. Below zero for a column that works against the others (`reading.term_sizes`).
        """
        check_is_fitted(self)
        terms = [reading.Term(*term) for term in self.terms_]
        return reading.importances(terms, self.term_sizes_[:, 2], len(self.encoder_.names))

    @property
    def complexity_(self) -> dict[str, int]:
        """How much there is to read: features, missing effects, interactions, knots in use."""
        from biam import explain

        return explain.complexity(self)

    @property
    def formula_(self) -> str:
        """The model as text that can be read and computed (`biam.export.formula`)."""
        from biam import export

        return export.formula(self)

    @property
    def coefficients_(self) -> dict[str, np.ndarray]:
        """Raw parameters of Eq. 1 by name (`AdditiveModel.coefficients`)."""
        check_is_fitted(self)
        return {name: part.numpy() for name, part in self.model_.coefficients(self.w_).items()}

    def save(self, path: Any) -> None:
        """Write the fitted estimator to one file, without pickle; read it with `biam.load`."""
        from biam import persistence

        persistence.save(self, path)

    def _summarise(self, values: np.ndarray) -> None:
        """Keep what reading needs of the training table: centres, missing rates, importances."""
        self.missing_rates_ = np.isnan(values).mean(0)
        self.centres_ = reading.centres(self.model_, self.w_, values)
        self.column_means_ = reading.column_means(self.model_, values)
        terms, sizes = reading.term_sizes(self.model_, self.w_, values, self.centres_)
        self.importances_ = reading.importances(terms, sizes[:, 0], values.shape[1])
        self.terms_, self.term_sizes_ = [list(term) for term in terms], sizes
