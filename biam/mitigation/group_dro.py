"""Group distributionally robust optimisation: minimise the loss of the worst group."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch, group_sizes
from biam.validation import check_number

__all__ = ["GroupDRO"]


@dataclass
class GroupDRO:
    """min over the model of max over q in the simplex of sum_g q_g E_g[l], by online steps.

    At each batch, with L_g the mean loss of group g in it (0 where it is absent),

        q_g <- q_g exp(eta (L_g + C / sqrt(n_g))), q <- q / sum(q); the loss is sum_g q_g L_g.

    Source: Sagawa, Koh, Hashimoto & Liang (2020), algorithm 1 and Eq. 5 (group adjustment).

    Parameters
    ----------
    loss : Loss
    sizes : Tensor, shape (G,)
        Rows of each group among the training rows, n_g.
    eta : float
        Step of q; 0 leaves it uniform.
    adjustment : float
        C; enters q only.
    q : Tensor of float64, shape (G,)
        The weights of the groups, uniform at first.
    """

    loss: Loss
    sizes: Tensor
    eta: float = 0.01
    adjustment: float = 0.0
    q: Tensor = field(init=False)

    def __post_init__(self) -> None:
        check_number("eta", self.eta, low=0.0)
        check_number("adjustment", self.adjustment, low=0.0)
        self.q = torch.full((len(self.sizes),), 1 / len(self.sizes), dtype=torch.float64)

    @classmethod
    def of(
        cls, loss: Loss, groups: Tensor, eta: float = 0.01, adjustment: float = 0.0
    ) -> "GroupDRO":
        """For training rows in these groups."""
        return cls(loss, group_sizes(groups), eta, adjustment)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Step q, then the weighted sum of the groups' mean losses."""
        losses = self.loss.value(model(batch.x), batch.y)
        means = self.group_means(losses, batch.groups)
        self.step(means.detach())
        return (self.q.to(means.dtype) * means).sum()

    def group_means(self, losses: Tensor, groups: Tensor) -> Tensor:
        """L_g, shape (G,)."""
        zero = losses.new_zeros(len(self.sizes))
        counts = zero.index_add(0, groups, torch.ones_like(losses))
        return zero.index_add(0, groups, losses) / counts.clamp_min(1)

    def step(self, means: Tensor) -> None:
        """Exponentiated ascent on q, in logarithms so that no step can overflow."""
        gains = self.eta * (means.double() + self.adjustment / self.sizes.double().sqrt())
        self.q = (self.q.log() + gains).softmax(0)
