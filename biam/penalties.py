"""Penalties on parameters and on sample weights: value, gradient or proximal step.

Source: BIAM protocol (l2 and smooth l0 on the coefficients); group lasso: Yuan and Lin (2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "CoefficientPenalty",
    "group_lasso",
    "group_lasso_prox",
    "l1",
    "l1_prox",
    "weight_entropy",
]


@dataclass(frozen=True)
class CoefficientPenalty:
    """pen(w) = sum_i l2_i w_i^2 + l0_i (1 - exp(-w_i^2)), the published lower penalty.

    The second sum is a smooth count of the non-zero coefficients.

    Parameters
    ----------
    l2, l0 : Tensor, shape (n_parameters,)
        Strength per coefficient; zero leaves it free (the missing effects in the paper).
    """

    l2: Tensor
    l0: Tensor

    def value(self, w: Tensor) -> Tensor:
        """The penalty, a scalar."""
        square = w.square()
        return (self.l2 * square).sum() + (self.l0 * (1 - torch.exp(-square))).sum()

    def gradient(self, w: Tensor) -> Tensor:
        """2 w (l2 + l0 exp(-w^2)), shape (n_parameters,)."""
        slope = torch.addcmul(self.l2, self.l0, (w * w).neg_().exp_()).mul_(w)
        return slope.add_(slope)


def l1(w: Tensor) -> Tensor:
    """Sum of absolute values."""
    return w.abs().sum()


def l1_prox(w: Tensor, step: float) -> Tensor:
    """Soft threshold: argmin_z |z - w|^2 / 2 + step |z|_1."""
    return w.sign() * (w.abs() - step).clamp_min(0)


def group_lasso(groups: Sequence[Tensor]) -> Tensor:
    """Sum over groups of sqrt(size) times the Euclidean norm."""
    return torch.stack([g.numel() ** 0.5 * g.norm() for g in groups]).sum()


def group_lasso_prox(group: Tensor, step: float) -> Tensor:
    """Proximal step of one group: shrinks its norm by step sqrt(size), to zero when smaller."""
    norm = group.norm().clamp_min(torch.finfo(group.dtype).tiny)
    return group * (1 - step * group.numel() ** 0.5 / norm).clamp_min(0)


def weight_entropy(weights: Tensor) -> Tensor:
    """Entropy of the normalised sample weights, in nats; log(n) when they are all equal.

    Added with a minus sign to the upper risk it keeps the weighting network from trusting few rows.
    """
    share = weights / weights.sum()
    return torch.special.entr(share).sum()
