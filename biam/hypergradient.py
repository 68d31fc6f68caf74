"""Hypergradients: how the upper loss changes with the weights of the rows. One record per method.

The lower level minimises mean(nu_i l_i(w)) + pen(w). Every method here has the form

    dL_upper / d nu_i = -(1 / n) <grad l_i(w), q>,

and differs only in where the upper loss is looked at (`point`) and in the adjoint vector q. No
double backward is needed: the inner products are one directional derivative of the model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from biam.lower import Linearisation

__all__ = ["Hypergradient", "Implicit", "OneStep", "weight_hypergradient"]


class Hypergradient(Protocol):
    """Where the upper loss is evaluated, and the adjoint vector."""

    def point(self, w: Tensor, lower_gradient: Tensor) -> Tensor:
        """Parameters at which the upper loss is differentiated."""
        ...

    def adjoint(self, upper_gradient: Tensor) -> Tensor:
        """The vector q of the module's formula."""
        ...


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


@dataclass(frozen=True)
class Implicit:
    """Implicit differentiation at a lower optimum: q = (Hessian of the lower risk)^-1 grad L(w).

    Parameters
    ----------
    solve : callable
        Right-hand side -> solution of the system with the lower Hessian at `w`.
    """

    solve: Callable[[Tensor], Tensor]

    def point(self, w: Tensor, lower_gradient: Tensor) -> Tensor:
        """The lower optimum itself."""
        return w

    def adjoint(self, upper_gradient: Tensor) -> Tensor:
        """Solution of the adjoint system."""
        return self.solve(upper_gradient)


def weight_hypergradient(lower: Linearisation, adjoint: Tensor) -> Tensor:
    """dL_upper / d nu, shape (n,), from the lower problem's linearisation and q.

    Parameters
    ----------
    lower : Linearisation
        At the parameters and rows of the lower step.
    adjoint : Tensor, shape (n_parameters,)
    """
    return lower.directional(adjoint).mul_(-1 / len(lower.losses))
