"""Losses for hard or wrong labels: focal loss, and cross-entropy behind a label matrix."""

from dataclasses import dataclass

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.validation import check_number

__all__ = ["CorrectedCrossEntropy", "Focal"]


@dataclass(frozen=True)
class Focal:
    """l = -(1 - p_y)^gamma log p_y, p = softmax(f): rows that are right count less.

    Source: Lin et al. (2017).

    Parameters
    ----------
    gamma : float
        0 is cross-entropy.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        """Refuse a gamma below zero."""
        check_number("gamma", self.gamma, low=0.0)

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        u, rest, _, _ = self._own(f, y)
        return -(rest**self.gamma) * u

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """dl/du (onehot(y) - p) with u = log p_y, shape (n, K)."""
        u, rest, p, own = self._own(f, y)
        return self._slope(u, rest)[:, None] * (own - p)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """(d2l/du2 s s' - dl/du (diag(p) - p p')) v, s = onehot(y) - p."""
        u, rest, p, own = self._own(f, y)
        s, pv = own - p, p * v
        bend = self._bend(u, rest) * (s * v).sum(1)
        return bend[:, None] * s - self._slope(u, rest)[:, None] * (
            pv - p * pv.sum(1, keepdim=True)
        )

    def _own(self, f: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        logs = f.log_softmax(1)
        u = logs.gather(1, y[:, None])[:, 0]
        rest = (-torch.expm1(u)).clamp_min(torch.finfo(f.dtype).tiny)
        own = torch.nn.functional.one_hot(y, f.shape[1]).to(f)
        return u, rest, logs.exp(), own

    def _slope(self, u: Tensor, rest: Tensor) -> Tensor:
        g = self.gamma
        return rest ** (g - 1) * (g * u.exp() * u - rest)

    def _bend(self, u: Tensor, rest: Tensor) -> Tensor:
        g, p = self.gamma, u.exp()
        return g * p * rest ** (g - 1) * (2 + u) - g * (g - 1) * p**2 * u * rest ** (g - 2)


@dataclass(frozen=True)
class CorrectedCrossEntropy:
    """l = -log sum_k softmax(f)_k C[k, y]: the model is of true classes, the label of what C makes.

    The forward correction of Patrini et al. (2017), used by GLC, Hendrycks et al. (2018).

    Parameters
    ----------
    matrix : Tensor, shape (K, M)
        C[k, j], chance of label j for a row of true class k. Labels may be more than the classes:
        ``[C | I]`` has one set for doubtful rows and one, from K on, for trusted ones.
    """

    matrix: Tensor

    def __post_init__(self) -> None:
        """Refuse chances below zero."""
        if self.matrix.ndim != 2 or bool((self.matrix < 0).any()):
            raise InvalidInputError(
                f"matrix must hold chances, shape (classes, labels), got {self.matrix}."
            )

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        return f.logsumexp(1) - self._joint(f, y).logsumexp(1)

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """softmax(f) - P(true class | x, label y), shape (n, K)."""
        return f.softmax(1) - self._joint(f, y).softmax(1)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """The covariance of one less that of the other, times v."""
        total = torch.zeros_like(v)
        for p, sign in ((f.softmax(1), 1), (self._joint(f, y).softmax(1), -1)):
            pv = p * v
            total = total + sign * (pv - p * pv.sum(1, keepdim=True))
        return total

    def _joint(self, f: Tensor, y: Tensor) -> Tensor:
        """log(e^f_k C[k, y]), shape (n, K)."""
        floor = torch.finfo(f.dtype).tiny
        return f + self.matrix.to(f)[:, y].T.clamp_min(floor).log()
