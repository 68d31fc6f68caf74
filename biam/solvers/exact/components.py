"""Smooth components of every feature, from which the terms of BIAM-X are made.

The hinge columns of a feature are turned into components that are orthonormal over its observed
values and ordered from smooth to wiggly: the first is a straight line, and the stiffness of each is
the sum of the squared changes of slope it costs (Demmler and Reinsch 1975). Where many rows share
few values a curve may jump between them: there are more knots, and the components beyond the usual
number are jumps, whose stiffness is the sum of their squares at the knots: a jump costs the same
wherever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from biam.basis import Basis, FeatureBasis

__all__ = ["Components", "is_skewed", "normal_scores", "signed"]

JITTER = 1e-10
LEAST_STEP = 1e-3  # knots with no value between them are this part of the axis apart
# Times as many knots where values are tied, and rows that are enough for it.
FINER, LEAST_TIED = 6, 60
# A feature is skewed where its values move so many times faster with their rank than usual.
# The second number leaves normal and uniform features of few rows straight.
SKEWED, SKEWED_BY_CHANCE = 2.0, 200.0


@dataclass(frozen=True)
class Components:
    """Smooth components of every feature.

    Parameters
    ----------
    basis : Basis
        Hinges centred on the observed values, and levels.
    maps : tuple of Tensor, shape (q_j, K_j)
        Basis columns to components.
    stiffness : tuple of Tensor, shape (K_j,)
    first_jump : int
        Components of a number from this one on are jumps.
    """

    basis: Basis
    maps: tuple[Tensor, ...]
    stiffness: tuple[Tensor, ...]
    first_jump: int

    @classmethod
    def fit(
        cls, X: np.ndarray, n_knots: int, n_levels: Sequence[int] | None, weight: np.ndarray
    ) -> "Components":
        """Place knots on the rows of positive `weight` and make the components orthonormal there.

        Parameters
        ----------
        X : ndarray, shape (n, p)
        n_knots : int
        n_levels : sequence of int, optional
        weight : ndarray, shape (n,)
        """
        kept = weight > 0
        X, weight = X[kept], weight[kept]
        basis = Basis.fit(X, n_knots, n_levels=n_levels, weight=weight, dtype=torch.float64)
        parts = zip(basis.features, X.T, strict=True)
        basis = Basis(tuple(_finer_where_tied(f, x, n_knots, weight) for f, x in parts))
        first_jump = max(n_knots - 1, 2)
        made = [
            _components(f, x, weight, first_jump) for f, x in zip(basis.features, X.T, strict=True)
        ]
        features, maps, stiffness = zip(*made, strict=True)
        return cls(Basis(tuple(features)), tuple(maps), tuple(stiffness), first_jump)

    def is_level(self, j: int) -> bool:
        """Whether feature `j` is categorical."""
        return self.basis.features[j].kind == "level"

    def n_smooth(self, j: int) -> int:
        """How many components of feature `j` are no jumps."""
        n = len(self.stiffness[j])
        return n if self.is_level(j) else min(n, self.first_jump)

    def values(self, X: np.ndarray) -> tuple[list[Tensor], Tensor]:
        """Components of every feature, shape (n, K_j) each, and the missing mask, (n, p).

        Each component is one run of memory, as each column of the design is: a pass over rows is
        mostly the making of columns.
        """
        missing = torch.as_tensor(np.isnan(X))
        x = torch.as_tensor(X).nan_to_num(0.0)
        phi = [
            (T.T @ feature.columns(x[:, j]).T).masked_fill_(missing[:, j], 0.0).T
            for j, (feature, T) in enumerate(zip(self.basis.features, self.maps, strict=True))
        ]
        return phi, missing.double()


def _finer_where_tied(
    feature: FeatureBasis, x: np.ndarray, n_knots: int, weight: np.ndarray
) -> FeatureBasis:
    """More knots where few values are shared by many rows: such curves may jump between them."""
    seen = ~np.isnan(x)
    if feature.kind == "level" or len(feature.knots) < n_knots or weight[seen].sum() < LEAST_TIED:
        return feature
    shares = np.linspace(0, 1, n_knots)
    at = np.quantile(x[seen], shares, weights=weight[seen], method="inverted_cdf")
    if len(np.unique(at)) >= n_knots - 1:
        return feature
    values, share = np.unique(x[seen]), np.linspace(0, 1, FINER * n_knots)
    knots = np.unique(np.quantile(values, share, method="nearest"))
    return replace(feature, knots=torch.from_numpy(knots))


def _components(
    feature: FeatureBasis, x: np.ndarray, weight: np.ndarray, first_jump: int
) -> tuple[FeatureBasis, Tensor, Tensor]:
    seen = ~np.isnan(x)
    H = feature.columns(torch.as_tensor(x[seen]))
    v = torch.as_tensor(weight[seen])
    q = H.shape[1]
    nothing = torch.zeros(q, 0, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
    if not len(H):
        return feature, *nothing
    centre = (v @ H) / v.sum()
    varies = torch.nonzero((v @ (H - centre).square()) / v.sum() > 1e-20).view(-1)
    if feature.kind == "level":
        T = torch.eye(q, dtype=torch.float64)[:, varies]
        return feature, T, torch.ones(len(varies), dtype=torch.float64)
    feature = replace(feature, centre=centre)
    if not len(varies):
        return feature, *nothing
    A = (H - centre)[:, varies]
    gram = (A * v[:, None]).T @ A / v.sum()
    ends = torch.cat([feature.knots[varies], feature.knots[-1:].clamp_min(x[seen].max())])
    scores = normal_scores(ends, x[seen], weight[seen])
    bends = _bends(ends, scores if is_skewed(ends, scores, float(v.sum())) else ends)
    stiffness, U = _generalised_eigen(bends.T @ bends, gram)
    if len(stiffness) > first_jump:
        # The mean square over the rows would hardly count a jump at a rare value.
        jumps = feature.columns(ends)[:, varies] @ U[:, first_jump:]
        height, turn = torch.linalg.eigh(jumps.T @ jumps)
        U = torch.cat([U[:, :first_jump], signed(U[:, first_jump:] @ turn)], 1)
        stiffness = torch.cat([stiffness[:first_jump], height])
    T = torch.zeros(q, len(varies), dtype=torch.float64)
    T[varies] = U
    return feature, T, stiffness


def normal_scores(at: Tensor, x: np.ndarray, weight: np.ndarray) -> Tensor:
    """Where the values `at` would lie if `x` were normal, shape (K,)."""
    order = np.argsort(x)
    below = np.append(0.0, weight[order].cumsum())
    sides = (below[np.searchsorted(x[order], at.numpy(), side)] for side in ("left", "right"))
    share, least = sum(sides) / (2 * below[-1]), min(0.5 / below[-1], 0.25)
    return torch.from_numpy(ndtri(np.clip(share, least, 1 - least)))


def is_skewed(at: Tensor, scores: Tensor, n: float) -> bool:
    """Whether a straight line over the values is mostly about a few of the `n` that lie far out.

    Steps from knot to knot are compared with those of the normal scores.
    """
    rate = (at.diff() / scores.diff().clamp_min(1e-9)).sort().values
    return bool(rate[-1] > (SKEWED + SKEWED_BY_CHANCE / n) * rate[len(rate) // 2])


def _bends(knots: Tensor, axis: Tensor) -> Tensor:
    """Hinge coefficients to the changes of slope over `axis`, shape (K - 1, K - 1).

    A hinge at the last knot has no coefficient. The first row, the slope at the start, is zero.
    """
    slopes = torch.ones(len(knots) - 1, len(knots) - 1, dtype=torch.float64).tril()
    least = LEAST_STEP * (axis[-1] - axis[0])
    slopes *= (knots.diff() / axis.diff().clamp_min(float(least)))[:, None]
    return torch.cat([torch.zeros_like(slopes[:1]), slopes.diff(dim=0)])


def _generalised_eigen(roughness: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
    """U with U^T gram U = I and U^T roughness U diagonal, smoothest first."""
    gram = gram + JITTER * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    L = torch.linalg.cholesky(gram)
    inner = torch.linalg.solve_triangular(L, roughness, upper=False)
    inner = torch.linalg.solve_triangular(L, inner.T, upper=False)
    values, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    U = torch.linalg.solve_triangular(L.T, vectors, upper=True)
    return values.clamp_min(0), signed(U)


def signed(U: Tensor) -> Tensor:
    """The sign is free: the largest entry of each column is made positive, on any machine."""
    return U * U.gather(0, U.abs().argmax(0)[None]).sign()
