"""`TaylorSolver`: settings of BATM and CAT, and the rows that train, judge and hold out.

The loop is `biam.solvers.taylor_training`. Source: Zhou, Xu, Peng, Zhang (2025); CAT, arXiv
2406.17931.
"""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import Tensor

from biam.losses import Logistic, Loss, SoftmaxCrossEntropy, SquaredError
from biam.lower import Rows
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.taylor_members import Member, stratified_folds
from biam.solvers.taylor_problem import TaylorProblem
from biam.solvers.taylor_training import NORMALISATIONS, STANDARDS, Training
from biam.taylor import TaylorModel

__all__ = ["NORMALISATIONS", "STANDARDS", "TaylorSolver"]

# Fewer rows are not worth splitting, to choose an epoch or to train on some of them.
LEAST_TO_SPLIT, LEAST_META = 40, 10


@dataclass(frozen=True)
class TaylorSolver:
    """Settings of the loop; see `biam.batm.BATMRegressor`."""

    order: int = 2
    n_ranks: int = 8
    hidden: tuple[int, ...] = (64, 64, 32)
    encoder: str = "mlp"
    published_init: bool = False
    precision: str = "float32"
    checkpointing: bool = False
    output_penalty: float = 1e-4
    group_penalty: float = 1e-5
    epochs: int = 100
    batch_size: int = 256
    lower_lr: float = 0.003
    upper_lr: float = 0.003
    weight_decay: float = 0.01
    averaging: float = 0.98
    weighting: str = "flips"
    warm_up: int = 10
    n_hidden: int = 100
    standardise_losses: str = "class"
    normalise: str = "sum"
    patience: int | None = 20
    held_out: float = 0.15
    meta_folds: int = 3
    meta_weight: float = 1.0
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
            precision=self.precision,
            checkpointing=self.checkpointing,
            generator=stream,
        )
        problem = TaylorProblem(model, _loss(n_classes), self.output_penalty)
        fixed = None if sample_weight is None else sample_weight / sample_weight.mean()
        rows = _rows(X, y, fixed, n_classes)
        members, trusted = [], 0
        start = model.w.detach()
        if X_meta is None:
            rows, members = self._alone(rows, start, n_classes, seed)
        else:
            meta = _rows(X_meta, y_meta, None, n_classes)
            if self.meta_folds > 1 and len(meta) >= LEAST_META:
                members = self._crossed(rows, meta, start, n_classes, seed)
                rows, trusted = _joined(rows, meta), len(meta)
            else:
                members = [Member(self, start, _fixed(rows), meta)]
        learn = X_meta is not None and self.weighting != "equal"
        run = Training(self, problem, rows, trusted, members, n_classes, learn, stream)
        with one_thread(), torch.no_grad():
            status = run.train()
            return run.fitted(_rows(X, y, None, n_classes), status)

    def _alone(
        self, rows: Rows, start: Tensor, n_classes: int, seed: int
    ) -> tuple[Rows, list[Member]]:
        """CAT: a share of the training rows says when to stop."""
        judge = None
        if self.patience is not None and self.held_out and len(rows) >= LEAST_TO_SPLIT:
            rows, judge = _split(rows, self.held_out, n_classes, seed)
        return rows, [Member(self, start, _fixed(rows), judge)]

    def _crossed(
        self, rows: Rows, meta: Rows, start: Tensor, n_classes: int, seed: int
    ) -> list[Member]:
        """A model for every fold that holds it out, and one that holds out nothing."""
        fixed = torch.cat([_fixed(rows), torch.full((len(meta),), self.meta_weight)])
        own, trusted = (
            stratified_folds(part.y, self.meta_folds, n_classes, seed + i)
            for i, part in enumerate((rows, meta))
        )
        both, members = torch.cat([own, trusted]), []
        for k in range(self.meta_folds):
            judge, held = meta.take(trusted == k), rows.take(own == k)
            members.append(Member(self, start, fixed * (both != k), judge, held))
        return [*members, Member(self, start, fixed)]


def _fixed(rows: Rows) -> Tensor:
    return torch.ones(len(rows)) if rows.weight is None else rows.weight


def _joined(rows: Rows, meta: Rows) -> Rows:
    """The training rows, and the meta rows behind them."""
    return Rows(torch.cat([rows.inputs, meta.inputs]), torch.cat([rows.y, meta.y]))


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
