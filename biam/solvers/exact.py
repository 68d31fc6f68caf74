"""`solver="exact"`, BIAM-X: lower level solved exactly, weights learned by implicit hypergradients.

Per-feature knots, a ridge strength chosen by the data, missing interactions kept only when the
held-out loss agrees. With meta rows, a weighting network is trained so that models fitted on the
weighted training rows and the *other* folds of the meta rows predict each meta fold well; the final
model uses them all. Without meta rows regression is robust (Huber) and classification plain.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from biam.additive import AdditiveModel
from biam.basis import Basis, Design
from biam.hypergradient import Implicit
from biam.losses import Huber, Logistic, Loss, SoftmaxCrossEntropy, SquaredError
from biam.solvers.fitted import Fitted
from biam.solvers.penalised import PenalisedFit, penalised_fit
from biam.weighting import WeightingNetwork

__all__ = ["ExactSolver"]

RIDGES = tuple(10.0**k for k in range(-7, 1))
INTERACTION_RIDGE = 10.0
# Levels and missing effects get a fixed prior instead of the chosen ridge, as random effects do: this
# many rows at zero effect. A level seen in few rows stays near zero however smooth the curves are.
PRIOR_ROWS = 1.0


@dataclass(frozen=True)
class ExactSolver:
    """Settings of BIAM-X; see `biam.BIAMRegressor` for their meaning."""

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
        if len(data.y_meta):
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
    ) -> "_Data":
        (X, y, fixed), (X_meta, y_meta) = train, meta
        if X_meta is None:
            X_meta, y_meta = X[:0], y[:0]
        loss: Loss = SquaredError()
        if n_classes:
            loss = Logistic() if n_classes == 2 else SoftmaxCrossEntropy()
        dtype = torch.int64 if n_classes > 2 else torch.float64
        order = torch.randperm(len(X_meta), generator=stream)
        n_folds = min(self.n_folds, len(X_meta)) if len(X_meta) > 1 else 0
        data = _Data(
            design=basis.design(X).to(self.device),
            y=torch.as_tensor(y).to(self.device, dtype),
            fixed=torch.as_tensor(fixed).to(self.device),
            meta=basis.design(X_meta).to(self.device),
            y_meta=torch.as_tensor(y_meta).to(self.device, dtype),
            folds=tuple(order.tensor_split(n_folds)) if n_folds else (),
            loss=loss,
            n_outputs=n_classes if n_classes > 2 else 1,
            is_knot=_is_knot(basis),
        )
        return data.with_columns(_main_columns(data))

    def _learn(
        self, data: "_Data", stream: torch.Generator, history: list[dict[str, float]]
    ) -> tuple["_Data", Tensor, float, dict]:
        """Train the weighting network by implicit, cross-fitted hypergradients."""
        small = data.subsample(self.max_upper_rows, stream)
        nothing = torch.zeros_like(small.fixed)
        ridge = small.best_ridge(nothing)
        judged, fits = small.held_out(nothing, ridge)
        learner = _WeightLearner.start(small, fits, float(judged.median()), self.upper_lr)
        ridge = small.best_ridge(learner.weights(small, fits))
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
        v = learner.weights(small, fits)
        ridge = small.best_ridge(v)
        if small is not data:
            fits = data.held_out(learner.weights(data, fits), ridge)[1]
            v = learner.weights(data, fits)
        return data, v, ridge, {"theta": learner.theta, "loss_scale": learner.scale}

    def _robust(self, data: "_Data") -> tuple["_Data", Tensor, float, dict]:
        """No meta rows: an MM-estimate for regression, the plain likelihood for classes.

        Huber's loss from the median gives a start that outliers cannot reach; Tukey's bisquare
        weights then drop what lies far from it (Yohai 1987; 95 % efficient on normal errors).
        """
        v = torch.ones_like(data.fixed)
        if not isinstance(data.loss, SquaredError):
            return data, v, data.best_ridge(v), {}
        residual = (data.y - _weighted_median(data.y, data.fixed)).abs()
        ridge, fit = RIDGES[len(RIDGES) // 2], None
        for _ in range(self.robust_rounds):
            scale = 1.4826 * _weighted_median(residual, data.fixed)
            if scale <= 1e-12:
                return data, v, data.best_ridge(v), {}
            bent = replace(data, loss=Huber(1.345 * scale))
            fit = bent.fit(v, ridge, start=fit)
            residual = (fit.outputs[:, 0] - data.y).abs()
        for _ in range(self.robust_rounds):
            scale = max(1.4826 * _weighted_median(residual, data.fixed), 1e-12)
            v = (1 - (residual / (4.685 * scale)).square()).clamp_min(0).square()
            ridge = data.best_ridge(v)
            residual = (data.fit(v, ridge).outputs[:, 0] - data.y).abs()
        return data, v, ridge, {}

    def _with_interactions(self, data: "_Data", v: Tensor, ridge: float) -> tuple["_Data", float]:
        if self.interactions is False:
            return data, ridge
        extra = _interaction_columns(data)
        if not len(extra) or len(extra) > self.max_interactions:
            return data, ridge
        wide = data.with_columns(torch.cat([data.columns, extra]))
        wide_ridge = wide.best_ridge(v, near=ridge)
        if self.interactions is True or wide.improves_on(data, v, wide_ridge, ridge):
            return wide, wide_ridge
        return data, ridge


@dataclass(frozen=True)
class _Data:
    """Training rows, meta rows and the columns in use: all that a lower fit needs.

    `columns`, shape (c, 2), names each column as (a, b): basis column a times mask column b.
    """

    design: Design
    y: Tensor
    fixed: Tensor
    meta: Design
    y_meta: Tensor
    folds: tuple[Tensor, ...]
    loss: Loss
    n_outputs: int
    is_knot: Tensor
    columns: Tensor | None = None
    A: Tensor | None = None
    A_meta: Tensor | None = None
    curved: Tensor | None = None
    prior: Tensor | None = None

    def with_columns(self, columns: Tensor) -> "_Data":
        a, b = columns.T
        curved = self.is_knot[a].to(torch.float64)
        curved[b > 0] *= INTERACTION_RIDGE
        rows = float(self.fixed.sum()) + len(self.y_meta)
        prior = PRIOR_ROWS / rows * (~self.is_knot[a] & (a + b > 0)).to(torch.float64)
        A, A_meta = (d.H[:, a] * d.M[:, b] for d in (self.design, self.meta))
        curved, prior = curved.to(A.device), prior.to(A.device)
        return replace(self, columns=columns, A=A, A_meta=A_meta, curved=curved, prior=prior)

    def penalty(self, ridge: float) -> Tensor:
        """Penalty per column: the ridge on knots, the prior on levels and missing effects."""
        return ridge * self.curved + self.prior

    def subsample(self, n: int, stream: torch.Generator) -> "_Data":
        if len(self.y) <= n:
            return self
        rows = torch.randperm(len(self.y), generator=stream)[:n].to(self.y.device)
        cut = replace(self, design=self.design.take(rows), y=self.y[rows], fixed=self.fixed[rows])
        return replace(cut, A=self.A[rows])

    def fit(
        self,
        v: Tensor,
        ridge: float,
        *,
        without: Tensor | None = None,
        start: PenalisedFit | None = None,
    ) -> PenalisedFit:
        """Training rows weighted by `v`, and the meta rows except those of one fold."""
        A, y, weight = self.A, self.y, v * self.fixed
        if len(self.y_meta):
            kept = torch.ones(len(self.y_meta), dtype=A.dtype, device=A.device)
            if without is not None:
                kept[without] = 0
            A, y = torch.cat([A, self.A_meta]), torch.cat([y, self.y_meta])
            weight = torch.cat([weight, kept])
        return penalised_fit(
            A, y, weight, self.loss, self.penalty(ridge), n_outputs=self.n_outputs, start=start
        )

    def losses(self, fit: PenalisedFit) -> Tensor:
        """Losses of the training rows."""
        return fit.losses[: len(self.y)]

    def held_out(
        self, v: Tensor, ridge: float, fits: list[PenalisedFit] | None = None
    ) -> tuple[Tensor, list[PenalisedFit]]:
        """Loss of each meta row under the fit that did not see its fold, and the fits."""
        losses = torch.empty(len(self.y_meta), dtype=self.A.dtype, device=self.A.device)
        done: list[PenalisedFit] = []
        for k, fold in enumerate(self.folds):
            warm = fits[k] if fits else (done[-1] if done else None)
            done.append(self.fit(v, ridge, without=fold, start=warm))
            losses[fold] = self.loss.value(self.A_meta[fold] @ done[-1].W, self.y_meta[fold])
        return losses, done

    def criterion(
        self, v: Tensor, ridge: float, fits: list[PenalisedFit] | None = None
    ) -> tuple[float, list[PenalisedFit]]:
        """Held-out loss of the meta rows; without them, GCV (regression) or AIC per row.

        Also the fits behind it, to start the next ones from.
        """
        if self.folds:
            losses, fits = self.held_out(v, ridge, fits)
            return float(losses.mean()), fits
        fit = self.fit(v, ridge, start=fits[0] if fits else None)
        n = float((v * self.fixed).sum())
        total = float((v * self.fixed * fit.losses).sum())
        if isinstance(self.loss, SquaredError | Huber):
            return n * total / max(n - fit.edf, 1e-3 * n) ** 2, [fit]
        return (total + fit.edf * max(1, self.n_outputs - 1)) / n, [fit]

    def improves_on(self, other: "_Data", v: Tensor, ridge: float, other_ridge: float) -> bool:
        """Whether these columns beat `other`'s: by one standard error on held-out meta rows."""
        if not self.folds:
            return self.criterion(v, ridge)[0] < other.criterion(v, other_ridge)[0]
        gain = other.held_out(v, other_ridge)[0] - self.held_out(v, ridge)[0]
        return float(gain.mean()) > float(gain.std()) / len(gain) ** 0.5

    def improves_on(self, other: "_Data", v: Tensor, ridge: float, other_ridge: float) -> bool:
        """Whether these columns beat `other`'s: by one standard error on held-out meta rows."""
        if not self.folds:
            return self.criterion(v, ridge)[0] < other.criterion(v, other_ridge)[0]
        gain = other.held_out(v, other_ridge)[0] - self.held_out(v, ridge)[0]
        return float(gain.mean()) > float(gain.std()) / len(gain) ** 0.5

    def best_ridge(self, v: Tensor, near: float | None = None) -> float:
        """The ridge strength of the smallest `criterion`, searched from stiff to loose (one step around `near`)."""
        best, fits = (float("inf"), RIDGES[-1]), None
        tried = [r for r in RIDGES if near is None or near / 11 < r < near * 11]
        for ridge in reversed(tried):
            value, fits = self.criterion(v, ridge, fits)
            best = min(best, (value, ridge))
            if value > 1.1 * best[0]:
                break
        return best[1]

    def as_model(self, basis: Basis, W: Tensor) -> tuple[AdditiveModel, Tensor]:
        """The fitted coefficients as an `AdditiveModel` and its flat parameters."""
        a, b = self.columns.T
        crossed = bool(((a > 0) & (b > 0)).any())
        model = AdditiveModel(basis, self.n_outputs, interactions=crossed)
        w = torch.zeros(model.layout.size, dtype=torch.float64)
        parts = model.layout.split(w)
        if crossed:
            parts["main"][a, b] = W.cpu()
        else:
            parts["main"][a[b == 0]] = W[b == 0].cpu()
            parts["missing"][b[b > 0] - 1] = W[b > 0].cpu()
        return model, w


class _WeightLearner:
    """Adam on the weighting network's parameters; input log(1 + loss / scale)."""

    network = WeightingNetwork(standardise=False, normalise=False)

    def __init__(self, theta: Tensor, scale: float, lr: float) -> None:
        self.theta, self.scale = theta, scale
        self._leaf = theta.clone().requires_grad_()
        self._adam = torch.optim.Adam([self._leaf], lr=lr)

    @classmethod
    def start(
        cls, data: _Data, fits: list[PenalisedFit], scale: float, lr: float
    ) -> "_WeightLearner":
        """A falling curve whose bends lie at the quantiles of the training rows' losses."""
        learner = cls(torch.zeros(0, dtype=torch.float64), max(scale, 1e-12), lr)
        z, h = learner._inputs(data, fits), cls.network.n_hidden
        bends = torch.quantile(z, torch.linspace(0, 1, h, dtype=z.dtype, device=z.device))
        one = torch.ones_like(bends)
        theta = torch.cat([one, -bends, -0.5 * one, 2 * one[:1]])
        return cls(theta, learner.scale, lr)

    def weights(self, data: _Data, fits: list[PenalisedFit]) -> Tensor:
        """Weights of the training rows in (0, 1)."""
        return self.network.weights(self.theta, self._inputs(data, fits))

    def step(
        self, data: _Data, fits: list[PenalisedFit], ridge: float
    ) -> tuple[float, list[PenalisedFit]]:
        """Refit the folds at the present weights; returns the held-out loss and the fits."""
        learned = self.network.linearise(self.theta, self._inputs(data, fits))
        losses, fits = data.held_out(learned.weights, ridge, fits)
        hypergradient = torch.zeros_like(data.fixed)
        for fold, fit in zip(data.folds, fits, strict=True):
            hypergradient += _weight_gradient(data, fit, fold, learned.weights, ridge)
        self._leaf.grad = learned.vjp(hypergradient)
        return float(losses.mean()), fits

    def advance(self) -> None:
        """Take the Adam step whose gradient `step` has left."""
        self._adam.step()
        self.theta = self._leaf.detach().clone()

    def _inputs(self, data: _Data, fits: list[PenalisedFit]) -> Tensor:
        # Mean over the folds' models: each saw all training rows, none saw all meta rows.
        outputs = torch.stack([data.loss.value(data.A @ fit.W, data.y) for fit in fits])
        return torch.log1p(outputs.mean(0) / self.scale)


def _weight_gradient(
    data: _Data, fit: PenalisedFit, fold: Tensor, v: Tensor, ridge: float
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


def _is_knot(basis: Basis) -> Tensor:
    """Which columns of `Design.H` are hinges or steps (not the intercept, not levels)."""
    kinds = [f.kind != "level" for f in basis.features for _ in f.knots]
    return torch.tensor([False, *kinds])


def _main_columns(data: _Data) -> Tensor:
    """Intercept, basis columns that vary, and the missing effects of features with gaps."""
    H, M = torch.cat([data.design.H, data.meta.H]), torch.cat([data.design.M, data.meta.M])
    basis = torch.nonzero((H[:, 1:] != 0).any(0)).view(-1) + 1
    gaps = torch.nonzero(M[:, 1:].any(0)).view(-1) + 1
    a = torch.cat([torch.zeros(1, dtype=torch.long), basis.cpu(), torch.zeros(len(gaps)).long()])
    b = torch.cat([torch.zeros(1 + len(basis), dtype=torch.long), gaps.cpu()])
    return torch.stack([a, b], 1)


def _interaction_columns(data: _Data) -> Tensor:
    """Every basis column times every missing indicator of another feature, where rows support it."""
    H, M = torch.cat([data.design.H, data.meta.H]), torch.cat([data.design.M, data.meta.M])
    support = (H[:, 1:] != 0).to(H.dtype).T @ M[:, 1:]
    return torch.nonzero(support.cpu() >= 20) + 1


def _weighted_median(x: Tensor, weight: Tensor) -> float:
    order = x.argsort()
    share = weight[order].cumsum(0) / weight.sum()
    return float(x[order][int((share < 0.5).sum())])
