"""Which interactions and pairs are worth fitting: score tests on the working residuals.

A candidate's columns are regressed on what the present fit leaves over, each row at its precision;
under the null hypothesis the reduction of the weighted sum of squares is chi-squared with as many
degrees of freedom as there are columns. Bonferroni's bound over all candidates of a kind says
which go on; their own penalties, learned with all the others, then decide how much stays.
"""

from collections.abc import Iterable, Sequence

import torch
from scipy.stats import chi2
from torch import Tensor

from biam.solvers.evidence import Evidence
from biam.solvers.rows import Rows
from biam.solvers.terms import Components, Group, all_pairs, columns, pair_group, reaction_group

__all__ = ["find_interactions", "find_pairs", "score"]

LEAST_ROWS = 20
MOST_CANDIDATES = 3000
MOST_LEVELS = 12
# Expected number of false candidates that go on: a pair has many columns and costs more to read.
FALSE_PAIRS, FALSE_INTERACTIONS = 0.05, 1.0
SCREEN_DEGREE = 4


def find_pairs(fit: Evidence, most: int) -> list[tuple[int, int]]:
    """Pairs that the working residuals ask for, the most significant first, at most `most`."""
    components = fit.rows.components
    known = {g.key for g in fit.rows.groups if g.kind == "pair"}
    usable = [j for j in range(components.basis.n_features) if _is_small(components, j)]
    candidates = [(usable[a], usable[b]) for a, b in all_pairs(len(usable))]
    candidates = [pair for pair in candidates if pair not in known]
    if not candidates or len(candidates) > MOST_CANDIDATES:
        return []
    made = [pair_group(components, j, k, SCREEN_DEGREE) for j, k in candidates]
    found = _significant(fit, [g for g in made if g is not None], FALSE_PAIRS)
    return [group.key for group in found[:most]]


def find_interactions(fit: Evidence, gaps: Iterable[int], most: int) -> list[Group]:
    """Missing interactions that the working residuals ask for, the most significant first."""
    components = fit.rows.components
    known = {g.key for g in fit.rows.groups if g.kind == "interaction"}
    made = [
        reaction_group(components, j, k)
        for j in gaps
        for k in range(components.basis.n_features)
        if k != j and (j, k) not in known and _is_small(components, k)
    ]
    groups = [group for group in made if group is not None]
    if not groups or len(groups) > MOST_CANDIDATES:
        return []
    return _significant(fit, groups, FALSE_INTERACTIONS)[:most]


def score(rows: Rows, group: Group, precision: Tensor, residual: Tensor) -> tuple[float, int]:
    """Score statistic of a group of columns, and how many rows it says anything about."""
    k = len(group)
    gram = precision.new_zeros(k, k)
    slope, support = precision.new_zeros(k), 0
    for place, phi, M in rows.values():
        C = columns(phi, M, torch.zeros_like(precision[place]), [group])[:, 1:]
        weighted = C * precision[place][:, None]
        gram += C.T @ weighted
        slope += weighted.T @ residual[place]
        support += int((C != 0).any(1).sum())
    gram.diagonal().add_(1e-6 * float(gram.diagonal().mean()) + 1e-12)
    return float(slope @ torch.linalg.solve(gram, slope)), support


def _significant(fit: Evidence, groups: Sequence[Group], false: float) -> list[Group]:
    precision, residual, _ = fit.noise.working(fit.f)
    found = []
    for group in groups:
        value, support = score(fit.rows, group, precision, residual)
        chance = float(chi2.sf(value, len(group)))
        if support >= LEAST_ROWS and chance < false / len(groups):
            found.append((chance, -value, group))
    return [group for *_, group in sorted(found, key=lambda item: item[:2])]


def _is_small(components: Components, j: int) -> bool:
    return len(components.stiffness[j]) <= (MOST_LEVELS if components.is_level(j) else 10**9)
