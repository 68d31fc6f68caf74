"""Three views of the training labels, judged on the meta rows left out (classes: by likelihood).

"posterior": some labels are wrong, as the noise model says. "equal": all are right. "meta-only":
none is worth anything, which has to be better by more than a standard error. Without meta rows
nothing judges: labels are taken for wrong only where they give themselves away.
"""

import numpy as np
import torch
from torch import Tensor

from biam.solvers.evidence import Evidence
from biam.solvers.noise import Flips, Labels, Mixture
from biam.solvers.problem import Problem, weighted_median
from biam.solvers.search import TermSearch

__all__ = ["Candidates"]

FOLDS, FOLD_STEPS, ROBUST_STEPS = 5, 20, 15
LEAST_WRONG = 0.02
LEAST_META = 40


class Candidates:
    """Fits of one problem.

    Parameters
    ----------
    problem : Problem
    search : TermSearch
    weighting : {"posterior", "equal"}
    n_wrong : int
        Components of the errors of wrong labels.

    Attributes
    ----------
    losses : dict of str to float
        Mean loss of the meta rows left out, by candidate.
    """

    def __init__(
        self, problem: Problem, search: TermSearch, weighting: str = "posterior", n_wrong: int = 3
    ) -> None:
        self.problem, self.search = problem, search
        self.weighting, self.n_wrong = weighting, n_wrong
        self.losses: dict[str, float] = {}

    def best(self) -> tuple[str, Evidence]:
        """Name and fit of the candidate chosen."""
        if self.weighting == "equal":
            return "equal", self.search.grow(self._plain())
        return self._judged() if len(self.problem.meta) else self._without_meta()

    def _judged(self) -> tuple[str, Evidence]:
        meta, start = self._meta_only()
        noise = self._noise(start)
        fits = {
            "posterior": self.search.grow(self._fit(noise, start)),
            "equal": self._plain(),
            "meta-only": meta,
        }
        judged = {name: _left_out(fits[name]) for name in ("posterior", "equal")}
        if judged["equal"].mean() < judged["posterior"].mean() + _doubt(judged["posterior"]):
            fits["equal"] = self.search.grow(fits["equal"])
            judged["equal"] = _left_out(fits["equal"])
        if self.problem.binary:
            chosen = "posterior" if _gives_away(fits["posterior"], fits["equal"]) else "equal"
        else:
            chosen = min(judged, key=lambda name: float(judged[name].mean()))
        if self._enough():
            judged["meta-only"] = self._cross_validated()
            gain = judged[chosen] - judged["meta-only"]
            chosen = "meta-only" if float(gain.mean()) > _doubt(gain) else chosen
        self.losses = {name: float(loss.mean()) for name, loss in judged.items()}
        return chosen, fits[chosen]

    def _enough(self) -> bool:
        """Whether the meta rows could do alone, and can tell."""
        y = self.problem.labels.y[self.problem.n_train :]
        if not self.problem.binary:
            return len(y) >= LEAST_META
        return int(min((y > 0).sum(), (y <= 0).sum())) >= LEAST_META // 2

    def _without_meta(self) -> tuple[str, Evidence]:
        problem, plain = self.problem, self._plain()
        if problem.binary:
            fit = self._fit(Flips.start(problem.labels, None, None), plain)
            wrong = _gives_away(fit, plain)
        else:
            start = self._robust()
            fit = self._fit(self._noise(start), start)
            wrong = float(fit.noise.shares[fit.noise.wrong].sum()) > LEAST_WRONG
        name, fit = ("posterior", fit) if wrong else ("equal", plain)
        return name, self.search.grow(fit)

    def _fit(self, noise: Mixture | Flips, start: Evidence) -> Evidence:
        return self.search.fit(self.problem.rows, noise, start.w, start.penalties)

    def _plain(self) -> Evidence:
        return self.search.fit(self.problem.rows, self.problem.plain())

    def _meta_only(self) -> tuple[Evidence, Evidence]:
        """The meta rows alone; and the same coefficients seen from all rows."""
        problem = self.problem
        meta = problem.take(problem.meta)
        half = float(meta.labels.y.std(correction=0)) / 2
        fit = self.search.fit(meta.rows, meta.plain(max(half, 1e-6)))
        return fit, _seen_from(problem, fit)

    def _robust(self) -> Evidence:
        """Least absolute errors: a start that outliers do not reach."""
        noise = _Absolute(self.problem.labels)
        options = {"max_iter": ROBUST_STEPS, "leverage": False, "tol": 0.0}
        fit = self.search.fit(self.problem.rows, noise, **options)
        fit.noise = Mixture.plain(self.problem.labels, noise.scale)
        return _seen_from(self.problem, fit)

    def _noise(self, start: Evidence) -> Mixture | Flips:
        labels = self.problem.labels
        if self.problem.binary:
            return Flips.start(labels, start.f, start.spread)
        scale = float(start.noise.scales[0])
        return Mixture.start(labels, start.f, start.spread, scale, self.n_wrong)

    def _cross_validated(self) -> Tensor:
        """Losses of the meta rows under fits to the other meta rows, fold by fold.

        Penalties that few rows have chosen flatter themselves by more than the formula for left
        out rows sees: here each fold chooses anew.
        """
        problem, meta = self.problem, self.problem.meta
        losses = torch.full((len(meta),), torch.inf, dtype=torch.float64)
        if len(meta) < 2:
            return losses
        order = np.random.default_rng(0).permutation(len(meta))
        for fold in np.array_split(order, min(FOLDS, len(meta))):
            part, held = problem.take(np.delete(meta, fold)), problem.take(meta[fold])
            fit = self.search.fit(part.rows, part.plain(0.5), max_iter=FOLD_STEPS)
            losses[fold] = fit.noise.on(held.labels).losses(held.rows.outputs(fit.w)).cpu()
        return losses


class _Absolute:
    """Least absolute errors as reweighted least squares."""

    inner, drift = 1, 0.0

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.error = labels.y - weighted_median(labels.y, labels.fixed)
        self._measure()

    def _measure(self) -> None:
        self.scale = max(1.4826 * weighted_median(self.error.abs(), self.labels.fixed), 1e-6)

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, None]:
        precision = 1 / (self.error.abs().clamp_min(0.1 * self.scale) * self.scale)
        return precision * self.labels.fixed, self.labels.y - f, None

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        return 1.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor) -> None:
        self.error = self.labels.y - f
        self._measure()

    def progress(self, f: Tensor, spread: Tensor) -> dict[str, float]:
        return {"scale": self.scale}


def _seen_from(problem: Problem, fit: Evidence) -> Evidence:
    """The fit's coefficients on the rows of the problem, with the doubt of each output."""
    rows = problem.rows
    f, spread = rows.outputs(fit.w), rows.spread(fit.V)
    return Evidence(rows, fit.noise, fit.w, fit.penalties, f, spread, fit.V, fit.edf, 0, True)


def _gives_away(fit: Evidence, plain: Evidence) -> bool:
    """Whether the labels are likelier with flips than without, degrees of freedom counted.

    The two rates have to pay for themselves (BIC; their prior halves their count).
    """
    gain = plain.noise.surprise(plain.f) - fit.noise.surprise(fit.f)
    gain += float(plain.edf.sum() - fit.edf.sum())
    return gain > 0.5 * np.log(float(fit.noise.labels.fixed.sum()))


def _left_out(fit: Evidence) -> Tensor:
    """Losses of the meta rows, each under the fit without it."""
    return fit.noise.left_out(fit.f, fit.spread)[fit.noise.labels.trusted].cpu()


def _doubt(x: Tensor) -> float:
    """Standard error of the mean."""
    return float(x.std(correction=0)) / len(x) ** 0.5
