"""`basis="cubic"`: curves of BIAM-X as natural cubic splines, said with fine hinges.

A natural cubic spline on the feature's quantile knots is a cubic between them and a straight line
beyond. Here it is the broken line through its values on a grid, some pieces to each interval: one
linear map from the spline's components to hinges on the grid. What comes after, from the additive
model to its export, sees hinges as ever. Between the points of the grid the broken line is off by
h^2 / 8 times the second derivative at most. The roughness that is penalised is that of the spline
itself, the integral of its squared second derivative (Green and Silverman 1994, chapter 2). Over a
few values far out a cubic would swing: the spline of a skewed feature is one over its normal
scores, to which straight lines lead from knot to knot.
"""

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.linalg import eigh
from torch import Tensor

from biam.basis import Basis, FeatureBasis
from biam.solvers.exact.components import Components, is_skewed, normal_scores, signed

__all__ = ["cubic_components", "fine_knots", "roughness", "spline_map"]

PIECES = 4
# Left of its first knot a hinge curve is constant: one more knot, so much of the range further out,
# lets the line go on that far. On the right it goes on for ever.
TAIL = 0.25
JITTER = 1e-10


def cubic_components(hinges: Components, X: np.ndarray, weight: np.ndarray) -> Components:
    """The same knots, numeric features with splines; features of two knots or fewer stay lines.

    Parameters
    ----------
    hinges : Components
        As `Components.fit` makes them.
    X : ndarray, shape (n, p)
        Rows over whose observed values the components are orthonormal.
    weight : ndarray, shape (n,)
        Not negative.
    """
    X, weight = X[weight > 0], weight[weight > 0]
    parts = list(zip(hinges.basis.features, hinges.maps, hinges.stiffness, strict=True))
    for j, (feature, _, stiffness) in enumerate(parts):
        if feature.kind == "hinge" and len(feature.knots) > 2 and len(stiffness) > 1:
            parts[j] = _spline(feature.knots.numpy(), X[:, j], weight)
    features, maps, stiffness = zip(*parts, strict=True)
    no_jump = max(map(len, stiffness))
    return Components(Basis(tuple(features)), tuple(maps), tuple(stiffness), no_jump)


def fine_knots(knots: np.ndarray, pieces: int = PIECES) -> np.ndarray:
    """The grid: one point for the tail on the left, then `pieces` steps to each interval."""
    inner = np.interp(np.arange(pieces * (len(knots) - 1) + 1) / pieces, range(len(knots)), knots)
    return np.append(knots[0] - TAIL * np.ptp(knots), inner)


def spline_map(knots: np.ndarray, grid: np.ndarray, axis: np.ndarray | None = None) -> np.ndarray:
    """From values at the knots to coefficients of hinges on the grid, shape (n_grid, n_knots).

    The hinges' sum is the natural spline through these values at every point of the grid, less its
    value at the first one, and from the last one on.

    Parameters
    ----------
    knots : ndarray, shape (n_knots,)
        Increasing, at least three.
    grid : ndarray, shape (n_grid,)
        From `fine_knots`.
    axis : ndarray, shape (n_knots,), optional
        Places of the knots on the axis over which the spline is one; straight lines lead there.
    """
    axis = knots if axis is None else axis
    spline = CubicSpline(axis, np.eye(len(knots)), bc_type="natural")
    rate = np.diff(axis)[[0, -1]] / np.diff(knots)[[0, -1]]
    first, last = (rate[:, None] * spline(axis[[0, -1]], 1))[:, None]
    between = np.diff(spline(np.interp(grid[1:], knots, axis)), axis=0)
    between /= np.diff(grid[1:])[:, None]
    slopes = np.concatenate([first, between, last])
    return np.diff(slopes, axis=0, prepend=np.zeros((1, len(knots))))


def roughness(knots: np.ndarray) -> np.ndarray:
    """Integral of the squared second derivative as a quadratic form in the values at the knots.

    Parameters
    ----------
    knots : ndarray, shape (n_knots,)

    Returns
    -------
    ndarray, shape (n_knots, n_knots)
    """
    bend = CubicSpline(knots, np.eye(len(knots)), bc_type="natural").derivative(2)(knots)
    h = np.diff(knots)
    left, right = bend[:-1], bend[1:]
    same = left.T @ (h[:, None] * left) + right.T @ (h[:, None] * right)
    mixed = left.T @ (h[:, None] * right)
    return same / 3 + (mixed + mixed.T) / 6


def _spline(
    knots: np.ndarray, x: np.ndarray, weight: np.ndarray
) -> tuple[FeatureBasis, Tensor, Tensor]:
    grid = fine_knots(knots)
    seen = ~np.isnan(x)
    v = weight[seen] / weight[seen].sum()
    fine = FeatureBasis("hinge", torch.as_tensor(grid))
    H = fine.columns(torch.as_tensor(x[seen])).numpy()
    centre = v @ H
    # Raising all values changes no hinge: those against the first value are all there are.
    axis = _axis(knots, x[seen], weight[seen])
    C = spline_map(knots, grid, axis)[:, 1:]
    A = (H - centre) @ C
    gram = (A * v[:, None]).T @ A
    gram[np.diag_indices_from(gram)] += JITTER * np.trace(gram) / len(gram)
    stiffness, U = eigh(roughness(axis)[1:, 1:] * np.ptp(axis) ** 3, gram)
    T = torch.as_tensor(C) @ signed(torch.as_tensor(U))
    stiffness = torch.as_tensor(stiffness).clamp_min(0)
    return FeatureBasis("hinge", fine.knots, torch.as_tensor(centre)), T, stiffness


def _axis(knots: np.ndarray, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Normal scores of the knots of a skewed feature; else the knots."""
    at = torch.as_tensor(knots)
    scores = normal_scores(at, x, weight)
    rises = bool((scores.diff() > 0).all())
    return scores.numpy() if rises and is_skewed(at, scores, weight.sum()) else knots
