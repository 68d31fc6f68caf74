"""`Training`: the loop of BATM, three moves per batch, and that of CAT, which has no weights.

Look-ahead by one plain gradient step; Adam on the weighting by the meta loss there; AdamW on the
models with the new weights, and the proximal step of the group lasso. The hypergradient, the
problem and the weighting network are those of the engine; its own loop takes plain steps on both
levels. Source: Zhou, Xu, Peng, Zhang (2025); CAT, arXiv 2406.17931.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from biam.flip_weights import FlipWeights, flip_offset, kept_share
from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import SquaredError
from biam.lower import Linearisation, Rows
from biam.solvers.fitted import Fitted
from biam.solvers.taylor_members import Member, Scattered, Seen, look
from biam.solvers.taylor_problem import TaylorProblem
from biam.weighting import WeightingNetwork, Weights

if TYPE_CHECKING:
    from biam.solvers.taylor import TaylorSolver

__all__ = ["NORMALISATIONS", "STANDARDS", "Training"]

NORMALISATIONS = {"mixed": (False, True), "sum": (True, True), "rows": (False, False)}
"""Whether weights are divided by their mean, in the look-ahead and in the real step."""

STANDARDS = ("class", "batch", "none")
"""Rows among which a loss is standardised before it goes into the weighting network."""

TINY = 1e-8
# Price of the loss beside the balanced error, in the choice of an epoch.
LOSS_SHARE = 0.1
# With less signal left, noisy rows say nothing.
LEAST_LEFT = 0.02


class Training:
    """One training: all that changes.

    Parameters
    ----------
    solver : TaylorSolver
    problem : TaylorProblem
    rows : Rows
        Training rows, and behind them `n_trusted` meta rows, whose weights are not learned.
    n_trusted : int
    members : list of Member
        The last one is the result.
    n_classes : int
    learn : bool
        Whether weights are learned.
    stream : torch.Generator
    """

    def __init__(
        self,
        solver: "TaylorSolver",
        problem: TaylorProblem,
        rows: Rows,
        n_trusted: int,
        members: list[Member],
        n_classes: int,
        learn: bool,
        stream: torch.Generator,
    ) -> None:
        self.solver, self.problem, self.rows, self.members = solver, problem, rows, members
        self.n_classes, self.learn, self.stream = n_classes, learn, stream
        self.free = torch.arange(len(rows)) < len(rows) - n_trusted
        self.flips = solver.weighting == "flips"
        self.scaled = NORMALISATIONS[solver.normalise]
        batch = solver.standardise_losses == "batch"
        self.upper: Any = (
            FlipWeights(n_classes or 2)
            if self.flips
            else WeightingNetwork(solver.n_hidden, standardise=batch, normalise=False)
        )
        self.theta = self.upper.init(stream)
        self.hypergradient = OneStep(solver.lower_lr)
        self.optimizer = torch.optim.Adam([self.theta], lr=solver.upper_lr, fused=True)
        self.kept, self.left = float("nan"), 1.0
        self.history: list[dict[str, float]] = []

    def train(self) -> str:
        """All epochs, or until the verdict is no better for `patience` of them."""
        solver, result, status = self.solver, self.members[-1], "finished"
        best, since = (float("inf"), result.mean, self.theta.clone()), 0
        silent = None if solver.progress else True
        for epoch in tqdm(range(1, solver.epochs + 1), unit="epoch", delay=2, disable=silent):
            record = {"epoch": float(epoch)} | self._epoch()
            self.history.append(record)
            if not bool(result.w.isfinite().all()):
                status = "diverged"
                break
            record |= self._judged(epoch)
            if "verdict" not in record or solver.patience is None:
                continue
            since += 1
            if record["verdict"] < best[0]:
                best, since = (record["verdict"], result.mean.clone(), self.theta.clone()), 0
            if since >= solver.patience:
                status = "stopped"
                break
        _, self.w, self.theta = best if best[0] < float("inf") else (0, result.mean, self.theta)
        return status

    def fitted(self, rows: Rows, status: str) -> Fitted:
        """The model in float64, and the weight of every training row."""
        here = self.problem.linearise(self.w, rows)
        weights = torch.ones(len(rows))
        if self.learn:
            free = torch.ones(len(rows), dtype=torch.bool)
            fixed = torch.ones(len(rows)) if self.scaled[1] else None
            weights = Scattered(self._learned(here, rows), free, fixed).weights
        details = {"theta": self.theta, "losses": here.losses.double().numpy(), "kept": self.kept}
        model = self.problem.model
        return Fitted(
            model, self.w.double(), weights.double().numpy(), self.history, status, details
        )

    def step(self, index: Tensor, turn: int = 0) -> tuple[float, float]:
        """The three moves on one batch; weighted loss of the result, and meta loss."""
        rows, free = self.rows.take(index), self.free[index]
        here = [self.problem.linearise(member.w, rows) for member in self.members]
        judged = self._move_weights(rows, free, index, here, turn) if self.learn else float("nan")
        loss = float("nan")
        for member, seen in zip(self.members, here, strict=True):
            weights = fixed = member.fixed[index]
            if self.learn:
                learned = self._scattered(seen, rows, free, fixed if self.scaled[1] else None)
                weights = learned.weights * fixed
            member.advance(seen.gradient(weights))
            if self.solver.group_penalty:
                length = self.solver.group_penalty * self.solver.lower_lr
                member.w.copy_(self.problem.model.shrink(member.w, length))
            member.remember()
            loss = (seen.losses * weights).mean().item()
        return loss, judged

    def _move_weights(
        self, rows: Rows, free: Tensor, index: Tensor, here: list[Linearisation], turn: int
    ) -> float:
        """Look ahead with every model that has rows to judge it, and change the weighting."""
        slopes, losses = [], []
        for member, seen in zip(self.members, here, strict=True):
            if not member.judges:
                continue
            fixed = member.fixed[index]
            learned = self._scattered(seen, rows, free, fixed if self.scaled[0] else None)
            lower = LowerRisk(self.problem, replace(rows, weight=fixed), learned, member.w, seen)
            upper = UpperRisk(self.problem, member.judges[turn % len(member.judges)])
            slope, there = self.hypergradient.gradient(lower, upper)
            slopes.append(slope)
            losses.append(upper.value(there))
        self.theta.grad = torch.stack(slopes).mean(0)
        self.optimizer.step()
        return sum(losses) / len(losses)

    def _scattered(
        self, here: Linearisation, rows: Rows, free: Tensor, fixed: Tensor | None
    ) -> Scattered:
        return Scattered(self._learned(here, rows, free), free, fixed)

    def _learned(self, here: Any, rows: Rows, free: Tensor | None = None) -> Weights:
        """Weights of the rows, or of some of them, by the present theta."""
        losses, y, f = here.losses, rows.y, here.trace.f[:, 0]
        if free is not None:
            losses, y, f = losses[free], y[free], f[free]
        if not self.flips:
            return self.upper.linearise(self.theta, self._seen(losses, y))
        kinds = y.long() if self.n_classes else (y > f).long()
        return self.upper.linearise(self.theta, losses, kinds)

    def _seen(self, losses: Tensor, y: Tensor) -> Tensor:
        """What the network sees: with "class", how a loss stands among those of its class.

        A rare class has high losses. Standardised over the batch they look like wrong labels, and
        the class is weighed away.
        """
        if self.solver.standardise_losses != "class":
            return losses
        seen = torch.zeros_like(losses)
        groups = [y == c for c in y.unique()] if self.n_classes else [torch.ones_like(y) > 0]
        for rows in groups:
            if rows.sum() > 1:
                std, mean = torch.std_mean(losses[rows])
                seen[rows] = (losses[rows] - mean) / (std + TINY)
        return seen

    def _epoch(self) -> dict[str, float]:
        order = torch.randperm(len(self.rows), generator=self.stream)
        batches = order.split(self.solver.batch_size)
        seen = [self.step(index, turn) for turn, index in enumerate(batches)]
        lower, upper = np.mean(seen, axis=0)
        return {"lower_loss": float(lower)} | ({"meta_loss": float(upper)} if self.learn else {})

    def _judged(self, epoch: int) -> dict[str, float]:
        """What held-out rows say of this epoch; while warming up, how many labels are right."""
        clean = self._look("judge")
        if clean is None:
            return {}
        noisy = self._look("held") if self.n_classes else None
        if noisy is None:
            return {"verdict": self._verdict(clean)}
        if epoch <= self.solver.warm_up:
            y = self.rows.y[self.free].long()
            shares = y.bincount(minlength=self.n_classes) / len(y)
            self.kept, self.left = kept_share(
                (clean.signal, clean.variance), (noisy.signal, noisy.variance), shares
            )
            if self.learn and self.flips:
                self.theta[: self.n_classes] = flip_offset(self.kept, self.n_classes)
            return {"kept": self.kept}
        return {"verdict": self._verdict(clean, noisy)}

    def _look(self, which: str) -> Seen | None:
        pairs = [(m.mean, getattr(m, which)) for m in self.members if getattr(m, which) is not None]
        return look(self.problem, pairs, self.n_classes) if pairs else None

    def _verdict(self, clean: Seen, noisy: Seen | None = None) -> float:
        """What the best epoch has least of: loss; for classes, balanced error before loss.

        Wrong labels make a model too sure of itself, and its loss on a few clean rows rises from
        the first epochs on, while it still learns to tell the classes apart. The signal on noisy
        rows, made up for what flips took, counts by its precision.
        """
        if isinstance(self.problem.loss, SquaredError):
            return clean.loss
        signal, precision = clean.signal, 1 / clean.variance
        if noisy is not None and self.left > LEAST_LEFT:
            other = self.left**2 / noisy.variance
            signal = (precision * signal + other * noisy.signal / self.left) / (precision + other)
        K = self.n_classes
        return (1 - signal) * (K - 1) / K + LOSS_SHARE * clean.loss
