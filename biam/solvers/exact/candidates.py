"""Three views of the training labels, judged on the meta rows left out (classes: by likelihood).

"posterior": some labels are wrong, as the noise model says. "equal": all are right. "meta-only":
none is worth anything, which has to be better by more than a standard error. Without meta rows
nothing judges: labels are taken for wrong only where they give themselves away.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from biam.solvers.exact.absolute import Absolute, robust_scale
from biam.solvers.exact.evidence import Evidence
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.problem import Problem
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.search import TermSearch
from biam.solvers.exact.terms import Group

__all__ = ["Candidates"]

FOLDS, FOLD_STEPS, ROBUST_STEPS = 5, 20, 10
LEAST_WRONG = 0.02
LEAST_META = 40
# From three to one on, the evidence is positive (Kass and Raftery 1995).
ODDS = 3.0


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
        Mean loss of the meta rows left out, by candidate; "meta-only" by folds where it may win.
    """

    def __init__(
        self, problem: Problem, search: TermSearch, weighting: str = "posterior", n_wrong: int = 3
    ) -> None:
        self.problem, self.search = problem, search
        self.weighting, self.n_wrong = weighting, n_wrong
        self.losses: dict[str, float] = {}
        self._screened: tuple[Tensor | None, ...] = ()

    def best(self) -> tuple[str, Evidence]:
        """Name and fit of the candidate chosen."""
        name, fit = self._best()
        seen = [e for e in (*self._screened, fit.pair_evidence) if e is not None]
        return name, replace(fit, pair_evidence=torch.stack(seen).amax(0) if seen else None)

    def _best(self) -> tuple[str, Evidence]:
        problem = self.problem
        if self.weighting == "equal":
            return "equal", self._plain(problem.rows)
        if problem.binary:
            plain, robust = self._plain(problem.rows), None
            self._screened = (plain.pair_evidence,)
        else:
            # Targets that outliers bend would hide pairs; pairs left out would look like outliers.
            robust = self._robust()
            # The pairs it has found are no candidates any more for the fits that start with them.
            self._screened = (robust.pair_evidence,)
            if not len(problem.meta):
                return self._resisting(robust)
            plain = self._plain(problem.rows.use(robust.rows.groups))
        return self._judged(plain, robust) if len(problem.meta) else self._given_away(plain)

    def _judged(self, plain: Evidence, robust: Evidence | None) -> tuple[str, Evidence]:
        meta = self._meta_only(plain.rows.groups)
        fits = {
            "posterior": self.search.grow(self._fit(*self._start(meta, plain, robust))),
            "equal": plain,
            "meta-only": meta,
        }
        sound = 1 - _doubts(fits["posterior"])
        judged = {name: _left_out(fits[name]) for name in ("posterior", "equal")}
        if self.problem.binary:
            chosen = "posterior" if _gives_away(fits["posterior"], plain) else "equal"
        else:
            chosen = min(judged, key=lambda name: float(sound @ judged[name]))
        if self._enough():
            # Penalties that few rows have chosen flatter themselves: what does not win now never
            # does, and only what does is worth the folds.
            judged["meta-only"] = _left_out(meta)
            if _wins(sound * (judged[chosen] - judged["meta-only"])):
                judged["meta-only"] = self._cross_validated(plain.rows.groups)
            if _wins(sound * (judged[chosen] - judged["meta-only"])):
                chosen = "meta-only"
        unit = 1.0 if self.problem.binary else self.problem.scale**2
        self.losses = {k: unit * float(sound @ v / sound.sum()) for k, v in judged.items()}
        return chosen, fits[chosen]

    def _enough(self) -> bool:
        """Whether the meta rows could do alone, and can tell."""
        y = self.problem.labels.y[self.problem.n_train :]
        if not self.problem.binary:
            return len(y) >= LEAST_META
        return int(min((y > 0).sum(), (y <= 0).sum())) >= LEAST_META // 2

    def _given_away(self, plain: Evidence) -> tuple[str, Evidence]:
        """Classes without meta rows: flips where they show."""
        fit = self._fit(Flips.start(self.problem.labels, None, None), plain)
        fit = self.search.grow(fit)
        return ("posterior", fit) if _gives_away(fit, plain) else ("equal", plain)

    def _resisting(self, robust: Evidence) -> tuple[str, Evidence]:
        """Numbers without meta rows: wrong where errors stand apart."""
        start = self._seen(robust, _narrow(robust))
        fit = self.search.grow(self._fit(self._mixture(start), start))
        if float(fit.noise.shares[fit.noise.wrong].sum()) > LEAST_WRONG:
            return "posterior", fit
        return "equal", self._plain(self.problem.rows.use(fit.rows.groups))

    def _fit(self, noise: Mixture | Flips, start: Evidence) -> Evidence:
        return self.search.fit(start.rows, noise, start.w, start.penalties)

    def _plain(self, rows: Rows) -> Evidence:
        return self.search.grow(self.search.fit(rows, self.problem.plain()))

    def _meta_only(self, groups: Sequence[Group]) -> Evidence:
        """The meta rows alone."""
        meta = self.problem.use(groups).take(self.problem.meta)
        half = float(meta.labels.y.std(correction=0)) / 2
        return self.search.fit(meta.rows, meta.plain(max(half, 1e-6)))

    def _robust(self) -> Evidence:
        """Least absolute errors: a start that outliers do not reach."""
        noise = Absolute(self.problem.labels)
        options = {"max_iter": ROBUST_STEPS, "leverage": False, "tol": 0.0}
        fit = self.search.fit(self.problem.rows, noise, **options)
        return self.search.grow(fit, **options)

    def _start(
        self, meta: Evidence, plain: Evidence, robust: Evidence | None
    ) -> tuple[Mixture | Flips, Evidence]:
        """The noise model, and the fit that does best on the typical meta row, to begin with."""
        if robust is None:
            start = self._seen(meta)
            return Flips.start(self.problem.labels, start.f, start.spread), start
        starts = (
            self._seen(meta, float(meta.noise.scales[0])),
            self._seen(
                plain, robust_scale(self.problem.labels.y - plain.f, plain.noise.labels.fixed)
            ),
            self._seen(robust, _narrow(robust)),
        )
        start = min(starts, key=lambda fit: float(_left_out(fit).median()))
        return self._mixture(start), start

    def _seen(self, fit: Evidence, scale: float = 1.0) -> Evidence:
        """The fit's coefficients on all rows, their errors of one scale."""
        rows = self.problem.rows.use(fit.rows.groups)
        noise, f, spread = self.problem.plain(scale), rows.outputs(fit.w), rows.spread(fit.V)
        return replace(fit, rows=rows, noise=noise, f=f, spread=spread)

    def _mixture(self, start: Evidence) -> Mixture:
        scale = float(start.noise.scales[0])
        return Mixture.start(self.problem.labels, start.f, start.spread, scale, self.n_wrong)

    def _cross_validated(self, groups: Sequence[Group]) -> Tensor:
        """Losses of the meta rows under fits to the other meta rows, fold by fold.

        The formula for rows left out holds the penalties; here each fold chooses its own.
        """
        problem, meta = self.problem.use(groups), self.problem.meta
        losses = torch.full((len(meta),), torch.inf, dtype=torch.float64)
        if len(meta) < 2:
            return losses
        order = np.random.default_rng(0).permutation(len(meta))
        for fold in np.array_split(order, min(FOLDS, len(meta))):
            part, held = problem.take(np.delete(meta, fold)), problem.take(meta[fold])
            fit = self.search.fit(part.rows, part.plain(0.5), max_iter=FOLD_STEPS)
            losses[fold] = fit.noise.on(held.labels).losses(held.rows.outputs(fit.w)).cpu()
        return losses


def _gives_away(fit: Evidence, plain: Evidence) -> bool:
    """Whether there is positive evidence of flips, over all coefficients and rates.

    The marginal likelihood, by Laplace's approximation, is `ODDS` times as large with them.
    """
    gain = fit.volume - plain.volume + fit.noise.log_prior()
    gain += plain.noise.surprise(plain.f) - fit.noise.surprise(fit.f)
    return gain > math.log(ODDS)


def _narrow(robust: Evidence) -> float:
    return robust.noise.narrow(1 + float(robust.edf.sum()))


def _left_out(fit: Evidence) -> Tensor:
    """Losses of the meta rows, each under the fit without it; of classes, calibrated."""
    return fit.noise.judged(fit.f, fit.spread)[fit.noise.labels.trusted].cpu()


def _doubts(fit: Evidence) -> Tensor:
    """Chance that each meta label is wrong."""
    return fit.noise.doubts(fit.f).cpu()


def _wins(gain: Tensor) -> bool:
    """Whether the mean is above zero by more than its standard error."""
    return float(gain.mean()) > float(gain.std(correction=0)) / len(gain) ** 0.5
