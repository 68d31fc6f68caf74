"""The fit of BIAM-X: coefficients, penalties and label noise together.

Given penalties and noise, the coefficients solve a weighted ridge problem; given the coefficients,
each group's penalty moves to the fixed point of the marginal likelihood (MacKay 1992; Fellner and
Schall for GAMs: Wood and Fasiolo 2017), and the noise model takes its own step. Groups without use
are shrunk to nothing. Meta rows and training rows are in the same problem, in which the noise model
says what each is worth.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from scipy.linalg.lapack import dtrtri
from scipy.optimize import brentq
from torch import Tensor

from biam.solvers.exact.rows import Rows

__all__ = ["Evidence", "NoiseModel", "maximise"]

LEAST, MOST = 1e-6, 1e7
# The fixed point is approached from afar in steps that overshoot a little, within these factors.
OVERSHOOT, DOWN, UP = 1.5, 0.05, 20.0
# A penalty that turns back has overshot: its steps are shorter by this factor from then on.
TURNED, SHORTEST = 0.5, 0.3
INTERCEPT = 1e-8
# Groups of fewer effective degrees of freedom do not delay the end; dead ones are left out.
LITTLE, DEAD, LOST = 0.05, 1e-3, 1e4
# Penalties start no higher: a group that few rows left for dead may speak up on more.
START = 1e3
# Degrees of freedom that the penalty common to a kind is worth to each of its groups, where they
# are many: with `FEW` others half of it, with a few next to nothing, for what they have in common
# is then as little known as their own.
SHARED = {"line": 24.0, "level": 24.0, "shape": 5.0, "jump": 5.0}
FEW = 20
SMALL_GAIN = 0.3
LEAST_STEPS = 6


class NoiseModel(Protocol):
    """What `maximise` asks of `Mixture` and `Flips`."""

    inner: int
    drift: float
    spread_rows: float  # of how many rows it wants to know the spread at each step

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor | None]: ...

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]: ...

    def refresh(self, f: Tensor, spread: Tensor, turn: Tensor | None = None) -> None: ...

    def progress(self, f: Tensor, spread: Tensor) -> dict[str, float]: ...


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
    history : list of dict
        Per step: `epoch`, what the noise model tells, `edf` in total.
    volume : float
        What the marginal likelihood has beside the likelihood (Laplace): the log prior of the
        coefficients, and half the log determinant of their covariance.
    pair_evidence : Tensor, shape (p, p), optional
        What the first screening says of every pair (`screening.find_pairs`).
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
    history: list[dict[str, float]] = field(default_factory=list)
    volume: float = 0.0
    pair_evidence: Tensor | None = None


def maximise(
    rows: Rows,
    noise: NoiseModel,
    w: Tensor | None = None,
    penalties: Tensor | None = None,
    *,
    max_iter: int = 60,
    leverage: bool = True,
    tol: float = 0.1,
    tick: Callable[[], object] | None = None,
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
        Whether the variance of each output counts as doubt of its error: in every step on a small
        table, after the last one on a large table, where it is small and as dear as the step.
    tol : float
        Largest change of a log penalty at which to stop.
    tick : callable, optional
        Called after each step.
    """
    device = rows.device
    w = torch.zeros(rows.n_columns, dtype=torch.float64, device=device) if w is None else w
    if penalties is None:
        penalties = torch.ones(len(rows.groups), dtype=torch.float64)
    history: list[dict[str, float]] = []
    live = _Live(rows, penalties.clamp(LEAST, START))
    f = rows.outputs(w)
    each = leverage and len(rows) < noise.spread_rows
    for step in range(1, max_iter + 1):
        diagonal = live.diagonal()
        for _ in range(noise.inner):
            w, f, root, gain = _newton(live.rows, noise, w, f, diagonal)
            if gain < SMALL_GAIN:
                break
        c, turn = len(w), None
        spread = live.rows.spread_under(root[:c, :c]) if each else torch.zeros_like(f)
        if each and len(root) > c:
            turn = live.rows.outputs(torch.linalg.solve(root[c:, c:], root[c:, :c]).T)
        noise.refresh(f, spread, turn)
        change = max(live.adapt(w, root[:, :c].square().sum(0)), noise.drift)
        history.append(
            {"epoch": step, **noise.progress(f, spread), "edf": 1 + float(live.edf.sum())}
        )
        if tick is not None:
            tick()
        if step >= LEAST_STEPS and change < tol:
            break
        if step < max_iter:
            kept = live.shed()
            if kept is not None:
                w = w[kept]
                f = live.rows.outputs(w)
    volume = 0.5 * float(diagonal[1:].log().sum() - (diagonal * w * w).sum())
    volume += float(root.diagonal().log().sum())
    V = root[:, :c].T @ root[:, :c]
    if leverage and not each:
        spread = live.rows.spread(V)
    w, V, f = live.whole(w, V, f)
    done = change < tol
    parts = live.penalties, f, spread, V, live.edf, step, done, history, volume
    return Evidence(rows, noise, w, *parts)


class _Live:
    """The groups that still say something; dead ones are left out of the next steps.

    Parameters
    ----------
    rows : Rows
        With all groups.
    penalties : Tensor, shape (n_groups,)
    """

    def __init__(self, rows: Rows, penalties: Tensor) -> None:
        self.all, self.rows, self.penalties = rows, rows, penalties.clone()
        self.edf = torch.zeros_like(self.penalties)
        self.power = torch.full_like(self.penalties, OVERSHOOT)
        self.move = torch.zeros_like(self.penalties)
        self.alive = torch.ones(len(penalties), dtype=torch.bool)
        sizes = torch.tensor([len(g) for g in rows.groups], dtype=torch.long)
        self.owner = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        parts = [g.stiffness for g in rows.groups]
        self.stiffness = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)
        self.column = self.alive[self.owner]
        self.kinds = np.array([g.kind for g in rows.groups])

    def diagonal(self) -> Tensor:
        """Penalty of each live column, that of the intercept first."""
        owner, stiffness = self.owner[self.column], self.stiffness[self.column]
        free = torch.tensor([INTERCEPT], dtype=torch.float64)
        return torch.cat([free, self.penalties[owner] * stiffness]).to(self.rows.device)

    def adapt(self, w: Tensor, variance: Tensor) -> float:
        """Move each penalty towards edf / (w^T S w); returns the largest change that counts."""
        owner, stiffness = self.owner[self.column], self.stiffness[self.column]
        nothing = torch.zeros_like(self.edf)
        size = torch.zeros_like(self.edf).index_add_(0, owner, torch.ones_like(stiffness))
        lost = nothing.index_add(0, owner, variance.cpu()[1:] * stiffness)
        square = nothing.index_add(0, owner, w.cpu()[1:].square() * stiffness)
        old = self.penalties
        self.edf = torch.where(self.alive, size - old * lost, 0.0)
        told, length = self._alike(self.edf.clamp_min(1e-9), square.clamp_min(1e-300))
        wanted = (told / length).clamp(LEAST, MOST)
        move = (wanted / old).log()
        turned = (TURNED * self.power).clamp_min(SHORTEST)
        self.power = torch.where(move * self.move < 0, turned, self.power)
        self.move = move
        factor = (self.power * move).exp().clamp(DOWN, UP)
        new = torch.where(self.alive, (old * factor).clamp(LEAST, MOST), old)
        counts = self.alive & (self.edf > LITTLE)
        change = (new / old).log().abs()[counts]
        self.penalties = new
        return float(change.max()) if len(change) else 0.0

    def _alike(self, edf: Tensor, square: Tensor) -> tuple[Tensor, Tensor]:
        """Degrees of freedom and squares, with what groups of a kind have in common added.

        Coefficients are of a normal distribution for the group, whose precision is of a gamma
        distribution for the kind; together, of Student's t with `SHARED` degrees of freedom. What
        one group tells of its own penalty is little: many weak effects are strong together, and
        few strong ones do not set the measure for the rest.
        """
        edf, square = edf.clone(), square.clone()
        for kind, told in SHARED.items():
            alike = torch.from_numpy(self.kinds == kind) & self.alive
            others = int(alike.sum()) - 1
            if others > 0:
                told *= others**2 / (others**2 + FEW**2)
                common = _common(edf[alike].numpy(), square[alike].numpy(), told)
                edf[alike] += told
                square[alike] += told / common
        return edf, square

    def shed(self) -> Tensor | None:
        """Leave out groups that are dead; returns which of the live columns stay, if any go."""
        dead = self.alive & (self.edf < DEAD) & (self.penalties > LOST)
        if not bool(dead.any()):
            return None
        before = torch.cat([torch.ones(1, dtype=torch.bool), self.column])
        self.alive = self.alive & ~dead
        self.penalties[dead], self.edf[dead] = MOST, 0.0
        self.column = self.alive[self.owner]
        after = torch.cat([torch.ones(1, dtype=torch.bool), self.column])
        groups = [g for g, on in zip(self.all.groups, self.alive.tolist(), strict=True) if on]
        kept = after[before].to(self.rows.device)
        self.rows = self.rows.narrow(groups, kept)
        return kept

    def whole(self, w: Tensor, V: Tensor, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Coefficients, covariance and outputs with zeros for the dead groups."""
        if bool(self.alive.all()):
            return w, V, f
        place = torch.cat([torch.ones(1, dtype=torch.bool), self.column]).to(w.device)
        index = torch.nonzero(place).view(-1)
        full, covariance = w.new_zeros(len(place)), w.new_zeros(len(place), len(place))
        full[index] = w
        covariance[index[:, None], index] = V
        return full, covariance, f


def _common(edf: np.ndarray, square: np.ndarray, told: float) -> float:
    """The penalty that is the mean of those of its groups, each of them told about it."""
    least, most = np.log(edf / square).min(), np.log(edf / square).max()

    def excess(log: float) -> float:
        return float(((told + edf) / (told + square * np.exp(log)) - 1).sum())

    if most - least < 1e-9 or excess(least) <= 0 or excess(most) >= 0:
        return float(np.exp((least + most) / 2))
    return float(np.exp(brentq(excess, least, most, xtol=1e-6)))


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
    return w + length * step[:c], f + length * move, _inverse(factor), gain


def _inverse(factor: Tensor) -> Tensor:
    """Inverse of a lower triangular matrix."""
    if factor.device.type == "cpu":
        return torch.from_numpy(dtrtri(factor.numpy(), lower=1)[0])
    return torch.linalg.solve_triangular(factor, torch.eye(len(factor)).to(factor), upper=False)


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


def newton_step(gram: Tensor, slope: Tensor, w: Tensor, diagonal: Tensor) -> tuple[Tensor, Tensor]:
    """A step of the coefficients alone, and their covariance, from sums over rows.

    Parameters
    ----------
    gram : Tensor, shape (c, c)
    slope : Tensor, shape (c,)
        As `Rows.normal` gives them; the penalties are added to both in place.
    w, diagonal : Tensor, shape (c,)
    """
    slope -= diagonal * w
    gram.diagonal().add_(diagonal)
    factor = _factor(gram)
    return torch.cholesky_solve(slope[:, None], factor)[:, 0], torch.cholesky_inverse(factor)
