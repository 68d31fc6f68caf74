"""The fit of BIAM-X: coefficients, penalties and label noise together.

Given penalties and noise, the coefficients solve a weighted ridge problem; given the coefficients,
each group's penalty moves to the fixed point of the marginal likelihood (MacKay 1992; Fellner and
Schall for GAMs: Wood and Fasiolo 2017), and the noise model takes its own step. Groups without use
are shrunk to nothing. Meta rows and training rows are in the same problem, in which the noise model
says what each is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from biam.solvers.rows import Rows
from biam.solvers.terms import slices

__all__ = ["Evidence", "NoiseModel", "maximise"]

LEAST, MOST = 1e-6, 1e7
# The fixed point is approached from afar in steps that overshoot a little, within these factors.
OVERSHOOT, DOWN, UP = 1.5, 0.05, 20.0
INTERCEPT = 1e-8
LITTLE = 0.02


class NoiseModel(Protocol):
    """What `maximise` asks of `Mixture` and `Flips`."""

    inner: int

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor | None]: ...

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]: ...

    def refresh(self, f: Tensor, spread: Tensor) -> None: ...


@dataclass
class Evidence:
    """A fit.

    Parameters
    ----------
    rows : Rows
    noise : NoiseModel
    w : Tensor, shape (n_columns,)
    penalties : Tensor, shape (n_groups,)
    f, spread : Tensor, shape (n,)
        Outputs, and their variances (zero where not asked for).
    V : Tensor, shape (n_columns, n_columns)
        Covariance of `w`.
    edf : Tensor, shape (n_groups,)
        Effective degrees of freedom of each group.
    n_iter : int
    converged : bool
    """

    rows: Rows
    noise: NoiseModel
    w: Tensor
    penalties: Tensor
    f: Tensor
    spread: Tensor
    V: Tensor
    edf: Tensor
    n_iter: int
    converged: bool


def maximise(
    rows: Rows,
    noise: NoiseModel,
    w: Tensor | None = None,
    penalties: Tensor | None = None,
    *,
    max_iter: int = 60,
    leverage: bool = True,
    tol: float = 0.05,
) -> Evidence:
    """Fit coefficients, penalties and noise from a start.

    Parameters
    ----------
    rows : Rows
    noise : NoiseModel
        Changed in place.
    w : Tensor, shape (n_columns,), optional
        Default zero.
    penalties : Tensor, shape (n_groups,), optional
        Default one.
    max_iter : int
    leverage : bool
        Whether the variance of each output counts as doubt of its error; its cost is that of one
        more Gram matrix.
    tol : float
        Largest change of a log penalty at which to stop.
    """
    groups, places = rows.groups, slices(rows.groups)
    device = rows.device
    w = torch.zeros(rows.n_columns, dtype=torch.float64, device=device) if w is None else w
    penalties = torch.ones(len(groups), dtype=torch.float64) if penalties is None else penalties
    penalties = penalties.clone()
    stiffness = [group.stiffness.to(device) for group in groups]
    f = rows.outputs(w)
    edf = torch.zeros(len(groups), dtype=torch.float64)
    for step in range(1, max_iter + 1):
        diagonal = _diagonal(rows, penalties, stiffness, places)
        for _ in range(noise.inner):
            w, f, V, gain = _newton(rows, noise, w, f, diagonal)
            if gain < 1e-3:
                break
        spread = rows.spread(V) if leverage else torch.zeros_like(f)
        noise.refresh(f, spread)
        change = _adapt(penalties, edf, w, V.diagonal(), stiffness, places)
        if step > 5 and change < tol:
            break
    return Evidence(rows, noise, w, penalties, f, spread, V, edf, step, change < tol)


def _newton(
    rows: Rows, noise: NoiseModel, w: Tensor, f: Tensor, diagonal: Tensor
) -> tuple[Tensor, Tensor, Tensor, float]:
    precision, residual, extra = noise.working(f)
    gram, slope = rows.normal(precision, residual, extra)
    c = len(w)
    slope[:c] -= diagonal * w
    gram.diagonal()[:c] += diagonal
    if extra is not None:
        curvature, pull = noise.extra_prior()
        gram.diagonal()[c:] += curvature
        slope[c:] -= pull
    factor = _factor(gram)
    step = torch.cholesky_solve(slope[:, None], factor)[:, 0]
    move = rows.outputs(step[:c])
    length, gain = noise.advance(f, move, w, step, diagonal)
    V = torch.cholesky_inverse(factor)[:c, :c]
    return w + length * step[:c], f + length * move, V, gain


def _factor(gram: Tensor) -> Tensor:
    """Cholesky factor; a growing jitter where rounding has made the matrix indefinite."""
    jitter = 1e-12 * float(gram.diagonal().max()) + 1e-300
    for _ in range(12):
        factor, failed = torch.linalg.cholesky_ex(gram)
        if not bool(failed):
            return factor
        gram = gram + jitter * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        jitter *= 10
    return torch.linalg.cholesky(gram)


def _diagonal(
    rows: Rows, penalties: Tensor, stiffness: Sequence[Tensor], places: Sequence[slice]
) -> Tensor:
    diagonal = torch.full((rows.n_columns,), INTERCEPT, dtype=torch.float64, device=rows.device)
    for penalty, stiff, place in zip(penalties, stiffness, places, strict=True):
        diagonal[place] = penalty * stiff
    return diagonal


def _adapt(
    penalties: Tensor,
    edf: Tensor,
    w: Tensor,
    variance: Tensor,
    stiffness: Sequence[Tensor],
    places: Sequence[slice],
) -> float:
    """Move each penalty towards edf / (w^T S w); returns the largest change of a log that counts."""
    largest = 0.0
    for g, (stiff, place) in enumerate(zip(stiffness, places, strict=True)):
        old = float(penalties[g])
        edf[g] = len(stiff) - old * float((variance[place] * stiff).sum())
        size = float((w[place].square() * stiff).sum())
        wanted = min(max(max(float(edf[g]), 1e-9) / max(size, 1e-300), LEAST), MOST)
        new = old * min(max((wanted / old) ** OVERSHOOT, DOWN), UP)
        new = min(max(new, LEAST), MOST)
        if float(edf[g]) > LITTLE:
            largest = max(largest, abs(torch.tensor(new / old).log().item()))
        penalties[g] = new
    return largest
