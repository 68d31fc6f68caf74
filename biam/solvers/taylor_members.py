"""The models that BATM trains side by side, and what their held-out rows say.

A row that trains a model can judge neither it nor its weights. So each of a few models holds out
one fold of the meta rows and of the training rows, all of them share one weighting, and one more
model, the result, holds out nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from biam.losses import SquaredError
from biam.lower import Rows
from biam.solvers.taylor_problem import TaylorProblem
from biam.weighting import Weights

if TYPE_CHECKING:
    from biam.solvers.taylor import TaylorSolver

__all__ = ["Member", "Scattered", "Seen", "look", "stratified_folds"]

# Steps after which the running mean has forgotten the start.
FADE = 10
TINY = 1e-8


class Member:
    """One of the models.

    Parameters
    ----------
    settings : TaylorSolver
    w : Tensor, shape (layout.size,)
        Where it starts.
    fixed : Tensor, shape (n,)
        Weight of every row beside the learned one: 0 for rows it holds out.
    judge : Rows, optional
        Clean rows that judge it and its weights.
    held : Rows, optional
        Training rows that it holds out.

    Attributes
    ----------
    w, mean : Tensor, shape (layout.size,)
        Parameters, and their running mean over the steps, which is what is used in the end.
    """

    def __init__(
        self,
        settings: "TaylorSolver",
        w: Tensor,
        fixed: Tensor,
        judge: Rows | None = None,
        held: Rows | None = None,
    ) -> None:
        self.fixed, self.judge, self.held = fixed, judge, held
        self.judges = [] if judge is None else judge.batches(settings.batch_size)
        self.w, self.mean = w.clone(), w.clone()
        self.memory, self.steps = settings.averaging, 0
        self.optimizer = torch.optim.AdamW(
            [self.w], lr=settings.lower_lr, weight_decay=settings.weight_decay, fused=True
        )

    def advance(self, gradient: Tensor) -> None:
        """One step of AdamW."""
        self.w.grad = gradient
        self.optimizer.step()

    def remember(self) -> None:
        """Take the present parameters into the mean; what has dropped out is out of both."""
        self.steps += 1
        kept = min(self.memory, self.steps / (self.steps + FADE))
        self.mean.lerp_(self.w, 1 - kept).masked_fill_(self.w == 0, 0.0)


class Scattered:
    """Weights of a batch: learned ones, one for trusted rows, all over their mean if wanted.

    Parameters
    ----------
    learned : Weights
        Of the rows that are not trusted, in their order.
    free : Tensor of bool, shape (n,)
        Where these rows are in the batch.
    fixed : Tensor, shape (n,), optional
        What the weights are multiplied with later on; their mean is taken with it. None: no mean.

    Attributes
    ----------
    weights : Tensor, shape (n,)
    """

    def __init__(self, learned: Weights, free: Tensor, fixed: Tensor | None) -> None:
        self.learned, self.free = learned, free
        weights = learned.weights.new_ones(len(free)).masked_scatter(free, learned.weights)
        self.share = None if fixed is None else fixed / fixed.sum().clamp_min(TINY)
        self.scale = 1.0 if self.share is None else (self.share @ weights).item() + TINY
        self.weights = weights / self.scale

    def vjp(self, cotangent: Tensor) -> Tensor:
        """The way back to theta; the mean takes back what all rows gain together."""
        if self.share is not None:
            cotangent = cotangent - self.share * (cotangent @ self.weights)
        return self.learned.vjp(cotangent[self.free] / self.scale)


@dataclass(frozen=True)
class Seen:
    """What rows that trained no one say of the models that they were held out from.

    Parameters
    ----------
    loss : float
        Mean loss.
    signal : float
        Mean over the classes of the share that is recognised, on a scale where guessing is 0 and
        all is 1; NaN for numbers.
    variance : float
        Of `signal`, by the binomial law.
    """

    loss: float
    signal: float = float("nan")
    variance: float = float("nan")


def look(problem: TaylorProblem, pairs: Sequence[tuple[Tensor, Rows]], n_classes: int) -> Seen:
    """Judge models on rows.

    Parameters
    ----------
    problem : TaylorProblem
    pairs : sequence of (Tensor, Rows)
        Parameters, and the rows that judge them.
    n_classes : int
        0 for numbers.
    """
    losses, hits, kinds = [], [], []
    for w, rows in pairs:
        here = problem.linearise(w, rows)
        losses.append(here.losses if rows.weight is None else here.losses * rows.weight)
        f, y = here.trace.f, rows.y.long()
        hits.append(((f.argmax(1) if f.shape[1] > 1 else (f[:, 0] > 0).long()) == y).float())
        kinds.append(y)
    loss = torch.cat(losses).mean().item()
    if isinstance(problem.loss, SquaredError):
        return Seen(loss)
    count = torch.cat(kinds).bincount(minlength=n_classes).float()
    right = torch.zeros(n_classes).index_add_(0, torch.cat(kinds), torch.cat(hits))
    there = count > 0
    count, right = count[there], right[there]
    recall, scale = (right / count).mean(), n_classes / (n_classes - 1)
    # The rule of succession, or a class that is always recognised would have no variance.
    share = (right + 1) / (count + 2)
    variance = (share * (1 - share) / count).sum() / len(count) ** 2
    signal = scale * (recall - 1 / n_classes)
    return Seen(loss, signal.item(), (scale**2 * variance).item())


def stratified_folds(y: Tensor, n_folds: int, n_classes: int, seed: int) -> Tensor:
    """Fold of every row, shape (n,): folds are of one size, and so are classes in them, but one."""
    stream = np.random.default_rng(seed)
    shuffled = stream.permutation(len(y))
    if n_classes:
        shuffled = shuffled[np.argsort(y.numpy()[shuffled], kind="stable")]
    folds = np.empty(len(y), dtype=int)
    folds[shuffled] = np.arange(len(y)) % n_folds
    return torch.from_numpy(folds)
