"""`solver="published"`: the paper's loop, random streams included.

Source: BIAM protocol, sections 1 to 3. Regression and classification (softmax), variants BIAM,
BIAM-B (uniform weights), BIAM-I (no missing interactions), BIAM-H (steps), BIAM2 (gated pairs).
"""

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.bilevel import BilevelOptimizer, BilevelResult, BilevelState
from biam.exceptions import InvalidInputError
from biam.losses import SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.solvers.fitted import Fitted, one_thread
from biam.validation import check_choice
from biam.weighting import WeightingNetwork

__all__ = ["GATE_SCHEDULES", "VARIANTS", "GateSchedule", "PublishedSolver"]

VARIANTS = ("BIAM", "BIAM-B", "BIAM-I", "BIAM-H", "BIAM2")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class GateSchedule:
    """How the pairs of BIAM2 are held back: epochs without them, gate step, gate penalties."""

    warm_up: int
    scale: float
    l0: float
    l2: float


GATE_SCHEDULES = {
    "robust": GateSchedule(10, 0.3, 5e-2, 1e-2),
    "discovery": GateSchedule(0, 1.0, 0.0, 0.0),
}


@dataclass(frozen=True)
class PublishedSolver:
    """Settings of the paper's loop; see `biam.BIAMRegressor` for those not listed here.

    Parameters
    ----------
    l2, l0 : float
        Penalties on the coefficients.
    dtype : {"float32", "float64"}
        Precision of training. Published: float32. float64 starts from the same random draws, so
        that what differs in the end is rounding alone (protocol, section 7).
    shared_knots : bool
        Published: one set of knots for all features; False puts each feature's at its quantiles.
    normalise : bool
        Divide the learned weights by the mean of their batch, as published.
    """

    variant: str = "BIAM"
    epochs: int = 100
    batch_size: int = 64
    lower_lr: float = 0.05
    upper_lr: float = 0.01
    n_knots: int = 10
    n_ranks: int = 8
    gates: str = "robust"
    patience: int | None = None
    device: str = "cpu"
    progress: bool = True
    l2: float = 1e-3
    l0: float = 1e-4
    dtype: str = "float32"
    shared_knots: bool = True
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse an unknown precision."""
        check_choice("dtype", self.dtype, DTYPES)

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_meta: np.ndarray | None,
        y_meta: np.ndarray | None,
        *,
        n_classes: int = 0,
        n_levels: list[int] | None = None,
        sample_weight: np.ndarray | None = None,
        seed: int = 0,
    ) -> Fitted:
        """Train.

        Parameters
        ----------
        X, X_meta : ndarray of float, shape (n, p), (n_meta, p)
        y, y_meta : ndarray, shape (n,), (n_meta,)
            Numbers, or class codes 0, 1, ...
        n_classes : int
            0 for regression.
        n_levels : list of int, optional
            Categories per column.
        sample_weight : ndarray, shape (n,), optional
            Multiplies the learned weights.
        seed : int
            Seed of the published stream.

        Raises
        ------
        InvalidInputError
            No meta rows for a variant that learns weights.
        """
        uniform = check_choice("variant", self.variant, VARIANTS) == "BIAM-B"
        if X_meta is None and not uniform:
            raise InvalidInputError(
                f"solver='published' with variant={self.variant!r} learns its weights on clean "
                "rows: pass X_meta and y_meta, or use variant='BIAM-B' or solver='exact'."
            )
        stream = torch.Generator().manual_seed(seed)
        model = self._model(X, n_levels, max(n_classes, 1), stream)
        # The published model draws a weighting network it never uses before the one in use.
        WeightingNetwork().init(stream)
        optimizer = self._optimizer(model, n_classes, uniform)
        theta = WeightingNetwork().init(stream, dtype=DTYPES[self.dtype]).to(self.device)
        state = optimizer.init(model.w, stream, upper=theta)
        target = torch.int64 if n_classes else DTYPES[self.dtype]
        rows = self._rows(model, X, y, target, sample_weight)
        meta = None if X_meta is None else self._rows(model, X_meta, y_meta, target, None)
        with one_thread(), _early_stop(self.patience, self.epochs, self.progress) as callback:
            result = optimizer.run(state, rows, meta, self.epochs, callback=callback)
        return self._fitted(model, optimizer, result, rows)

    def _model(
        self, X: np.ndarray, n_levels: list[int] | None, d: int, stream: torch.Generator
    ) -> AdditiveModel:
        kind = "step" if self.variant == "BIAM-H" else "hinge"
        basis = Basis.fit(
            X,
            self.n_knots,
            kind=kind,
            shared=self.shared_knots,
            n_levels=n_levels,
            dtype=DTYPES[self.dtype],
        )
        ranks = self.n_ranks if self.variant == "BIAM2" else 0
        return AdditiveModel(
            basis, d, interactions=self.variant != "BIAM-I", n_ranks=ranks, generator=stream
        )

    def _optimizer(self, model: AdditiveModel, n_classes: int, uniform: bool) -> BilevelOptimizer:
        schedule = GATE_SCHEDULES[check_choice("gates", self.gates, GATE_SCHEDULES)]
        l2, l0 = (torch.full_like(model.w.detach(), s) for s in (self.l2, self.l0))
        scale = None
        for strength in (l2, l0):
            # The missing effects carry no penalty in the published code.
            model.coefficients(strength)["beta_miss"].zero_()
        if model.n_ranks:
            scale = torch.ones_like(l2)
            model.coefficients(l2)["gates"].fill_(schedule.l2)
            model.coefficients(l0)["gates"].fill_(schedule.l0)
            model.coefficients(scale)["gates"].fill_(schedule.scale)
            scale = scale.to(self.device)
        model.to(self.device)
        problem = AdditiveProblem(
            model,
            SoftmaxCrossEntropy() if n_classes else SquaredError(),
            CoefficientPenalty(l2.to(self.device), l0.to(self.device)),
            warm_up=schedule.warm_up if model.n_ranks else 0,
        )
        return BilevelOptimizer(
            problem,
            None if uniform else WeightingNetwork(normalise=self.normalise),
            lower_lr=self.lower_lr,
            upper_lr=self.upper_lr,
            batch_size=self.batch_size,
            lr_scale=scale,
        )

    def _rows(
        self,
        model: AdditiveModel,
        X: np.ndarray,
        y: np.ndarray,
        dtype: torch.dtype,
        weight: np.ndarray | None,
    ) -> Rows:
        design = model.join(model.basis.design(X)).to(self.device)
        fixed = None if weight is None else torch.as_tensor(weight / weight.mean())
        return Rows(
            design,
            torch.as_tensor(y).to(self.device, dtype),
            None if fixed is None else fixed.to(self.device, DTYPES[self.dtype]),
        )

    def _fitted(
        self,
        model: AdditiveModel,
        optimizer: BilevelOptimizer,
        result: BilevelResult,
        rows: Rows,
    ) -> Fitted:
        w, theta = result.state.lower, result.state.upper
        weights = np.ones(len(rows))
        details = {"theta": theta.cpu()}
        if optimizer.upper is not None:
            losses = optimizer.problem.at_epoch(self.epochs).linearise(w, rows).losses
            weights = optimizer.upper.weights(theta, losses).cpu().double().numpy()
            details["losses"] = losses.cpu().double().numpy()
        # Whatever it was trained in, read in float64, so that contributions add up exactly.
        exact = AdditiveModel(
            model.basis.to(torch.float64),
            model.n_outputs,
            interactions=model.interactions,
            n_ranks=model.n_ranks,
            # Its initial values go unused; the global stream stays where it is.
            generator=torch.Generator(),
        )
        return Fitted(exact, w.cpu().double(), weights, result.history, result.status, details)


@contextmanager
def _early_stop(patience: int | None, epochs: int, progress: bool):
    """Progress bar, and a stop once the meta loss has not fallen for `patience` epochs."""
    best, since = float("inf"), 0
    # The bar waits two seconds: short fits stay silent, and so does a pipe.
    bar = tqdm(total=epochs, unit="epoch", delay=2, disable=None if progress else True)

    def after_epoch(state: BilevelState, record: dict[str, float]) -> bool:
        nonlocal best, since
        bar.update()
        loss = record.get("meta_loss", record["lower_loss"])
        best, since = (loss, 0) if loss < best else (best, since + 1)
        return patience is not None and since >= patience

    callback: Callable[[BilevelState, dict[str, float]], bool] = after_epoch
    try:
        yield callback
    finally:
        bar.close()
