"""The occam regulariser: simple hypotheses first, by weight penalties and dropout.

This is what the lecture calls OccamNets. The published network of that name is another thing, see
`biam.mitigation.occamnet`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_number

__all__ = ["OccamPenalty", "with_dropout"]


@dataclass(frozen=True)
class OccamPenalty:
    """mean l_i + l1 sum abs(W) + (l2 / 2) sum W^2 over all weights W, biases left out.

    Parameters
    ----------
    loss : Loss
    l1, l2 : float
    """

    loss: Loss
    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        check_number("l1", self.l1, low=0.0)
        check_number("l2", self.l2, low=0.0)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Penalised mean loss."""
        risk = self.loss.value(model(batch.x), batch.y).mean()
        # A bias, and the scales of a normalisation, have one axis.
        weights = torch.cat([w.flatten() for w in model.parameters() if w.ndim > 1])
        return risk + self.l1 * weights.abs().sum() + self.l2 / 2 * weights.square().sum()


def with_dropout(layers: nn.Sequential, rate: float) -> nn.Sequential:
    """The same layers, shared, with dropout after every ReLU.

    Parameters
    ----------
    layers : nn.Sequential
    rate : float
        Share of the units that are dropped, below 1.
    """
    check_number("rate", rate, low=0.0, high=1.0 - 1e-9)
    longer: list[nn.Module] = []
    for layer in layers:
        longer.append(layer)
        if isinstance(layer, nn.ReLU):
            longer.append(nn.Dropout(rate))
    return nn.Sequential(*longer)
