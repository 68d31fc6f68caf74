"""Pixels as a mixture of grey levels that all positions share; hidden ones are summed out exactly.

Given z a pixel is level l with chance pi_l(z), and then normal around c_l. A mask model in which
each pixel hides itself by its own value is then an integral per level, the same for all pixels:
P(hidden | z) = sum_l pi_l P(hidden | l). No draw of the hidden pixels is needed, so the weights of
not-MIWAE (Ipsen, Mattei & Frellsen, 2021, equation 7) have less noise, and the bound is tighter.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Levels"]

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# Midpoints of equal shares of the normal law.
_N_POINTS = 64


class Levels(nn.Module):
    """p(x | level) and p(hidden | level).

    Parameters
    ----------
    low, high : float
        Range of the values: levels begin evenly spaced over it.
    n_levels : int
    min_scale : float
        Floor of the standard deviations.
    mechanism : callable, optional
        Values -> logits of being observed, element by element. None = the mask says nothing.
    """

    def __init__(
        self,
        low: float,
        high: float,
        n_levels: int,
        min_scale: float,
        mechanism: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.min_scale, self.mechanism = min_scale, mechanism
        self.centre = nn.Parameter(torch.linspace(low, high, n_levels))
        start = max((high - low) / (2 * n_levels), 2 * min_scale) - min_scale
        self.raw_scale = nn.Parameter(torch.full((n_levels,), math.log(math.expm1(start))))
        share = (torch.arange(_N_POINTS) + 0.5) / _N_POINTS
        self.register_buffer("points", math.sqrt(2) * torch.erfinv(2 * share - 1))

    @property
    def scale(self) -> Tensor:
        """Standard deviation of each level."""
        return self.min_scale + functional.softplus(self.raw_scale)

    def log_terms(self, x: Tensor, seen: Tensor, masked: Tensor) -> Tensor:
        """Log of what is known of each pixel, given its level.

        Parameters
        ----------
        x : Tensor, shape (n, h, w)
        seen : Tensor of float, shape (n, h, w)
            One where `x` counts.
        masked : Tensor of float, broadcast to (n, h, w)
            One where the mechanism decides what is seen; elsewhere an unseen pixel says nothing.

        Returns
        -------
        Tensor, shape (n, n_levels, h, w)
            Log-density of a seen value, log-chance of being hidden of a hidden one, else zero.
        """
        shape = (-1, 1, 1)
        r = (x[:, None] - self.centre.view(shape)) / self.scale.view(shape)
        terms = seen[:, None] * (-0.5 * r * r - self.scale.log().view(shape) - _HALF_LOG_2PI)
        if self.mechanism is None:
            return terms
        stays = functional.logsigmoid(self.mechanism(x)) * seen * masked
        gone = ((1 - seen) * masked)[:, None] * self.log_hidden().view(shape)
        return terms + stays[:, None] + gone

    def log_hidden(self) -> Tensor:
        """log P(hidden | level), shape (n_levels,); zeros without a mechanism."""
        if self.mechanism is None:
            return torch.zeros_like(self.centre)
        logits = functional.logsigmoid(-self.mechanism(self._values()))
        return torch.logsumexp(logits, -1) - math.log(_N_POINTS)

    def hidden_mean(self) -> Tensor:
        """E[x | level, hidden], shape (n_levels,)."""
        if self.mechanism is None:
            return self.centre
        values = self._values()
        return (values * functional.logsigmoid(-self.mechanism(values)).softmax(-1)).sum(-1)

    def draw(self, level: Tensor, generator: torch.Generator) -> Tensor:
        """A hidden value of each level in `level` (any shape), from p(x | level, hidden)."""
        values = self._values()
        if self.mechanism is None:
            chances = torch.ones_like(values)
        else:
            chances = torch.sigmoid(-self.mechanism(values)).clamp(min=1e-12)
        point = torch.multinomial(chances[level.flatten()], 1, generator=generator)[:, 0]
        return values[level.flatten(), point].view(level.shape)

    def _values(self) -> Tensor:
        return self.centre[:, None] + self.scale[:, None] * self.points
