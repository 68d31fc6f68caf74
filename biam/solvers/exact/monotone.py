"""Curves that may only rise, or only fall: the fit moved to the nearest one that keeps the signs.

Nearest in the metric of the fit's own precision: the quadratic that the last Newton step minimised,
now under linear constraints on the slopes. Its dual has one unknown per slope.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor

from biam.solvers.exact.components import Components
from biam.solvers.exact.terms import CURVE, Group, slices

__all__ = ["constrained", "slopes"]

# A slope whose variance is below this part of the largest has been removed by its penalty.
DEAD = 1e-12
# Slopes are held this far inside, in units of their deviation, so that rounding does not matter.
INSIDE = 1e-6


def constrained(
    components: Components,
    groups: Sequence[Group],
    w: Tensor,
    V: Tensor,
    signs: Mapping[int, int],
) -> Tensor:
    """Coefficients nearest to `w` whose curves have the asked signs of slope everywhere.

    Minimises (u - w)^T V^-1 (u - w) subject to C u >= 0. The solution is u = w + V C^T m with m the
    solution of a non-negative least squares problem (Lawson and Hanson 1974, chapter 23).

    Parameters
    ----------
    components : Components
    groups : sequence of Group
    w : Tensor, shape (n_columns,)
    V : Tensor, shape (n_columns, n_columns)
        Covariance of `w`.
    signs : mapping of int to {1, -1}
        Feature to the sign of its slopes.
    """
    if not signs:
        return w
    C = torch.cat([sign * slopes(components, groups, j) for j, sign in sorted(signs.items())])
    C = C.to(w)
    Q = C @ V @ C.T
    deviation = Q.diagonal().clamp_min(0).sqrt()
    alive = deviation > DEAD**0.5 * float(deviation.max()) if len(deviation) else deviation > 0
    C, deviation = C[alive] / deviation[alive, None], deviation[alive]
    if not len(C) or bool((C @ w >= INSIDE).all()):
        return w
    Q = C @ V @ C.T + 1e-12 * torch.eye(len(C)).to(w)
    R = torch.linalg.cholesky(Q).T
    target = torch.linalg.solve_triangular(R.T, (INSIDE - C @ w)[:, None], upper=False)[:, 0]
    m = nnls(R.cpu().numpy(), target.cpu().numpy(), maxiter=50 * len(C))[0]
    return w + V @ C.T @ torch.as_tensor(np.asarray(m)).to(w)


def slopes(components: Components, groups: Sequence[Group], j: int) -> Tensor:
    """Map from coefficients to the slopes of feature `j` between knots, shape (q, n_columns)."""
    T = components.maps[j]
    C = torch.zeros(len(T), 1 + sum(map(len, groups)), dtype=torch.float64)
    for group, place in zip(groups, slices(groups), strict=True):
        if group.kind in CURVE and group.key == (j,):
            C[:, place] = T[:, [a for (a,) in group.parts]].cumsum(0)
    return C
