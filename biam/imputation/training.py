"""Maximise the bound: warm-up, a stable phase that ends when nothing is gained, a cool-down."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm import tqdm

from biam.exceptions import BIAMError
from biam.imputation.bound import bound, draw
from biam.imputation.networks import LatentModel

__all__ = ["Schedule", "Trained", "mean_bound", "train"]

_WINDOW = 50
# The cool-down takes this share of all steps: the step size falls to zero and the noise with it.
_COOL_DOWN = 0.25


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Parameters
    ----------
    n_samples : int
        K of the bound.
    lr : float
        Adam's step size between warm-up and cool-down.
    batch_size : int
    max_steps : int
    warm_up : int
        Steps over which the step size rises from zero.
    mask_after : int
        Steps without the mask factor, before the bound is that of the joint likelihood.
    patience : int
        Windows (about 50 steps, whole epochs) without a gain before the cool-down begins.
    tol : float
        Smallest gain of the mean bound, in nats per row, that counts.
    progress : bool
    """

    n_samples: int = 20
    lr: float = 1e-3
    batch_size: int = 128
    max_steps: int = 5000
    warm_up: int = 100
    mask_after: int = 0
    patience: int = 20
    tol: float = 1e-3
    progress: bool = False


@dataclass
class Trained:
    """What happened.

    Attributes
    ----------
    history : list of dict
        One record per window: "step", "bound" (mean of its training steps), "validation_bound" if
        rows were held out, "lr".
    status : {"converged", "max_steps"}
        Why the cool-down began: no gain was left, or the steps were used up.
    n_steps : int
    """

    history: list[dict[str, float]] = field(default_factory=list)
    status: str = "max_steps"
    n_steps: int = 0


def train(
    model: LatentModel,
    x: Tensor,
    observed: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    held_out: tuple[Tensor, Tensor] | None = None,
) -> Trained:
    """Fit `model` in place by Adam on the negative mean bound.

    Parameters
    ----------
    model : LatentModel
    x : Tensor, shape (n, width)
    observed : Tensor of float, shape (n, p)
    schedule : Schedule
    generator : torch.Generator
    held_out : pair of Tensor, optional
        Rows whose bound is judged instead of the training rows'.

    Raises
    ------
    BIAMError
        The bound is no longer a finite number.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=schedule.lr, fused=True)
    batches = _Batches(x, observed, schedule.batch_size, generator)
    # Whole epochs: the mean over a window then depends on no choice of rows.
    window = math.ceil(_WINDOW / batches.per_epoch) * batches.per_epoch
    run, best, waited, last = Trained(), -math.inf, 0, schedule.max_steps
    begin_cooling = math.ceil((1 - _COOL_DOWN) * schedule.max_steps)
    losses: list[Tensor] = []
    hidden = None if schedule.progress else True
    with tqdm(total=schedule.max_steps, unit="step", delay=2, disable=hidden) as bar:
        for step in range(1, schedule.max_steps + 1):
            lr = _rate(schedule, step, begin_cooling, last)
            optimizer.param_groups[0]["lr"] = lr
            with_mask = step > schedule.mask_after
            if step == schedule.mask_after + 1:
                # From here on it is another bound.
                losses.clear()
            losses.append(_step(model, batches, schedule, optimizer, generator, with_mask))
            bar.update()
            if step % window == 0 or step == last:
                record = _record(model, losses, step, lr, held_out, schedule, generator)
                run.history.append(record)
                losses.clear()
                value = record.get("validation_bound", record["bound"])
                gained = value > best + schedule.tol
                best = max(best, value) if with_mask else -math.inf
                waited = 0 if gained or not with_mask else waited + 1
                if waited >= schedule.patience and step < begin_cooling:
                    run.status, begin_cooling = "converged", step
                    last = min(last, math.ceil(step / (1 - _COOL_DOWN)))
                    bar.total = last
            if step == last:
                break
    run.n_steps = last
    return run


def mean_bound(
    model: LatentModel,
    x: Tensor,
    observed: Tensor,
    n_samples: int,
    generator: torch.Generator,
) -> float:
    """Mean of the bound over rows, without gradients."""
    with torch.no_grad():
        log_w = draw(model, x, observed, n_samples, generator).log_weights
        return float(bound(log_w).mean())


class _Batches:
    """Endless epochs of shuffled batches; all rows at once where they fit."""

    def __init__(self, x: Tensor, observed: Tensor, size: int, generator: torch.Generator) -> None:
        self.x, self.observed, self.generator = x, observed, generator
        self.per_epoch = math.ceil(len(x) / size)
        # Even sizes: the last batch of an epoch is no stump with a noisy gradient.
        self.size = math.ceil(len(x) / self.per_epoch)
        self.waiting: list[Tensor] = []

    def next(self) -> tuple[Tensor, Tensor]:
        if self.per_epoch == 1:
            return self.x, self.observed
        if not self.waiting:
            device = self.x.device
            order = torch.randperm(len(self.x), generator=self.generator, device=device)
            self.waiting = list(order.split(self.size))
        rows = self.waiting.pop()
        return self.x[rows], self.observed[rows]


def _step(
    model: LatentModel,
    batches: _Batches,
    schedule: Schedule,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    with_mask: bool,
) -> Tensor:
    n_samples = schedule.n_samples
    draws = draw(model, *batches.next(), n_samples, generator, with_mask=with_mask)
    loss = -bound(draws.log_weights).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach()


def _rate(schedule: Schedule, step: int, begin: int, last: int) -> float:
    if step > begin:
        return schedule.lr * (last + 1 - step) / (last + 1 - begin)
    return schedule.lr * min(1.0, step / max(1, schedule.warm_up))


def _record(
    model: LatentModel,
    losses: list[Tensor],
    step: int,
    lr: float,
    held_out: tuple[Tensor, Tensor] | None,
    schedule: Schedule,
    generator: torch.Generator,
) -> dict[str, float]:
    record = {"step": float(step), "bound": -float(torch.stack(losses).mean()), "lr": lr}
    if held_out is not None:
        record["validation_bound"] = mean_bound(model, *held_out, schedule.n_samples, generator)
    if not all(map(math.isfinite, record.values())):
        raise BIAMError(
            f"the bound became {record['bound']} by step {step}: try a smaller lr (it is "
            f"{schedule.lr:g}), a larger min_scale, or standardise=True."
        )
    return record
