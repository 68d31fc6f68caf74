"""Ordinary training of the lower problem: mini-batch SGD with one late drop of its step."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from biam.bilevel import BilevelOptimizer
from biam.lower import ModuleProblem, Rows
from biam.validation import check_integer, check_number

__all__ = ["Training"]


@dataclass(frozen=True)
class Training:
    """Mini-batch SGD on the lower problem: steps of `lower_lr`, a tenth of it near the end.

    Parameters
    ----------
    epochs : int
    lower_lr : float
    batch_size : int
    clip : float
        Largest norm of a gradient.
    drop : float
        Share of the epochs after which the step is a tenth.
    """

    epochs: int = 30
    lower_lr: float = 0.1
    batch_size: int = 128
    clip: float = 5.0
    drop: float = 0.8

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("epochs", self.epochs, low=1)
        check_integer("batch_size", self.batch_size, low=1)
        check_number("lower_lr", self.lower_lr, low=0.0, open_low=True)
        check_number("clip", self.clip, low=0.0, open_low=True)
        check_number("drop", self.drop, low=0.0, high=1.0)

    def optimizer(self, problem: ModuleProblem, epoch: int = 0) -> BilevelOptimizer:
        """Lower steps alone, as they are in this epoch."""
        late = epoch >= self.first_late
        return BilevelOptimizer(
            problem,
            lower_lr=self.lower_lr / 10 if late else self.lower_lr,
            clip=self.clip,
            batch_size=self.batch_size,
        )

    @property
    def first_late(self) -> int:
        """First epoch of the small steps."""
        return round(self.drop * self.epochs)

    def run(
        self,
        problem: ModuleProblem,
        rows: Rows,
        w: Tensor,
        generator: torch.Generator,
        *,
        redraw: Callable[[Rows], Rows] | None = None,
    ) -> Tensor:
        """Parameters after all epochs, shape (n_parameters,).

        Parameters
        ----------
        problem : ModuleProblem
        rows : Rows
        w : Tensor, shape (n_parameters,)
            Where training starts.
        generator : torch.Generator
            Orders the batches.
        redraw : callable, optional
            Makes the rows of an epoch from `rows`: augmentation.
        """
        state = self.optimizer(problem).init(w, generator)
        for epoch in range(self.epochs):
            seen = rows if redraw is None else redraw(rows)
            state = self.optimizer(problem, epoch).run(state, seen, None, epoch + 1).state
        return state.lower
