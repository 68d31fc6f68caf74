"""The loss as what AutoBalance searches for, and its hypergradient.

The upper risk sees theta through the lower optimum w*(theta) alone, so

    dL / d theta = - d/d theta mean_i <dl_i/df (theta), J_i q>,   (H + damping I) q = grad L(w*)

with J_i q one directional derivative of the model's outputs: no double backward, and the family of
losses needs no more than its gradient. Source: Li et al. (2021), AutoBalance, Eq. 3.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from biam.autobalance.parametric import LossFamily
from biam.hypergradient import Implicit
from biam.lower import ModuleProblem, Rows

__all__ = ["LossDesign", "loss_hypergradient"]


def loss_hypergradient(
    problem: ModuleProblem,
    family: LossFamily,
    theta: Tensor,
    w: Tensor,
    rows: Rows,
    upper_gradient: Tensor,
    implicit: Implicit,
    *,
    curved: Rows | None = None,
) -> Tensor:
    """dL / d theta at a lower optimum `w`, by the formula of the module.

    Parameters
    ----------
    problem : ModuleProblem
        Its loss is not used.
    family : LossFamily
    theta : Tensor, shape (n_upper,)
    w : Tensor, shape (n_parameters,)
    rows : Rows
        Training rows.
    upper_gradient : Tensor, shape (n_parameters,)
        grad L(w).
    implicit : Implicit
        How the system is solved.
    curved : Rows, optional
        Rows that H is made from, where all of them would be dear; default `rows`.

    Returns
    -------
    Tensor, shape (n_upper,)
    """
    curved = rows if curved is None else curved
    here = replace(problem, loss=family.loss(theta)).linearise(w, curved)
    q = implicit.adjoint(upper_gradient, lambda v: here.hessian_vector(v, curved.weight))
    seen = replace(problem, loss=_Outputs()).linearise(w, rows)
    return -family.pull(theta, seen.losses, rows.y, seen.directional(q), rows.weight)


@dataclass(frozen=True)
class LossDesign:
    """Search for the loss.

    Parameters
    ----------
    family : LossFamily
    """

    family: LossFamily

    def init(self) -> Tensor:
        """theta of the family's start."""
        return self.family.init()

    def problem(self, problem: ModuleProblem, theta: Tensor) -> ModuleProblem:
        """The same module under the loss of theta."""
        return replace(problem, loss=self.family.loss(theta))

    def batch(self, theta: Tensor, rows: Rows, generator: torch.Generator) -> Rows:
        """The rows themselves."""
        return rows

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
        """`loss_hypergradient`."""
        return loss_hypergradient(
            problem, self.family, theta, w, rows, upper_gradient, implicit, curved=curved
        )

    def settled(self, theta: Tensor) -> Tensor:
        """`LossFamily.recentred`."""
        return self.family.recentred(theta)


@dataclass(frozen=True)
class _Outputs:
    """The outputs themselves in the place of a loss, so that a linearisation pushes them."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        return f

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        return torch.ones_like(f)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        return torch.zeros_like(f)
