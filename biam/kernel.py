"""The three-step loop of the paper on small tables, in NumPy: the same step, fewer microseconds.

A published batch is 64 rows: there the cost of a step is the number of calls into the tensor
library, not arithmetic. `EpochKernel` runs an epoch of `BilevelOptimizer` for the case that all
published tables are made of (additive model without pairs, one joint design matrix, one-step
hypergradient) with about 60 array operations a step. Tests hold it to the general path to rounding
error.
"""

from math import sqrt
from typing import NamedTuple

import numpy as np

from biam.basis import Design
from biam.hypergradient import Hypergradient, OneStep
from biam.losses import SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, LowerProblem, Rows
from biam.weighting import UpperLearner, WeightingNetwork

__all__ = ["EpochKernel", "StepSettings"]

Array = np.ndarray


class StepSettings(NamedTuple):
    """Step sizes of both levels, the largest gradient norm, and rows a batch."""

    lower_lr: float
    upper_lr: float
    clip: float
    batch_size: int


class EpochKernel:
    """One epoch over `rows`, judged by `meta`.

    Parameters
    ----------
    problem : AdditiveProblem
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
            and not problem.model.n_ranks
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
        self.J, self.y = rows.inputs.joint.numpy(), rows.y.numpy()
        self.evaluate = _squared if isinstance(problem.loss, SquaredError) else _softmax
        self.penalty = None
        if problem.penalty is not None:
            self.penalty = (2 * problem.penalty.l2.numpy(), 2 * problem.penalty.l0.numpy())
        if upper is not None:
            size = settings.batch_size
            cuts = range(0, len(meta), size)
            J, y = meta.inputs.joint.numpy(), meta.y.numpy()
            self.meta = [(J[i : i + size], y[i : i + size]) for i in cuts]

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
        size = self.settings.batch_size
        J, y = self.J[order], self.y[order]
        lower_losses: list[float] = []
        meta_losses: list[float] = []
        for i in range(start, -(-len(y) // size)):
            batch = J[i * size : (i + 1) * size], y[i * size : (i + 1) * size]
            w, loss = self._lower_step(w, theta, *batch)
            lower_losses.append(loss)
            if self.upper is not None:
                theta, loss = self._upper_step(w, theta, *batch, *self.meta[i % len(self.meta)])
                meta_losses.append(loss)
        return w, theta, lower_losses, meta_losses

    def _lower_step(self, w: Array, theta: Array, J: Array, y: Array) -> tuple[Array, float]:
        losses, slope = self._linearise(w, J, y)
        risk = np.add.reduce(losses)
        if self.upper is not None:
            weights = _NetworkPass(self.upper, theta, losses).weights
            slope, risk = self._weighted(slope, weights), weights @ losses
        gradient = self._gradient(w, J, slope)
        length = self.settings.lower_lr * _shrink(gradient, self.settings.clip)
        return w - length * gradient, float(risk) / len(y)

    def _upper_step(
        self, w: Array, theta: Array, J: Array, y: Array, J_meta: Array, y_meta: Array
    ) -> tuple[Array, float]:
        lower_lr = self.settings.lower_lr
        losses, slope = self._linearise(w, J, y)
        learned = _NetworkPass(self.upper, theta, losses)
        ahead = w - lower_lr * self._gradient(w, J, self._weighted(slope, learned.weights))
        judged, meta_slope = self._linearise(ahead, J_meta, y_meta)
        along = J @ self._pull(J_meta, meta_slope)
        inner = along * slope if self.n_outputs == 1 else np.add.reduce(along * slope, 1)
        gradient = learned.vjp((-lower_lr / (len(y) * len(y_meta))) * inner)
        length = self.settings.upper_lr * _shrink(gradient, self.settings.clip)
        return theta - length * gradient, float(np.add.reduce(judged)) / len(y_meta)

    def _linearise(self, w: Array, J: Array, y: Array) -> tuple[Array, Array]:
        return self.evaluate(J @ (w if self.n_outputs == 1 else w.reshape(-1, self.n_outputs)), y)

    def _weighted(self, slope: Array, weights: Array) -> Array:
        return slope * (weights if self.n_outputs == 1 else weights[:, None])

    def _pull(self, J: Array, slope: Array) -> Array:
        return slope @ J if self.n_outputs == 1 else J.T @ slope

    def _gradient(self, w: Array, J: Array, slope: Array) -> Array:
        gradient = self._pull(J, slope).reshape(-1) * (1 / len(J))
        if self.penalty is None:
            return gradient
        l2, l0 = self.penalty
        decay = np.exp(-(w * w))
        decay *= l0
        decay += l2
        decay *= w
        gradient += decay
        return gradient


class _NetworkPass:
    """`WeightingNetwork` on one batch: the weights, and the pullback."""

    def __init__(self, network: WeightingNetwork, theta: Array, losses: Array) -> None:
        h, n = network.n_hidden, len(losses)
        self.h, z = h, losses
        if network.standardise:
            z = losses - np.add.reduce(losses) / n
            spread = sqrt(float(z @ z) / (n - 1)) if n > 1 else 0.0
            if spread > 1e-8:
                z /= spread + 1e-8
        self.z, self.second = z, theta[2 * h : 3 * h]
        self.hidden = np.maximum(np.outer(z, theta[:h]) + theta[h : 2 * h], 0)
        self.raw = _sigmoid(self.hidden @ self.second + theta[-1])
        self.normalised = network.normalise and n > 1
        self.scale = float(np.add.reduce(self.raw)) / n + 1e-8 if self.normalised else 1.0
        self.weights = self.raw / self.scale

    def vjp(self, cotangent: Array) -> Array:
        raw, n, h = self.raw, len(self.raw), self.h
        if self.normalised:
            cotangent = cotangent - (cotangent @ self.weights) / n
        slope = cotangent * raw * (1 - raw) / self.scale
        back = (slope[:, None] * self.second) * (self.hidden > 0)
        gradient = np.empty(3 * h + 1, dtype=raw.dtype)
        gradient[:h] = self.z @ back
        gradient[h : 2 * h] = np.add.reduce(back)
        gradient[2 * h : 3 * h] = slope @ self.hidden
        gradient[-1] = np.add.reduce(slope)
        return gradient


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


def _sigmoid(x: Array) -> Array:
    # exp of the negative magnitude only: no overflow at either end.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _shrink(gradient: Array, norm: float) -> float:
    return min(1.0, norm / (sqrt(float(gradient @ gradient)) + 1e-6))
