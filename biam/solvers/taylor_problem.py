"""`TaylorProblem`: the concept network as a lower problem of the bilevel engine."""

from dataclasses import dataclass

import torch
from torch import Tensor

from biam.losses import Loss
from biam.lower import Rows
from biam.taylor import TaylorModel

__all__ = ["TaylorProblem"]


@dataclass(frozen=True)
class TaylorProblem:
    """R(w) = mean(nu_i l_i(w)) + output_penalty mean(z_ic^2), every derivative a closed form.

    Parameters
    ----------
    model : TaylorModel
    loss : Loss
    output_penalty : float
        Price of the mean square of the concepts over rows and concepts (CAT: 0.05; BATM: 1e-4).
    """

    model: TaylorModel
    loss: Loss
    output_penalty: float = 0.0

    def at_epoch(self, epoch: int) -> "TaylorProblem":
        """The same in every epoch."""
        return self

    def linearise(self, w: Tensor, rows: Rows) -> "_TaylorLinearisation":
        """Losses and derivatives at `w`, shape (layout.size,)."""
        return _TaylorLinearisation(self, w, rows)


class _TaylorLinearisation:
    def __init__(self, problem: TaylorProblem, w: Tensor, rows: Rows) -> None:
        self.problem, self.w, self.rows = problem, w, rows
        self.trace = problem.model.trace(w, rows.inputs)
        self.losses = problem.loss.value(self.trace.f, rows.y)
        self.slope = problem.loss.gradient(self.trace.f, rows.y)

    def gradient(self, weights: Tensor | None = None, *, penalised: bool = True) -> Tensor:
        slope = self.slope if weights is None else self.slope * weights[:, None]
        z, price = self.trace.z, self.problem.output_penalty
        pull = 2 * price / z.numel() * z if penalised and price else None
        return self.trace.vjp(slope / len(slope), pull)

    def directional(self, v: Tensor) -> Tensor:
        return (self.slope * self.trace.jvp(v)).sum(1)

    def hessian_vector(
        self, v: Tensor, weights: Tensor | None = None, *, penalised: bool = True
    ) -> Tensor:
        # The model and the loss are differentiated twice by torch: only `Implicit` asks for this.
        def risk(w: Tensor) -> Tensor:
            trace = self.problem.model.trace(w, self.rows.inputs)
            losses = self.problem.loss.value(trace.f, self.rows.y)
            mean = (losses if weights is None else weights * losses).mean()
            price = self.problem.output_penalty if penalised else 0.0
            return mean + price * trace.z.square().mean()

        return torch.func.grad(lambda w: torch.func.grad(risk)(w) @ v)(self.w)
