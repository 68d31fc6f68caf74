"""`ForwardMode`: the derivative of the lower steps carried along with them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from biam.hypergradient.risk import LowerRisk, UpperRisk
from biam.lower import Linearisation
from biam.validation import check_integer, check_number

__all__ = ["ForwardMode"]


@dataclass(frozen=True)
class ForwardMode:
    """dL/d theta_j = <grad L(w_K), z_j>, z_j = dw / d theta_j carried through K lower steps.

    z_j <- z_j - lr (H(w_k) z_j + (1/n) sum_i (d nu_i / d theta_j) grad l_i(w_k)). The number is
    that of `Unrolled`, to rounding. The cost is K Hessian products per parameter of the upper
    learner instead of K in all; no path is kept, so memory does not grow with K.
    Source: Franceschi et al. (2017).

    Parameters
    ----------
    n_steps : int
        K, at least 1.
    lr : float
    start : Tensor, shape (n_parameters,), optional
        Where the steps begin; default the present parameters.
    """

    n_steps: int = 10
    lr: float = 0.05
    start: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("n_steps", self.n_steps, low=1)
        check_number("lr", self.lr, low=0.0)

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        w = lower.w if self.start is None else self.start
        directions, weights = lower.directions(), lower.weights
        z = w.new_zeros(len(directions), len(w))
        for step in range(self.n_steps):
            here = lower.at(w)
            moves = [here.gradient(nu, penalised=False) for nu in directions]
            if step:
                moves = [
                    move + here.hessian_vector(along, weights)
                    for move, along in zip(moves, z, strict=True)
                ]
            z = torch.sub(z, torch.stack(moves), alpha=self.lr)
            w = torch.sub(w, here.gradient(weights), alpha=self.lr)
        judged = upper.judge(w)
        return z @ upper.gradient(judged), judged
