"""Hard-example mining: of the rows that went forward, those with a high loss go backward.

It needs no groups. It also trains on wrong labels more than on right ones, because they are the
hardest: the contrary of what a weighting network learns under label noise.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_choice, check_integer, check_number

__all__ = ["HardExamples"]


@dataclass
class HardExamples:
    """The mean loss of B of the N rows of a batch.

    Parameters
    ----------
    loss : Loss
    kept : int
        B; a batch that has no more rows is kept whole.
    rule : {"top", "power", "softmax"}
        "top": the B of highest loss (Shrivastava, Gupta & Girshick 2016). "power", "softmax": B
        drawn without replacement, a row with a chance proportional to l^a, or to exp(l / a).
    a : float
        The exponent or the temperature, above 0.
    seed : int
        Of the draws.
    """

    loss: Loss
    kept: int
    rule: str = "top"
    a: float = 1.0
    seed: int = 0
    stream: torch.Generator = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_integer("kept", self.kept, low=1)
        check_choice("rule", self.rule, ("top", "power", "softmax"))
        check_number("a", self.a, low=0.0, open_low=True)
        self.stream = torch.Generator().manual_seed(self.seed)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean loss of the rows that were chosen."""
        losses = self.loss.value(model(batch.x), batch.y)
        return losses[self.choose(losses.detach())].mean()

    def choose(self, losses: Tensor) -> Tensor:
        """Places of the B rows, shape (B,), for losses of shape (N,)."""
        if self.kept >= len(losses):
            return torch.arange(len(losses))
        if self.rule == "top":
            return losses.topk(self.kept).indices
        if self.rule == "power":
            # Rows without any loss stay possible: B rows are asked for.
            chances = losses.double().clamp_min(1e-12) ** self.a
        else:
            chances = (losses.double() / self.a).softmax(0).clamp_min(1e-30)
        return torch.multinomial(chances, self.kept, generator=self.stream)
