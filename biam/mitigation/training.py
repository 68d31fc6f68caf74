"""What the strategies share: rows with groups, a sampler, an objective, and one loop over both."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from biam.exceptions import InvalidInputError
from biam.losses import Loss
from biam.validation import check_integer, check_rate

__all__ = ["Average", "Batch", "Objective", "Sampler", "Shuffled", "group_sizes", "rows", "train"]

Watch = Callable[[int, nn.Module], Mapping[str, float]]


class Batch(NamedTuple):
    """Some rows of a table, or all of them.

    Parameters
    ----------
    x : Tensor, shape (n, ...)
        Inputs.
    y : Tensor, shape (n,)
        Targets, as the loss wants them.
    groups : Tensor of int64, shape (n,)
        Group (or class, or domain) of each row, from 0.
    index : Tensor of int64, shape (n,)
        Place of each row in the whole table; some objectives remember things by row.
    """

    x: Tensor
    y: Tensor
    groups: Tensor
    index: Tensor

    def take(self, places: Tensor) -> "Batch":
        """The rows at these places, in this order."""
        return Batch(*(part[places] for part in self))


class Sampler(Protocol):
    """Which rows each batch of an epoch holds."""

    def epoch(self, stream: torch.Generator) -> Iterator[Tensor]:
        """Places of the rows of one batch after another, int64."""
        ...


class Objective(Protocol):
    """What is minimised on a batch. It may keep a state, so make a new one for every training."""

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """A scalar to take the gradient of."""
        ...


@dataclass(frozen=True)
class Average:
    """Plain empirical risk: the mean loss of the batch (ERM).

    Parameters
    ----------
    loss : Loss
        Per-row loss of `biam.losses`; the model gives (n, d) outputs.
    """

    loss: Loss

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean loss."""
        return self.loss.value(model(batch.x), batch.y).mean()


@dataclass(frozen=True)
class Shuffled:
    """Every row once an epoch, in random order; the last batch may be shorter.

    Parameters
    ----------
    n_rows, batch_size : int
    """

    n_rows: int
    batch_size: int

    def __post_init__(self) -> None:
        check_integer("n_rows", self.n_rows, low=1)
        check_integer("batch_size", self.batch_size, low=1)

    def epoch(self, stream: torch.Generator) -> Iterator[Tensor]:
        """Cuts of one random order."""
        yield from torch.randperm(self.n_rows, generator=stream).split(self.batch_size)


def rows(x: Any, y: Any, groups: Any = None) -> Batch:
    """A whole table as tensors; without groups all rows are one group.

    Parameters
    ----------
    x : array-like, shape (n, ...)
        Becomes float32 unless it is a tensor already.
    y : array-like, shape (n,)
        Integers are classes, other numbers are kept as they are.
    groups : array-like of int, shape (n,), optional

    Raises
    ------
    InvalidInputError
        Lengths differ, or a group is negative.
    """
    x = x if isinstance(x, Tensor) else torch.as_tensor(x, dtype=torch.float32)
    y = torch.as_tensor(y)
    marks = torch.zeros(len(y)) if groups is None else torch.as_tensor(groups)
    if not len(x) == len(y) == len(marks):
        raise InvalidInputError(
            f"x, y and groups must have one entry per row, got {len(x)}, {len(y)}, {len(marks)}."
        )
    group_sizes(marks.long())
    return Batch(x, y, marks.long(), torch.arange(len(y)))


def group_sizes(groups: Tensor) -> Tensor:
    """Rows of each group 0 .. G - 1, shape (G,).

    Raises
    ------
    InvalidInputError
        No row, or a negative group.
    """
    if groups.ndim != 1 or len(groups) == 0 or groups.is_floating_point() or groups.min() < 0:
        raise InvalidInputError(
            "groups must be a non-empty vector of integers from 0, got "
            f"{groups.dtype} of shape {tuple(groups.shape)}."
        )
    return torch.bincount(groups)


def train(
    model: nn.Module,
    table: Batch,
    sampler: Sampler,
    objective: Objective,
    optimizer: Optimizer,
    *,
    steps: int,
    seed: int = 0,
    rate: Callable[[float], float] | None = None,
    average: float = 0.0,
    watch: Watch | None = None,
    every: int = 0,
) -> list[dict[str, float]]:
    """Train `model` in place for `steps` batches; leave it in evaluation mode.

    Parameters
    ----------
    model : nn.Module
    table : Batch
        All training rows.
    sampler : Sampler
    objective : Objective
    optimizer : Optimizer
        Over the parameters of `model`.
    steps : int
    seed : int
        Of the batches, and of dropout; torch's own generator is left as it was.
    rate : function of the share of steps done, optional
        Factor of the learning rate.
    average : float
        The model that is left has the mean of the parameters over this share of the steps, the
        last ones (Polyak & Juditsky 1992); 0 = the last parameters. Steadies what circles around a
        saddle point. Running statistics of batch norm are the last ones.
    watch : function of (step, model), optional
        Called in evaluation mode every `every` steps and after the last.
    every : int
        0 = only after the last step.

    Returns
    -------
    list of dict
        What `watch` said, with "step".
    """
    check_integer("steps", steps, low=1)
    check_integer("every", every)
    first = steps - round(check_rate("average", average) * steps)
    total = [torch.zeros_like(w) for w in model.parameters()]
    base = [group["lr"] for group in optimizer.param_groups]
    history: list[dict[str, float]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        batches = _endless(sampler, torch.Generator().manual_seed(seed))
        model.train()
        for step in range(steps):
            for group, lr in zip(optimizer.param_groups, base, strict=True):
                group["lr"] = lr * (rate(step / steps) if rate else 1.0)
            optimizer.zero_grad()
            objective(model, table.take(next(batches))).backward()
            optimizer.step()
            if step >= first:
                _add(total, model)
            done = step + 1
            if watch and (done == steps or (every and done % every == 0)):
                model.eval()
                history.append({"step": float(done), **watch(done, model)})
                model.train()
    if first < steps:
        with torch.no_grad():
            for w, kept in zip(model.parameters(), total, strict=True):
                w.copy_(kept / (steps - first))
    model.eval()
    return history


@torch.no_grad()
def _add(total: list[Tensor], model: nn.Module) -> None:
    for kept, w in zip(total, model.parameters(), strict=True):
        kept += w


def _endless(sampler: Sampler, stream: torch.Generator) -> Iterator[Tensor]:
    while True:
        empty = True
        for places in sampler.epoch(stream):
            empty = False
            yield places
        if empty:
            raise InvalidInputError("the sampler must give at least one batch an epoch, got none.")
