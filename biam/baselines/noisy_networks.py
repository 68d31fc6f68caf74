"""Rivals of Meta-Weight-Net on any torch module: L2RW, co-teaching, gold loss correction.

Each is a few lines around steps of `BilevelOptimizer` without an upper learner.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from biam.bilevel import BilevelOptimizer, BilevelState
from biam.exceptions import InvalidInputError
from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.lower import LowerProblem, Rows
from biam.validation import check_integer, check_number
from biam.weighting import RowWeights

__all__ = [
    "coteach",
    "early_stopped",
    "gold_matrix",
    "keep_share",
    "reweighted",
    "smallest",
    "train_reweighted",
]


def reweighted(problem: LowerProblem, w: Tensor, rows: Rows, meta: Rows, lr: float) -> Tensor:
    """L2RW: weights of a batch, the part above zero of minus the meta loss's slope in them at zero.

    Source: Ren et al. (2018), Algorithm 1.

    Parameters
    ----------
    problem : LowerProblem
    w : Tensor, shape (n_parameters,)
    rows, meta : Rows
    lr : float
        Step of the look-ahead.

    Returns
    -------
    Tensor, shape (n,)
        At least zero; of mean one, or all zero where no row helps.
    """
    none = RowWeights(torch.zeros(len(rows)).to(w))
    lower = LowerRisk(problem, rows, none, w)
    slope, _ = OneStep(lr).gradient(lower, UpperRisk(problem, meta))
    weights = (-slope).clamp_min(0)
    total = weights.sum()
    return weights * (len(rows) / total) if total > 0 else weights


def train_reweighted(
    optimizer: BilevelOptimizer,
    w: Tensor,
    rows: Rows,
    meta: Rows,
    epochs: int,
    generator: torch.Generator,
) -> Tensor:
    """Parameters after training from `w` with the weights of `reweighted` in every step."""
    state = optimizer.init(w, generator)
    metas = meta.batches(optimizer.batch_size)
    for done, batch in enumerate(_batches(rows, optimizer.batch_size, epochs, generator)):
        w = state.lower.clone()
        weights = reweighted(
            optimizer.problem, w, batch, metas[done % len(metas)], optimizer.lower_lr
        )
        state, _ = optimizer.step(state, replace(batch, weight=weights), None)
    return state.lower.clone()


def keep_share(epoch: int, rate: float, ramp: int) -> float:
    """Co-teaching: share of a batch to learn from, 1 - rate min(epoch / ramp, 1)."""
    return 1 - rate * min(epoch / ramp, 1.0)


def smallest(losses: Tensor, share: float) -> Tensor:
    """Positions of the round(share n) smallest losses, at least one."""
    count = max(1, round(share * len(losses)))
    return torch.argsort(losses, stable=True)[:count]


def coteach(
    optimizer: BilevelOptimizer,
    starts: tuple[Tensor, Tensor],
    rows: Rows,
    epochs: int,
    generator: torch.Generator,
    *,
    rate: float,
    ramp: int = 10,
) -> tuple[Tensor, Tensor]:
    """Co-teaching: each of two models learns from the rows that the other one finds easy.

    Source: Han et al. (2018), Algorithm 1.

    Parameters
    ----------
    optimizer : BilevelOptimizer
        Without an upper learner.
    starts : pair of Tensor, shape (n_parameters,)
    rows : Rows
    epochs : int
    generator : torch.Generator
        Orders the batches.
    rate : float
        Share of wrong labels, which the method is told.
    ramp : int
        Epochs until only 1 - rate of a batch are used.
    """
    check_number("rate", rate, low=0.0, high=1.0)
    check_integer("ramp", ramp, low=1)
    first, second = (optimizer.init(w, generator) for w in starts)
    n_batches = -(-len(rows) // optimizer.batch_size)
    for done, batch in enumerate(_batches(rows, optimizer.batch_size, epochs, generator)):
        share = keep_share(done // n_batches, rate, ramp)
        easy = [
            smallest(optimizer.problem.linearise(state.lower.clone(), batch).losses, share)
            for state in (first, second)
        ]
        first, _ = optimizer.step(first, batch.take(easy[1]), None)
        second, _ = optimizer.step(second, batch.take(easy[0]), None)
    return first.lower.clone(), second.lower.clone()


def gold_matrix(probabilities: Tensor, y: Tensor, n_classes: int) -> Tensor:
    """GLC: mean predicted noisy label of the trusted rows of each class, shape (K, K).

    Source: Hendrycks et al. (2018), Eq. 2.

    Parameters
    ----------
    probabilities : Tensor, shape (n, K)
        Of a model of the noisy labels, on trusted rows.
    y : Tensor, shape (n,)
        True classes.
    n_classes : int

    Raises
    ------
    InvalidInputError
        A class has no trusted row.
    """
    counts = torch.bincount(y, minlength=n_classes)
    if not bool((counts > 0).all()):
        raise InvalidInputError(
            f"every class needs a trusted row, got counts {counts.tolist()}: add some."
        )
    sums = probabilities.new_zeros(n_classes, n_classes).index_add(0, y, probabilities)
    return sums / counts[:, None]


def early_stopped(
    optimizer: BilevelOptimizer,
    state: BilevelState,
    rows: Rows,
    epochs: int,
    judge: Callable[[Tensor], float],
) -> tuple[Tensor, int]:
    """Parameters after the epoch that `judge` likes best, and its number; the first of equals.

    Parameters
    ----------
    judge : callable
        Parameters, shape (n_parameters,) -> loss on rows kept aside.
    """
    seen: list[tuple[float, int, Tensor]] = []

    def look(now: BilevelState, record: dict[str, float]) -> None:
        value = judge(now.lower)
        if not seen or value < seen[0][0]:
            seen[:] = [(value, now.epoch, now.lower)]

    optimizer.run(state, rows, None, epochs, callback=look)
    _, epoch, w = seen[0]
    return w, epoch


def _batches(rows: Rows, size: int, epochs: int, generator: torch.Generator) -> Iterator[Rows]:
    for _ in range(check_integer("epochs", epochs, low=1)):
        yield from rows.take(torch.randperm(len(rows), generator=generator)).batches(size)
