"""`Truncated` and `Unrolled`: backwards through K gradient steps of the lower level.

With w_{k+1} = w_k - lr grad R(w_k) and q_K = grad L(w_K), the chain rule from the last step on is

    dL / d nu_i = -(lr / n) sum_k <grad l_i(w_k), q_{k+1}>,   q_k = q_{k+1} - lr H(w_k) q_{k+1},

H the Hessian of R. Memory grows with the steps. Source: Franceschi et al. (2017); truncated:
Shaban et al. (2019). Near a minimum with eigenvalues of H at least mu > 0 and lr at most one over
the largest, the distance to the implicit hypergradient falls like (1 - lr mu)^K: Grazzi et al.
(2020); Ji, Yang and Liang (2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from biam.hypergradient.risk import LowerRisk, UpperRisk
from biam.lower import Linearisation
from biam.validation import check_integer, check_number

__all__ = ["Truncated", "Unrolled", "descend", "sweep_back"]

Point = tuple[Tensor, Linearisation]
Product = Callable[[Point, Tensor], Tensor]


def descend(
    lower: LowerRisk, w: Tensor, n_steps: int, lr: float, weights: Tensor | None = None
) -> tuple[list[Point], Tensor]:
    """Gradient steps on the lower risk, neither clipped nor kept.

    Parameters
    ----------
    lower : LowerRisk
    w : Tensor, shape (n_parameters,)
        Where the first step begins.
    n_steps : int
    lr : float
    weights : Tensor, shape (n,), optional
        Other weights of the rows than those of `lower`.

    Returns
    -------
    list of (Tensor, Linearisation)
        Where each step began.
    Tensor, shape (n_parameters,)
        Where the last one ended.
    """
    weights, path = lower.weights if weights is None else weights, []
    for _ in range(n_steps):
        here = lower.at(w)
        path.append((w, here))
        w = torch.sub(w, here.gradient(weights), alpha=lr)
    return path, w


def sweep_back(
    path: list[Point], adjoint: Tensor, lr: float, along: Product, curve: Product
) -> Tensor:
    """dL / d nu, shape (n,), by the recursion of the module.

    Parameters
    ----------
    path : list of (Tensor, Linearisation)
        As `descend` gives it.
    adjoint : Tensor, shape (n_parameters,)
        q_K, the upper gradient at the end of the path.
    lr : float
    along : callable
        Point and q -> <grad l_i, q>, shape (n,).
    curve : callable
        Point and q -> H q, shape (n_parameters,).
    """
    *before, last = path
    total = along(last, adjoint)
    for point, after in zip(reversed(before), reversed(path), strict=False):
        adjoint = torch.sub(adjoint, curve(after, adjoint), alpha=lr)
        total = total + along(point, adjoint)
    return total * (-lr / len(total))


@dataclass(frozen=True)
class Truncated:
    """`n_ahead` look-ahead steps and then `n_steps` more, of which only the latter are remembered.

    `Truncated(1, lr)` is `OneStep(lr)`. At a lower minimum, where the steps stand still, it is
    `Implicit` with `n_steps` terms of the Neumann series.

    Parameters
    ----------
    n_steps : int
        K, at least 1.
    lr : float
        Step size of the look-ahead.
    n_ahead : int
        Steps before them, through which nothing is differentiated.
    """

    n_steps: int = 10
    lr: float = 0.05
    n_ahead: int = 0

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("n_steps", self.n_steps, low=1)
        check_integer("n_ahead", self.n_ahead, low=0)
        check_number("lr", self.lr, low=0.0)

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        w = lower.w
        for _ in range(self.n_ahead):
            _, w = descend(lower, w, 1, self.lr)
        return _backwards(lower, upper, w, self.n_steps, self.lr)


@dataclass(frozen=True)
class Unrolled:
    """All `n_steps` lower steps from `start`, each of them differentiated.

    The derivative is exact for what these steps reach, solved or not: the second-order method.

    Parameters
    ----------
    n_steps : int
        K, at least 1.
    lr : float
    start : Tensor, shape (n_parameters,), optional
        Where the steps begin; default the present parameters.
    """

    n_steps: int = 100
    lr: float = 0.05
    start: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("n_steps", self.n_steps, low=1)
        check_number("lr", self.lr, low=0.0)

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        w = lower.w if self.start is None else self.start
        return _backwards(lower, upper, w, self.n_steps, self.lr)


def _backwards(
    lower: LowerRisk, upper: UpperRisk, w: Tensor, n_steps: int, lr: float
) -> tuple[Tensor, Linearisation]:
    path, w = descend(lower, w, n_steps, lr)
    judged = upper.judge(w)
    cotangent = sweep_back(
        path,
        upper.gradient(judged),
        lr,
        along=lambda point, q: point[1].directional(q),
        curve=lambda point, q: point[1].hessian_vector(q, lower.weights),
    )
    return lower.pull(cotangent), judged
