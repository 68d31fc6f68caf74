"""MIWAE and not-MIWAE for pictures, by networks that share their weights over position.

Sources: Mattei & Frellsen (2019), MIWAE; Ipsen, Mattei & Frellsen (2021), not-MIWAE.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.nn import functional

from biam.base import check_device, seed_of
from biam.exceptions import InvalidInputError
from biam.imputation.bound import bound, effective_sample_size
from biam.imputation.conv import STRIDE, PictureModel
from biam.imputation.conv_posterior import drawn_pictures, mean_pictures
from biam.imputation.conv_training import (
    Lessons,
    PictureDraws,
    Pictures,
    draw_pictures,
    train_pictures,
)
from biam.imputation.levels import Levels
from biam.solvers.fitted import one_thread
from biam.validation import check_integer, check_number

__all__ = ["ConvMIWAEImputer", "ConvNotMIWAEImputer"]

# Numbers in one tensor of a step: bounds memory whatever the table.
_CHUNK = 2_000_000
_TINY = 1e-12


class ConvMIWAEImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Imputation of pictures, gaps taken as missing at random.

    `MIWAEImputer` with convolutions: an encoder to a small map of latents and a decoder from it, so
    that what is learned at one place holds at all. Pixels are mixtures of grey levels. The bound is
    trained on pictures moved at random; in addition the encoder learns to fill holes that are put
    where pixels were seen (`biam.imputation.conv_training`).

    Parameters
    ----------
    image_shape : pair of int
        Height and width: a row of the table is a picture, row by row of pixels.
    channels : int
        Width of the networks: of their first layer; twice and four times as many further in.
    latent_channels : int
        Latents for every 4 x 4 pixels.
    n_levels : int
        Grey levels of the mixture.
    min_scale : float
        Floor of their standard deviations, as a share of half the range of values.
    n_samples : int
        K of the bound in training.
    n_importance : int
        Importance samples per row in `transform`, `sample` and `score`.
    lr : float
        Adam's step size between warm-up and cool-down.
    batch_size : int
    max_iter : int
        Steps.
    max_shift : int, optional
        Pictures are moved by up to so many pixels in training. None = a fifth of the shorter side.
    hole_weight : float
        Weight of the lessons in holes, beside the bound.
    device : str
        "auto" = "cpu".
    random_state : int, RandomState or None
    progress : bool
        Show a bar with the time left.

    Attributes
    ----------
    history_ : list of dict
        "step", "bound", and "holes", the log-density the lessons raise, by 50 steps.
    model_ : torch.nn.Module
    masked_ : ndarray of bool, shape (n_columns,)
        Pixels with a gap in the training table.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        *,
        channels: int = 12,
        latent_channels: int = 4,
        n_levels: int = 5,
        min_scale: float = 0.03,
        n_samples: int = 2,
        n_importance: int = 100,
        lr: float = 2e-3,
        batch_size: int = 32,
        max_iter: int = 1000,
        max_shift: int | None = None,
        hole_weight: float = 1.0,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: bool = True,
    ) -> None:
        self.image_shape = image_shape
        self.channels = channels
        self.latent_channels = latent_channels
        self.n_levels = n_levels
        self.min_scale = min_scale
        self.n_samples = n_samples
        self.n_importance = n_importance
        self.lr = lr
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.max_shift = max_shift
        self.hole_weight = hole_weight
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> "ConvMIWAEImputer":
        """Learn the pictures from what is seen of them.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_columns)
            Pictures as rows; NaN where a pixel is missing.
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
        X = self._check_table(X, reset=True)
        seen = X[~np.isnan(X)]
        if not seen.size:
            raise InvalidInputError("X holds no value: expected some pixels that are seen.")
        self.middle_ = float(seen.max() + seen.min()) / 2
        # A constant picture has no range; any does.
        self.half_ = max(float(seen.max() - seen.min()) / 2, _TINY)
        self.masked_ = np.isnan(X).any(0)
        self.seed_ = seed_of(self.random_state)
        with one_thread():
            self.model_ = self._model()
            generator = torch.Generator(self._device()).manual_seed(self.seed_)
            lessons = Lessons(
                n_samples=self.n_samples,
                lr=self.lr,
                batch_size=self.batch_size,
                max_steps=self.max_iter,
                max_shift=self._max_shift(),
                hole_weight=self.hole_weight,
                progress=self.progress,
            )
            self.history_ = train_pictures(self.model_, self._pictures(X), lessons, generator)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Fill each gap with its posterior mean, sum_k alpha_k E[x_m | z_k, s].

        Parameters
        ----------
        X : array-like, shape (n_rows, n_columns)

        Returns
        -------
        ndarray, shape (n_rows, n_columns)
            What was there stays as it was.
        """
        X = self._fitted_table(X)
        means = [mean_pictures(self.model_.levels, *part) for part in self._draws(X)]
        return np.where(np.isnan(X), self._table(torch.cat(means)), X)

    def sample(self, X: Any, n_draws: int = 10) -> np.ndarray:
        """Multiple imputation: draws of the gaps by sampling-importance-resampling.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_columns)
        n_draws : int

        Returns
        -------
        ndarray, shape (n_draws, n_rows, n_columns)
        """
        check_integer("n_draws", n_draws, low=1)
        X = self._fitted_table(X)
        generator = torch.Generator(self._device()).manual_seed(self.seed_ + 1)
        levels = self.model_.levels
        drawn = [drawn_pictures(levels, *part, n_draws, generator) for part in self._draws(X)]
        return np.where(np.isnan(X), self._table(torch.cat(drawn, 1)), X)

    def diagnose(self, X: Any) -> dict[str, np.ndarray]:
        """Bound and effective sample size of each row, by `n_importance` samples.

        Parameters
        ----------
        X : array-like, shape (n_rows, n_columns)

        Returns
        -------
        dict of str to ndarray, shape (n_rows,)
            "bound", in nats, of values scaled to -1 to 1; "ess", from 1 to `n_importance`.
        """
        parts = [
            torch.stack([bound(d.log_weights), effective_sample_size(d.log_weights)])
            for _, d in self._draws(self._fitted_table(X))
        ]
        values, sizes = torch.cat(parts, 1).cpu().numpy()
        return {"bound": values, "ess": sizes}

    def score(self, X: Any, y: Any = None) -> float:
        """Mean over the rows of the bound, see `diagnose`; higher is better."""
        return float(self.diagnose(X)["bound"].mean())

    def _scaled_mechanism(self) -> Callable[[Tensor], Tensor] | None:
        return None

    def _max_shift(self) -> int:
        return round(min(self.image_shape) / 5) if self.max_shift is None else self.max_shift

    def _model(self) -> PictureModel:
        # Initial values come from the seed and leave the global stream where it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed_)
            levels = Levels(-1.0, 1.0, self.n_levels, self.min_scale, self._scaled_mechanism())
            return PictureModel(levels, self.channels, self.latent_channels).to(self._device())

    def _pictures(self, X: np.ndarray) -> Pictures:
        """Scaled to -1 to 1, and padded by unseen pixels to whole places of the latent map."""
        seen = ~np.isnan(X)
        x = np.where(seen, (X - self.middle_) / self.half_, 0.0)
        return Pictures(*(self._padded(part) for part in (x, seen, self.masked_[None])))

    def _padded(self, rows: np.ndarray) -> Tensor:
        h, w = self.image_shape
        flat = torch.as_tensor(rows.astype(np.float32), device=self._device())
        return functional.pad(flat.view(-1, h, w), (0, -w % STRIDE, 0, -h % STRIDE))

    def _table(self, x: Tensor) -> np.ndarray:
        """Pictures (..., h, w) as rows, in the table's units."""
        h, w = self.image_shape
        flat = x[..., :h, :w].flatten(-2).cpu().numpy().astype(np.float64)
        return flat * self.half_ + self.middle_

    def _draws(self, X: np.ndarray) -> Iterator[tuple[Pictures, PictureDraws]]:
        size = max(1, _CHUNK // (self.n_importance * X.shape[1]))
        for start in range(0, len(X), size):
            part = self._pictures(X[start : start + size])
            generator = torch.Generator(self._device()).manual_seed(self.seed_)
            with one_thread(), torch.no_grad():
                yield (
                    part,
                    draw_pictures(self.model_, part, self.n_importance, generator, same_noise=True),
                )

    def _fitted_table(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self._check_table(X, reset=False)

    def _check_table(self, X: Any, *, reset: bool) -> np.ndarray:
        X = validate_data(
            self,
            X,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
            reset=reset,
            ensure_min_samples=2 if reset else 1,
        )
        h, w = self.image_shape
        if X.shape[1] != h * w:
            raise InvalidInputError(
                f"X has {X.shape[1]} columns: expected {h} x {w} = {h * w} by image_shape."
            )
        return X

    def _device(self) -> torch.device:
        return torch.device("cpu" if self.device == "auto" else self.device)

    def _check_parameters(self) -> None:
        if isinstance(self.image_shape, str) or len(self.image_shape) != 2:
            raise InvalidInputError(
                f"image_shape must be (height, width), got {self.image_shape!r}."
            )
        for side in self.image_shape:
            check_integer("image_shape", side, low=1)
        for name in (
            *("channels", "latent_channels", "n_samples", "n_importance"),
            *("batch_size", "max_iter"),
        ):
            check_integer(name, getattr(self, name), low=1)
        check_integer("n_levels", self.n_levels, low=2)
        if self.max_shift is not None:
            check_integer("max_shift", self.max_shift, low=0)
        for name in ("lr", "min_scale"):
            check_number(name, getattr(self, name), low=0, open_low=True)
        check_number("hole_weight", self.hole_weight, low=0)
        check_device(self.device)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


class ConvNotMIWAEImputer(ConvMIWAEImputer):
    """Imputation of pictures whose pixels hide themselves by their own value.

    As `ConvMIWAEImputer`, with a known mechanism that all pixels share, where the training table
    has gaps; elsewhere the mask says nothing. Hidden pixels are summed out (`Levels`).

    Parameters
    ----------
    image_shape : pair of int
    mechanism : callable
        Values, a Tensor of any shape in the table's units -> logits of being observed, element by
        element, on tensors and with gradients.
    channels, latent_channels, n_levels, min_scale, n_samples, n_importance, lr, batch_size, \
max_iter, max_shift, hole_weight, device, random_state, progress
        As in `ConvMIWAEImputer`.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        mechanism: Callable[[Tensor], Tensor],
        *,
        channels: int = 12,
        latent_channels: int = 4,
        n_levels: int = 5,
        min_scale: float = 0.03,
        n_samples: int = 2,
        n_importance: int = 100,
        lr: float = 2e-3,
        batch_size: int = 32,
        max_iter: int = 1000,
        max_shift: int | None = None,
        hole_weight: float = 1.0,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = None,
        progress: bool = True,
    ) -> None:
        super().__init__(
            image_shape,
            channels=channels,
            latent_channels=latent_channels,
            n_levels=n_levels,
            min_scale=min_scale,
            n_samples=n_samples,
            n_importance=n_importance,
            lr=lr,
            batch_size=batch_size,
            max_iter=max_iter,
            max_shift=max_shift,
            hole_weight=hole_weight,
            device=device,
            random_state=random_state,
            progress=progress,
        )
        self.mechanism = mechanism

    def _scaled_mechanism(self) -> Callable[[Tensor], Tensor]:
        mechanism, half, middle = self.mechanism, self.half_, self.middle_
        return lambda x: mechanism(x * half + middle)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if not callable(self.mechanism):
            raise InvalidInputError(
                "mechanism must be a function from values to logits of being observed, got "
                f"{self.mechanism!r}."
            )
