"""Terms earn their place: interactions and pairs are screened, fitted, and kept where they stay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from biam.solvers.exact.evidence import Evidence, NoiseModel, maximise
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.screening import find_interactions, find_pairs
from biam.solvers.exact.terms import Group, pair_group, reaction_group, slices

__all__ = ["TermSearch"]

MOST_PAIRS, MOST_INTERACTIONS = 6, 30
# What keeps less than this is not worth a line on the page.
LEAST_EDF = 0.3


@dataclass(frozen=True)
class TermSearch:
    """Which interactions and pairs to look for.

    Parameters
    ----------
    interactions : bool or "auto"
    pairs : bool, "auto", int or sequence of (int, int)
        As in `biam.BIAMRegressor`, features by position.
    gaps : sequence of int
        Features with missing values.
    epochs : int
        Most steps of a fit.
    rounds : int
        Most looks for terms.
    alone : frozenset of int
        Features that enter no interaction and no pair: their curves keep a sign of slope.
    tick : callable, optional
        Called after each step.
    """

    interactions: bool | str
    pairs: bool | str | int | Sequence[tuple[int, int]]
    gaps: Sequence[int]
    epochs: int
    tick: Callable[[], object] | None = None
    rounds: int = 2
    alone: frozenset[int] = frozenset()

    def fit(
        self,
        rows: Rows,
        noise: NoiseModel,
        w: Tensor | None = None,
        penalties: Tensor | None = None,
        **options: Any,
    ) -> Evidence:
        """`maximise`, with the most steps and the tick of this search."""
        options = {"max_iter": self.epochs, "tick": self.tick, **options}
        return maximise(rows, noise, w, penalties, **options)

    def begin(self, rows: Rows) -> Rows:
        """The rows with the pairs asked for by name."""
        pairs = self.pairs if self._named else ()
        made = (pair_group(rows.components, j, k) for j, k in pairs)
        return rows.use([*rows.groups, *(group for group in made if group)])

    def grow(self, fit: Evidence, **options: Any) -> Evidence:
        """Add terms to a fit for as long as there are any to add."""
        evidence = None
        for round_ in range(self.rounds):
            new, screened = self._wanted(fit, first=round_ == 0)
            evidence = screened if evidence is None else evidence
            if not new:
                break
            rows = fit.rows.extend(new)
            w = torch.cat([fit.w, fit.w.new_zeros(rows.n_columns - len(fit.w))])
            penalties = torch.cat([fit.penalties, torch.ones(len(new), dtype=torch.float64)])
            grown = self.fit(rows, fit.noise, w, penalties, **options)
            fit = self._pruned(grown)
        return replace(fit, pair_evidence=evidence)

    def _wanted(self, fit: Evidence, *, first: bool) -> tuple[list[Group], Tensor | None]:
        components = fit.rows.components
        known = {group.key for group in fit.rows.groups if group.kind == "interaction"}
        new: list[Group] = []
        if self.interactions == "auto":
            new += find_interactions(fit, self.gaps, MOST_INTERACTIONS, self.alone)
        elif self.interactions and first:
            every = range(components.basis.n_features)
            keys = [(j, k) for j in self.gaps for k in every if j != k and k not in self.alone]
            keys = [key for key in keys if key not in known]
            new += [group for j, k in keys if (group := reaction_group(components, j, k))]
        pairs, evidence = self._pairs(fit)
        new += [group for j, k in pairs if (group := pair_group(components, j, k))]
        return new, evidence

    def _pairs(self, fit: Evidence) -> tuple[Sequence[tuple[int, int]], Tensor | None]:
        if self._named:
            return [], None
        have = sum(group.kind == "pair" for group in fit.rows.groups)
        most = MOST_PAIRS if self.pairs is True or self.pairs == "auto" else int(self.pairs)
        return find_pairs(fit, most - have, self.alone) if most > have else ([], None)

    @property
    def _named(self) -> bool:
        return not isinstance(self.pairs, bool | str | int)

    def _pruned(self, fit: Evidence) -> Evidence:
        """Without interactions and pairs that their penalties have emptied, unless asked for."""
        groups, optional = (
            fit.rows.groups,
            {"interaction"} if self._named else {"interaction", "pair"},
        )
        kept = [
            g
            for g, group in enumerate(groups)
            if group.kind not in optional or float(fit.edf[g]) >= LEAST_EDF
        ]
        if len(kept) == len(groups):
            return fit
        places = slices(groups)
        columns = [0, *(c for g in kept for c in range(places[g].start, places[g].stop))]
        rows = fit.rows.narrow([groups[g] for g in kept], torch.tensor(columns))
        w, V = fit.w[columns], fit.V[columns][:, columns]
        penalties, edf = fit.penalties[kept], fit.edf[kept]
        return replace(fit, rows=rows, w=w, penalties=penalties, f=rows.outputs(w), V=V, edf=edf)
