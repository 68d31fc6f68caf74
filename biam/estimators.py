"""`BIAMRegressor` and `BIAMClassifier`: the scikit-learn surface, thin.

Everything numerical happens in `biam.solvers` (training) and `biam.explain` (reading); inputs are
checked and encoded in `biam.base`.
"""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from biam import persistence
from biam.base import BIAMBase
from biam.chunked import by_partition
from biam.decision import OBJECTIVES, PLAIN, decide, decision_rule, plain_rule, shifted_weights
from biam.exceptions import InvalidInputError
from biam.solvers.fitted import Fitted
from biam.solvers.rare import fit_rare
from biam.targets import check_classes, checked_numbers

__all__ = ["BIAMClassifier", "BIAMRegressor", "load"]


class BIAMRegressor(RegressorMixin, BIAMBase):
    """Bilevel Interactive Additive Model for regression.

    f(x, m) = intercept + sum_j f_j(x_j) + an effect for each missing value + missing-by-feature
    interactions (Eq. 1), with sample weights learned on clean meta rows.

    Parameters
    ----------
    solver : {"exact", "published"}
        "exact", BIAM-X: the lower level is solved, and one penalty per term and the chance of each
        label to be right are learned by marginal likelihood. "published": the paper's stochastic
        loop, number for number.
    variant : {"BIAM", "BIAM-B", "BIAM-I", "BIAM-H", "BIAM2"}
        Published solver only: full model; uniform weights; no missing interactions; step basis;
        gated pairs.
    epochs : int
        Published: passes over the training rows. Exact: most upper steps.
    batch_size : int
        Published: rows per step.
    lower_lr, upper_lr : float
        Step sizes. `upper_lr` None: 0.01 (published regression), 0.1 (published classification, and
        the network).
    n_knots : int
        Knots per feature.
    n_ranks : int
        Rank of the pairs of BIAM2.
    gates : {"robust", "discovery"}
        Gate schedule of BIAM2.
    interactions : bool or "auto"
        Exact: missing-by-feature interactions; "auto" tests which ones the data ask for.
    pairs : bool, "auto", int or list of (feature, feature)
        Exact: pairs of features; "auto" tests which ones the data ask for (six at most), a number
        sets how many it may find, a list of column names or positions says which, False none.
    monotone : dict of str to {1, -1}, optional
        Exact: columns ("x0", "x1", ... for arrays) whose curve may only rise, or only fall. They
        enter no pair, and their curves change with no gap.
    basis : {"hinge", "cubic"}
        Exact: what curves are made of, straight lines between the knots, or natural cubic splines
        (`biam.solvers.exact.cubic`).
    selection : {"evidence", "gates"}
        Exact: what keeps a term. "evidence": its penalty, which may shrink it to almost nothing.
        "gates": in or out, by a probability for each curve, gap, interaction and pair
        (`biam.solvers.exact.gates`).
    weighting : {"posterior", "network", "equal"}
        Exact: where sample weights come from. "posterior": a model of wrong labels, anchored by the
        meta rows; a weight is the chance that the label is right. "network": a weighting network
        trained by implicit, cross-fitted hypergradients. "equal": no weights. More than two classes
        have the network.
    objective : str
        What predictions should be best at. Classifier: "log_loss" and "accuracy" say the most
        likely class; "balanced_accuracy" and "f1_macro" find the rule that is best on average over
        the probabilities of the rows. Regressor: "mse"; "rare" counts each row by the inverse
        density of its target (`biam.relevance`), so that rare ranges are fitted as well as common
        ones. "auto" is the first.
    standardise : bool or "auto"
        Centre and scale the numeric columns and the target inside; "auto": exact yes, published no.
    patience : int, None or "auto"
        Epochs without a lower meta loss before training stops; "auto": exact 10, published never.
    handle_unknown : {"error", "missing"}
        What an unseen category does in `predict`.
    random_state : int, RandomState or None
        The one source of randomness.
    device : str
        "auto", "cpu", "cuda", ...
    progress : bool
        Show a bar on fits longer than two seconds (never when output is not a terminal).
    solver_options : dict, optional
        Fields of the solver that have no parameter of their own, e.g. ``{"dtype": "float64"}``,
        ``{"shared_knots": False}``, ``{"normalise": False}`` for ``solver="published"``.

    Attributes
    ----------
    shape_functions_, missing_effects_, interactions_, pair_effects_, term_importances_ : DataFrame
        The model, to read; ``formula_`` has it as text.
    weights_ : ndarray, shape (n_train,)
        Chance that each training label is right (published solver: learned weight of the row):
        ``numpy.argsort(est.weights_)`` lists the labels to look at first.
    history_ : list of dict
        Losses per epoch.
    feature_importances_, variance_shares_ : ndarray, shape (n_features,)
    details_ : dict
        What the solver decided and why. Exact solver: "weighting", the candidate chosen;
        "meta_losses" of the candidates; "noise", the label model; "meta_doubts", chance of each
        meta label to be wrong; "losses" of the training rows; "terms" with penalty and effective
        degrees of freedom; "pair_evidence"; "edf"; "covariance" of the coefficients, where there
        are many of those of curves alone; with ``objective="rare"`` "relevance"; with
        ``selection="gates"`` "gates". In units of `y`.
    complexity_ : dict
    coefficients_ : dict of ndarray
    n_features_in_ : int

    References
    ----------
    Zhou, Xu, Zhang (2025), "BIAM: Bilevel Interactive Additive Model for Datasets with Missing
    Values, Noisy Labels and Imbalanced Categories".

    Examples
    --------
    >>> from biam import BIAMRegressor
    >>> from biam.datasets.synthetic import make_additive_regression
    >>> data = make_additive_regression(300, 4, noise_rate=0.3, missing_rate=0.1)
    >>> est = BIAMRegressor(random_state=0).fit(
    ...     data.X_train, data.y_train, data.X_meta, data.y_meta
    ... )
    >>> bool(est.weights_[data.mask].mean() < est.weights_[~data.mask].mean())
    True
    """

    _published_upper_lr = 0.01
    _objectives = ("mse", "rare")

    @by_partition
    def predict(self, X: Any) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self._outputs(X)[:, 0] * self.y_scale_ + self.y_centre_

    def _encode_targets(
        self, y: np.ndarray, y_meta: np.ndarray | None, weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        y = checked_numbers(y, "y")
        self.y_centre_, self.y_scale_ = 0.0, 1.0
        if self._own_scale(self.standardise):
            self.y_centre_ = float(np.average(y, weights=weight))
            spread = float(np.sqrt(np.average((y - self.y_centre_) ** 2, weights=weight)))
            self.y_scale_ = spread if spread > 0 else 1.0
        if y_meta is not None:
            y_meta = (checked_numbers(y_meta, "y_meta") - self.y_centre_) / self.y_scale_
        return (y - self.y_centre_) / self.y_scale_, y_meta

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.objective == "rare" and (self.solver != "exact" or self.weighting == "network"):
            raise InvalidInputError(
                "objective='rare' needs solver='exact' and weighting='posterior' or 'equal', got "
                f"solver={self.solver!r} and weighting={self.weighting!r}."
            )

    def _solved(self, solver: Any, *rows: Any, **options: Any) -> Fitted:
        if self.objective == "rare":
            return fit_rare(solver, *rows, **options)
        return super()._solved(solver, *rows, **options)

    def _finish(
        self, values: np.ndarray, meta_values: np.ndarray | None, weight: np.ndarray | None
    ) -> None:
        """Give losses and noise of the exact solver in the units of the target."""
        for name, power in {"losses": 2, "meta_losses": 2, "noise": 1}.items():
            if name in self.details_:
                self.details_[name] = _times(self.details_[name], self.y_scale_**power)


class BIAMClassifier(ClassifierMixin, BIAMBase):
    """Bilevel Interactive Additive Model for two or more classes.

    Logits are additive as in `BIAMRegressor`: one for two classes (exact solver), one per class
    otherwise and in the published loop.

    Parameters
    ----------
    solver, variant, epochs, batch_size, lower_lr, upper_lr, n_knots, n_ranks, gates, \
interactions, pairs, monotone, basis, selection, weighting, objective, standardise, patience, \
handle_unknown, random_state, device, progress, solver_options
        As in `BIAMRegressor`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    decision_rule_ : ndarray, shape (2, n_classes)
        Gain and cost of saying each class: the largest gain * probability - cost is predicted.
    shape_functions_, missing_effects_, interactions_, pair_effects_, term_importances_, formula_, \
weights_, history_, feature_importances_, variance_shares_, details_, complexity_, coefficients_, \
n_features_in_
        As in `BIAMRegressor`; effects of two classes are log-odds of the second.

    Examples
    --------
    >>> from biam import BIAMClassifier
    >>> from biam.datasets import load_breast_cancer
    >>> data = load_breast_cancer()
    >>> BIAMClassifier(random_state=0).fit(data.X, data.y).score(data.X, data.y) > 0.97
    True
    """

    _published_upper_lr = 0.1
    _objectives = OBJECTIVES

    @by_partition
    def decision_function(self, X: Any) -> np.ndarray:
        """Log-odds of the second class, shape (n_rows,), or logits, shape (n_rows, n_classes)."""
        return self._logits(self._outputs(X))

    @by_partition
    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities, shape (n_rows, n_classes)."""
        return self._shares(self._outputs(X))

    @by_partition
    def predict(self, X: Any) -> np.ndarray:
        """Classes by the rule that is best for `objective`, shape (n_rows,)."""
        proba = self.predict_proba(X)
        return self.classes_[decide(proba, self.decision_rule_)]

    def _finish(
        self, values: np.ndarray, meta_values: np.ndarray | None, weight: np.ndarray | None
    ) -> None:
        """Choose the rule that makes classes of probabilities (`biam.decision`)."""
        objective = "log_loss" if self.objective == "auto" else self.objective
        if objective in PLAIN:
            # Probabilities of all training rows would be for nothing.
            self.decision_rule_ = plain_rule(len(self.classes_))
            return
        proba = self._shares(self._model_outputs(values))
        weight = np.ones(len(proba)) if weight is None else weight
        if meta_values is not None:
            meta = self._shares(self._model_outputs(meta_values))
            weight = weight * shifted_weights(proba, meta)
        self.decision_rule_ = decision_rule(proba, objective, weight)

    def _shares(self, f: np.ndarray) -> np.ndarray:
        f = self._logits(f)
        if f.ndim == 1:
            e = np.exp(-np.abs(f))
            likely, other = 1 / (1 + e), e / (1 + e)
            return np.column_stack([np.where(f > 0, other, likely), np.where(f > 0, likely, other)])
        e = np.exp(f - f.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def _logits(self, f: np.ndarray) -> np.ndarray:
        if len(self.classes_) > 2:
            return f
        return f[:, 0] if f.shape[1] == 1 else f[:, 1] - f[:, 0]

    def _encode_targets(
        self, y: np.ndarray, y_meta: np.ndarray | None, weight: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        check_classes(y, "y")
        self.classes_, codes = np.unique(y, return_inverse=True)
        present = np.unique(codes if weight is None else codes[weight > 0])
        if len(present) < 2:
            raise InvalidInputError(
                "classification needs at least two classes, got one class: "
                f"{self.classes_[present].tolist()[0]!r}."
            )
        if y_meta is None:
            return codes, None
        check_classes(y_meta, "y_meta")
        unseen = sorted(set(np.unique(y_meta).tolist()) - set(self.classes_.tolist()))
        if unseen:
            raise InvalidInputError(
                f"the meta rows have the class {unseen[0]!r}, which is not among the training "
                f"classes {self.classes_.tolist()}: drop those rows or add training rows of it."
            )
        return codes, np.searchsorted(self.classes_, y_meta)


def load(path: Any) -> BIAMBase:
    """Read an estimator written by `est.save(path)`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    BIAMRegressor or BIAMClassifier
        Fitted; predictions are the same to the last bit.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not a file written by `save`.
    """
    header, arrays = persistence.read(path)
    kinds = {"BIAMClassifier": BIAMClassifier, "BIAMRegressor": BIAMRegressor}
    est = kinds[header["class"]](**header["params"])
    persistence.restore(est, header, arrays)
    if header["class"] == "BIAMClassifier" and not hasattr(est, "decision_rule_"):
        # Files from before there was a choice: the most likely class.
        est.decision_rule_ = plain_rule(len(est.classes_))
    return est


def _times(value: Any, unit: float) -> Any:
    """Numbers in a new unit; shares keep theirs."""
    if isinstance(value, dict):
        return {k: v if k.endswith("share") else _times(v, unit) for k, v in value.items()}
    return [unit * x for x in value] if isinstance(value, list) else unit * value
