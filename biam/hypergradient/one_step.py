"""`OneStep`: through one look-ahead step, as the published loop does."""

from dataclasses import dataclass

import torch
from torch import Tensor

from biam.hypergradient.risk import LowerRisk, UpperRisk, weight_hypergradient
from biam.lower import Linearisation

__all__ = ["OneStep"]


@dataclass(frozen=True)
class OneStep:
    """One look-ahead step: w^ = w - lr grad R(w; theta), q = lr grad L(w^).

    Exact for that one step. Source: Ren et al. (2018); BIAM protocol, section 3.

    Parameters
    ----------
    lr : float
        Step size of the look-ahead (`lower_lr`).
    """

    lr: float = 0.05

    def point(self, w: Tensor, lower_gradient: Tensor) -> Tensor:
        """The look-ahead parameters."""
        return torch.sub(w, lower_gradient, alpha=self.lr)

    def adjoint(self, upper_gradient: Tensor) -> Tensor:
        """lr times the upper gradient."""
        return upper_gradient * self.lr

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        here = lower.here
        judged = upper.judge(self.point(lower.w, here.gradient(lower.weights)))
        adjoint = self.adjoint(upper.gradient(judged))
        return lower.pull(weight_hypergradient(here, adjoint)), judged
