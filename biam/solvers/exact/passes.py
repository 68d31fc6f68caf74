"""Passes over rows that are too many to hold: what a sample has taught, said once more by all.

A sample of `MOST_ROWS` rows settles terms, penalties and noise. Given these, the coefficients
solve a penalised likelihood of which every Newton step is a sum over rows: a chunk gives its Gram
matrix and its slope and is forgotten. So chunks may be anywhere, and nothing grows with the rows
but the weight and the loss of each.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from biam.chunks import Chunks
from biam.solvers.exact.evidence import Evidence, _Live, newton_step
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.problem import Problem

__all__ = ["MOST_ROWS", "refined", "sampled_rows", "told"]

MOST_ROWS, WORTH_SAMPLING = 200_000, 1.25
STEPS = 3
# A step that gains less of the log posterior than this is lost in what the rows leave open.
LITTLE_GAIN = 0.01


def sampled_rows(n_rows: int, seed: int) -> np.ndarray:
    """Rows on which to learn, in order: all of a table that can be held."""
    if n_rows <= WORTH_SAMPLING * MOST_ROWS:
        return np.arange(n_rows)
    stream = np.random.default_rng(seed)
    return np.sort(stream.choice(n_rows, MOST_ROWS, replace=False, shuffle=False))


def refined(fit: Evidence, problem: Problem, chunks: Chunks) -> Evidence:
    """The fit of a sample with the coefficients, and their penalties, that all rows ask for.

    Parameters
    ----------
    fit : Evidence
    problem : Problem
        Of the sample, with all meta rows.
    chunks : Chunks
        All training rows: encoded values, targets, weights.
    """
    problem = problem.use(fit.rows.groups)
    live = _Live(problem.rows, fit.penalties)
    live.edf, w = fit.edf.clone(), fit.w
    kept = live.shed()
    w = w if kept is None else w[kept]
    history = list(fit.history)
    noise = _unlabelled(fit.noise)
    for _ in range(STEPS):
        diagonal = live.diagonal()
        work = _Normal(_light(problem.use(live.rows.groups)), noise, w)
        gram, slope, loss, weight = chunks.total(work)
        gram, slope = gram.to(w), slope.to(w)
        step, V = newton_step(gram, slope, w, diagonal)
        w = w + step
        live.adapt(w, V.diagonal())
        known = {"lower_loss": loss / weight, "edf": 1 + float(live.edf.sum())}
        history.append({"epoch": len(history) + 1, **known})
        if float(slope @ step) < 2 * LITTLE_GAIN:
            break
    f = problem.rows.use(live.rows.groups).outputs(w)
    w, V, f = live.whole(w, V, f)
    parts = {"w": w, "V": V, "f": f, "history": history}
    return replace(fit, penalties=live.penalties, edf=live.edf, **parts)


def told(
    fit: Evidence,
    problem: Problem,
    name: str,
    chunks: Chunks,
    shift: float = 0.0,
    slope: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight and loss of each training row, shape (n_train,) each.

    Parameters
    ----------
    fit : Evidence
    problem : Problem
        With all meta rows.
    name : {"posterior", "equal", "meta-only"}
    chunks : Chunks
    shift, slope : float
        Losses are those of the outputs shift + slope * f.
    """
    light = _light(problem.use(fit.rows.groups))
    work = _Told(light, _unlabelled(fit.noise), fit.w, name, shift, slope)
    weights, losses = zip(*chunks.gather(work), strict=True)
    return np.concatenate(weights), np.concatenate(losses)


@dataclass(frozen=True)
class _Normal:
    """Gram matrix and slope of one chunk, its total loss and weight; the first has the meta rows.

    Parameters
    ----------
    problem : Problem
        Of the meta rows alone.
    noise : Mixture or Flips
    w : Tensor, shape (n_columns,)
    """

    problem: Problem
    noise: Mixture | Flips
    w: Tensor

    def __call__(
        self, number: int, X: np.ndarray, y: np.ndarray, fixed: np.ndarray
    ) -> tuple[Tensor, Tensor, float, float]:
        problem = self.problem.of(X, y, fixed)
        train = slice(0, problem.n_train)
        noise = self.noise.on(problem.labels)
        f = problem.rows.outputs(self.w)
        # Places each row among the components of its noise.
        noise.weights(f)
        precision, residual, _ = noise.working(f)
        if number:
            precision = torch.where(problem.labels.trusted, 0.0, precision)
        gram, slope = problem.rows.normal(precision, residual)
        fixed = problem.labels.fixed[train]
        loss = fixed @ noise.losses(f)[train]
        return gram.cpu(), slope.cpu(), float(loss), float(fixed.sum())


@dataclass(frozen=True)
class _Told:
    """Weights and losses of the training rows of one chunk; parameters as in `_Normal`."""

    problem: Problem
    noise: Mixture | Flips
    w: Tensor
    name: str
    shift: float
    slope: float

    def __call__(
        self, number: int, X: np.ndarray, y: np.ndarray, fixed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        problem = self.problem.of(X, y, fixed)
        noise = self.noise.on(problem.labels)
        f = problem.rows.outputs(self.w)
        losses = noise.losses(self.shift + self.slope * f)[: problem.n_train].cpu().numpy()
        if not problem.binary:
            losses = losses * problem.scale**2
        if self.name == "posterior":
            return noise.weights(f).cpu().numpy(), losses
        return np.full(len(losses), float(self.name == "equal")), losses


def _light(problem: Problem) -> Problem:
    """The meta rows alone, and nothing that a copy would carry along."""
    light = problem.take(problem.meta)
    return replace(light, rows=light.rows.use(problem.rows.groups))


def _unlabelled(noise: Mixture | Flips) -> Mixture | Flips:
    """The noise model without the labels of the sample but the first, which is not trusted."""
    return noise.on(noise.labels.take(torch.arange(1)))
