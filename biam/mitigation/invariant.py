"""Invariant risk minimisation: one classifier that is optimal in every environment."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_integer, check_number

__all__ = ["InvariantRisk"]


@dataclass
class InvariantRisk:
    """mean_e R_e + lambda mean_e (d R_e(w f) / dw at w = 1)^2 + l2 sum W^2, e the group of a row.

    The derivative is the mean of f_i . dl_i/df_i. Where lambda is above 1 the whole is divided by
    it; W are all parameters. Needs environments, two or more in every batch. Source: Arjovsky,
    Bottou, Gulrajani & Lopez-Paz (2019), IRMv1, and their Colored-MNIST code for the schedule.

    Parameters
    ----------
    loss : Loss
    strength : float
        lambda.
    delay : int
        Steps with lambda = 1 before.
    l2 : float
    """

    loss: Loss
    strength: float
    delay: int = 0
    l2: float = 0.0
    done: int = 0

    def __post_init__(self) -> None:
        check_number("strength", self.strength, low=0.0)
        check_integer("delay", self.delay)
        check_number("l2", self.l2, low=0.0)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Penalised mean risk; counts its calls for the delay."""
        f = model(batch.x)
        strength = self.strength if self.done >= self.delay else 1.0
        self.done += 1
        losses = self.loss.value(f, batch.y)
        slopes = (f * self.loss.gradient(f, batch.y)).sum(1)
        risks, squares = [], []
        for e in batch.groups.unique():
            inside = batch.groups == e
            risks.append(losses[inside].mean())
            squares.append(slopes[inside].mean().square())
        total = torch.stack(risks).mean() + strength * torch.stack(squares).mean()
        if self.l2:
            total = total + self.l2 * sum(w.square().sum() for w in model.parameters())
        return total / max(strength, 1.0)
