"""Which interactions and pairs are worth fitting: score tests on the working residuals.

A candidate's columns are regressed on what the present fit leaves over, each row at its precision;
under the null hypothesis the reduction of the weighted sum of squares is chi-squared with as many
degrees of freedom as there are columns. Bonferroni's bound over all candidates of a kind says
which go on; their own penalties, learned with all the others, then decide how much stays.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from scipy.stats import chi2
from torch import Tensor

from biam.solvers.evidence import Evidence
from biam.solvers.rows import Rows
from biam.solvers.terms import Components, Group, all_pairs, columns, pair_group, reaction_group

__all__ = ["find_interactions", "find_pairs", "scores"]

LEAST_ROWS = 20
MOST_CANDIDATES = 3000
MOST_LEVELS = 12
# Expected number of false candidates that go on: a pair has many columns and costs more to read.
FALSE_PAIRS, FALSE_INTERACTIONS = 0.05, 1.0
SCREEN_DEGREE = 4
BATCH = 64


def find_pairs(fit: Evidence, most: int) -> tuple[list[tuple[int, int]], Tensor]:
    """Pairs that the working residuals ask for, and the evidence for every pair.

    Parameters
    ----------
    fit : Evidence
    most : int
        How many to return, the most significant first.

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
    usable = [j for j in range(p) if _is_small(components, j)]
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
    return _significant(groups, _log_chances(fit, groups), FALSE_INTERACTIONS)[:most]


def scores(
    rows: Rows, groups: Sequence[Group], precision: Tensor, residual: Tensor
) -> tuple[Tensor, Tensor]:
    """Score statistic of each group of columns, and how many rows it says anything about.

    Parameters
    ----------
    rows : Rows
    groups : sequence of Group
        All with the same number of columns.
    precision, residual : Tensor, shape (n,)
    """
    k, G = len(groups[0]), len(groups)
    gram, slope = precision.new_zeros(G, k, k), precision.new_zeros(G, k)
    support = precision.new_zeros(G)
    for place, phi, M in rows.values():
        nothing = torch.zeros_like(precision[place])
        for start in range(0, G, BATCH):
            part = slice(start, min(start + BATCH, G))
            C = columns(phi, M, nothing, groups[part])[:, 1:]
            C = C.view(len(C), -1, k).transpose(0, 1)
            weighted = C * precision[place][:, None]
            gram[part] += C.transpose(1, 2) @ weighted
            slope[part] += residual[place] @ weighted
            support[part] += (C != 0).any(2).sum(1)
    trace = gram.diagonal(dim1=1, dim2=2).mean(1)
    gram.diagonal(dim1=1, dim2=2).add_((1e-6 * trace + 1e-12)[:, None])
    return (slope * torch.linalg.solve(gram, slope)).sum(1), support


def _log_chances(fit: Evidence, groups: Sequence[Group]) -> list[float]:
    """Log of the chance of each group's score if it had no effect; 0 for too few rows."""
    precision, residual, _ = fit.noise.working(fit.f)
    sizes: dict[int, list[int]] = {}
    for g, group in enumerate(groups):
        sizes.setdefault(len(group), []).append(g)
    logs = [0.0] * len(groups)
    for size, places in sizes.items():
        values, support = scores(fit.rows, [groups[g] for g in places], precision, residual)
        found = chi2.logsf(values.cpu().numpy(), size)
        for g, value, n in zip(places, found, support.tolist(), strict=True):
            logs[g] = float(value) if n >= LEAST_ROWS else 0.0
    return logs


def _significant(groups: Sequence[Group], logs: Sequence[float], false: float) -> list[Group]:
    """Groups below Bonferroni's bound, the least likely first."""
    bound = math.log(false / len(groups)) if groups else 0.0
    order = sorted(range(len(groups)), key=lambda g: logs[g])
    return [groups[g] for g in order if logs[g] < min(bound, 0.0)]


def _is_small(components: Components, j: int) -> bool:
    return len(components.stiffness[j]) <= (MOST_LEVELS if components.is_level(j) else 10**9)
