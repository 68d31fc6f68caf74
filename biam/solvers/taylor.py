"""`TaylorSolver`: the loop of BATM, three moves per batch, and that of CAT, which has no weights.

Look-ahead by one plain gradient step; Adam on the weighting network by the meta loss there; AdamW
on the model with the new weights, and the proximal step of the group lasso. The hypergradient, the
problem and the weighting network are those of the engine; its own loop takes plain steps on both
levels. Source: Zhou, Xu, Peng, Zhang (2025); CAT, arXiv 2406.17931.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor
from tqdm import tqdm

from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import Logistic, Loss, SoftmaxCrossEntropy, SquaredError
from biam.lower import Rows
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.taylor_problem import TaylorProblem
from biam.taylor import TaylorModel
from biam.weighting import WeightingNetwork

__all__ = ["NORMALISATIONS", "STANDARDS", "TaylorSolver"]

NORMALISATIONS = {"mixed": (False, True), "sum": (True, True), "rows": (False, False)}
"""Whether weights are divided by their mean, in the look-ahead and in the real step."""

STANDARDS = ("class", "batch", "none")
"""Rows among which a loss is standardised before it goes into the weighting network."""

# Fewer rows are not worth splitting, to choose an epoch or to train on some of them.
LEAST_TO_SPLIT, LEAST_META = 40, 10
TINY = 1e-8
# Price of the loss beside the balanced error, in the choice of an epoch.
LOSS_SHARE = 0.1


@dataclass(frozen=True)
class TaylorSolver:
    """Settings of the loop; see `biam.batm.BATMRegressor`."""

    order: int = 2
    n_ranks: int = 8
    hidden: tuple[int, ...] = (64, 64, 32)
    encoder: str = "mlp"
    published_init: bool = False
    output_penalty: float = 1e-4
    group_penalty: float = 1e-5
    epochs: int = 100
    batch_size: int = 256
    lower_lr: float = 0.01
    upper_lr: float = 0.01
    weight_decay: float = 0.01
    n_hidden: int = 100
    standardise_losses: str = "class"
    normalise: str = "mixed"
    patience: int | None = 20
    held_out: float = 0.15
    meta_share: float = 0.5
    meta_weight: float = 5.0
    progress: bool = True

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_meta: np.ndarray | None,
        y_meta: np.ndarray | None,
        groups: tuple[tuple[int, ...], ...],
        *,
        n_classes: int = 0,
        sample_weight: np.ndarray | None = None,
        learn: bool = True,
        seed: int = 0,
    ) -> Fitted:
        """Train.

        Parameters
        ----------
        X, X_meta : ndarray of float, shape (n, p), (n_meta, p)
            Without meta rows all weights are one: CAT.
        y, y_meta : ndarray, shape (n,), (n_meta,)
            Numbers, or class codes 0, 1, ...
        groups : tuple of tuple of int
            Columns of X behind each concept.
        n_classes : int
            0 for regression.
        sample_weight : ndarray, shape (n,), optional
            Multiplies the learned weights.
        learn : bool
            False: no weights are learned; meta rows train, and say when to stop.
        seed : int
        """
        stream = torch.Generator().manual_seed(seed)
        model = TaylorModel(
            groups,
            n_classes if n_classes > 2 else 1,
            hidden=self.hidden,
            encoder=self.encoder,
            order=self.order,
            n_ranks=self.n_ranks,
            published_init=self.published_init,
            generator=stream,
        )
        problem = TaylorProblem(model, _loss(n_classes), self.output_penalty)
        fixed = None if sample_weight is None else sample_weight / sample_weight.mean()
        rows = _rows(X, y, fixed, n_classes)
        kept, judge = rows, None
        if X_meta is not None:
            judge = _rows(X_meta, y_meta, None, n_classes)
            kept, judge = self._with_meta(rows, judge, n_classes, seed)
        elif self.patience is not None and self.held_out and len(rows) >= LEAST_TO_SPLIT:
            kept, judge = _split(rows, self.held_out, n_classes, seed)
        meta = judge if learn and X_meta is not None else None
        run = _Run(self, problem, kept, meta, stream)
        with one_thread(), torch.no_grad():
            status = run.train(judge)
            return run.fitted(rows, status)

    def _with_meta(self, rows: Rows, meta: Rows, n_classes: int, seed: int) -> tuple[Rows, Rows]:
        """Training rows with a share of the meta rows behind them, and the other meta rows."""
        if not self.meta_share or len(meta) < LEAST_META:
            return rows, meta
        trained, judge = _split(meta, 1 - self.meta_share, n_classes, seed)
        inputs, y = torch.cat([rows.inputs, trained.inputs]), torch.cat([rows.y, trained.y])
        fixed = torch.ones(len(rows)) if rows.weight is None else rows.weight
        weight = torch.cat([fixed, torch.full((len(trained),), self.meta_weight)])
        return Rows(inputs, y, weight), judge


class _Run:
    """One training: all that changes."""

    def __init__(
        self,
        solver: TaylorSolver,
        problem: TaylorProblem,
        rows: Rows,
        meta: Rows | None,
        stream: torch.Generator,
    ) -> None:
        self.solver, self.problem, self.rows, self.meta = solver, problem, rows, meta
        self.stream, batch = stream, solver.standardise_losses == "batch"
        self.ahead, self.real = (
            WeightingNetwork(solver.n_hidden, standardise=batch, normalise=normalise)
            for normalise in NORMALISATIONS[solver.normalise]
        )
        self.w = problem.model.w.detach().clone()
        self.theta = self.ahead.init(stream)
        self.hypergradient = OneStep(solver.lower_lr)
        self.lower = torch.optim.AdamW(
            [self.w], lr=solver.lower_lr, weight_decay=solver.weight_decay, fused=True
        )
        self.upper = torch.optim.Adam([self.theta], lr=solver.upper_lr, fused=True)
        self.history: list[dict[str, float]] = []

    def train(self, judge: Rows | None) -> str:
        """All epochs, or until the judge's verdict is no better for `patience` of them."""
        best, since = (float("inf"), self.w.clone(), self.theta.clone()), 0
        silent = None if self.solver.progress else True
        patience, status = self.solver.patience, "finished"
        for epoch in tqdm(range(1, self.solver.epochs + 1), unit="epoch", delay=2, disable=silent):
            record = {"epoch": float(epoch)} | self._epoch()
            self.history.append(record)
            if not bool(self.w.isfinite().all()):
                status = "diverged"
                break
            if judge is None or patience is None:
                continue
            now = record["verdict"] = self._verdict(judge)
            since += 1
            if now < best[0]:
                best, since = (now, self.w.clone(), self.theta.clone()), 0
            if since >= patience:
                status = "stopped"
                break
        if best[0] < float("inf"):
            _, self.w, self.theta = best
        return status

    def fitted(self, rows: Rows, status: str) -> Fitted:
        """The model in float64, and the weight of every training row."""
        losses = self.problem.linearise(self.w, rows).losses
        weights = torch.ones_like(losses)
        if self.meta is not None:
            weights = self.real.weights(self.theta, self._seen(losses, rows.y))
        details = {"theta": self.theta, "losses": losses.double().numpy()}
        model = self.problem.model
        return Fitted(
            model, self.w.double(), weights.double().numpy(), self.history, status, details
        )

    def step(self, rows: Rows, meta: Rows | None) -> tuple[float, float]:
        """The three moves on one batch; weighted loss and meta loss."""
        here = self.problem.linearise(self.w, rows)
        weights, judged = rows.weight, float("nan")
        if meta is not None:
            seen = self._seen(here.losses, rows.y)
            learned = self.ahead.linearise(self.theta, seen)
            lower = LowerRisk(self.problem, rows, learned, self.w, here)
            upper = UpperRisk(self.problem, meta)
            self.theta.grad, there = self.hypergradient.gradient(lower, upper)
            judged = upper.value(there)
            self.upper.step()
            learned = self.real.weights(self.theta, seen)
            weights = learned if weights is None else learned * weights
        self.w.grad = here.gradient(weights)
        self.lower.step()
        if self.solver.group_penalty:
            step = self.solver.group_penalty * self.solver.lower_lr
            self.w.copy_(self.problem.model.shrink(self.w, step))
        losses = here.losses if weights is None else here.losses * weights
        return losses.mean().item(), judged

    def _seen(self, losses: Tensor, y: Tensor) -> Tensor:
        """What the network sees: with "class", how a loss stands among those of its class.

        A rare class has high losses. Standardised over the batch they look like wrong labels, and
        the class is weighed away.
        """
        if self.solver.standardise_losses != "class":
            return losses
        seen = torch.zeros_like(losses)
        numbers = isinstance(self.problem.loss, SquaredError)
        groups = [torch.ones_like(y) > 0] if numbers else [y == c for c in y.unique()]
        for rows in groups:
            if rows.sum() > 1:
                std, mean = torch.std_mean(losses[rows])
                seen[rows] = (losses[rows] - mean) / (std + TINY)
        return seen

    def _epoch(self) -> dict[str, float]:
        size = self.solver.batch_size
        order = torch.randperm(len(self.rows), generator=self.stream)
        metas = [None] if self.meta is None else self.meta.batches(size)
        batches = self.rows.take(order).batches(size)
        seen = [self.step(batch, metas[i % len(metas)]) for i, batch in enumerate(batches)]
        lower, upper = np.mean(seen, axis=0)
        return {"lower_loss": float(lower)} | ({} if self.meta is None else {"meta_loss": upper})

    def _verdict(self, rows: Rows) -> float:
        """What the best epoch has least of: loss; for classes, balanced error before loss.

        Wrong labels make a model too sure of itself, and its loss on a few clean rows rises from
        the first epochs on, while it still learns to tell the classes apart.
        """
        here = self.problem.linearise(self.w, rows)
        loss = (here.losses if rows.weight is None else here.losses * rows.weight).mean().item()
        if isinstance(self.problem.loss, SquaredError):
            return loss
        f, y = here.trace.f, rows.y.long()
        wrong = ((f.argmax(1) if f.shape[1] > 1 else (f[:, 0] > 0).long()) != y).float()
        balanced = torch.stack([wrong[y == c].mean() for c in y.unique()]).mean().item()
        return balanced + LOSS_SHARE * loss


def _loss(n_classes: int) -> Loss:
    if n_classes == 0:
        return SquaredError()
    return Logistic() if n_classes == 2 else SoftmaxCrossEntropy()


def _rows(X: np.ndarray, y: np.ndarray, weight: np.ndarray | None, n_classes: int) -> Rows:
    target = torch.as_tensor(y).to(torch.int64 if n_classes > 2 else torch.float32)
    fixed: Tensor | None = None if weight is None else torch.as_tensor(weight).float()
    return Rows(torch.as_tensor(X).float(), target, fixed)


def _split(rows: Rows, share: float, n_classes: int, seed: int) -> tuple[Rows, Rows]:
    """All rows but a share, and that share, by class where every class has rows for both."""
    codes = rows.y.long().bincount() if n_classes else torch.zeros(1)
    held = round(share * len(rows))
    strata = n_classes and codes[codes > 0].min() > 1 and min(held, len(rows) - held) >= n_classes
    parts = train_test_split(
        np.arange(len(rows)),
        test_size=held,
        random_state=seed,
        stratify=rows.y.numpy() if strata else None,
    )
    kept, other = (rows.take(torch.as_tensor(part)) for part in parts)
    return kept, other
