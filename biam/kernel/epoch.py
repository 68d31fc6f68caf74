"""One epoch of the published loop in NumPy.

A published batch is 64 rows: there the cost of a step is the number of calls into the tensor
library, not arithmetic. `EpochKernel` runs an epoch of `BilevelOptimizer` for the case that all
published tables are made of (additive model with one joint design matrix, with or without gated
pairs, one-step hypergradient) with about 60 array operations a step, 110 with pairs. Tests hold it
to the general path to rounding error.
"""

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
import torch

from biam.basis import Design
from biam.hypergradient import Hypergradient, OneStep
from biam.kernel.network import NetworkPass
from biam.kernel.terms import Batch, MainTerms, PairTerms
from biam.losses import SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, LowerProblem, Rows
from biam.weighting import UpperLearner, WeightingNetwork

__all__ = ["EpochKernel", "StepSettings"]

Array = np.ndarray


class StepSettings(NamedTuple):
    """Step sizes of both levels, largest gradient norm, rows a batch, factors of `lower_lr`."""

    lower_lr: float
    upper_lr: float
    clip: float
    batch_size: int
    lr_scale: torch.Tensor | None = None


class EpochKernel:
    """One epoch over `rows`, judged by `meta`.

    Parameters
    ----------
    problem : AdditiveProblem
        As it stands in this epoch (`at_epoch`): with its pairs, or waiting for them.
    upper : WeightingNetwork or None
        None trains with uniform weights.
    rows, meta : Rows
        With joint designs.
    settings : StepSettings
    """

    @staticmethod
    def applies(
        problem: LowerProblem,
        upper: UpperLearner | None,
        hypergradient: Hypergradient | None,
        rows: Rows,
        meta: Rows | None,
        settings: StepSettings,
    ) -> bool:
        """Whether this is the case the kernel covers."""
        parts = [rows] if upper is None else [rows, meta]
        return (
            isinstance(problem, AdditiveProblem)
            and _has_even_pairs(problem)
            and not problem.model.pairs
            and isinstance(problem.loss, SquaredError | SoftmaxCrossEntropy)
            and isinstance(problem.loss, SquaredError) == (problem.model.n_outputs == 1)
            and (upper is None or isinstance(upper, WeightingNetwork))
            and hypergradient in (None, OneStep(settings.lower_lr))
            and all(
                isinstance(part.inputs, Design)
                and part.inputs.joint is not None
                and part.weight is None
                and part.y.device.type == "cpu"
                for part in parts
            )
        )

    def __init__(
        self,
        problem: AdditiveProblem,
        upper: WeightingNetwork | None,
        rows: Rows,
        meta: Rows | None,
        settings: StepSettings,
    ) -> None:
        self.upper, self.settings = upper, settings
        self.n_outputs = problem.model.n_outputs
        parts = [rows] if upper is None else [rows, meta]
        self.terms = MainTerms(problem.model)
        if problem.model.n_ranks:
            self.terms = PairTerms(problem.model, parts, pairs=problem.pairs)
        self.table = self.terms.table(rows)
        self.evaluate = _squared if isinstance(problem.loss, SquaredError) else _softmax
        self.penalty = self.scale = None
        if problem.penalty is not None:
            penalty = problem.penalty
            self.penalty = tuple(self._inward(2 * x) for x in (penalty.l2, penalty.l0))
        if settings.lr_scale is not None:
            self.scale = self._inward(settings.lr_scale)
        if upper is not None:
            self.meta = self.terms.batches(self.terms.table(meta), settings.batch_size)

    # A run that diverges is reported by its status, as on the general path, not by NumPy warnings.
    @np.errstate(over="ignore", invalid="ignore")
    def run(
        self, w: Array, theta: Array, order: Array, start: int = 0
    ) -> tuple[Array, Array, list[float], list[float]]:
        """Go through the batches of one row order.

        Parameters
        ----------
        w, theta : ndarray, shape (n_parameters,), (n_upper,)
            Unchanged; the results are new arrays.
        order : ndarray of int, shape (n_rows,)
        start : int
            First batch to do (a resumed epoch).

        Returns
        -------
        w, theta : ndarray
        lower_losses, meta_losses : list of float
            Per batch, as `StepInfo` has them.
        """
        batches = self.terms.batches(self.table, self.settings.batch_size, order)
        w = self.terms.inward(w)
        lower_losses: list[float] = []
        meta_losses: list[float] = []
        for i in range(start, len(batches)):
            w, loss = self._lower_step(w, theta, batches[i])
            lower_losses.append(loss)
            if self.upper is not None:
                judge = self.meta[i % len(self.meta)]
                theta, loss = self._upper_step(w, theta, batches[i], judge)
                meta_losses.append(loss)
        return self.terms.outward(w), theta, lower_losses, meta_losses

    def _lower_step(self, w: Array, theta: Array, batch: Batch) -> tuple[Array, float]:
        losses, slope, tape = self._linearise(w, batch)
        risk = np.add.reduce(losses)
        if self.upper is not None:
            weights = NetworkPass(self.upper, theta, losses).weights
            slope, risk = self._weighted(slope, weights), weights @ losses
        gradient = self._gradient(w, tape, slope)
        length = self.settings.lower_lr * _shrink(gradient, self.settings.clip)
        if self.scale is not None:
            gradient *= self.scale
        return w - length * gradient, float(risk) / len(losses)

    def _upper_step(
        self, w: Array, theta: Array, batch: Batch, judge: Batch
    ) -> tuple[Array, float]:
        lower_lr = self.settings.lower_lr
        losses, slope, tape = self._linearise(w, batch)
        learned = NetworkPass(self.upper, theta, losses)
        ahead = w - lower_lr * self._gradient(w, tape, self._weighted(slope, learned.weights))
        judged, meta_slope, meta_tape = self._linearise(ahead, judge)
        along = self.terms.push(tape, self.terms.pull(meta_tape, meta_slope))
        inner = along * slope if self.n_outputs == 1 else np.add.reduce(along * slope, 1)
        gradient = learned.vjp((-lower_lr / (len(losses) * len(judged))) * inner)
        length = self.settings.upper_lr * _shrink(gradient, self.settings.clip)
        return theta - length * gradient, float(np.add.reduce(judged)) / len(judged)

    def _linearise(self, w: Array, batch: Batch) -> tuple[Array, Array, Any]:
        f, tape = self.terms.linearise(w, batch)
        return *self.evaluate(f, batch.y), tape

    def _weighted(self, slope: Array, weights: Array) -> Array:
        return slope * (weights if self.n_outputs == 1 else weights[:, None])

    def _gradient(self, w: Array, tape: Any, slope: Array) -> Array:
        gradient = self.terms.pull(tape, slope) * (1 / len(slope))
        if self.penalty is None:
            return gradient
        l2, l0 = self.penalty
        decay = np.exp(-(w * w))
        decay *= l0
        decay += l2
        decay *= w
        gradient += decay
        return gradient

    def _inward(self, x: torch.Tensor) -> Array:
        return self.terms.inward(x.numpy())


def _has_even_pairs(problem: AdditiveProblem) -> bool:
    """No pairs, or pairs of features that all have the same number of basis columns."""
    widths = {len(feature.knots) for feature in problem.model.basis.features}
    return not problem.model.n_ranks or len(widths) == 1


def _squared(f: Array, y: Array) -> tuple[Array, Array]:
    r = f - y
    return r * r, r + r


def _softmax(f: Array, y: Array) -> tuple[Array, Array]:
    rows = np.arange(len(y))
    top = f.max(1)
    e = np.exp(f - top[:, None])
    total = np.add.reduce(e, 1)
    losses = np.log(total) + top - f[rows, y]
    e /= total[:, None]
    e[rows, y] -= 1
    return losses, e


def _shrink(gradient: Array, norm: float) -> float:
    return min(1.0, norm / (sqrt(float(gradient @ gradient)) + 1e-6))
