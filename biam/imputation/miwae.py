"""The two deep imputers: MIWAE for data missing at random, not-MIWAE for data that are not.

Sources: Mattei & Frellsen (2019), MIWAE; Ipsen, Mattei & Frellsen (2021), not-MIWAE.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.imputation import saving
from biam.imputation.base import DeepImputer
from biam.imputation.columns import by_column
from biam.imputation.mask_models import (
    MASK_MODELS,
    KnownMask,
    LinearMask,
    MaskModel,
    NonlinearMask,
    SelfMask,
)
from biam.imputation.posterior import ESTIMATES
from biam.validation import check_choice, check_number

__all__ = ["MIWAEImputer", "NotMIWAEImputer", "load"]

_SIGNS = {"high": 1, "low": -1, "free": 0}


class MIWAEImputer(DeepImputer):
    """Imputation by a deep latent-variable model, gaps taken as missing at random.

    Trained by the importance-weighted bound L_K on log p(x_o); imputes the self-normalised
    importance estimate of E[x_m | x_o].

    Parameters
    ----------
    latent_size : int, optional
        Default: one less than there are columns, at most 32.
    hidden : sequence of int
        Tanh layers of the encoder, and of the decoder unless it is linear.
    decoder : {"mlp", "linear"}
        "linear" with a shared scale is probabilistic PCA, fitted by the bound.
    likelihood : str, sequence or mapping
        "gaussian", "student", "bernoulli", "categorical" or "auto": for all columns, one each, or
        by name or position. "auto" is Bernoulli for two text levels, categorical for more, Gaussian
        for numbers.
    scale : {"shared", "column", "row"}, optional
        Standard deviation of continuous columns given z: one for all (default of the linear
        decoder), one each (default otherwise), or an output of the decoder.
    min_scale : float
        Floor of that, against collapse.
    n_samples : int
        K of the bound in training.
    n_importance : int
        Importance samples per row in `transform`, `sample` and `score`.
    lr : float
        Adam's step size between warm-up and cool-down.
    batch_size : int or "auto"
        "auto": all rows up to 256, then 128, and 256 from 20,000 rows on.
    max_iter : int
        Most steps, cool-down included.
    warm_up : int
        Steps over which the step size rises.
    patience : int, optional
        Windows of about 50 steps without a gain of the bound before the cool-down begins, which
        lasts a third as long as the steps before it. None = use all steps.
    tol : float
        Smallest gain that counts, nats per row.
    validation_fraction : float
        Share of rows held out, whose bound is judged instead; 0 = the training rows', which suits
        imputing the very rows it is fitted to.
    standardise : bool
        Centre and scale continuous columns by their observed values.
    device : str
        "auto" = "cpu".
    random_state : int, RandomState or None
    progress : bool
        Show a bar with the time left.

    Attributes
    ----------
    history_ : list of dict
        "step", "bound", "lr" by window.
    status_ : {"converged", "max_steps"}
    n_iter_ : int
        Steps taken.
    latent_size_ : int
    model_ : torch.nn.Module
    """

    def __init__(
        self,
        *,
        latent_size: int | None = None,
        hidden: Sequence[int] = (128, 128),
        decoder: str = "mlp",
        likelihood: str | Sequence[str] | Mapping[Any, str] = "auto",
        scale: str | None = None,
        min_scale: float = 0.01,
        n_samples: int = 20,
        n_importance: int = 1000,
        lr: float = 1e-3,
        batch_size: int | str = "auto",
        max_iter: int = 5000,
        warm_up: int = 100,
        patience: int | None = 20,
        tol: float = 1e-3,
        validation_fraction: float = 0.0,
        standardise: bool = True,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: bool = True,
    ) -> None:
        self.latent_size = latent_size
        self.hidden = hidden
        self.decoder = decoder
        self.likelihood = likelihood
        self.scale = scale
        self.min_scale = min_scale
        self.n_samples = n_samples
        self.n_importance = n_importance
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.warm_up = warm_up
        self.patience = patience
        self.tol = tol
        self.validation_fraction = validation_fraction
        self.standardise = standardise
        self.device = device
        self.random_state = random_state
        self.progress = progress


class NotMIWAEImputer(DeepImputer):
    """Imputation by a deep latent-variable model whose mask may depend on what it hides.

    As `MIWAEImputer`, with a model of the mask: the bound is on log p(x_o, s). What it imputes
    rests on the mask model, which the data alone cannot check; compare several.

    Parameters
    ----------
    mask_model : str
        "self-masking-known": the chance that a value is missing depends on the value, in a known
        direction (`missing`). "self-masking": likewise, the direction is learned. "agnostic":
        a linear function of all values. "agnostic-nonlinear": a small network of them.
        "mechanism": fixed, as `mechanism` says.
    missing : {"high", "low", "free"}, sequence or mapping
        Which values of a column go missing, for "self-masking-known": for all columns, one each, or
        by name or position (others are "free").
    mechanism : dict or callable, optional
        For mask_model="mechanism". A dict with "slope" and "threshold", numbers or one per column:
        logit of being observed = -slope (x - threshold), in the table's units. Or a function of
        completed rows, Tensor (..., n_columns) in the table's units, levels as codes, that returns
        such logits; it works on tensors and keeps gradients. A function cannot be saved.
    mask_hidden : int
        Units of the hidden layer of "agnostic-nonlinear".
    mask_after : float
        Share of `max_iter` that is trained without the mask model. Where a mask does not tell on
        which side a hidden value lies, what is seen must say so first.
    estimate : {"posterior", "decoder"}
        What `transform` averages: draws of the gaps, which converges to E[x_m | x_o, s], or the
        decoder's means, as published.
    latent_size, hidden, decoder, likelihood, scale, min_scale, n_samples, n_importance, lr, \
batch_size, max_iter, warm_up, patience, tol, validation_fraction, standardise, device, \
random_state, progress
        As in `MIWAEImputer`. The decoder is linear here by default: a flexible one with a flexible
        mask model can explain the same mask in many ways (Ipsen et al., Table 1).

    Attributes
    ----------
    history_, status_, n_iter_, latent_size_, model_
        As in `MIWAEImputer`.
    gaps_ : ndarray of int
        Columns whose mask is modelled, in model order: those with a gap in the training table.
    """

    def __init__(
        self,
        *,
        mask_model: str = "self-masking-known",
        missing: str | Sequence[str] | Mapping[Any, str] = "high",
        mechanism: Mapping[str, Any] | Callable[[Tensor], Tensor] | None = None,
        mask_hidden: int = 32,
        mask_after: float = 0.0,
        estimate: str = "posterior",
        latent_size: int | None = None,
        hidden: Sequence[int] = (128, 128),
        decoder: str = "linear",
        likelihood: str | Sequence[str] | Mapping[Any, str] = "auto",
        scale: str | None = None,
        min_scale: float = 0.01,
        n_samples: int = 20,
        n_importance: int = 1000,
        lr: float = 1e-3,
        batch_size: int | str = "auto",
        max_iter: int = 5000,
        warm_up: int = 100,
        patience: int | None = 20,
        tol: float = 1e-3,
        validation_fraction: float = 0.0,
        standardise: bool = True,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: bool = True,
    ) -> None:
        self.mask_model = mask_model
        self.missing = missing
        self.mechanism = mechanism
        self.mask_hidden = mask_hidden
        self.mask_after = mask_after
        self.estimate = estimate
        self.latent_size = latent_size
        self.hidden = hidden
        self.decoder = decoder
        self.likelihood = likelihood
        self.scale = scale
        self.min_scale = min_scale
        self.n_samples = n_samples
        self.n_importance = n_importance
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.warm_up = warm_up
        self.patience = patience
        self.tol = tol
        self.validation_fraction = validation_fraction
        self.standardise = standardise
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def predict_mask(self, X: Any) -> np.ndarray:
        """Chance that each value is missing, by the mask model, for rows without gaps.

        Parameters
        ----------
        X : array-like or DataFrame, shape (n_rows, n_columns)
            Complete.

        Returns
        -------
        ndarray, shape (n_rows, n_columns)
            Zero for columns that had no gap in the training table.
        """
        values, block, observed = self._encoded(X)
        if not observed.all():
            raise InvalidInputError("predict_mask needs complete rows: impute the gaps first.")
        out = np.zeros_like(values)
        if self.gaps_.size:
            x, _ = self._tensors(block, observed)
            with torch.no_grad():
                logits = self.model_.mask_model.logits(x[None])[0]
            out[:, self.columns_.order[self.gaps_]] = torch.sigmoid(-logits).cpu().numpy()
        return out

    def _mask_model(self) -> MaskModel | None:
        gaps, layout = self.gaps_.tolist(), self.columns_.layout
        if not gaps:
            return None
        if self.mask_model == "agnostic":
            return LinearMask(gaps, layout)
        if self.mask_model == "agnostic-nonlinear":
            return NonlinearMask(gaps, layout, self.mask_hidden)
        if self.mask_model == "self-masking":
            return SelfMask(gaps, layout)
        if self.mask_model == "self-masking-known":
            return SelfMask(gaps, layout, self._signs())
        return KnownMask(gaps, self._known_logits())

    def _mask_after(self) -> int:
        return round(self.mask_after * self.max_iter)

    def _signs(self) -> np.ndarray:
        """+1, -1 or 0 by column, in model order."""
        names = self.columns_.encoder.names
        words = by_column("missing", self.missing, names, "free")
        return np.array([_SIGNS[check_choice("missing", word, _SIGNS)] for word in words])[
            self.columns_.order
        ]

    def _known_logits(self) -> Callable[[Tensor], Tensor]:
        """The mechanism as a function of encoded rows, in model order."""
        columns, order = self.columns_, torch.as_tensor(self.columns_.order)
        layout, device = columns.layout, self._device()
        starts = np.concatenate([[0], np.cumsum(layout.sizes)[:-1]])
        function = self.mechanism
        if not callable(function):
            function = _line(self.mechanism, columns.encoder.names, device)
        centre, scale = (
            torch.as_tensor(part[columns.order], dtype=torch.float32, device=device)
            for part in (columns.centre, columns.scale)
        )

        def logits(x: Tensor) -> Tensor:
            parts = [
                x[..., a : a + size].argmax(-1).to(x.dtype) if size > 1 else x[..., a]
                for a, size in zip(starts, layout.sizes, strict=True)
            ]
            values = torch.stack(parts, -1) * scale + centre
            table = torch.empty_like(values)
            table[..., order] = values
            return function(table)[..., order]

        return logits

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice("mask_model", self.mask_model, MASK_MODELS)
        check_choice("estimate", self.estimate, ESTIMATES)
        check_number("mask_after", self.mask_after, low=0, high=0.75)
        if isinstance(self.missing, str):
            check_choice("missing", self.missing, _SIGNS)
        if (self.mask_model == "mechanism") != (self.mechanism is not None):
            raise InvalidInputError(
                f"mask_model='mechanism' and mechanism=... go together, got "
                f"mask_model={self.mask_model!r} and mechanism={self.mechanism!r}."
            )
        if self.mechanism is not None and not callable(self.mechanism):
            keys = set(self.mechanism) if isinstance(self.mechanism, Mapping) else None
            if keys != {"slope", "threshold"}:
                raise InvalidInputError(
                    "mechanism must be a function, or a dict with 'slope' and 'threshold', got "
                    f"{self.mechanism!r}."
                )


def load(path: str | PathLike[str]) -> DeepImputer:
    """Read an imputer written by its `save`: same imputations, bit for bit.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not such a file.
    """
    header, arrays = saving.read(path)
    known = {kind.__name__: kind for kind in (MIWAEImputer, NotMIWAEImputer)}
    kind = known[check_choice("imputer", header["class"], known)]
    return kind(**header["params"])._restore(header, arrays)


def _line(
    mechanism: Mapping[str, Any], names: Sequence[str], device: torch.device
) -> Callable[[Tensor], Tensor]:
    """logit = -slope (x - threshold) by column."""
    slope, threshold = (
        torch.tensor(
            [float(v) for v in by_column(f"mechanism[{key!r}]", mechanism[key], names, 0.0)],
            device=device,
        )
        for key in ("slope", "threshold")
    )
    return lambda x: -slope * (x - threshold)
