"""`weighting="network"`: lower level solved, a weighting network by implicit hypergradients.

Per-feature knots, a ridge strength chosen by the data, missing interactions kept only when the
held-out loss agrees. With meta rows, a weighting network is trained so that models fitted on the
weighted training rows and the *other* folds of the meta rows predict each meta fold well; the final
model uses them all. Without meta rows regression is robust (an MM-estimate), classification plain.
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from biam.basis import Basis
from biam.hypergradient import Implicit
from biam.losses import Huber, Logistic, Loss, SoftmaxCrossEntropy, SquaredError
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.lower_data import (
    RIDGES,
    TRUSTED_ROWS,
    LowerData,
    interaction_columns,
    is_knot_column,
    main_columns,
)
from biam.solvers.penalised import PenalisedFit
from biam.weighting import WeightingNetwork

__all__ = ["NetworkSolver", "weight_gradient"]

RIDGE_FLOOR = 1e-4
SMALL = 4_000_000


@dataclass(frozen=True)
class NetworkSolver:
    """Settings of the loop; see `biam.BIAMRegressor` for their meaning."""

    n_knots: int = 10
    interactions: bool | str = "auto"
    upper_lr: float = 0.1
    epochs: int = 100
    n_folds: int = 4
    patience: int | None = 10
    max_interactions: int = 1500
    max_upper_rows: int = 8000
    robust_rounds: int = 5
    device: str = "cpu"
    progress: bool = True

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
        """Train; parameters as in `PublishedSolver.fit`, meta rows optional."""
        fixed = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        kept = fixed > 0
        basis = Basis.fit(
            X[kept], self.n_knots, n_levels=n_levels, weight=fixed[kept], dtype=torch.float64
        )
        stream = torch.Generator().manual_seed(seed)
        data = self._data(basis, (X, y, fixed), (X_meta, y_meta), n_classes, stream)
        history: list[dict[str, float]] = []
        # Threads only pay on large products; on small ones they cost up to ten times.
        with one_thread() if data.A.numel() < SMALL else nullcontext():
            if data.folds:
                data, v, ridge, details = self._learn(data, stream, history)
            else:
                data, v, ridge, details = self._robust(data)
            data, ridge = self._with_interactions(data, v, ridge)
            final = data.fit(v, ridge)
        model, w = data.as_model(basis, final.W)
        details |= {"ridge": ridge, "edf": final.edf, "losses": data.losses(final).cpu().numpy()}
        status = "finished" if final.converged else "diverged"
        return Fitted(model, w, v.cpu().numpy(), history, status, details)

    def _data(
        self,
        basis: Basis,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        meta: tuple[np.ndarray | None, np.ndarray | None],
        n_classes: int,
        stream: torch.Generator,
    ) -> "LowerData":
        (X, y, fixed), (X_meta, y_meta) = train, meta
        if X_meta is None:
            X_meta, y_meta = X[:0], y[:0]
        loss: Loss = SquaredError()
        if n_classes:
            loss = Logistic() if n_classes == 2 else SoftmaxCrossEntropy()
        dtype = torch.int64 if n_classes > 2 else torch.float64
        order = torch.randperm(len(X_meta), generator=stream)
        n_folds = min(self.n_folds, len(X_meta)) if len(X_meta) > 1 else 0
        data = LowerData(
            design=basis.design(X).to(self.device),
            y=torch.as_tensor(y).to(self.device, dtype),
            fixed=torch.as_tensor(fixed).to(self.device),
            meta=basis.design(X_meta).to(self.device),
            y_meta=torch.as_tensor(y_meta).to(self.device, dtype),
            folds=tuple(order.tensor_split(n_folds)) if n_folds else (),
            loss=loss,
            n_outputs=n_classes if n_classes > 2 else 1,
            is_knot=is_knot_column(basis),
        )
        return data.with_columns(main_columns(data))

    def _learn(
        self, data: "LowerData", stream: torch.Generator, history: list[dict[str, float]]
    ) -> tuple["LowerData", Tensor, float, dict]:
        """Train the weighting network by implicit, cross-fitted hypergradients."""
        small = data.subsample(self.max_upper_rows, stream)
        nothing = torch.zeros_like(small.fixed)
        # Meta rows alone may be few or separable: a floor keeps the curves of this phase tame.
        ridge = max(small.best_ridge(nothing), RIDGE_FLOOR)
        judged, fits = small.held_out(nothing, ridge)
        learner = _WeightLearner.start(small, fits, float(judged.median()), self.upper_lr)
        ridge = max(small.trusted_ridge(learner.weights(small, fits)), RIDGE_FLOOR)
        best, since = (float("inf"), learner.theta), 0
        bar = tqdm(total=self.epochs, unit="step", delay=2, disable=None if self.progress else True)
        with bar:
            for step in range(self.epochs):
                value, fits = learner.step(small, fits, ridge)
                history.append({"epoch": step + 1, "meta_loss": value})
                better = value < best[0] * (1 - 1e-4)
                best, since = ((value, learner.theta), 0) if better else (best, since + 1)
                bar.update()
                if self.patience is not None and since >= self.patience:
                    break
                learner.advance()
        learner.theta = best[1]
        return self._settle(data, small, learner, fits)

    def _settle(
        self,
        data: LowerData,
        small: LowerData,
        learner: "_WeightLearner",
        fits: list[PenalisedFit],
    ) -> tuple[LowerData, Tensor, float, dict]:
        """Keep the learned weights only where they beat equal ones on the held-out meta rows.

        A curve learned on few meta rows fits their chance, and its held-out loss flatters it, for
        it was trained on that: below `TRUSTED_ROWS` rows it must win by two standard errors.
        """
        v, equal = learner.weights(small, fits), torch.ones_like(small.fixed)
        ridge, equal_ridge = small.trusted_ridge(v), small.best_ridge(equal)
        gain = small.held_out(equal, equal_ridge)[0] - small.held_out(v, ridge)[0]
        doubt = 2 * float(gain.std()) / len(gain) ** 0.5 if len(gain) < TRUSTED_ROWS else 0.0
        if float(gain.mean()) <= doubt:
            ones = torch.ones_like(data.fixed)
            return data, ones, data.best_ridge(ones, near=equal_ridge), {}
        if small is not data:
            fits = data.held_out(learner.weights(data, fits), ridge)[1]
            v = learner.weights(data, fits)
        return data, v, ridge, {"theta": learner.theta, "loss_scale": learner.scale}

    def _robust(self, data: "LowerData") -> tuple["LowerData", Tensor, float, dict]:
        """No meta rows: an MM-estimate for regression, the plain likelihood for classes.

        Huber's loss from the median gives a start that outliers cannot reach; Tukey's bisquare
        weights then drop what lies far from it (Yohai 1987; 95 % efficient on normal errors).
        """
        v = torch.ones_like(data.fixed)
        if not isinstance(data.loss, SquaredError):
            return data, v, data.best_ridge(v), {}
        residual = (data.y - _weighted_median(data.y, data.fixed)).abs()
        ridge, fit = min(data.best_ridge(v), RIDGES[len(RIDGES) // 2]), None
        least = 0.01 * 1.4826 * _weighted_median(residual, data.fixed)
        for _ in range(self.robust_rounds):
            scale = max(1.4826 * _weighted_median(residual, data.fixed), least)
            if scale <= 1e-12:
                return data, v, data.best_ridge(v), {}
            bent = replace(data, loss=Huber(1.345 * scale))
            fit = bent.fit(v, ridge, start=fit)
            residual = (fit.outputs[: len(data.y), 0] - data.y).abs()
        # The scale stays: with one of its own in every round, the rows that happen to be fitted
        # best would shrink it until all others count as outliers.
        scale = max(1.4826 * _weighted_median(residual, data.fixed), least)
        for _ in range(self.robust_rounds):
            v = (1 - (residual / (4.685 * scale)).square()).clamp_min(0).square()
            ridge = data.best_ridge(v)
            residual = (data.fit(v, ridge).outputs[: len(data.y), 0] - data.y).abs()
        return data, v, ridge, {}

    def _with_interactions(
        self, data: "LowerData", v: Tensor, ridge: float
    ) -> tuple["LowerData", float]:
        if self.interactions is False:
            return data, ridge
        extra = interaction_columns(data)
        if not len(extra) or len(extra) > self.max_interactions:
            return data, ridge
        wide = data.with_columns(torch.cat([data.columns, extra]))
        wide_ridge = wide.best_ridge(v, near=ridge) if not data.folds else ridge
        if self.interactions is True or wide.improves_on(data, v, wide_ridge, ridge):
            return wide, wide_ridge
        return data, ridge


class _WeightLearner:
    """Adam on the weighting network's parameters; input log(1 + loss / scale)."""

    network = WeightingNetwork(standardise=False, normalise=False)

    def __init__(self, theta: Tensor, scale: float, lr: float) -> None:
        self.theta, self.scale = theta, scale
        self._leaf = theta.clone().requires_grad_()
        self._adam = torch.optim.Adam([self._leaf], lr=lr)

    @classmethod
    def start(
        cls, data: LowerData, fits: list[PenalisedFit], scale: float, lr: float
    ) -> "_WeightLearner":
        """A falling curve whose bends lie at the quantiles of the training rows' losses."""
        learner = cls(torch.zeros(0, dtype=torch.float64), max(scale, 1e-12), lr)
        z, h = learner._inputs(data, fits), cls.network.n_hidden
        bends = torch.quantile(z, torch.linspace(0, 1, h, dtype=z.dtype, device=z.device))
        one = torch.ones_like(bends)
        theta = torch.cat([one, -bends, -0.5 * one, 2 * one[:1]])
        return cls(theta, learner.scale, lr)

    def weights(self, data: LowerData, fits: list[PenalisedFit]) -> Tensor:
        """Weights of the training rows in (0, 1)."""
        return self.network.weights(self.theta, self._inputs(data, fits))

    def step(
        self, data: LowerData, fits: list[PenalisedFit], ridge: float
    ) -> tuple[float, list[PenalisedFit]]:
        """Refit the folds at the present weights; returns the held-out loss and the fits."""
        learned = self.network.linearise(self.theta, self._inputs(data, fits))
        losses, fits = data.held_out(learned.weights, ridge, fits)
        hypergradient = torch.zeros_like(data.fixed)
        for fold, fit in zip(data.folds, fits, strict=True):
            hypergradient += weight_gradient(data, fit, fold, learned.weights, ridge)
        self._leaf.grad = learned.vjp(hypergradient)
        return float(losses.mean()), fits

    def advance(self) -> None:
        """Take the Adam step whose gradient `step` has left."""
        self._adam.step()
        self.theta = self._leaf.detach().clone()

    def _inputs(self, data: LowerData, fits: list[PenalisedFit]) -> Tensor:
        # Mean over the folds' models: each saw all training rows, none saw all meta rows.
        outputs = torch.stack([data.loss.value(data.A @ fit.W, data.y) for fit in fits])
        return torch.log1p(outputs.mean(0) / self.scale)


def weight_gradient(
    data: LowerData, fit: PenalisedFit, fold: Tensor, v: Tensor, ridge: float
) -> Tensor:
    """d(mean held-out loss of one fold, as a share of all meta rows) / d v, shape (n,).

    Implicit function theorem. The lower objective is a weighted *mean*, so each weight also acts
    through the total n: that adds the (penalty) gradient, equal for all rows.
    """
    slope = data.loss.gradient(data.A_meta[fold] @ fit.W, data.y_meta[fold])
    upper = data.A_meta[fold].T @ slope / len(data.y_meta)
    adjoint = Implicit(fit.solve).adjoint(upper)
    total = float((v * data.fixed).sum()) + len(data.y_meta) - len(fold)
    along = (data.loss.gradient(data.A @ fit.W, data.y) * (data.A @ adjoint)).sum(1)
    shared = 2 * float((data.penalty(ridge)[:, None] * fit.W * adjoint).sum())
    return -data.fixed * (along + shared) / total


def _weighted_median(x: Tensor, weight: Tensor) -> float:
    order = x.argsort()
    share = weight[order].cumsum(0) / weight.sum()
    return float(x[order][int((share < 0.5).sum())])
