"""Terms of BIAM-X: each a group of columns with one penalty, made of the features' components.

A line and a bent shape for every number, where its values are tied a group of jumps, levels for
every category. A pair is a product of smooth components: up to correlation between its two features
it holds nothing of their main effects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.solvers.exact.components import Components

__all__ = ["Group", "as_model", "main_groups", "pair_group", "reaction_group"]

# Products (a, b) of components with (a + 1)(b + 1) up to this: fine along one axis or the other.
PAIR_DEGREE = 16
REACTION_COMPONENTS = 3
# Kinds of groups that add up to the curve of a number.
CURVE = ("line", "shape", "jump")


@dataclass(frozen=True)
class Group:
    """Columns that share one penalty.

    Parameters
    ----------
    kind : {"line", "shape", "jump", "level", "missing", "interaction", "pair", "shift"}
        "shift" is an offset of the training rows that predictions leave out.
    key : tuple of int
        Features: (j,), for an interaction (missing j, changed k), for a pair (j, k).
    parts : tuple of tuple of int
        Component of each column, for a pair one of each feature; for "missing" the feature.
    stiffness : Tensor, shape (n_columns,)
        Relative penalty within the group.
    """

    kind: str
    key: tuple[int, ...]
    parts: tuple[tuple[int, ...], ...]
    stiffness: Tensor

    def __len__(self) -> int:
        return len(self.parts)


def columns(phi: Sequence[Tensor], M: Tensor, shift: Tensor, groups: Iterable[Group]) -> Tensor:
    """The design matrix: a column of ones, then the groups one after another."""
    groups = list(groups)
    size = 1 + sum(map(len, groups))
    A = torch.empty(size, len(shift), dtype=shift.dtype, device=shift.device).T
    A[:, 0] = 1.0
    for group, place in zip(groups, slices(groups), strict=True):
        _write(A[:, place], group, phi, M, shift)
    return A


def _write(A: Tensor, group: Group, phi: Sequence[Tensor], M: Tensor, shift: Tensor) -> None:
    """Fill the columns of one group."""
    if group.kind == "shift":
        A[:, 0] = shift
    elif group.kind == "missing":
        A.copy_(M[:, [j for (j,) in group.parts]])
    elif group.kind == "pair":
        j, k = group.key
        for i, (a, b) in enumerate(group.parts):
            torch.mul(phi[j][:, a], phi[k][:, b], out=A[:, i])
    else:
        first, last = group.parts[0][0], group.parts[-1][0]
        part = phi[group.key[-1]][:, first : last + 1]
        if last - first + 1 != len(group):
            part = part[:, [a - first for (a,) in group.parts]]
        if group.kind == "interaction":
            torch.mul(part, M[:, group.key[0], None], out=A)
        else:
            A.copy_(part)


def main_groups(components: Components, gaps: Sequence[int]) -> list[Group]:
    """A line and a shape for every number, levels for every category, effects of `gaps`."""
    groups = []
    for j, stiffness in enumerate(components.stiffness):
        n = len(stiffness)
        if components.is_level(j):
            if n:
                groups.append(Group("level", (j,), _singles(range(n)), stiffness))
            continue
        if n:
            groups.append(Group("line", (j,), _singles([0]), torch.ones_like(stiffness[:1])))
        n_smooth = components.n_smooth(j)
        for kind, first, end in (("shape", 1, n_smooth), ("jump", n_smooth, n)):
            if first < end:
                part = _relative(stiffness[first:end], 0)
                groups.append(Group(kind, (j,), _singles(range(first, end)), part))
    if gaps:
        groups.append(Group("missing", (), _singles(gaps), torch.ones(len(gaps)).double()))
    return groups


def reaction_group(components: Components, j: int, k: int) -> Group | None:
    """How the curve of feature `k` changes where `j` is missing: its smoothest components."""
    n = len(components.stiffness[k])
    if not components.is_level(k):
        n = min(n, REACTION_COMPONENTS)
    if n == 0:
        return None
    stiffness = torch.ones(n) if components.is_level(k) else 1 + torch.arange(n)
    return Group("interaction", (j, k), _singles(range(n)), stiffness.double())


def pair_group(components: Components, j: int, k: int, degree: int = PAIR_DEGREE) -> Group | None:
    """Products of the smooth components of two features; None where one is constant."""
    first, second = (_relative(components.stiffness[i][: components.n_smooth(i)]) for i in (j, k))
    flat = components.is_level(j), components.is_level(k)
    parts = _products(len(first), len(second), flat, degree)
    if not parts:
        return None
    a, b = np.array(parts).T
    return Group("pair", (j, k), parts, 1 + first[a] + second[b])


def as_model(
    components: Components, groups: Sequence[Group], w: Tensor, *, offset: float = 0.0
) -> tuple[AdditiveModel, Tensor, Tensor]:
    """The fitted columns as an `AdditiveModel`, its flat parameters, and the linear map to them.

    Parameters
    ----------
    components : Components
    groups : sequence of Group
    w : Tensor, shape (n_columns,)
    offset : float
        Added to the intercept.

    Returns
    -------
    model : AdditiveModel
    flat : Tensor, shape (layout.size,)
    places : Tensor, shape (layout.size, n_columns)
        flat = places @ w, but for the offset.
    """
    pairs = tuple(sorted(g.key for g in groups if g.kind == "pair"))
    crossed = any(g.kind == "interaction" for g in groups)
    # Its initial values go unused; the global random stream stays where it is.
    unused = torch.Generator()
    model = AdditiveModel(components.basis, 1, interactions=crossed, pairs=pairs, generator=unused)
    writer = _Writer(components, model, len(w))
    writer.intercept(0)
    for group, place in zip(groups, slices(groups), strict=True):
        writer.write(group, place)
    flat = writer.places @ w
    flat[0] += offset
    return model, flat, writer.places


def slices(groups: Iterable[Group]) -> list[slice]:
    """Columns of each group; column 0 is the intercept."""
    places, start = [], 1
    for group in groups:
        places.append(slice(start, start + len(group)))
        start += len(group)
    return places


class _Writer:
    """Where each column of the design goes in the flat parameters of an `AdditiveModel`."""

    def __init__(self, components: Components, model: AdditiveModel, n_columns: int) -> None:
        self.components, self.model = components, model
        size = model.layout.size
        self.places = torch.zeros(size, n_columns, dtype=torch.float64)
        self.index = model.layout.split(torch.arange(size))
        self.crossed = model.interactions

    def intercept(self, column: int) -> None:
        self.places[0, column] = 1.0

    def write(self, group: Group, place: slice) -> None:
        if group.kind == "shift":
            return
        if group.kind == "missing":
            for (j,), column in zip(group.parts, range(place.start, place.stop), strict=True):
                self.places[self._missing(j), column] = 1.0
            return
        if group.kind == "pair":
            self._pair(group, place)
            return
        k, gap = group.key[-1], group.key[0] if group.kind == "interaction" else None
        T = self.components.maps[k][:, [a for (a,) in group.parts]]
        self.places[self._main(k, gap), place] = T

    def _main(self, k: int, gap: int | None) -> Tensor:
        c, main = self.components.basis.slices[k], self.index["main"]
        if self.crossed:
            return main[c, 0 if gap is None else 1 + gap, 0]
        return main[c, 0]

    def _missing(self, j: int) -> Tensor:
        return self.index["main"][0, 1 + j, 0] if self.crossed else self.index["missing"][j, 0]

    def _pair(self, group: Group, place: slice) -> None:
        sizes = [len(f.knots) for f in self.components.basis.features]
        start = 0
        for j, k in self.model.pairs:
            if (j, k) == group.key:
                break
            start += sizes[j] * sizes[k]
        j, k = group.key
        T, U = self.components.maps[j], self.components.maps[k]
        where = self.index["surfaces"][start : start + sizes[j] * sizes[k], 0]
        for (a, b), column in zip(group.parts, range(place.start, place.stop), strict=True):
            self.places[where, column] = torch.outer(T[:, a], U[:, b]).reshape(-1)


def _relative(stiffness: Tensor, unit: int = 1) -> Tensor:
    """In units of one component's, the first bent one unless said."""
    few = len(stiffness) <= unit
    return stiffness * 0 if few else stiffness / stiffness[unit].clamp_min(1e-300)


@cache
def _products(n: int, m: int, flat: tuple[bool, bool], degree: int) -> tuple[tuple[int, int], ...]:
    """Products of components up to a degree; all levels of a category are as smooth as a line."""
    left, right = (
        [1] * size if one else range(size) for size, one in zip((n, m), flat, strict=True)
    )
    return tuple(
        (a, b)
        for a, rank in enumerate(left)
        for b, other in enumerate(right)
        if (rank + 1) * (other + 1) <= degree
    )


def _singles(parts: Iterable[int]) -> tuple[tuple[int], ...]:
    return tuple((int(part),) for part in parts)


def all_pairs(p: int) -> Iterator[tuple[int, int]]:
    """Every (j, k) with j < k."""
    return ((j, k) for j in range(p) for k in range(j + 1, p))
