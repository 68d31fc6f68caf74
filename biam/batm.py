"""`BATMRegressor` and `BATMClassifier`: Taylor polynomials of concepts, weighted on clean rows.

Without meta rows, or with ``weighting="equal"``, they are CAT, whose rows all weigh the same.
Training is in `biam.solvers.taylor`, reading in `biam.explain_concepts`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from biam import concept_files, persistence
from biam.base import BIAMBase, seed_of
from biam.baselines.inputs import TableInputs
from biam.concepts import ENCODERS, feature_groups, group_columns
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.lean import PRECISIONS
from biam.solvers.taylor import NORMALISATIONS, STANDARDS, TaylorSolver
from biam.targets import checked_weight
from biam.validation import check_choice, check_integer, check_number

__all__ = ["BATMClassifier", "BATMRegressor", "load"]

CHOICES = {
    "groups": ("features", "auto"),
    "encoder": ENCODERS,
    "weighting": ("flips", "network", "equal"),
    "normalise": NORMALISATIONS,
    "standardise_losses": STANDARDS,
    "precision": PRECISIONS,
}
SAMPLE, GRID = 1000, 25  # rows kept for reading, points along a feature


class _BATM(BaseEstimator):
    """Shared by the two estimators; see `BATMRegressor` for the parameters."""

    # Targets of a regression are always standardised inside.
    standardise = True

    def __init__(
        self,
        *,
        groups: Any = "features",
        least_correlation: float = 0.5,
        encoder: str = "mlp",
        hidden: Sequence[int] = (32, 16),
        order: int = 2,
        n_ranks: int = 8,
        published_init: bool = False,
        precision: str = "float32",
        checkpointing: bool = False,
        weighting: str = "flips",
        warm_up: int = 10,
        standardise_losses: str = "class",
        normalise: str = "sum",
        n_hidden: int = 100,
        output_penalty: float = 1e-4,
        group_penalty: float = 1e-5,
        weight_decay: float = 0.01,
        epochs: int = 100,
        batch_size: int = 256,
        lower_lr: float = 0.003,
        upper_lr: float = 0.003,
        averaging: float = 0.98,
        patience: int | None = 20,
        held_out: float = 0.15,
        meta_folds: int = 3,
        meta_weight: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
        progress: bool = True,
    ) -> None:
        self.groups = groups
        self.least_correlation = least_correlation
        self.encoder = encoder
        self.hidden = hidden
        self.order = order
        self.n_ranks = n_ranks
        self.published_init = published_init
        self.precision = precision
        self.checkpointing = checkpointing
        self.weighting = weighting
        self.warm_up = warm_up
        self.standardise_losses = standardise_losses
        self.normalise = normalise
        self.n_hidden = n_hidden
        self.output_penalty = output_penalty
        self.group_penalty = group_penalty
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.lower_lr = lower_lr
        self.upper_lr = upper_lr
        self.averaging = averaging
        self.patience = patience
        self.held_out = held_out
        self.meta_folds = meta_folds
        self.meta_weight = meta_weight
        self.random_state = random_state
        self.progress = progress

    # Checked at the border as the other estimators are.
    _check_table = BIAMBase._check_table
    _check_meta = BIAMBase._check_meta

    def fit(
        self,
        X: Any,
        y: Any,
        X_meta: Any = None,
        y_meta: Any = None,
        sample_weight: Any = None,
    ) -> Any:
        """Train on `X`, `y`, with weights learned on the clean meta rows if there are any.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_features)
            Numbers, text or categories; gaps are filled by the mean and marked.
        y, sample_weight : array-like, shape (n_rows,)
            Targets; weights, not negative, that multiply the learned ones.
        X_meta, y_meta : like X and y, optional
            Meta rows: few, trusted, clean.

        Raises
        ------
        InvalidInputError
            Anything in the data or the parameters that cannot work; raised before any work starts.
        """
        self._check_parameters()
        X, y = self._check_table(X, y)
        weight = checked_weight(sample_weight, X)
        has_meta = X_meta is not None or y_meta is not None
        if has_meta:
            X_meta, y_meta = self._check_meta(X_meta, y_meta)
        targets, meta_targets = self._encode_targets(y, y_meta if has_meta else None, weight)
        self.inputs_ = TableInputs("impute").fit(X)
        values = self.inputs_.transform(X)
        names, sources = self.inputs_.encoder.names, self.inputs_.sources
        features, self.concept_names_ = feature_groups(
            self.groups, names, values, sources, least=self.least_correlation
        )
        self.groups_ = [[names[j] for j in group] for group in features]
        fitted = self._solver().fit(
            values,
            targets,
            self.inputs_.transform(X_meta) if has_meta else None,
            meta_targets,
            group_columns(features, sources, self.encoder),
            n_classes=len(getattr(self, "classes_", ())),
            sample_weight=weight,
            seed=seed_of(self.random_state),
        )
        self.model_, self.w_ = fitted.model, fitted.w
        self.weights_, self.history_ = fitted.weights, fitted.history
        self.status_, self.details_ = fitted.status, fitted.details
        self.n_iter_ = max(1, len(fitted.history))
        self._summarise(X, values)
        return self

    def concept_values(self, X: Any) -> np.ndarray:
        """Values of the concepts, shape (n_rows, n_concepts)."""
        check_is_fitted(self)
        return self._trace(self.inputs_.transform(X)).z.numpy()

    @property
    def concepts_(self) -> Any:
        """Tidy table of the concepts: features, importance, norm (0 where one dropped out)."""
        from biam import explain_concepts

        return explain_concepts.concepts(self)

    @property
    def monomials_(self) -> Any:
        """Tidy table of all products of concepts: term, order, coefficient, contribution."""
        from biam import explain_concepts

        return explain_concepts.monomials(self)

    @property
    def shape_functions_(self) -> Any:
        """Tidy table of every feature through its concept: concept, feature, x, z, effect."""
        from biam import explain_concepts

        return explain_concepts.shape_functions(self)

    @property
    def n_parameters_(self) -> int:
        """Parameters of the encoders and the polynomial."""
        check_is_fitted(self)
        return self.model_.n_parameters

    def save(self, path: Any) -> None:
        """Write the fitted estimator, without pickle; read it with `biam.batm.load`."""
        concept_files.save(self, path)

    def _outputs(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X, _ = self._check_table(X, reset=False)
        return self._trace(self.inputs_.transform(X)).f.numpy()

    def _trace(self, values: np.ndarray) -> Any:
        with torch.no_grad():
            return self.model_.trace(self.w_, torch.as_tensor(values, dtype=torch.float64))

    def _own_scale(self, wanted: bool) -> bool:
        return wanted

    def _summarise(self, X: Any, values: np.ndarray) -> None:
        """Keep what reading needs of the training table."""
        rows = np.linspace(0, len(values) - 1, min(SAMPLE, len(values))).astype(int)
        self.sample_ = self._trace(values[rows]).z.numpy()
        encoder = self.inputs_.encoder
        raw = encoder.transform(X) * encoder.scale + encoder.centre
        self.grid_ = np.nanquantile(raw, np.linspace(0, 1, GRID), axis=0).T
        common = [
            np.bincount(column[~np.isnan(column)].astype(int)).argmax() if levels else middle
            for column, levels, middle in zip(
                raw.T, encoder.n_levels, np.nanmedian(raw, axis=0), strict=True
            )
        ]
        self.reference_ = np.array(common, dtype=float)

    def _check_parameters(self) -> None:
        for name, known in CHOICES.items():
            if name != "groups" or isinstance(self.groups, str):
                check_choice(name, getattr(self, name), known)
        check_integer("order", self.order, low=1, high=3)
        check_integer("warm_up", self.warm_up, low=0)
        for name in ("n_ranks", "n_hidden", "epochs", "batch_size", "meta_folds"):
            check_integer(name, getattr(self, name), low=1)
        for name in ("output_penalty", "group_penalty", "weight_decay", "meta_weight"):
            check_number(name, getattr(self, name), low=0)
        for name in ("lower_lr", "upper_lr"):
            check_number(name, getattr(self, name), low=0, open_low=True)
        for name, high in (("least_correlation", 1), ("averaging", 1), ("held_out", 0.5)):
            check_number(name, getattr(self, name), low=0, high=high)
        if self.patience is not None:
            check_integer("patience", self.patience, low=1)
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence):
            raise InvalidInputError(f"hidden must be a sequence of widths, got {self.hidden!r}.")
        for width in self.hidden:
            check_integer("hidden", width, low=1)

    def _solver(self) -> TaylorSolver:
        taken = self.get_params(deep=False)
        own = TaylorSolver.__dataclass_fields__
        return TaylorSolver(**{name: taken[name] for name in own} | {"hidden": tuple(self.hidden)})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


class BATMRegressor(RegressorMixin, _BATM):
    """Bilevel Additive Taylor Model for regression.

    Each group of features goes through a small network to one number, its concept; the prediction
    is a polynomial of the concepts. Weights of the training rows are learned on clean meta rows.

    Parameters
    ----------
    groups : {"features", "auto"}, list of lists, or dict of lists
        Columns behind each concept: every column its own; correlated columns together; or names or
        positions, with names of the concepts if a dict. All columns must be in some group.
    least_correlation : float
        With "auto": average correlation at which groups still merge.
    encoder : {"mlp", "exu", "none"}
        "exu": exponential units first; "none": columns are the concepts.
    hidden : sequence of int
        Widths of each concept's network (CAT: 64, 64, 32).
    order, n_ranks : int
        Of the polynomial, 1 to 3; Tucker rank of its coefficients.
    published_init : bool
        Initial values as in the released code, with its slip of axis.
    precision : {"float32", "bf16"}
        Of the products in the encoders while they train; "bf16" is torch's autocast to bfloat16.
        Parameters stay float32, predictions float64.
    checkpointing : bool
        Make the activations of the encoders anew for every derivative, a block of rows at a time,
        in place of holding them: less memory, more time, the same gradients.
    weighting : {"flips", "network", "equal"}
        "flips": a sigmoid of the loss for each class (numbers: each sign of the error), the form
        that wrong labels ask for, see `biam.flip_weights`; "network": the published network of the
        loss; "equal" is CAT, with meta rows as below.
    warm_up : int
        Epochs after which "flips" is learned. Until then its offsets are set by the share of right
        labels that held-out rows tell (classes).
    standardise_losses : {"class", "batch", "none"}
        What the weighting network sees: a loss standardised among the rows of its class (numbers:
        of the batch), of the batch, or as it is (published).
    normalise : {"mixed", "sum", "rows"}
        Weights divided by their mean ("sum": they sum to one) or not ("rows": divided by n) in both
        steps; published is "mixed": not in the look-ahead, but in the real step.
    n_hidden : int
    output_penalty : float
        Price of the mean square of the concepts.
    group_penalty : float
        Price of a concept, by a proximal step on all its entries in the polynomial's input factors.
    weight_decay, epochs, batch_size, lower_lr, upper_lr
        Of AdamW, the loop, and the steps. Published: 0.01, 100, 1024, 0.01, 0.01.
    averaging : float
        Memory of the running mean of the parameters, which is what is kept. Published: 0.
    patience : int or None
        Epochs before training stops that are no better on held-out rows: by loss, or by balanced
        error and a tenth of the loss (classes). The best epoch is kept. None: all epochs.
        Published: 10, by the loss.
    held_out : float
        Without meta rows, share of the training rows that says when to stop.
    meta_folds : int
        Folds of the meta rows. As many models train side by side, each of which holds out one of
        them, and such a fold of the training rows; these judge the weights and say when to stop.
        One more, the result, trains on all rows. 1: meta rows judge, none trains; published.
    meta_weight : float
        Weight of a meta row that trains, beside the learned ones, which are at most one.
    random_state, progress
        As in `BIAMRegressor`.

    Attributes
    ----------
    concepts_, monomials_, shape_functions_ : DataFrame
        The model, to read.
    groups_ : list of list of str
    concept_names_ : list of str
    weights_ : ndarray, shape (n_train,)
        Learned weight of each training row, in the scale of the real step over all rows.
    history_ : list of dict
        Losses per epoch.

    References
    ----------
    Zhou, Xu, Peng, Zhang (2025), "Interpretable Bilevel Additive Taylor Model for Datasets with
    Noisy Labels and Imbalanced Classes"; CAT: arXiv 2406.17931. No batch normalisation and no
    dropout here: a row's loss is its own.

    Examples
    --------
    >>> from biam.batm import BATMRegressor
    >>> from biam.datasets.synthetic import make_additive_regression
    >>> data = make_additive_regression(400, 4, noise_rate=0.3)
    >>> est = BATMRegressor(random_state=0).fit(
    ...     data.X_train, data.y_train, data.X_meta, data.y_meta
    ... )
    >>> bool(est.weights_[data.mask].mean() < est.weights_[~data.mask].mean())
    True
    """

    _encode_targets = BIAMRegressor._encode_targets
    predict = BIAMRegressor.predict


class BATMClassifier(ClassifierMixin, _BATM):
    """Bilevel Additive Taylor Model for two or more classes; one logit for two, else one each.

    Parameters
    ----------
    groups, least_correlation, encoder, hidden, order, n_ranks, published_init, precision, \
checkpointing, weighting, warm_up, standardise_losses, normalise, n_hidden, output_penalty, \
group_penalty, weight_decay, epochs, batch_size, lower_lr, upper_lr, averaging, patience, \
held_out, meta_folds, meta_weight, random_state, progress
        As in `BATMRegressor`.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
    concepts_, monomials_, shape_functions_, groups_, concept_names_, weights_, history_, \
n_parameters_
        As in `BATMRegressor`; coefficients of two classes are log-odds of the second.
    """

    _encode_targets = BIAMClassifier._encode_targets
    _logits = BIAMClassifier._logits
    decision_function = BIAMClassifier.decision_function
    _shares = BIAMClassifier._shares
    predict_proba = BIAMClassifier.predict_proba

    def predict(self, X: Any) -> np.ndarray:
        """Most likely classes, shape (n_rows,)."""
        said = self.predict_proba(X).argmax(1)
        return self.classes_[said]


def load(path: Any) -> BATMRegressor | BATMClassifier:
    """Read an estimator written by `est.save(path)`; errors as of `biam.load`."""
    header, arrays = persistence.read(path)
    kinds = {"BATMClassifier": BATMClassifier, "BATMRegressor": BATMRegressor}
    if header["class"] not in kinds:
        raise InvalidInputError(f"{path} holds a {header['class']}: read it with biam.load.")
    est = kinds[header["class"]](**header["params"])
    concept_files.restore(est, header, arrays)
    return est
