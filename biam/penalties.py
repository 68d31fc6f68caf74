"""Penalties on parameters and on sample weights: value, gradient or proximal step.

Source: BIAM protocol (l2 and smooth l0 on the coefficients); group lasso: Yuan and Lin (2006).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Protocol

import torch
from torch import Tensor

from biam.validation import check_number

__all__ = [
    "CoefficientPenalty",
    "UpperPenalty",
    "WeightEntropy",
    "group_lasso",
    "group_lasso_prox",
    "l1",
    "l1_prox",
    "l2",
    "l2_prox",
    "smooth_l0",
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

    def hessian_vector(self, w: Tensor, v: Tensor) -> Tensor:
        """2 (l2 + l0 (1 - 2 w^2) exp(-w^2)) v: the Hessian is diagonal; shape (n_parameters,)."""
        square = w.square()
        return 2 * (self.l2 + self.l0 * (1 - 2 * square) * torch.exp(-square)) * v


def l1(w: Tensor) -> Tensor:
    """Sum of absolute values."""
    return w.abs().sum()


def l1_prox(w: Tensor, step: float) -> Tensor:
    """Soft threshold: argmin_z ``|z - w|^2 / 2 + step |z|_1``."""
    return w.sign() * (w.abs() - step).clamp_min(0)


def l2(w: Tensor) -> Tensor:
    """Sum of squares."""
    return w.square().sum()


def l2_prox(w: Tensor, step: float) -> Tensor:
    """Shrinkage w / (1 + 2 step): argmin_z ``|z - w|^2 / 2 + step |z|^2``."""
    return w / (1 + 2 * step)


def smooth_l0(w: Tensor, width: float = 1.0) -> Tensor:
    """Smooth count of the entries that are not zero, sum of 1 - exp(-(w / width)^2).

    Tends to the count as `width` falls to zero. Source: BIAM protocol, section 3 (width 1).
    """
    return -torch.expm1(-(w / width).square()).sum()


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


class UpperPenalty(Protocol):
    """A penalty of the upper problem, on the learned weights of the rows of a batch."""

    def value(self, weights: Tensor) -> Tensor:
        """The penalty, a scalar."""
        ...

    def gradient(self, weights: Tensor) -> Tensor:
        """Derivative in each weight, shape (n,)."""
        ...


@dataclass(frozen=True)
class WeightEntropy:
    """strength (log n - entropy of the shares nu_i / sum nu): zero when all weights are equal.

    As `upper_penalty` of `BilevelOptimizer` it keeps the weighting network from trusting few rows.
    It is the divergence of the shares from equal ones, and does not see the size of the weights.

    Parameters
    ----------
    strength : float
        Price of one nat.
    """

    strength: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a strength below zero."""
        check_number("strength", self.strength, low=0.0)

    def value(self, weights: Tensor) -> Tensor:
        """The penalty, a scalar."""
        return self.strength * (log(len(weights)) - weight_entropy(weights))

    def gradient(self, weights: Tensor) -> Tensor:
        """strength (log share_i + entropy) / sum nu, shape (n,); finite at weights of zero."""
        tiny = torch.finfo(weights.dtype).tiny
        total = weights.sum().clamp_min(tiny)
        share = weights / total
        slope = share.clamp_min(tiny).log() + torch.special.entr(share).sum()
        return self.strength * slope / total
