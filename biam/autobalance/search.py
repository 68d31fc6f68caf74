"""AutoBalance: search how to train so that a validation objective is small at the end of training.

Lower: w*(theta), the minimum of the training risk under a design theta: the loss
(`biam.autobalance.design`), or the augmentation (`biam.autobalance.policies`). Upper: an objective
of the plain losses of the validation rows at w*(theta), by implicit differentiation. Search on a
part of the rows, then train anew on all of them. Source: Li et al. (2021), Algorithm 1.
"""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from biam.autobalance.groups import Balanced, Objective, cell_means, row_weights
from biam.autobalance.lower import Training
from biam.autobalance.parametric import plain
from biam.bilevel import BilevelState
from biam.exceptions import InvalidInputError
from biam.hypergradient import Implicit
from biam.losses import Loss
from biam.lower import ModuleProblem, Rows
from biam.validation import check_integer, check_number

__all__ = ["AutoBalance", "Design", "Judge", "Searched"]


@dataclass(frozen=True)
class Judge:
    """The upper problem: an objective of the validation rows' losses at raw outputs.

    Parameters
    ----------
    problem : ModuleProblem
        Of the lower module; its loss is not used.
    rows : Rows
        Validation rows; `y` are codes, class + K times group.
    shape : (G, K)
        Numbers of groups and classes.
    objective : Objective
    loss : Loss, optional
        Default cross-entropy.
    sizes : Tensor, shape (G, K), optional
        Numbers of rows of the cells, where `rows` were drawn from more.
    """

    problem: ModuleProblem
    rows: Rows
    shape: tuple[int, int]
    objective: Objective = field(default_factory=Balanced)
    loss: Loss | None = None
    sizes: Tensor | None = None

    def gradient(self, w: Tensor) -> tuple[float, Tensor]:
        """Value of the objective and its gradient, shape (n_parameters,)."""
        judged = self._problem(w).linearise(w, self.rows)
        value, weights = row_weights(
            self.objective, judged.losses, self.rows.y, self.shape, self.sizes
        )
        return value, judged.gradient(weights, penalised=False)

    def drawn(self, size: int, generator: torch.Generator) -> "Judge":
        """The same problem on at most `size` rows, as many of each cell as there are, or alike.

        A rare class keeps all its rows: drawn in proportion it would be judged by one or two.
        """
        if len(self.rows) <= size:
            return self
        n_cells = self.shape[0] * self.shape[1]
        order = torch.randperm(len(self.rows), generator=generator)
        cells = self.rows.y[order]
        kept = torch.cat(
            [order[cells == cell][: max(1, size // n_cells)] for cell in range(n_cells)]
        )
        sizes = torch.bincount(self.rows.y, minlength=n_cells).view(self.shape)
        return replace(self, rows=self.rows.take(kept), sizes=sizes.to(self.rows.inputs))

    @torch.inference_mode()
    def value(self, w: Tensor) -> float:
        """Value of the objective."""
        losses = self._problem(w).losses(w, self.rows)
        return self.objective(*cell_means(losses, self.rows.y, self.shape)).item()

    def _problem(self, w: Tensor) -> ModuleProblem:
        loss = plain(w.new_ones(self.shape)) if self.loss is None else self.loss
        return replace(self.problem, loss=loss)


class Design(Protocol):
    """What a search looks for: parameters theta that decide how the lower problem is trained."""

    def init(self) -> Tensor:
        """theta at the start, flat."""
        ...

    def problem(self, problem: ModuleProblem, theta: Tensor) -> ModuleProblem:
        """The lower problem under theta."""
        ...

    def batch(self, theta: Tensor, rows: Rows, generator: torch.Generator) -> Rows:
        """Rows as one lower step, or one epoch, sees them."""
        ...

    def hypergradient(
        self,
        problem: ModuleProblem,
        theta: Tensor,
        w: Tensor,
        rows: Rows,
        curved: Rows,
        upper_gradient: Tensor,
        implicit: Implicit,
    ) -> Tensor:
        """dL / d theta; see `biam.autobalance.design.loss_hypergradient`."""
        ...

    def settled(self, theta: Tensor) -> Tensor:
        """theta without what changes nothing."""
        ...


class Searched(NamedTuple):
    """Outcome of a search: theta to train with, parameters of the model, and the way there.

    `history`: per upper step `step`, `objective`, and `theta`.
    """

    theta: Tensor
    w: Tensor
    history: list[dict[str, Any]]


@dataclass(frozen=True)
class AutoBalance:
    """The search: lower steps, and after every few of them one step of Adam on theta.

    Parameters
    ----------
    design : Design
        `biam.autobalance.design.LossDesign`, or `biam.autobalance.policies.PolicyDesign`.
    training : Training
    implicit : Implicit, optional
        Default conjugate gradients, five products, damping .01: the lower risk of a network is not
        convex, and is never solved.
    upper_lr : float
        Step of Adam (Kingma and Ba 2015): what it means does not depend on the scale of the
        gradient, which falls by orders of magnitude as a network comes to fit its rows.
    warm_up : int
        Epochs before the first upper step.
    every : int
        Lower steps from one upper step to the next.
    n_curved : int
        Training rows that a Hessian is made from.
    n_rows : int
        Training rows, and most validation rows, of one hypergradient.
    keep : float
        theta is the mean over this last share of the upper steps.
    """

    design: Design
    training: Training = field(default_factory=Training)
    implicit: Implicit = field(default_factory=lambda: Implicit("cg", 5, damping=0.01))
    upper_lr: float = 0.05
    warm_up: int = 5
    every: int = 10
    n_curved: int = 256
    n_rows: int = 2000
    keep: float = 0.3

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("warm_up", self.warm_up, low=0, high=self.training.epochs - 1)
        for name in ("every", "n_curved", "n_rows"):
            check_integer(name, getattr(self, name), low=1)
        check_number("upper_lr", self.upper_lr, low=0.0)
        check_number("keep", self.keep, low=0.0, high=1.0, open_low=True)

    def search(self, judge: Judge, rows: Rows, w: Tensor, generator: torch.Generator) -> Searched:
        """Train on `rows` while theta is fitted to the judge's rows.

        Parameters
        ----------
        judge : Judge
        rows : Rows
            Training rows; `y` are codes, class + K times group.
        w : Tensor, shape (n_parameters,)
            Where the model starts.
        generator : torch.Generator
            Orders the batches, and draws rows.

        Raises
        ------
        InvalidInputError
            There are too few batches for a single upper step.
        """
        theta = self.design.init()
        adam = torch.optim.Adam([theta], lr=self.upper_lr)
        problem, history = judge.problem, []
        state, done = BilevelState(w.detach().clone(), theta[:0], generator.get_state()), 0
        for epoch in range(self.training.epochs):
            order = torch.randperm(len(rows), generator=generator)
            for batch in rows.take(order).batches(self.training.batch_size):
                own = self.design.problem(problem, theta)
                seen = self.design.batch(theta, batch, generator)
                state, _ = self.training.optimizer(own, epoch).step(state, seen, None)
                done += 1
                if epoch >= self.warm_up and done % self.every == 0:
                    value = self._step(judge, rows, theta, state.lower.clone(), adam, generator)
                    history.append({"step": done, "objective": value, "theta": theta.tolist()})
        if not history:
            raise InvalidInputError(
                f"the search must reach an upper step, got {done} lower steps for every="
                f"{self.every} and warm_up={self.warm_up}: use more epochs, or a smaller every."
            )
        kept = history[-max(1, round(self.keep * len(history))) :]
        mean = torch.tensor([step["theta"] for step in kept]).to(theta).mean(0)
        return Searched(mean, state.lower.clone(), history)

    def _step(
        self,
        judge: Judge,
        rows: Rows,
        theta: Tensor,
        w: Tensor,
        adam: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> float:
        """One step of `adam` on `theta`, in place; the objective before it."""
        seen, curved = (_some(rows, n, generator) for n in (self.n_rows, self.n_curved))
        value, upward = judge.drawn(self.n_rows, generator).gradient(w)
        theta.grad = self.design.hypergradient(
            judge.problem, theta, w, seen, curved, upward, self.implicit
        )
        adam.step()
        theta.copy_(self.design.settled(theta))
        return value


def _some(rows: Rows, size: int, generator: torch.Generator) -> Rows:
    """At most `size` rows, drawn without replacement."""
    if len(rows) <= size:
        return rows
    return rows.take(torch.randperm(len(rows), generator=generator)[:size])
