"""Per-sample losses with their first and second derivatives in the model's outputs.

The only place a loss is written. Outputs `f` have shape (n, d); values have shape (n,). The
derivatives are closed forms because the bilevel loop needs <grad l_i, g> for every row, which is
`gradient` times one directional derivative of the model (no graph, no double backward).
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Huber", "Logistic", "Loss", "SoftmaxCrossEntropy", "SquaredError"]


class Loss(Protocol):
    """A per-sample loss l(f, y) of outputs `f`, shape (n, d), and targets `y`, shape (n,)."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        ...

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """dl/df, shape (n, d)."""
        ...

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """(d2l/df2) v row by row, shape (n, d); a semi-definite bound where l is not C2."""
        ...


@dataclass(frozen=True)
class SquaredError:
    """l = (f - y)^2 (regression, d = 1)."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        return (f[:, 0] - y).square()

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """2 (f - y), shape (n, 1)."""
        r = f - y[:, None]
        return r.add_(r)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """2 v."""
        return 2 * v


@dataclass(frozen=True)
class Huber:
    """l = r^2 for ``|r| <= delta``, else ``2 delta |r| - delta^2``, with r = f - y (d = 1).

    Scaled like `SquaredError`, which it equals as delta grows. Source: Huber (1964).
    """

    delta: float = 1.345

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        r = (f[:, 0] - y).abs()
        return torch.where(r <= self.delta, r.square(), 2 * self.delta * r - self.delta**2)

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """2 r clipped to +- 2 delta, shape (n, 1)."""
        return 2 * (f - y[:, None]).clamp(-self.delta, self.delta)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """The reweighting bound ``2 min(1, delta / |r|) v``, positive where d2l/df2 is 0."""
        r = (f - y[:, None]).abs().clamp_min(torch.finfo(f.dtype).tiny)
        return 2 * (self.delta / r).clamp_max(1.0) * v


@dataclass(frozen=True)
class Logistic:
    """l = log(1 + e^f) - y f with y in {0, 1} (binary, d = 1)."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        # Not softplus: torch rounds that one to f beyond 20.
        return -functional.logsigmoid(-f[:, 0]) - y * f[:, 0]

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """sigmoid(f) - y, shape (n, 1)."""
        return torch.sigmoid(f) - y[:, None]

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Multiply by s (1 - s), s = sigmoid(f)."""
        s = torch.sigmoid(f)
        return s * (1 - s) * v


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """l = log sum_c e^{f_c} - f_y with integer classes y (d = number of classes)."""

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        return f.logsumexp(1) - f.gather(1, y[:, None])[:, 0]

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """softmax(f) - onehot(y), shape (n, d)."""
        p = f.softmax(1)
        return p.scatter_add_(1, y[:, None], p.new_full((len(y), 1), -1.0))

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """(diag(p) - p p^T) v, p = softmax(f)."""
        p = f.softmax(1)
        pv = p * v
        return pv - p * pv.sum(1, keepdim=True)
