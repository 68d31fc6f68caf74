"""What both estimators share: parameters, checks at the border, encoding, the call to a solver."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,
)

from biam.chunked import Chunked
from biam.chunks import ArrayChunks, Chunks, as_chunks
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.named import check_pairs, check_signs, numbered
from biam.prediction import Predictor, encoded, encoded_meta
from biam.readable import Readable
from biam.solvers.exact import BASES, SELECTIONS, WEIGHTINGS, ExactSolver
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.published import GATE_SCHEDULES, VARIANTS, PublishedSolver
from biam.table import TableEncoder
from biam.targets import checked_weight
from biam.validation import check_choice, check_integer, check_number

__all__ = ["BIAMBase", "check_device", "seed_of"]

# Share and number of meta rows that may look wrong before `fit` says so.
DOUBTFUL_SHARE, DOUBTFUL_ROWS = 0.02, 2
SOLVERS = {"exact": ExactSolver, "published": PublishedSolver}
GPU_ROWS = 100_000
# Parameters that only the exact solver's own fit knows, and their usual values.
EXACT_ONLY = {"monotone": None, "basis": "hinge", "selection": "evidence"}


class BIAMBase(Chunked, Readable, BaseEstimator):
    """Shared by the two estimators; see their docstrings for the parameters."""

    def __init__(
        self,
        *,
        solver: str = "exact",
        variant: str = "BIAM",
        epochs: int = 100,
        batch_size: int = 64,
        lower_lr: float = 0.05,
        upper_lr: float | None = None,
        n_knots: int = 10,
        n_ranks: int = 8,
        gates: str = "robust",
        interactions: bool | str = "auto",
        pairs: bool | str | int | Sequence[tuple[Any, Any]] = "auto",
        monotone: Mapping[Any, int] | None = None,
        basis: str = "hinge",
        selection: str = "evidence",
        weighting: str = "posterior",
        objective: str = "auto",
        standardise: bool | str = "auto",
        patience: int | str | None = "auto",
        handle_unknown: str = "error",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        progress: bool = True,
        solver_options: dict[str, Any] | None = None,
    ) -> None:
        self.solver = solver
        self.variant = variant
        self.epochs = epochs
        self.batch_size = batch_size
        self.lower_lr = lower_lr
        self.upper_lr = upper_lr
        self.n_knots = n_knots
        self.n_ranks = n_ranks
        self.gates = gates
        self.interactions = interactions
        self.pairs = pairs
        self.monotone = monotone
        self.basis = basis
        self.selection = selection
        self.weighting = weighting
        self.objective = objective
        self.standardise = standardise
        self.patience = patience
        self.handle_unknown = handle_unknown
        self.random_state = random_state
        self.device = device
        self.progress = progress
        self.solver_options = solver_options

    def fit(
        self,
        X: Any,
        y: Any = None,
        X_meta: Any = None,
        y_meta: Any = None,
        sample_weight: Any = None,
    ) -> "BIAMBase":
        """Train on `X`, `y`, with weights learned on the clean meta rows if there are any.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_features)
            Numbers, text or categories; NaN (or None) where a value is missing. A table larger than
            memory: an array mapped into memory, a Dask array or data frame, or
            `biam.chunks.Chunks`, which hold `y` too; for ``solver="exact"``, numbers and two
            classes.
        y : array-like, shape (n_rows,)
            Targets; some may be wrong. Of a Dask table a Dask collection in the same partitions.
        X_meta, y_meta : like X and y, optional
            Meta rows: few, trusted, clean. ``solver="published"`` needs them (but for BIAM-B).
        sample_weight : array-like, shape (n_rows,), optional
            Not negative; multiplies the learned weights.

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            Anything in the data or the parameters that cannot work; raised before any work starts.
        """
        self._check_parameters()
        chunks, seed = as_chunks(X, y, sample_weight), seed_of(self.random_state)
        if chunks is not None:
            self._fit_chunks(chunks, X_meta, y_meta, seed)
            return self
        X, y = self._check_table(X, y)
        weight = checked_weight(sample_weight, X)
        has_meta = X_meta is not None or y_meta is not None
        if has_meta:
            X_meta, y_meta = self._check_meta(X_meta, y_meta)
        targets, meta_targets = self._encode_targets(y, y_meta if has_meta else None, weight)
        encoder = TableEncoder(self._own_scale(self.standardise), self.handle_unknown)
        self.encoder_ = encoder.fit(X, weight)
        values = encoded(encoder, X)
        meta_values = encoded_meta(encoder, X_meta) if has_meta else None
        fitted = self._solved(
            self._solver(len(targets), encoder),
            values,
            targets,
            meta_values,
            meta_targets,
            n_classes=len(getattr(self, "classes_", ())),
            n_levels=encoder.n_levels,
            sample_weight=weight,
            seed=seed,
        )
        self._adopt(fitted, values, meta_values, weight)
        return self

    def _adopt(
        self,
        fitted: Fitted,
        values: np.ndarray,
        meta_values: np.ndarray | None,
        weight: np.ndarray | None,
    ) -> None:
        """Keep what a solver gives back, and what reading needs of the rows."""
        self.model_, self.w_ = fitted.model, fitted.w
        self.weights_, self.history_ = fitted.weights, fitted.history
        self.status_, self.details_ = fitted.status, fitted.details
        self.n_iter_ = max(1, len(fitted.history))
        self._summarise(values)
        self._finish(values, meta_values, weight)
        if meta_values is not None and "meta_doubts" in self.details_:
            _warn_of_doubtful(self.details_["meta_doubts"], ~np.isnan(meta_values).any(1))

    def _solved(self, solver: ExactSolver | PublishedSolver, *rows: Any, **options: Any) -> Fitted:
        """What the solver makes of the encoded rows."""
        return solver.fit(*rows, **options)

    def _finish(
        self, values: np.ndarray, meta_values: np.ndarray | None, weight: np.ndarray | None
    ) -> None:
        """What only one of the estimators does with a finished fit."""

    def _outputs(self, X: Any) -> np.ndarray:
        """Raw model outputs, shape (n_rows, d), float64."""
        check_is_fitted(self)
        X = ArrayChunks(X, X) if isinstance(X, np.memmap) else X
        tables = (chunk[0] for chunk in X) if isinstance(X, Chunks) else [X]
        checked = (self._check_table(table, reset=False)[0] for table in tables)
        return np.concatenate([self._model_outputs(table, self.encoder_) for table in checked])

    def _model_outputs(self, X: Any, encoder: TableEncoder | None = None) -> np.ndarray:
        """Of a table and its encoder, or of encoded rows."""
        # Published numbers hold to the last bit, and so does the order of their sums.
        if self.solver == "exact" and Predictor.knows(self.model_):
            with one_thread():
                return Predictor(self.model_, self.w_).outputs(X, encoder)
        design = self.model_.basis.design(X if encoder is None else encoded(encoder, X))
        with torch.inference_mode():
            return self.model_.outputs(self.w_, design).double().numpy()

    def _values(self, X: Any) -> np.ndarray:
        return encoded(self.encoder_, self._check_table(X, reset=False)[0])

    def _check_table(self, X: Any, y: Any = None, *, reset: bool = True) -> tuple[Any, Any]:
        options: dict[str, Any] = {"reset": reset}
        if hasattr(X, "iloc"):
            if X.ndim != 2:
                raise InvalidInputError(f"X must be a table, got {X.ndim} axis: use X.to_frame().")
            validate_data(self, X, skip_check_array=True, **options)
            if 0 in X.shape:
                lacking = "rows" if X.shape[1] else "columns"
                raise InvalidInputError(f"X has no {lacking}: expected at least one.")
        else:
            # The encoder looks for infinities: it can say in which column and row.
            X = validate_data(self, X, dtype=None, ensure_all_finite=False, **options)
        if not reset:
            return X, None
        if y is None:
            raise InvalidInputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        return X, y

    def _check_meta(self, X_meta: Any, y_meta: Any) -> tuple[Any, Any]:
        if X_meta is None or y_meta is None:
            raise InvalidInputError("X_meta and y_meta go together: got only one of them.")
        if len(y_meta) == 0:
            raise InvalidInputError("the meta rows are empty: pass clean rows, or leave them out.")
        try:
            X_meta, _ = self._check_table(X_meta, reset=False)
            y_meta = column_or_1d(y_meta)
            check_consistent_length(X_meta, y_meta)
        except ValueError as error:
            raise InvalidInputError(f"the meta rows do not fit: {error}") from None
        return X_meta, y_meta

    def _own_scale(self, wanted: bool | str) -> bool:
        """The exact solver standardises by itself; the published loop takes data as they come."""
        return self.solver == "exact" if isinstance(wanted, str) else bool(wanted)

    def _check_parameters(self) -> None:
        check_choice("solver", self.solver, SOLVERS)
        check_choice("variant", self.variant, VARIANTS)
        check_choice("gates", self.gates, GATE_SCHEDULES)
        check_choice("weighting", self.weighting, WEIGHTINGS)
        check_choice("objective", self.objective, ("auto", *self._objectives))
        check_choice("handle_unknown", self.handle_unknown, ("error", "missing"))
        for name, low in (("epochs", 1), ("batch_size", 1), ("n_knots", 2), ("n_ranks", 1)):
            check_integer(name, getattr(self, name), low=low)
        for name in ("lower_lr", "upper_lr"):
            if getattr(self, name) is not None:
                check_number(name, getattr(self, name), low=0, open_low=True)
        check_device(self.device)
        for name, words in (("interactions", ("auto",)), ("standardise", ("auto",))):
            if not isinstance(getattr(self, name), bool):
                check_choice(name, getattr(self, name), words)
        check_pairs(self.pairs)
        check_signs(self.monotone)
        check_choice("basis", self.basis, BASES)
        check_choice("selection", self.selection, SELECTIONS)
        self._check_exact(self.solver == "exact" and self.weighting != "network")
        if self.patience is not None and self.patience != "auto":
            check_integer("patience", self.patience, low=1)
        if self.solver == "exact" and self.variant != "BIAM":
            raise InvalidInputError(
                f"variant={self.variant!r} belongs to solver='published'; with solver='exact' use "
                "interactions=True or False."
            )
        self._check_solver_options()
        # The solver refuses values that only it knows: now, not after the data are encoded.
        self._solver(0)

    def _check_exact(self, exact: bool, needed: str = "") -> None:
        """Refuse what only posterior and equal weighting can do, where there is something else."""
        needed = needed or "solver='exact' and weighting='posterior' or 'equal'"
        for name, usual in EXACT_ONLY.items():
            value = getattr(self, name)
            if value and value != usual and not exact:
                raise InvalidInputError(f"{name} needs {needed}, got {name}={value!r}.")

    def _check_solver_options(self) -> None:
        """Fields of the solver that are no parameters of the estimator, each of the right kind."""
        options = self.solver_options
        if options is None:
            return
        if not isinstance(options, Mapping):
            raise InvalidInputError(
                f"solver_options must be a dict of fields and values, got {options!r}."
            )
        own = self.get_params(deep=False)
        known = {f.name: f.default for f in fields(SOLVERS[self.solver]) if f.name not in own}
        for name, value in options.items():
            if name in own:
                raise InvalidInputError(
                    f"solver_options has {name!r}, which is a parameter of the estimator: set "
                    f"{name}={value!r} there."
                )
            if name not in known:
                raise UnknownNameError(
                    f"solver_options has {name!r}, which solver={self.solver!r} does not know: "
                    f"known are {', '.join(known)}."
                )
            _check_option(f"solver_options[{name!r}]", value, known[name])

    def _solver(
        self, n_rows: int, encoder: TableEncoder | None = None
    ) -> ExactSolver | PublishedSolver:
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() and n_rows >= GPU_ROWS else "cpu"
        common: dict[str, Any] = {
            "n_knots": self.n_knots,
            "epochs": self.epochs,
            "device": device,
            "progress": self.progress,
        }
        if self.upper_lr is not None:
            common["upper_lr"] = self.upper_lr
        if self.patience != "auto":
            common["patience"] = self.patience
        common |= self.solver_options or {}
        if self.solver == "exact":
            named = {"pairs": self.pairs}
            if encoder is not None:
                few = len(getattr(self, "classes_", ())) <= 2
                self._check_exact(few, "numbers or two classes as targets")
                named = numbered(self.pairs, self.monotone, encoder)
            return ExactSolver(
                interactions=self.interactions,
                basis=self.basis,
                selection=self.selection,
                weighting=self.weighting,
                **named,
                **common,
            )
        common.setdefault("upper_lr", self._published_upper_lr)
        return PublishedSolver(
            variant=self.variant,
            batch_size=self.batch_size,
            lower_lr=self.lower_lr,
            n_ranks=self.n_ranks,
            gates=self.gates,
            **common,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _warn_of_doubtful(doubts: np.ndarray, complete: np.ndarray) -> None:
    """Say which meta rows look wrong; the fit has left them aside already.

    Rows with gaps are not named: what is missing may well explain their errors.
    """
    rows = np.flatnonzero((doubts > 0.5) & complete)
    if len(rows) >= max(DOUBTFUL_ROWS, DOUBTFUL_SHARE * complete.sum()):
        some = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
        warnings.warn(
            f"{len(rows)} of {len(doubts)} meta rows look wrong (rows {some}): the fit hardly "
            'counts them. Check them; details_["meta_doubts"] has the chance of each.',
            stacklevel=4,
        )


def _check_option(name: str, value: Any, default: Any) -> None:
    """Refuse a value that is not of the kind of the field's default."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InvalidInputError(f"{name} must be True or False, got {value!r}.")
    elif isinstance(default, int):
        check_integer(name, value)
    elif isinstance(default, float):
        check_number(name, value, low=0)


def check_device(device: str) -> None:
    """Refuse a device that cannot be used here."""
    if device == "auto":
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidInputError(
            f"device={device!r} cannot be used here, use 'auto' or 'cpu': {reason}"
        ) from None


def seed_of(random_state: Any) -> int:
    """The integer itself, so that published seeds mean what they say; else one draw."""
    if isinstance(random_state, int | np.integer):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
