"""Weighting networks of any depth, 1 -> h_1 -> ... -> 1: the architectures of the ablation.

With one hidden layer it is `biam.weighting.WeightingNetwork`, number for number; that one has its
pullback written out and is several times faster. Source: Shu et al. (2019), Table 5.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import torch
from torch import Tensor

from biam.validation import check_integer
from biam.weighting import UpperLearner, WeightingNetwork

__all__ = ["DeepWeighting", "weighting_network"]


@dataclass(frozen=True)
class DeepWeighting:
    """nu(l; theta): ReLU layers of these widths, then a sigmoid.

    Parameters
    ----------
    widths : tuple of int
        Of the hidden layers.
    standardise, normalise : bool
        As in `WeightingNetwork`.
    """

    widths: tuple[int, ...] = (100,)
    standardise: bool = True
    normalise: bool = True

    def __post_init__(self) -> None:
        """Refuse layers without units."""
        for width in self.widths:
            check_integer("width", width, low=1)

    def init(self, generator: torch.Generator | None = None) -> Tensor:
        """Xavier-uniform weights, zero biases, layer by layer."""
        parts = []
        for n_in, n_out in self._layers():
            bound = sqrt(6 / (n_in + n_out))
            parts.append(torch.empty(n_out * n_in).uniform_(-bound, bound, generator=generator))
            parts.append(torch.zeros(n_out))
        return torch.cat(parts)

    def linearise(self, theta: Tensor, losses: Tensor) -> "_DeepWeights":
        """Weights of the rows with losses `losses`, shape (n,), and their pullback."""
        return _DeepWeights(self, theta, self._inputs(losses))

    def weights(self, theta: Tensor, losses: Tensor) -> Tensor:
        """Weights, shape (n,), in (0, 1), or of mean one when normalised."""
        return self.linearise(theta, losses).weights

    def forward(self, theta: Tensor, z: Tensor) -> Tensor:
        """Weights of inputs `z`, shape (n,); differentiable by torch."""
        x, layers = z[:, None], self._layers()
        sizes = [n_out * (n_in + 1) for n_in, n_out in layers]
        for k, (part, (n_in, n_out)) in enumerate(zip(theta.split(sizes), layers, strict=True)):
            matrix, bias = part.split([n_in * n_out, n_out])
            x = x @ matrix.view(n_out, n_in).T + bias
            x = x.relu() if k + 1 < len(layers) else x.sigmoid()
        raw = x[:, 0]
        return raw / (raw.mean() + 1e-8) if self.normalise and len(z) > 1 else raw

    def _layers(self) -> list[tuple[int, int]]:
        return list(pairwise((1, *self.widths, 1)))

    def _inputs(self, losses: Tensor) -> Tensor:
        # What a network of one unit is fed; its weights do not matter.
        return WeightingNetwork(1, self.standardise).linearise(losses.new_zeros(4), losses).z


class _DeepWeights:
    def __init__(self, network: DeepWeighting, theta: Tensor, z: Tensor) -> None:
        self.call = lambda theta: network.forward(theta, z)
        self.theta = theta
        self.weights, self.pullback = torch.func.vjp(self.call, theta)

    def vjp(self, cotangent: Tensor) -> Tensor:
        return self.pullback(cotangent)[0]

    def jacobian(self) -> Tensor:
        return torch.func.jacrev(self.call)(self.theta)


def weighting_network(
    widths: tuple[int, ...], *, standardise: bool = True, normalise: bool = True
) -> UpperLearner:
    """The faster of the two records for these widths."""
    if len(widths) == 1:
        return WeightingNetwork(widths[0], standardise, normalise)
    return DeepWeighting(tuple(widths), standardise, normalise)
