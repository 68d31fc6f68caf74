"""The lower problem of the structure search, for many structures at once.

A structure is a row of `W` (its parameters) and of the 0/1 matrix `Z` (its columns that are on), so
that S structures cost one matrix product. All gradients are closed forms; no graph is built.
Source: BIAM protocol, section 6.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from biam.losses import Loss
from biam.weighting import WeightingNetwork

__all__ = ["LowerProblem", "Rows", "WeightedRisk"]


@dataclass(frozen=True)
class Rows:
    """Columns and targets of some rows.

    Parameters
    ----------
    B : Tensor, shape (n, 1 + n_columns)
        Ones, then the columns of the basis.
    y : Tensor, shape (n,)
    """

    B: Tensor
    y: Tensor

    def take(self, rows: Tensor) -> "Rows":
        """Some of the rows."""
        return Rows(self.B[rows], self.y[rows])


@dataclass(frozen=True)
class WeightedRisk:
    """Weights of the rows under each structure, and the way back to theta.

    Parameters
    ----------
    slopes : Tensor, shape (S, n)
        dl/df of each row.
    weights : Tensor, shape (S, n)
        Of mean one for each structure.
    scale : Tensor, shape (S, 1)
        Means by which the raw weights were divided.
    pullback : callable
        Of the raw weights, flattened, into theta.
    """

    slopes: Tensor
    weights: Tensor
    scale: Tensor
    pullback: Callable[[Tensor], Tensor]

    def extended(self, slopes: Tensor) -> "WeightedRisk":
        """The same with trusted rows behind it, of weight one; `slopes` is their dl/df."""
        weights = torch.cat([self.weights, torch.ones_like(slopes)], 1)
        return WeightedRisk(torch.cat([self.slopes, slopes], 1), weights, self.scale, self.pullback)

    def vjp(self, cotangent: Tensor) -> Tensor:
        """sum cotangent_si d weight_si / d theta, flat."""
        mean = (cotangent * self.weights).mean(1, keepdim=True)
        return self.pullback(((cotangent - mean) / self.scale).reshape(-1))


@dataclass(frozen=True)
class LowerProblem:
    """Weighted ridge risk of S structures at once.

    Parameters
    ----------
    loss : Loss
        With one output.
    lr, ridge : float
        Step and penalty; the intercept is not penalised.
    network : WeightingNetwork
        Of losses already standardised.
    """

    loss: Loss
    lr: float
    ridge: float
    network: WeightingNetwork = field(
        default_factory=lambda: WeightingNetwork(standardise=False, normalise=False)
    )

    def losses(self, W: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
        """Losses and dl/df of the rows under each structure, both (S, n)."""
        f = (W @ rows.B.T).reshape(-1, 1)
        y = rows.y.repeat(len(W))
        shape = (len(W), len(rows.y))
        return self.loss.value(f, y).view(shape), self.loss.gradient(f, y).view(shape)

    def weigh(self, theta: Tensor, W: Tensor, rows: Rows) -> WeightedRisk:
        """Weights by the network from losses standardised within each structure."""
        losses, slopes = self.losses(W, rows)
        raw = self.network.linearise(theta, _standardised(losses).reshape(-1))
        values = raw.weights.view(losses.shape)
        scale = values.mean(1, keepdim=True) + 1e-8
        return WeightedRisk(slopes, values / scale, scale, raw.vjp)

    def gradient(self, risk: WeightedRisk, W: Tensor, Z: Tensor, rows: Rows) -> Tensor:
        """Gradient of mean(weight * loss) + ridge |W|^2 in the columns that are on, (S, C)."""
        data = (risk.weights * risk.slopes) @ rows.B / len(rows.y)
        decay = 2 * self.ridge * W
        decay[:, 0] = 0.0
        return (data + decay) * Z

    def descend(
        self, theta: Tensor, W: Tensor, Z: Tensor, rows: Rows, steps: int
    ) -> tuple[Tensor, WeightedRisk]:
        """`steps` lower steps; also the weights that the last one used."""
        for _ in range(steps):
            risk = self.weigh(theta, W, rows)
            W = W - self.lr * self.gradient(risk, W, Z, rows)
        return W, risk

    def upper(
        self, risk: WeightedRisk, W: Tensor, Z: Tensor, rows: Rows, meta: Rows
    ) -> tuple[Tensor, Tensor]:
        """Meta risk of each structure, and the gradient of their mean in theta.

        Through the last step only: with g = grad of the meta risk at W, each row's weight moves it
        by -(lr / n) l'_i <b_i, g>, one matrix product for all rows and structures.
        """
        losses, slopes = self.losses(W, meta)
        into = (slopes @ meta.B / len(meta.y)) * Z
        along = into @ rows.B.T
        cotangent = -self.lr / (len(rows.y) * len(W)) * risk.slopes * along
        return losses.mean(1), risk.vjp(cotangent)


def _standardised(losses: Tensor) -> Tensor:
    """(l - mean) / (std + 1e-8) along each row; l - mean where it is flat or has one entry."""
    if losses.shape[1] == 1:
        return torch.zeros_like(losses)
    spread, mean = torch.std_mean(losses, 1, keepdim=True)
    return (losses - mean) / torch.where(spread > 1e-8, spread + 1e-8, torch.ones_like(spread))
