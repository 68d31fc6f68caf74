"""The lower problem of `solver="exact"`: rows, columns, penalties, criteria."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import Basis, Design
from biam.losses import Loss
from biam.solvers.penalised import PenalisedFit, penalised_fit

__all__ = [
    "RIDGES",
    "TRUSTED_ROWS",
    "LowerData",
    "interaction_columns",
    "is_knot_column",
    "main_columns",
]

RIDGES = tuple(10.0**k for k in range(-7, 1))
INTERACTION_RIDGE = 10.0
# Levels and missing effects get a fixed prior instead of the chosen ridge, as random effects do:
# this many rows at zero effect. A level of few rows stays near zero however smooth the curves are.
PRIOR_ROWS = 1.0
# From so many meta rows on, a difference of their held-out losses is taken at its word.
TRUSTED_ROWS = 100


@dataclass(frozen=True)
class LowerData:
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

    def with_columns(self, columns: Tensor) -> "LowerData":
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

    def subsample(self, n: int, stream: torch.Generator) -> "LowerData":
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
        self, v: Tensor, ridge: float, start: PenalisedFit | None = None
    ) -> tuple[float, PenalisedFit]:
        """Weighted leave-one-out loss over training and meta rows, and the fit behind it.

        A mean over all rows: a few meta rows alone would choose almost at random.
        """
        fit = self.fit(v, ridge, start=start)
        weight, y = v * self.fixed, self.y
        if len(self.y_meta):
            weight = torch.cat([weight, torch.ones_like(self.A_meta[:, 0])])
            y = torch.cat([y, self.y_meta])
        losses = self.loss.value(fit.left_out, y)
        return float((weight * losses).sum() / weight.sum()), fit

    def improves_on(self, other: "LowerData", v: Tensor, ridge: float, other_ridge: float) -> bool:
        """Whether these columns beat `other`'s by one standard error.

        On held-out meta rows; without them on training rows, each under the fit without it.
        """
        if not self.folds:
            weight = v * self.fixed
            mine, theirs = self.left_out_losses(v, ridge), other.left_out_losses(v, other_ridge)
            gain = weight * (theirs - mine) / weight.mean()
        else:
            gain = other.held_out(v, other_ridge)[0] - self.held_out(v, ridge)[0]
        return float(gain.mean()) > float(gain.std()) / len(gain) ** 0.5

    def left_out_losses(self, v: Tensor, ridge: float) -> Tensor:
        """Loss of each training row under the fit without it."""
        left_out = self.fit(v, ridge).left_out[: len(self.y)]
        return self.loss.value(left_out, self.y)

    def best_ridge(self, v: Tensor, near: float | None = None) -> float:
        """The ridge strength of the smallest `criterion`, from stiff to loose.

        With `near`, only that strength and its two neighbours are tried.
        """
        best, fit = (float("inf"), RIDGES[-1]), None
        tried = [r for r in RIDGES if near is None or near / 11 < r < near * 11]
        for ridge in reversed(tried):
            value, fit = self.criterion(v, ridge, fit)
            best = min(best, (value, ridge))
            if value > 1.1 * best[0]:
                break
        return best[1]

    def trusted_ridge(self, v: Tensor) -> float:
        """The ridge of the smallest held-out meta loss; below `TRUSTED_ROWS` meta rows the stiffest
        within one standard error of it.

        For learned weights `best_ridge` would flatter loose fits: they keep the weight of the rows
        that they fit well.
        """
        losses, fits = [], None
        for ridge in RIDGES[::-1]:
            held_out, fits = self.held_out(v, ridge, fits)
            losses.append(held_out)
            if float(held_out.mean()) > 1.5 * min(float(x.mean()) for x in losses):
                break
        best = min(losses, key=lambda x: float(x.mean()))
        doubt = 1.0 if len(best) < TRUSTED_ROWS else 0.0
        for ridge, held_out in zip(RIDGES[::-1], losses, strict=False):
            excess = held_out - best
            if float(excess.mean()) <= doubt * float(excess.std()) / len(excess) ** 0.5:
                return ridge
        return RIDGES[-1]

    def as_model(self, basis: Basis, W: Tensor) -> tuple[AdditiveModel, Tensor]:
        """The fitted coefficients as an `AdditiveModel` and its flat parameters."""
        a, b = self.columns.T
        crossed = bool(((a > 0) & (b > 0)).any())
        # Its initial values go unused; the global random stream stays where it is.
        unused = torch.Generator()
        model = AdditiveModel(basis, self.n_outputs, interactions=crossed, generator=unused)
        w = torch.zeros(model.layout.size, dtype=torch.float64)
        parts = model.layout.split(w)
        if crossed:
            parts["main"][a, b] = W.cpu()
        else:
            parts["main"][a[b == 0]] = W[b == 0].cpu()
            parts["missing"][b[b > 0] - 1] = W[b > 0].cpu()
        return model, w


def is_knot_column(basis: Basis) -> Tensor:
    """Which columns of `Design.H` are hinges or steps (not the intercept, not levels)."""
    kinds = [f.kind != "level" for f in basis.features for _ in f.knots]
    return torch.tensor([False, *kinds])


def main_columns(data: LowerData) -> Tensor:
    """Intercept, basis columns that vary, and the missing effects of features with gaps."""
    H, M = torch.cat([data.design.H, data.meta.H]), torch.cat([data.design.M, data.meta.M])
    basis = torch.nonzero((H[:, 1:] != 0).any(0)).view(-1) + 1
    gaps = torch.nonzero(M[:, 1:].any(0)).view(-1) + 1
    a = torch.cat([torch.zeros(1, dtype=torch.long), basis.cpu(), torch.zeros(len(gaps)).long()])
    b = torch.cat([torch.zeros(1 + len(basis), dtype=torch.long), gaps.cpu()])
    return torch.stack([a, b], 1)


def interaction_columns(data: LowerData) -> Tensor:
    """Every basis column times every missing indicator of another feature, if rows support it."""
    H, M = torch.cat([data.design.H, data.meta.H]), torch.cat([data.design.M, data.meta.M])
    support = (H[:, 1:] != 0).to(H.dtype).T @ M[:, 1:]
    return torch.nonzero(support.cpu() >= 20) + 1
