"""Spectral decoupling: a penalty on the logits, so that no feature starves the others' gradient."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_integer, check_number

__all__ = ["SpectralDecoupling"]


@dataclass
class SpectralDecoupling:
    """mean l_i + (lambda / 2) mean (f_i - gamma_y)^2, without weight decay.

    Needs no groups. Under plain cross-entropy a feature that explains the labels alone takes the
    gradient from all others; here each is held back by a drag of its own. Source: Pezeshki, Kaba,
    Bengio, Courville, Precup & Lajoie (2021), Eqs. 14 and 18.

    Parameters
    ----------
    loss : Loss
    strength : float
        lambda.
    targets : sequence of float
        gamma of each class; empty = 0.
    delay : int
        Steps before the penalty sets in.
    before : float
        lambda of these steps.
    scale : float
        Factor of the whole loss after the delay. The authors' Colored-MNIST run has delay 450 and
        scale 2e-5; plain Adam hardly sees a scale, but for the constant in its denominator.
    """

    loss: Loss
    strength: float
    targets: Sequence[float] = ()
    delay: int = 0
    before: float = 0.0
    scale: float = 1.0
    done: int = 0

    def __post_init__(self) -> None:
        check_number("strength", self.strength, low=0.0)
        check_number("before", self.before, low=0.0)
        check_number("scale", self.scale, low=0.0, open_low=True)
        check_integer("delay", self.delay)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Penalised mean loss; counts its calls for the delay."""
        f = model(batch.x)
        late = self.done >= self.delay
        self.done += 1
        strength, scale = (self.strength, self.scale) if late else (self.before, 1.0)
        risk = self.loss.value(f, batch.y).mean()
        return scale * (risk + strength / 2 * self.drag(f, batch.y))

    def drag(self, f: Tensor, y: Tensor) -> Tensor:
        """Mean over the rows of the squared distance of the logits from gamma."""
        if not len(self.targets):
            return f.square().sum(1).mean()
        gamma = torch.as_tensor(self.targets, dtype=f.dtype)[y.long()]
        return (f - gamma[:, None]).square().sum(1).mean()
