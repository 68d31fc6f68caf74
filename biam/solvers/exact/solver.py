"""`solver="exact"`, BIAM-X: coefficients, penalties and the chance of each label to be right.

The lower level is solved: a ridge problem whose rows count as much as the noise model trusts them.
The upper level is the marginal likelihood: one penalty per group of columns, and the parameters of
a noise model that meta rows anchor. Training rows and meta rows are fitted together. Interactions
and pairs are screened; those that go on keep what their own penalty leaves them. All this happens
on a sample of a large table; then all rows take part in the last steps. Of more than 250,000 rows
200,000 do; the others have their say in `passes`, chunk by chunk.

More than two classes, and ``weighting="network"``, are the work of `biam.solvers.network`.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from tqdm import tqdm

from biam.chunks import ArrayChunks, Chunks
from biam.solvers.exact.calibration import Line
from biam.solvers.exact.candidates import Candidates
from biam.solvers.exact.evidence import Evidence
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.gates import gated
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.monotone import constrained
from biam.solvers.exact.passes import refined, sampled_rows, told
from biam.solvers.exact.problem import Problem
from biam.solvers.exact.search import TermSearch
from biam.solvers.exact.terms import as_model
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.network import NetworkSolver

__all__ = ["SELECTIONS", "WEIGHTINGS", "ExactSolver"]

SELECTIONS = ("evidence", "gates")
WEIGHTINGS = ("posterior", "network", "equal")
FULL_STEPS, GROWN_STEPS = 3, 6
MOST_COVARIANCE = 1500
SMALL = 4_000_000
# Errors of meta rows beyond so many robust deviations of the target are worth a word.
FAR_OUT = 3.0


@dataclass(frozen=True)
class ExactSolver:
    """Settings of BIAM-X; see `biam.BIAMRegressor` for those not listed here.

    Parameters
    ----------
    max_upper_rows : int
        Training rows on which penalties and noise are learned; all rows take part in the last
        steps.
    n_wrong : int
        Components of the errors of wrong labels (regression).
    upper_lr, patience
        For ``weighting="network"``.
    """

    n_knots: int = 10
    interactions: bool | str = "auto"
    pairs: bool | str | int | Sequence[tuple[int, int]] = "auto"
    weighting: str = "posterior"
    upper_lr: float = 0.1
    epochs: int = 100
    patience: int | None = 10
    monotone: Mapping[int, int] = field(default_factory=dict)
    basis: str = "hinge"
    selection: str = "evidence"
    max_upper_rows: int = 4000
    n_wrong: int = 3
    device: str = "cpu"
    progress: bool = True

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_meta: np.ndarray | None,
        y_meta: np.ndarray | None,
        *,
        n_classes: int = 0,
        n_levels: list[int] | None = None,
        sample_weight: np.ndarray | None = None,
        seed: int = 0,
    ) -> Fitted:
        """Train; parameters as in `PublishedSolver.fit`, meta rows optional."""
        if n_classes > 2 or self.weighting == "network":
            return self._network().fit(
                X,
                y,
                X_meta,
                y_meta,
                n_classes=n_classes,
                n_levels=n_levels,
                sample_weight=sample_weight,
                seed=seed,
            )
        fixed = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        chunks = ArrayChunks(X, y, fixed)
        sample = chunks.take(sampled_rows(len(chunks), seed))
        return self.fit_chunks(
            chunks, sample, X_meta, y_meta, n_classes=n_classes, n_levels=n_levels, seed=seed
        )

    def fit_chunks(
        self,
        chunks: Chunks,
        sample: tuple[np.ndarray, np.ndarray, np.ndarray],
        X_meta: np.ndarray | None,
        y_meta: np.ndarray | None,
        *,
        n_classes: int = 0,
        n_levels: list[int] | None = None,
        seed: int = 0,
    ) -> Fitted:
        """Train on chunks of encoded values, targets and weights; at most two classes.

        Parameters
        ----------
        chunks : Chunks
        sample : tuple of ndarray
            Values, targets and weights of the rows `passes.sampled_rows`.
        X_meta, y_meta, n_classes, n_levels, seed
            As in `fit`.
        """
        meta = X_meta, y_meta
        problem, name, fit, choice = self._learned(sample, meta, n_classes, n_levels, seed)
        everything = len(sample[1]) == len(chunks)
        if not everything and name != "meta-only":
            fit = refined(fit, problem, chunks)
        fit = self._kept_monotone(fit)
        fitted = _fitted(problem, name, fit, choice)
        if everything:
            return fitted
        line = _line(problem, name, fit) if problem.binary else Line(fit.noise.offset())
        weights, losses = told(fit, problem, name, chunks, line.shift, line.slope)
        return replace(fitted, weights=weights, details=fitted.details | {"losses": losses})

    def _learned(
        self,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        meta: tuple[np.ndarray | None, np.ndarray | None],
        n_classes: int,
        n_levels: list[int] | None,
        seed: int,
    ) -> tuple[Problem, str, Evidence, dict[str, object]]:
        """The problem, the candidate chosen, its fit, and what to tell of the choice."""
        settings = n_classes, self.n_knots, n_levels, self.device, self.basis
        whole = Problem.make(train, meta, *settings)
        small = whole.sample(self.max_upper_rows, seed)
        hidden = None if self.progress else True
        with tqdm(unit="step", delay=2, disable=hidden) as bar:
            search = TermSearch(
                self.interactions,
                self.pairs,
                whole.gaps,
                self.epochs,
                bar.update,
                alone=frozenset(self.monotone),
            )
            small.rows.keep()
            small = small.use(search.begin(small.rows).groups)
            candidates = Candidates(small, search, self.weighting, self.n_wrong)
            # Threads only pay on large products; on small ones they cost up to ten times.
            size = len(small.rows) * whole.rows.n_columns
            with one_thread() if size < SMALL else nullcontext():
                name, fit = candidates.best()
                choice = {"meta_losses": candidates.losses}
                if self.selection == "gates":
                    fit, choice["gates"] = gated(fit, search, seed)
                    search = replace(search, rounds=0)
            if len(small.rows) < len(whole.rows):
                fit = _on_all_rows(whole, name, fit, search)
        return whole, name, fit, choice

    def _kept_monotone(self, fit: Evidence) -> Evidence:
        rows = fit.rows
        w = constrained(rows.components, rows.groups, fit.w, fit.V, self.monotone)
        return fit if w is fit.w else replace(fit, w=w, f=rows.outputs(w))

    def _network(self) -> NetworkSolver:
        return NetworkSolver(
            n_knots=self.n_knots,
            interactions=self.interactions,
            upper_lr=self.upper_lr,
            epochs=self.epochs,
            patience=self.patience,
            device=self.device,
            progress=self.progress,
        )


def _on_all_rows(whole: Problem, name: str, fit: Evidence, search: TermSearch) -> Evidence:
    """A few steps on all rows from what the sample has taught, and a look for more terms."""
    problem = whole.take(whole.meta) if name == "meta-only" else whole
    problem.rows.keep()
    rows = problem.rows.use(fit.rows.groups)
    noise = fit.noise.on(problem.labels)
    noise.inner = 1
    noise.refresh(rows.outputs(fit.w), torch.zeros_like(problem.labels.y))
    options = {"max_iter": FULL_STEPS, "leverage": False}
    fit = search.fit(rows, noise, fit.w, fit.penalties, **options)
    rounds = min(search.rounds, 1)
    return replace(search, epochs=GROWN_STEPS, rounds=rounds).grow(fit, leverage=False)


def _fitted(whole: Problem, name: str, fit: Evidence, choice: dict[str, object]) -> Fitted:
    """The fit in the units of the targets."""
    groups, line = fit.rows.groups, _line(whole, name, fit)
    model, flat, places = as_model(whole.rows.components, groups, fit.w.cpu())
    flat = flat * line.slope
    flat[0] += line.shift
    f = whole.rows.use(groups).outputs(fit.w)
    noise = fit.noise.on(whole.labels)
    weights = {
        "meta-only": lambda: torch.zeros(whole.n_train, dtype=torch.float64),
        "equal": lambda: torch.ones(whole.n_train, dtype=torch.float64),
        "posterior": lambda: noise.weights(f),
    }[name]()
    losses = noise.losses(line(f) if whole.binary else f + noise.offset())[: whole.n_train]
    details = {
        "weighting": name,
        "noise": fit.noise.summary(whole.scale),
        **choice,
        "meta_doubts": _doubts(whole, noise, f).cpu().numpy(),
        "edf": float(fit.edf.sum()) + 1.0,
        "losses": (losses if whole.binary else losses * whole.scale**2).cpu().numpy(),
        "terms": _terms(fit),
    }
    if whole.binary:
        details["calibration"] = {"shift": line.shift, "slope": line.slope}
    if fit.pair_evidence is not None:
        details["pair_evidence"] = fit.pair_evidence.cpu().numpy()
    # The coefficients of surfaces come last; where they are many, curves keep their bands alone.
    surfaces = model.pair_slices[-1].stop if model.pairs else 0
    sizes = model.layout.size, model.layout.size - surfaces
    known = next((size for size in sizes if size <= MOST_COVARIANCE), 0)
    if known:
        S = places[:known]
        details["covariance"] = (S @ fit.V.cpu() @ S.T * line.slope**2).numpy()
    status = "finished" if bool(torch.isfinite(flat).all()) else "diverged"
    return Fitted(model, flat, weights.cpu().numpy(), list(fit.history), status, details)


def _line(whole: Problem, name: str, fit: Evidence) -> Line:
    """Outputs to the units of the targets; of classes, to calibrated logits."""
    if not whole.binary:
        return Line(fit.noise.offset() * whole.scale + whole.centre, whole.scale)
    return Line() if name == "meta-only" else fit.noise.line(fit.f, fit.spread)


def _doubts(whole: Problem, noise: Mixture | Flips, f: torch.Tensor) -> torch.Tensor:
    """Chance of each meta label to be wrong; with numbers of those only that lie far out."""
    doubts, trusted = noise.doubts(f), noise.labels.trusted
    if whole.binary or not len(doubts):
        return doubts
    return doubts * ((noise.labels.y - f)[trusted].abs() > FAR_OUT)


def _terms(fit: Evidence) -> list[dict[str, object]]:
    """What each group of columns keeps: kind, features, penalty, effective degrees of freedom."""
    parts = zip(fit.rows.groups, fit.penalties.tolist(), fit.edf.tolist(), strict=True)
    return [
        {"kind": group.kind, "features": list(group.key), "penalty": penalty, "edf": edf}
        for group, penalty, edf in parts
    ]
