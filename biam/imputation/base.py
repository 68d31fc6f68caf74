"""What both deep imputers share: checks at the border, fitting, imputing, saving."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from biam.base import check_device, seed_of
from biam.exceptions import InvalidInputError
from biam.imputation import saving
from biam.imputation.columns import Columns
from biam.imputation.likelihoods import SCALES, Likelihood
from biam.imputation.mask_models import MaskModel
from biam.imputation.networks import DECODERS, LatentModel
from biam.imputation.posterior import bounds, draws_of_gaps, posterior_means
from biam.imputation.training import Schedule, train
from biam.solvers.fitted import one_thread
from biam.table import TableEncoder
from biam.validation import check_choice, check_integer, check_number

__all__ = ["DeepImputer"]

_MAX_LATENT = 32
_WHOLE, _BATCH, _LARGE_BATCH, _LARGE = 256, 128, 256, 20_000
# Numbers in one tensor of a step, above which a second thread is worth its cost.
_THREADS_FROM = 200_000
_SAVED = ("history_", "status_", "n_iter_", "n_features_in_", "seed_", "latent_size_")


class DeepImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Shared by the imputers; see their docstrings for the parameters."""

    estimate = "posterior"

    def fit(self, X: Any, y: Any = None) -> "DeepImputer":
        """Learn the joint distribution of the columns, and with a mask model that of the gaps.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_columns)
            Numbers, text or categories; NaN (or None) where a value is missing.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        InvalidInputError
            Data or parameters that cannot work; raised before any work starts.
        BIAMError
            The bound is no longer a finite number.
        """
        self._check_parameters()
        X = self._check_table(X)
        self.columns_ = Columns(self.likelihood, self.standardise).fit(X)
        _, block, observed = self.columns_.encode(X)
        self.seed_ = seed_of(self.random_state)
        self.gaps_ = np.flatnonzero(~observed.all(0))
        with self._threads(self._batch_size(len(block)) * self.n_samples * block.shape[1]):
            self.model_ = self._model()
            generator = torch.Generator(self._device()).manual_seed(self.seed_)
            rows, held_out = self._split(*self._tensors(block, observed), generator)
            run = train(self.model_, *rows, self._schedule(len(rows[0])), generator, held_out)
        self.history_, self.status_, self.n_iter_ = run.history, run.status, run.n_steps
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Fill each gap with its posterior mean; of text and levels the most probable one.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_columns)

        Returns
        -------
        ndarray, shape (n_rows, n_columns)
            float64, or objects where a column holds text. What was there stays as it was.
        """
        values, block, observed = self._encoded(X)
        out = values.copy()
        rows = np.flatnonzero(~observed.all(1))
        if rows.size:
            with self._threads(block.size):
                means = posterior_means(
                    self.model_,
                    *self._tensors(block[rows], observed[rows]),
                    self.n_importance,
                    self.seed_,
                    self.estimate,
                )
            out[rows] = np.where(np.isnan(values[rows]), self.columns_.decode(means), values[rows])
        return self.columns_.restore(out)

    def sample(self, X: Any, n_draws: int = 10) -> np.ndarray:
        """Multiple imputation: tables whose gaps are draws given what was seen, and the mask.

        By sampling-importance-resampling: of `n_importance` proposals `n_draws` are kept by their
        weights, so draws of a row repeat where its effective sample size is small.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_columns)
        n_draws : int

        Returns
        -------
        ndarray, shape (n_draws, n_rows, n_columns)
        """
        check_integer("n_draws", n_draws, low=1)
        values, block, observed = self._encoded(X)
        with self._threads(block.size):
            drawn = draws_of_gaps(
                self.model_,
                *self._tensors(block, observed),
                n_draws,
                self.n_importance,
                self.seed_,
            )
        out = np.where(np.isnan(values), self.columns_.decode(drawn), values)
        return self.columns_.restore(out)

    def diagnose(self, X: Any) -> dict[str, np.ndarray]:
        """Bound and effective sample size of each row, by `n_importance` samples.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_columns)

        Returns
        -------
        dict of str to ndarray, shape (n_rows,)
            "bound" on log p(x_o), or with a mask model on log p(x_o, s), in nats, of the encoded
            columns. "ess", effective sample size of the importance weights, from 1 to
            `n_importance`: a row near 1 rests on a single proposal; raise `n_importance`, or train
            longer.
        """
        _, block, observed = self._encoded(X)
        with self._threads(block.size):
            tensors = self._tensors(block, observed)
            values, sizes = bounds(self.model_, *tensors, self.n_importance, self.seed_)
        return {"bound": values, "ess": sizes}

    def score(self, X: Any, y: Any = None) -> float:
        """Mean over the rows of the bound, see `diagnose`; higher is better.

        Comparable between settings of one imputer, not between one with and one without a mask
        model: the former accounts for the mask, too.
        """
        return float(self.diagnose(X)["bound"].mean())

    def save(self, path: Any) -> None:
        """Write the fitted imputer to one file, without pickle; `biam.imputation.load` reads it.

        Raises
        ------
        InvalidInputError
            A parameter is no plain data, such as a mechanism given as a function.
        OutputError
            The file cannot be written.
        """
        check_is_fitted(self)
        columns, encoder = self.columns_, self.columns_.encoder
        header = {
            "class": type(self).__name__,
            "params": {name: _plain(value) for name, value in self.get_params().items()},
            "plain": {name: _plain(getattr(self, name)) for name in _SAVED},
            "encoder": {"names": encoder.names, "categories": _plain(encoder.categories)},
            "columns": {"kinds": columns.kinds, "levels": _plain(columns.levels)},
        }
        if not isinstance(self.random_state, int | np.integer | None):
            header["params"]["random_state"] = None
        arrays = {f"model.{k}": v.cpu().numpy() for k, v in self.model_.state_dict().items()}
        arrays |= {"gaps": self.gaps_, "centre": columns.centre, "scale": columns.scale}
        arrays |= {"encoder_centre": encoder.centre, "encoder_scale": encoder.scale}
        if hasattr(self, "feature_names_in_"):
            arrays["feature_names"] = self.feature_names_in_.astype(str)
        saving.write(path, header, arrays)

    def _restore(self, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> "DeepImputer":
        """Everything `fit` would have learned, from a file."""
        for name, value in header["plain"].items():
            setattr(self, name, value)
        if "feature_names" in arrays:
            self.feature_names_in_ = arrays["feature_names"].astype(object)
        encoder = TableEncoder(
            **header["encoder"], centre=arrays["encoder_centre"], scale=arrays["encoder_scale"]
        )
        scales = {name: arrays[name] for name in ("centre", "scale")}
        self.columns_ = Columns(
            self.likelihood, self.standardise, encoder, **header["columns"], **scales
        )
        self.gaps_ = arrays["gaps"]
        self.model_ = self._model()
        state = {
            name.removeprefix("model."): torch.as_tensor(value)
            for name, value in arrays.items()
            if name.startswith("model.")
        }
        self.model_.load_state_dict(state)
        return self

    def _mask_model(self) -> MaskModel | None:
        return None

    def _mask_after(self) -> int:
        return 0

    def _model(self) -> LatentModel:
        layout = self.columns_.layout
        default = min(max(1, len(layout.kinds) - 1), _MAX_LATENT)
        self.latent_size_ = default if self.latent_size is None else self.latent_size
        scale = self.scale or ("shared" if self.decoder == "linear" else "column")
        # Initial values come from the seed and leave the global stream where it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_)
            likelihood = Likelihood(layout, scale, self.min_scale)
            model = LatentModel(
                likelihood, self.latent_size_, self.hidden, self.decoder, self._mask_model()
            )
        return model.to(self._device())

    def _schedule(self, n_rows: int) -> Schedule:
        return Schedule(
            n_samples=self.n_samples,
            lr=self.lr,
            batch_size=self._batch_size(n_rows),
            max_steps=self.max_iter,
            warm_up=self.warm_up,
            mask_after=self._mask_after(),
            patience=self.max_iter if self.patience is None else self.patience,
            tol=self.tol,
            progress=self.progress,
        )

    def _batch_size(self, n_rows: int) -> int:
        if self.batch_size != "auto":
            return min(self.batch_size, n_rows)
        if n_rows <= _WHOLE:
            return n_rows
        return _BATCH if n_rows < _LARGE else _LARGE_BATCH

    def _split(
        self, x: Tensor, observed: Tensor, generator: torch.Generator
    ) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor] | None]:
        """Training rows, and those held out to judge when to stop."""
        n_out = round(self.validation_fraction * len(x))
        if n_out == 0:
            return (x, observed), None
        order = torch.randperm(len(x), generator=generator, device=x.device)
        out, kept = order[:n_out], order[n_out:]
        return (x[kept], observed[kept]), (x[out], observed[out])

    def _encoded(self, X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        check_is_fitted(self)
        return self.columns_.encode(self._check_table(X, reset=False))

    def _tensors(self, block: np.ndarray, observed: np.ndarray) -> tuple[Tensor, Tensor]:
        device = self._device()
        return torch.as_tensor(block, device=device), torch.as_tensor(
            observed.astype(np.float32), device=device
        )

    def _device(self) -> torch.device:
        # These networks are small: a GPU pays for itself only on request.
        return torch.device("cpu" if self.device == "auto" else self.device)

    def _threads(self, size: int) -> Any:
        return nullcontext() if size >= _THREADS_FROM else one_thread()

    def _check_table(self, X: Any, *, reset: bool = True) -> Any:
        if hasattr(X, "iloc"):
            if X.ndim != 2:
                raise InvalidInputError(f"X must be a table, got {X.ndim} axis: use X.to_frame().")
            validate_data(self, X, skip_check_array=True, reset=reset)
            if 0 in X.shape:
                lacking = "rows" if X.shape[1] else "columns"
                raise InvalidInputError(f"X has no {lacking}: expected at least one.")
        else:
            # The encoder looks for infinities: it can say in which column and row.
            X = validate_data(self, X, dtype=None, ensure_all_finite=False, reset=reset)
        if reset and len(X) < 2:
            raise InvalidInputError("X has 1 sample: expected at least 2 rows to learn from.")
        return X

    def _check_parameters(self) -> None:
        check_choice("decoder", self.decoder, DECODERS)
        if self.scale is not None:
            check_choice("scale", self.scale, SCALES)
        if self.latent_size is not None:
            check_integer("latent_size", self.latent_size, low=1)
        for name in ("n_samples", "n_importance", "max_iter"):
            check_integer(name, getattr(self, name), low=1)
        check_integer("warm_up", self.warm_up, low=0)
        if self.patience is not None:
            check_integer("patience", self.patience, low=1)
        if self.batch_size != "auto":
            check_integer("batch_size", self.batch_size, low=1)
        for name in ("lr", "min_scale"):
            check_number(name, getattr(self, name), low=0, open_low=True)
        check_number("tol", self.tol, low=0)
        check_number("validation_fraction", self.validation_fraction, low=0, high=0.5)
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence):
            raise InvalidInputError(f"hidden must be a list of layer sizes, got {self.hidden!r}.")
        for size in self.hidden:
            check_integer("hidden", size, low=1)
        check_device(self.device)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _plain(value: Any) -> Any:
    """Plain Python numbers, strings, lists and dicts, as JSON keeps them."""
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
