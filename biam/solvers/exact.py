"""`solver="exact"`, BIAM-X: coefficients, penalties and the chance of each label to be right.

The lower level is solved: a ridge problem whose rows count as much as the noise model trusts them.
The upper level is the marginal likelihood: one penalty per group of columns, and the parameters of
a noise model that meta rows anchor. Training rows and meta rows are fitted together. Interactions
and pairs are screened; those that go on keep what their own penalty leaves them.

More than two classes, and ``weighting="network"``, are the work of `biam.solvers.network`.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from biam.solvers.evidence import Evidence, maximise
from biam.solvers.fitted import Fitted, one_thread
from biam.solvers.network import NetworkSolver
from biam.solvers.noise import Flips, Labels, Mixture
from biam.solvers.rows import Rows
from biam.solvers.screening import find_interactions, find_pairs
from biam.solvers.terms import Components, Group, as_model, main_groups, pair_group, reaction_group

__all__ = ["ExactSolver"]

WEIGHTINGS = ("posterior", "network", "equal")
ROUNDS = 2
FOLDS, FOLD_STEPS = 5, 20
MOST_PAIRS, MOST_INTERACTIONS = 6, 30
LEAST_GAPS = 3
# A group of interactions or a pair that keeps less than this is not worth a line on the page.
LEAST_EDF = 0.3
FULL_STEPS = 4
MOST_COVARIANCE = 1500
SMALL = 4_000_000
LEAST_WRONG = 0.005


@dataclass(frozen=True)
class ExactSolver:
    """Settings of BIAM-X; see `biam.BIAMRegressor` for those not listed here.

    Parameters
    ----------
    max_upper_rows : int
        Training rows on which penalties, noise and structure are learned; all rows then take part
        in the last steps.
    n_wrong : int
        Components of the errors of wrong labels (regression).
    """

    n_knots: int = 10
    interactions: bool | str = "auto"
    pairs: bool | str | int | Sequence[tuple[int, int]] = "auto"
    weighting: str = "posterior"
    upper_lr: float = 0.1
    epochs: int = 100
    patience: int | None = 10
    max_upper_rows: int = 8000
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
                X, y, X_meta, y_meta,
                n_classes=n_classes, n_levels=n_levels, sample_weight=sample_weight, seed=seed,
            )  # fmt: skip
        fixed = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        whole = _Problem.make(
            (X, y, fixed), (X_meta, y_meta), n_classes, self.n_knots, n_levels, self.device
        )
        small = whole.sample(self.max_upper_rows, seed)
        size = len(small.rows) * whole.rows.n_columns
        with one_thread() if size < SMALL else nullcontext():
            fits = _Candidates(self, small)
            name, fit = fits.best()
        if small is not whole:
            fit = whole.finish(name, fit)
        return whole.fitted(name, fit, fits)

    def _network(self) -> NetworkSolver:
        return NetworkSolver(
            n_knots=self.n_knots,
            interactions=self.interactions,
            upper_lr=self.upper_lr,
            epochs=self.epochs,
            patience=self.patience,
            max_upper_rows=self.max_upper_rows,
            device=self.device,
            progress=self.progress,
        )


@dataclass(frozen=True)
class _Problem:
    """Training rows, then meta rows; targets in robust units."""

    rows: Rows
    labels: Labels
    gaps: tuple[int, ...]
    n_train: int
    centre: float
    scale: float
    binary: bool

    @classmethod
    def make(
        cls,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        meta: tuple[np.ndarray | None, np.ndarray | None],
        n_classes: int,
        n_knots: int,
        n_levels: list[int] | None,
        device: str,
    ) -> "_Problem":
        (X, y, fixed), (X_meta, y_meta) = train, meta
        trusted = np.zeros(len(y), bool)
        if X_meta is not None:
            X, y = np.concatenate([X, X_meta]), np.concatenate([y, y_meta])
            trusted = np.arange(len(y)) >= len(fixed)
            fixed = np.concatenate([fixed, np.ones(len(y_meta))])
        y, centre, scale = np.asarray(y, float), 0.0, 1.0
        if not n_classes:
            centre, scale = _robust_units(y, fixed)
        components = Components.fit(X, n_knots, n_levels, fixed)
        gaps = tuple(np.flatnonzero(np.isnan(X[fixed > 0]).sum(0) >= LEAST_GAPS).tolist())
        groups = main_groups(components, gaps)
        if n_classes and trusted.any():
            # Training classes may be in other proportions than those of the meta rows.
            groups.append(Group("shift", (), ((0,),), torch.ones(1, dtype=torch.float64)))
        rows = Rows(components, X, ~trusted, device).use(groups)
        put = [torch.as_tensor(part, device=device) for part in ((y - centre) / scale, trusted, fixed)]
        n_train = int((~trusted).sum())
        return cls(rows, Labels(*put), gaps, n_train, centre, scale, bool(n_classes))

    def sample(self, most: int, seed: int) -> "_Problem":
        """All of a small problem, or a random part of the rows of a large one."""
        if self.n_train <= 1.25 * most:
            return self
        stream = np.random.default_rng(seed)
        n_meta = len(self.rows) - self.n_train
        usable = np.flatnonzero(self.labels.fixed[: self.n_train].cpu().numpy() > 0)
        train = np.sort(stream.permutation(usable)[:most])
        meta = self.n_train + np.sort(stream.permutation(n_meta)[:most])
        return self.take(np.concatenate([train, meta]))

    def take(self, kept: np.ndarray) -> "_Problem":
        """Some of the rows."""
        labels = self.labels.take(torch.as_tensor(kept, device=self.labels.y.device))
        n_train = int((~labels.trusted).sum())
        return _Problem(
            self.rows.take(kept), labels, self.gaps, n_train, self.centre, self.scale, self.binary
        )

    def plain(self, scale: float = 1.0) -> Mixture | Flips:
        """The noise model without wrong labels."""
        return Flips.plain(self.labels) if self.binary else Mixture.plain(self.labels, scale)

    def finish(self, name: str, fit: Evidence) -> Evidence:
        """A few steps on all rows from what the sample has taught."""
        problem = self
        if name == "meta-only":
            problem = self.take(np.arange(self.n_train, len(self.rows)))
        rows = problem.rows.use(fit.rows.groups)
        noise = fit.noise.on(problem.labels)
        noise.refresh(rows.outputs(fit.w), torch.zeros_like(problem.labels.y))
        return maximise(
            rows, noise, fit.w, fit.penalties, max_iter=FULL_STEPS, leverage=False
        )

    def fitted(self, name: str, fit: Evidence, fits: "_Candidates") -> Fitted:
        """The fit in the units of the targets."""
        rows, w = self.rows.use(fit.rows.groups), fit.w.clone()
        shift = w[0] + fit.noise.offset()
        model, flat, places = as_model(self.rows.components, fit.rows.groups, w.cpu())
        flat = flat * self.scale
        flat[0] += (float(shift) - float(w[0])) * self.scale + self.centre
        f = rows.outputs(w)
        noise = fit.noise.on(self.labels)
        if name == "meta-only":
            weights = torch.zeros(self.n_train)
        elif name == "equal":
            weights = torch.ones(self.n_train)
        else:
            weights = noise.weights(f)
        losses = noise.losses(f + noise.offset())[: self.n_train] * self.scale**2
        details = {
            "weighting": name,
            "noise": _in_units(fit.noise.summary(), self.scale),
            "candidates": fits.losses,
            "edf": float(fit.edf.sum()) + 1.0,
            "losses": losses.cpu().numpy(),
            "terms": _terms(fit),
        }
        if model.layout.size <= MOST_COVARIANCE:
            V = places @ fit.V.cpu() @ places.T * self.scale**2
            details["covariance"] = V.numpy()
        status = "finished" if bool(torch.isfinite(flat).all()) else "diverged"
        return Fitted(model, flat, weights.cpu().numpy(), fits.history, status, details)


class _Candidates:
    """Fits that see wrong labels in different ways, judged on the meta rows left out."""

    def __init__(self, solver: ExactSolver, problem: _Problem) -> None:
        self.solver, self.problem = solver, problem
        self.losses: dict[str, float] = {}
        self.history: list[dict[str, float]] = []

    def best(self) -> tuple[str, Evidence]:
        """The fit with the label model, unless another is better by more than a standard error."""
        if self.problem.n_train == len(self.problem.rows):
            return self._without_meta()
        meta, start = self._meta_only()
        if self.solver.weighting == "equal":
            return "equal", self._structured(self._plain())
        noise = self._noise(start)
        fit = maximise(
            self.problem.rows, noise, start.w, start.penalties, max_iter=self.solver.epochs
        )
        fits = {"posterior": self._structured(fit), "equal": self._plain(), "meta-only": meta}
        judged = {name: self._left_out(fits[name]) for name in ("posterior", "equal")}
        if judged["equal"].mean() < judged["posterior"].mean() + _doubt(judged["posterior"]):
            fits["equal"] = self._structured(fits["equal"])
            judged["equal"] = self._left_out(fits["equal"])
        judged["meta-only"] = self._cross_validated()
        self.losses = {name: float(loss.mean()) for name, loss in judged.items()}
        chosen = "posterior"
        for name, loss in judged.items():
            gain = judged[chosen] - loss
            if float(gain.mean()) > _doubt(gain):
                chosen = name
        return chosen, fits[chosen]

    def _plain(self) -> Evidence:
        return maximise(self.problem.rows, self.problem.plain(), max_iter=self.solver.epochs)

    def _cross_validated(self) -> Tensor:
        """Losses of the meta rows under fits to the other meta rows, fold by fold.

        Penalties that few rows have chosen flatter themselves by more than the formula for left
        out rows sees: here each fold chooses anew.
        """
        problem = self.problem
        meta = np.arange(problem.n_train, len(problem.rows))
        losses = torch.zeros(len(meta), dtype=torch.float64)
        order = np.random.default_rng(0).permutation(len(meta))
        for fold in np.array_split(order, min(FOLDS, len(meta))):
            part = problem.take(np.delete(meta, fold))
            if not len(part.rows):
                return losses + torch.inf
            fit = maximise(part.rows, part.plain(0.5), max_iter=FOLD_STEPS)
            held = problem.take(meta[fold])
            losses[fold] = fit.noise.on(held.labels).losses(held.rows.outputs(fit.w)).cpu()
        return losses

    def _meta_only(self) -> tuple[Evidence, Evidence]:
        """The meta rows alone; and the same coefficients seen from all rows."""
        problem = self.problem
        meta = problem.take(np.arange(problem.n_train, len(problem.rows)))
        spread = float(meta.labels.y.std(correction=0))
        fit = maximise(meta.rows, meta.plain(max(spread / 2, 1e-6)), max_iter=self.solver.epochs)
        f, doubt = problem.rows.outputs(fit.w), problem.rows.spread(fit.V)
        seen = Evidence(
            problem.rows, fit.noise, fit.w, fit.penalties, f, doubt, fit.V, fit.edf, 0, True
        )
        return fit, seen

    def _noise(self, start: Evidence) -> Mixture | Flips:
        labels = self.problem.labels
        if self.problem.binary:
            return Flips.start(labels, start.f, start.spread)
        scale = float(start.noise.scales[0])
        return Mixture.start(labels, start.f, start.spread, scale, self.solver.n_wrong)

    def _without_meta(self) -> tuple[str, Evidence]:
        """The label model only where the training labels give it away."""
        problem, epochs = self.problem, self.solver.epochs
        plain = self._plain()
        if self.solver.weighting == "equal":
            return "equal", self._structured(plain)
        if problem.binary:
            noise = Flips.start(problem.labels, None, None)
            fit = maximise(problem.rows, noise, plain.w, plain.penalties, max_iter=epochs)
            gain = _log_likelihood(fit) - _log_likelihood(plain)
            chosen = gain > np.log(float(problem.labels.fixed.sum()))
        else:
            start = self._robust()
            fit = maximise(problem.rows, self._noise(start), start.w, max_iter=epochs)
            noise = fit.noise
            chosen = float(noise.shares[noise.wrong].sum()) > LEAST_WRONG
        return ("posterior", self._structured(fit)) if chosen else ("equal", self._structured(plain))

    def _robust(self) -> Evidence:
        """Least absolute errors by reweighting: a start that outliers do not reach."""
        rows, labels = self.problem.rows, self.problem.labels
        noise = _Absolute(labels)
        fit = maximise(rows, noise, max_iter=15, leverage=False, tol=0.0)
        spread = rows.spread(fit.V)
        single = Mixture.plain(labels, noise.scale)
        return Evidence(rows, single, fit.w, fit.penalties, fit.f, spread, fit.V, fit.edf, 0, True)

    def _structured(self, fit: Evidence) -> Evidence:
        """Add interactions and pairs that earn their place."""
        for round_ in range(ROUNDS):
            new = self._wanted(fit, first=round_ == 0)
            if not new:
                break
            rows = fit.rows.use([*fit.rows.groups, *new])
            w = torch.cat([fit.w, fit.w.new_zeros(rows.n_columns - len(fit.w))])
            penalties = torch.cat([fit.penalties, torch.ones(len(new), dtype=torch.float64)])
            fit = maximise(rows, fit.noise, w, penalties, max_iter=self.solver.epochs)
            fit = _pruned(fit, self._asked())
        return fit

    def _wanted(self, fit: Evidence, *, first: bool) -> list[Group]:
        components, gaps = self.problem.rows.components, self.problem.gaps
        new: list[Group] = []
        if self.solver.interactions == "auto":
            new += find_interactions(fit, gaps, MOST_INTERACTIONS)
        elif self.solver.interactions and first:
            made = (reaction_group(components, j, k) for j in gaps for k in range(_width(fit)) if j != k)
            new += [group for group in made if group is not None]
        if self._asked() is not None:
            pairs = self._asked() if first else []
        elif self.solver.pairs is False:
            pairs = []
        else:
            have = sum(group.kind == "pair" for group in fit.rows.groups)
            most = MOST_PAIRS if isinstance(self.solver.pairs, bool | str) else self.solver.pairs - have
            pairs = find_pairs(fit, most) if most > 0 else []
        made = (pair_group(components, j, k) for j, k in pairs)
        return new + [group for group in made if group is not None]

    def _asked(self) -> Sequence[tuple[int, int]] | None:
        """The pairs named by the user, if any."""
        pairs = self.solver.pairs
        return None if isinstance(pairs, bool | str | int) else pairs

    def _left_out(self, fit: Evidence) -> Tensor:
        trusted = fit.noise.labels.trusted
        return fit.noise.left_out(fit.f, fit.spread)[trusted].cpu()


class _Absolute:
    """Least absolute errors as reweighted least squares; its own model of nothing else."""

    inner = 1

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.error = labels.y - _median(labels.y, labels.fixed)
        self.scale = self._width()

    def _width(self) -> float:
        return max(1.4826 * _median(self.error.abs(), self.labels.fixed), 1e-6)

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, None]:
        precision = 1 / (self.error.abs().clamp_min(0.1 * self.scale) * self.scale)
        return precision * self.labels.fixed, self.labels.y - f, None

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        return 1.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor) -> None:
        self.error = self.labels.y - f
        self.scale = self._width()


def _pruned(fit: Evidence, asked: Sequence[tuple[int, int]] | None) -> Evidence:
    """Without interactions and pairs that their penalties have emptied, if they were not asked for."""
    from biam.solvers.terms import slices

    groups = fit.rows.groups
    optional = [
        group.kind == "interaction" or (group.kind == "pair" and asked is None) for group in groups
    ]
    kept = [
        g for g in range(len(groups)) if not optional[g] or float(fit.edf[g]) >= LEAST_EDF
    ]
    if len(kept) == len(groups):
        return fit
    places = slices(groups)
    columns = [0, *(c for g in kept for c in range(places[g].start, places[g].stop))]
    rows = fit.rows.use([groups[g] for g in kept])
    w, V = fit.w[columns], fit.V[columns][:, columns]
    f = rows.outputs(w)
    return Evidence(
        rows, fit.noise, w, fit.penalties[kept], f, fit.spread, V, fit.edf[kept], fit.n_iter,
        fit.converged,
    )  # fmt: skip


def _doubt(x: Tensor) -> float:
    """Standard error of the mean."""
    return float(x.std(correction=0)) / len(x) ** 0.5


def _log_likelihood(fit: Evidence) -> float:
    nothing = torch.zeros_like(fit.w)
    return -fit.noise._objective(fit.f, fit.w, nothing)


def _robust_units(y: np.ndarray, fixed: np.ndarray) -> tuple[float, float]:
    """Weighted median, and the median distance from it in units of a normal deviation."""
    values, weight = torch.as_tensor(y), torch.as_tensor(fixed)
    centre = _median(values, weight)
    scale = 1.4826 * _median((values - centre).abs(), weight)
    if scale <= 0:
        scale = float((weight * (values - centre).square()).sum() / weight.sum()) ** 0.5
    return centre, scale if scale > 0 else 1.0


def _median(x: Tensor, weight: Tensor) -> float:
    order = x.argsort()
    share = weight[order].cumsum(0) / weight.sum()
    return float(x[order][int((share < 0.5).sum())])


def _width(fit: Evidence) -> int:
    return fit.rows.components.basis.n_features


def _in_units(noise: dict[str, list[float]], scale: float) -> dict[str, list[float]]:
    """Means and scales of a mixture in the units of the targets."""
    return {
        name: [scale * v for v in values] if name in ("mean", "scale") else values
        for name, values in noise.items()
    }


def _terms(fit: Evidence) -> list[dict[str, object]]:
    """What each group of columns keeps: kind, features, penalty, effective degrees of freedom."""
    parts = zip(fit.rows.groups, fit.penalties.tolist(), fit.edf.tolist(), strict=True)
    return [
        {"kind": group.kind, "features": list(group.key), "penalty": penalty, "edf": edf}
        for group, penalty, edf in parts
    ]
