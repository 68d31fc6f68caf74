"""The weighting network: per-sample loss -> weight, 1 -> hidden -> 1, ReLU, sigmoid.

Functional: the parameters are one flat vector `theta`, and the pullback is written out, because the
network is so small that building a graph would cost more than all its arithmetic.
Source: Shu et al. (2019), Meta-Weight-Net; BIAM protocol, section 2.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["RowWeights", "UpperLearner", "WeightingNetwork", "Weights"]


class Weights(Protocol):
    """Weights of n rows at one theta, and the way back."""

    weights: Tensor

    def vjp(self, cotangent: Tensor) -> Tensor:
        """sum_i cotangent_i d weight_i / d theta, flat."""
        ...

    def jacobian(self) -> Tensor:
        """d weight_i / d theta_j, shape (n, n_upper); only forward methods ask for it."""
        ...


class UpperLearner(Protocol):
    """What the upper problem trains: parameters `theta` that turn losses into weights."""

    def init(self, generator: torch.Generator | None = None) -> Tensor:
        """Initial flat parameters."""
        ...

    def linearise(self, theta: Tensor, losses: Tensor) -> Weights:
        """Weights of the rows; `losses`, shape (n,), are constants."""
        ...


@dataclass(frozen=True)
class RowWeights:
    """Weights that are their own parameters: a gradient in theta is then one per row.

    Source: Ren et al. (2018), learning to reweight.

    Parameters
    ----------
    weights : Tensor, shape (n,)
    """

    weights: Tensor

    def vjp(self, cotangent: Tensor) -> Tensor:
        """The cotangent itself."""
        return cotangent

    def jacobian(self) -> Tensor:
        """The identity, shape (n, n)."""
        return torch.eye(len(self.weights)).to(self.weights)


@dataclass(frozen=True)
class WeightingNetwork:
    """nu(l; theta) = sigmoid(W2 relu(W1 z + b1) + b2), z the standardised loss.

    Parameters
    ----------
    n_hidden : int
        Width of the hidden layer.
    standardise : bool
        z = (l - mean) / (std + 1e-8) over the rows given, unbiased std; with one row or a std of at
        most 1e-8, l - mean. False feeds `l` as it is.
    normalise : bool
        Divide the weights by (their mean + 1e-8) when there is more than one row.
    """

    n_hidden: int = 10
    standardise: bool = True
    normalise: bool = True

    def init(
        self, generator: torch.Generator | None = None, *, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Xavier-uniform weights, zero biases; shape (3 n_hidden + 1,).

        Draws what two `torch.nn.Linear` layers followed by Xavier would draw, in that order, so the
        published random stream is met.
        """
        h = self.n_hidden
        for shape, fan_in in (((h, 1), 1), ((h,), 1), ((1, h), h), ((1,), h)):
            _uniform(shape, 1 / sqrt(fan_in), generator)
        bound = sqrt(6 / (1 + h))
        first, second = _uniform((h, 1), bound, generator), _uniform((1, h), bound, generator)
        zero = torch.zeros(h, dtype=torch.float32)
        return torch.cat([first.view(-1), zero, second.view(-1), zero[:1]]).to(dtype)

    def linearise(self, theta: Tensor, losses: Tensor) -> "_NetworkWeights":
        """Weights of the rows with losses `losses`, shape (n,), and their pullback.

        The pullback is the only way back: means and scales are Python floats, which autograd does
        not see.
        """
        return _NetworkWeights(self, theta, self._inputs(losses))

    def weights(self, theta: Tensor, losses: Tensor) -> Tensor:
        """Weights, shape (n,), in (0, 1), or of mean one when normalised."""
        return self.linearise(theta, losses).weights

    def _inputs(self, losses: Tensor) -> Tensor:
        if not self.standardise:
            return losses
        if len(losses) == 1:
            return torch.zeros_like(losses)
        std, mean = torch.std_mean(losses)
        spread = std.item()
        centred = losses - mean
        return centred.div_(spread + 1e-8) if spread > 1e-8 else centred


class _NetworkWeights:
    def __init__(self, network: WeightingNetwork, theta: Tensor, z: Tensor) -> None:
        h = network.n_hidden
        first, bias, self.second, offset = torch.split_with_sizes(theta, [h, h, h, 1])
        self.z, n = z, len(z)
        self.hidden = torch.addcmul(bias, z.unsqueeze(1), first).relu_()
        self.raw = torch.mv(self.hidden, self.second).add_(offset).sigmoid_()
        # Python floats: on rows this few, a tensor of size one costs more than the division.
        self.scale = self.raw.sum().item() / n + 1e-8 if network.normalise and n > 1 else None
        self.weights = self.raw if self.scale is None else self.raw / self.scale

    def vjp(self, cotangent: Tensor) -> Tensor:
        raw, hidden = self.raw, self.hidden
        if self.scale is not None:
            # d(raw / mean(raw)): the mean takes back what all rows gain together.
            mean = torch.dot(cotangent, self.weights).item() / len(raw)
            cotangent = (cotangent - mean).div_(self.scale)
        slope = torch.addcmul(raw, raw, raw, value=-1).mul_(cotangent)
        active = torch.outer(slope, self.second).mul_(hidden.sign())
        ones = torch.stack([self.z, torch.ones_like(self.z)])
        into = torch.mm(ones, active).view(-1)
        return torch.cat([into, torch.mv(hidden.T, slope), slope.sum(0, keepdim=True)])

    def jacobian(self) -> Tensor:
        slope = (self.raw - self.raw.square()).unsqueeze(1)
        active = slope * self.second * self.hidden.sign()
        rows = torch.cat([active * self.z.unsqueeze(1), active, slope * self.hidden, slope], 1)
        if self.scale is None:
            return rows
        return (rows - torch.outer(self.weights, rows.mean(0))) / self.scale


def _uniform(shape: tuple[int, ...], bound: float, generator: torch.Generator | None) -> Tensor:
    return torch.empty(shape, dtype=torch.float32).uniform_(-bound, bound, generator=generator)
