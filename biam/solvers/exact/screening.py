"""Which interactions and pairs are worth fitting: score tests on the working residuals.

What the present fit leaves over is multiplied with a candidate's columns, rows by precision;
under the null hypothesis the squared length of that slope is chi-squared with as many degrees of
freedom as there are columns. Its variance is taken both from the precisions and from the errors
themselves (sandwich; White 1980), and the smaller statistic counts: neither uneven errors nor a few
rows far out make a term. Bonferroni's bound over all candidates of a kind says
which go on; their own penalties, learned with all the others, then decide how much stays.
"""

import math
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import torch
from scipy.stats import chi2
from torch import Tensor

from biam.solvers.exact.components import Components
from biam.solvers.exact.evidence import Evidence
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import Group, all_pairs, pair_group, reaction_group

__all__ = ["find_interactions", "find_pairs", "scores"]

LEAST_ROWS = 20
TINY = 1e-30
MOST_CANDIDATES = 12_000
MOST_LEVELS = 12
# Expected number of false candidates that go on: a pair has many columns and costs more to read.
FALSE_PAIRS, FALSE_INTERACTIONS = 0.05, 1.0
SCREEN_DEGREE = 4


def find_pairs(
    fit: Evidence, most: int, alone: Collection[int] = ()
) -> tuple[list[tuple[int, int]], Tensor]:
    """Pairs that the working residuals ask for, and the evidence for every pair.

    Parameters
    ----------
    fit : Evidence
    most : int
        How many to return, the most significant first.
    alone : collection of int
        Features that enter no pair.

    Returns
    -------
    pairs : list of (int, int)
    evidence : Tensor, shape (p, p)
        -log10 of the chance of each score under no pair; zero where none was tried.
    """
    components = fit.rows.components
    p = components.basis.n_features
    evidence = torch.zeros(p, p, dtype=torch.float64)
    known = {g.key for g in fit.rows.groups if g.kind == "pair"}
    usable = [j for j in range(p) if j not in alone and _is_small(components, j)]
    candidates = [(usable[a], usable[b]) for a, b in all_pairs(len(usable))]
    candidates = [pair for pair in candidates if pair not in known]
    if not candidates or len(candidates) > MOST_CANDIDATES:
        return [], evidence
    made = [pair_group(components, j, k, SCREEN_DEGREE) for j, k in candidates]
    groups = [group for group in made if group is not None]
    logs = _log_chances(fit, groups)
    for group, value in zip(groups, logs, strict=True):
        j, k = group.key
        evidence[j, k] = evidence[k, j] = -value / math.log(10)
    found = _significant(groups, logs, FALSE_PAIRS)
    return [group.key for group in found[:most]], evidence


def find_interactions(
    fit: Evidence, gaps: Iterable[int], most: int, alone: Collection[int] = ()
) -> list[Group]:
    """Missing interactions that the working residuals ask for, the most significant first.

    Curves of the features `alone` do not change.
    """
    components = fit.rows.components
    known = {g.key for g in fit.rows.groups if g.kind == "interaction"}
    made = [
        reaction_group(components, j, k)
        for j in gaps
        for k in range(components.basis.n_features)
        if k != j and k not in alone and (j, k) not in known and _is_small(components, k)
    ]
    groups = [group for group in made if group is not None]
    if not groups or len(groups) > MOST_CANDIDATES:
        return []
    return _significant(groups, _log_chances(fit, groups), FALSE_INTERACTIONS)[:most]


def scores(
    rows: Rows,
    groups: Sequence[Group],
    precision: Tensor,
    residual: Tensor,
    fixed: Tensor | None = None,
) -> tuple[list[float], list[float]]:
    """Score statistic of each group of columns, and how many rows it says anything about.

    The columns of a pair are products of components, and so are the products of two of its columns:
    sums over rows for all groups at once are three products of matrices.

    Parameters
    ----------
    rows : Rows
    groups : sequence of Group
        All pairs, or all interactions.
    precision, residual : Tensor, shape (n,)
    fixed : Tensor, shape (n,), optional
        How many rows each row stands for.
    """
    products, pull = _Products(rows.components, groups), (precision * residual).to(rows.kind)
    square = pull.square() if fixed is None else pull.square() / fixed.to(pull).clamp_min(TINY)
    precision = precision.to(rows.kind)
    slopes, grams, meats, support = 0.0, 0.0, 0.0, 0.0
    for place, phi, M in rows.values():
        single, double, seen = products.columns(phi, M)
        left = (M, M, M) if products.gaps else (single, double, seen)
        slopes = slopes + (left[0].T @ (single * pull[place, None])).double()
        grams = grams + (left[1].T @ (double * precision[place, None])).double()
        meats = meats + (left[1].T @ (double * square[place, None])).double()
        support = support + (left[2].T @ seen).double()
    values, counts = [0.0] * len(groups), [0.0] * len(groups)
    for _, places in _by_size(groups).items():
        slope, gram, meat, count = products.pick(
            [groups[g] for g in places], slopes, grams, meats, support
        )
        least = torch.minimum(_squared_length(slope, gram), _squared_length(slope, meat))
        for g, value, n in zip(places, least.tolist(), count.tolist(), strict=True):
            values[g], counts[g] = value, n
    return values, counts


class _Products:
    """Components that groups use, products of two components of a feature, and where they are.

    Parameters
    ----------
    components : Components
    groups : sequence of Group
    """

    def __init__(self, components: Components, groups: Sequence[Group]) -> None:
        self.gaps = groups[0].kind == "interaction"
        used: dict[int, set[int]] = {}
        for group in groups:
            keys = group.key[1:] if self.gaps else group.key
            for feature, part in zip(keys, zip(*group.parts, strict=True), strict=True):
                used.setdefault(feature, set()).update(part)
        self.used = {j: sorted(parts) for j, parts in sorted(used.items())}
        self.first: dict[int, int] = {}
        self.square: dict[int, np.ndarray] = {}
        self.order = {j: i for i, j in enumerate(self.used)}
        self.made: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        one, two = 0, 1
        for j, parts in self.used.items():
            k = len(parts)
            # Of two different levels a row has at most one: their product is the column of zeros.
            a, b = np.diag_indices(k) if components.is_level(j) else np.triu_indices(k)
            table = np.zeros((max(parts) + 1,) * 2, int)
            parts = np.array(parts)
            table[parts[a], parts[b]] = table[parts[b], parts[a]] = two + np.arange(len(a))
            self.first[j], self.square[j], self.made[j] = one, table, (a, b)
            one, two = one + k, two + len(a)

    def columns(self, phi: Sequence[Tensor], M: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Components, their products after a column of zeros, and which features are seen."""
        single = {j: phi[j].T[parts] for j, parts in self.used.items()}
        double = [single[j][a] * single[j][b] for j, (a, b) in self.made.items()]
        nothing = M.new_zeros(1, len(M))
        return (
            torch.cat(list(single.values())).T,
            torch.cat([nothing, *double]).T,
            1 - M[:, list(self.used)],
        )

    def pick(
        self, groups: Sequence[Group], slopes: Tensor, grams: Tensor, meats: Tensor, support: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Slope, Gram matrix, that of the errors and number of rows of groups of one size."""
        places = [self._places(group) for group in groups]
        one, other, left, right, seen = (np.stack(part) for part in zip(*places, strict=True))
        return (
            slopes[one, other],
            grams[left, right],
            meats[left, right],
            support[seen[:, 0], seen[:, 1]],
        )

    def _places(self, group: Group) -> tuple[np.ndarray, ...]:
        j, k = group.key
        parts = np.array(group.parts).T
        b = parts[-1]
        other, right = self._column(k, b), self.square[k][b[:, None], b]
        if self.gaps:
            gap = np.full_like(b, j)
            return gap, other, np.full_like(right, j), right, np.array([j, self.order[k]])
        a = parts[0]
        left = self.square[j][a[:, None], a]
        return self._column(j, a), other, left, right, np.array([self.order[j], self.order[k]])

    def _column(self, j: int, parts: np.ndarray) -> np.ndarray:
        return self.first[j] + np.searchsorted(self.used[j], parts)


def _by_size(groups: Sequence[Group]) -> dict[int, list[int]]:
    """Places of the groups by their number of columns."""
    sizes: dict[int, list[int]] = {}
    for g, group in enumerate(groups):
        sizes.setdefault(len(group), []).append(g)
    return sizes


def _squared_length(slope: Tensor, variance: Tensor) -> Tensor:
    """slope^T variance^-1 slope of each group; directions without variance count for nothing."""
    trace = variance.diagonal(dim1=1, dim2=2).mean(1)
    variance = variance.clone()
    variance.diagonal(dim1=1, dim2=2).add_((1e-6 * trace + 1e-12)[:, None])
    return (slope * torch.linalg.solve(variance, slope)).sum(1)


def _log_chances(fit: Evidence, groups: Sequence[Group]) -> list[float]:
    """Log of the chance of each group's score if it had no effect; 0 for too few rows."""
    precision, residual, _ = fit.noise.working(fit.f)
    if not groups:
        return []
    values, support = scores(fit.rows, groups, precision, residual, fit.noise.labels.fixed)
    logs = chi2.logsf(values, [len(group) for group in groups])
    return np.where(np.array(support) >= LEAST_ROWS, logs, 0.0).tolist()


def _significant(groups: Sequence[Group], logs: Sequence[float], false: float) -> list[Group]:
    """Groups below Bonferroni's bound, the least likely first."""
    bound = math.log(false / len(groups)) if groups else 0.0
    order = sorted(range(len(groups)), key=lambda g: logs[g])
    return [groups[g] for g in order if logs[g] < min(bound, 0.0)]


def _is_small(components: Components, j: int) -> bool:
    return len(components.stiffness[j]) <= (MOST_LEVELS if components.is_level(j) else 10**9)
