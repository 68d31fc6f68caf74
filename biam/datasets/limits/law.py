"""Laws of one missing value on quadrature nodes, and the protocol of a generating process.

A feature that is missing is integrated out: given what is seen, the best prediction of the target
is its conditional mean, and the risk that is left is the conditional variance. With independent
features the law of a missing value is its own law, tilted by the chance of what was seen of it:
that it went missing (MNAR), that it hid its neighbour or did not (MAR). Rubin, Biometrika 63, 1976.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from biam.datasets.synthetic import Split

__all__ = ["Law", "Process", "merged", "normal_law", "sigmoid_mean", "uniform_law"]

Array = np.ndarray

_NODES = 32
# The mass of a standard normal beyond is 1e-11.
_FAR = 6.8
# Logits on a grid: beyond it the sigmoid is 0 or 1 to 1e-17, and a straight line between two nodes
# is right to 1e-5.
_GRID = np.arange(-40, 40.01, 0.02)
_NO_MASS = 1e-12
_CHUNK = 2_000_000


class Process(Protocol):
    """A generated set together with the law that made its test rows.

    `split` is the set itself; the units of X and y are its own. Constants of the draw count as
    known: location and scale of the standardisation, medians that steer the gaps. What they tell
    can only lower the risk, so it stays a bound.
    """

    split: Split

    def draw(self, n: int, generator: np.random.Generator) -> tuple[Array, Array]:
        """Fresh test rows: X of shape (n, p) with gaps, y of shape (n,)."""
        ...

    def posterior(self, X: Array) -> tuple[Array, Array]:
        """E[y | observed values and gaps] and the variance of y given them, each of shape (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class Law:
    """A law on finitely many nodes.

    Parameters
    ----------
    nodes : ndarray, shape (k,) or (k, n)
        In the second form n laws, one per row, with the same weights.
    weights : ndarray, shape (k,)
        At least 0, with sum 1.
    """

    nodes: Array
    weights: Array

    def given(self, chance: Array) -> "Law":
        """The law after an event that has probability `chance`, shape (k,), at the nodes."""
        tilted = self.weights * chance
        return Law(self.nodes, tilted / tilted.sum())

    def moments(self, values: Array) -> tuple[Array, Array]:
        """Mean and variance over the first axis of `values`, taken at the nodes."""
        mean = np.tensordot(self.weights, values, 1)
        return mean, np.tensordot(self.weights, (values - mean) ** 2, 1)


def uniform_law(low: float, high: float) -> Law:
    """Uniform on [low, high] by Gauss and Legendre: exact for polynomials of degree 63."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return Law(low + (high - low) * (nodes + 1) / 2, weights / 2)


def normal_law(kink: float = 0.0) -> Law:
    """Standard normal, by Gauss and Legendre on either side of `kink`.

    Parameters
    ----------
    kink : float
        Where a function to be integrated is continuous and no more, in (-6.8, 6.8).
    """
    parts = [uniform_law(low, high) for low, high in ((-_FAR, kink), (kink, _FAR))]
    widths = (kink + _FAR, _FAR - kink)
    nodes = np.concatenate([part.nodes for part in parts])
    lengths = np.concatenate([w * part.weights for w, part in zip(widths, parts, strict=True)])
    return Law(nodes, np.ones_like(nodes) / nodes.size).given(lengths * norm.pdf(nodes))


def merged(values: Array, weights: Array, width: float) -> Law:
    """The law with one node, at the mean, per cell of the given width: the mean is kept.

    Parameters
    ----------
    values, weights : ndarray, any common shape
    width : float
        A function integrates to within width**2 / 8 of its second derivative.
    """
    cells = np.rint(values.ravel() / width).astype(int)
    cells -= cells.min()
    mass = np.bincount(cells, weights.ravel())
    sums = np.bincount(cells, (weights * values).ravel())
    kept = mass > _NO_MASS
    return Law(sums[kept] / mass[kept], mass[kept] / mass[kept].sum())


def sigmoid_mean(laws: Sequence[Law]) -> Array:
    """E[sigmoid(sum of independent terms)] for each of n rows.

    Parameters
    ----------
    laws : sequence of Law
        Nodes of shape (k, n), or (k, 1) for a term with the same law in all rows. Those with the
        same law are averaged once, on a grid of what the other terms add up to; of those with more
        than one node per row at most two make a cheap sum.

    Returns
    -------
    ndarray, shape (n,)
    """
    n = max(law.nodes.shape[1] for law in laws)
    certain = [law for law in laws if len(law.weights) == 1]
    common = tuple(law for law in laws if law.nodes.shape[1] == 1 < len(law.weights))
    fans = [law for law in laws if min(law.nodes.shape) > 1]
    fixed, curve = sum((law.nodes for law in certain), np.zeros((1, n))), _averaged(common)
    size = max(1, _CHUNK // int(np.prod([len(law.weights) for law in fans])))
    return np.concatenate(
        [
            _fanned(curve, fixed[0, start : start + size], fans, slice(start, start + size))
            for start in range(0, n, size)
        ]
    )


@lru_cache(maxsize=64)
def _averaged(laws: tuple[Law, ...]) -> Array:
    """E[sigmoid(t + sum of terms)] on the grid of t; laws are told apart by identity."""
    if not laws:
        return expit(_GRID)
    *others, last = laws
    return last.weights @ np.interp(_GRID + last.nodes, _GRID, _averaged(tuple(others)))


def _fanned(curve: Array, fixed: Array, fans: Sequence[Law], rows: slice) -> Array:
    """Mean of `curve` at `fixed`, shape (m,), plus the terms of `fans` at these rows."""
    if not fans:
        return np.interp(fixed, _GRID, curve)
    law, *others = fans
    nodes = law.nodes[:, rows]
    spread = [Law(np.tile(o.nodes[:, rows], (1, len(nodes))), o.weights) for o in others]
    flat = _fanned(curve, (fixed + nodes).ravel(), spread, slice(None))
    return law.weights @ flat.reshape(nodes.shape)
