"""Terms of BIAM-X: each a group of columns with one penalty, built from smooth components.

The hinge columns of a feature are turned into components that are orthonormal over its observed
values and ordered from smooth to wiggly: the first is a straight line, and the stiffness of each is
the sum of the squared changes of slope it costs (Demmler and Reinsch 1975). A pair is a product
of components: up to correlation between its two features it holds nothing of their main effects.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import Basis, FeatureBasis

__all__ = ["Components", "Group", "as_model", "main_groups", "pair_group", "reaction_group"]

# Products (a, b) of components with (a + 1)(b + 1) up to this: fine along one axis or the other.
PAIR_DEGREE = 16
REACTION_COMPONENTS = 3
JITTER = 1e-10
LEAST_STEP = 1e-3  # knots with no value between them are this part of the axis apart
# Times as many knots where values are tied, and rows that are enough for it.
FINER, LEAST_TIED = 6, 60
# A feature is skewed where its values move so many times faster with their rank than usual.
# The second number leaves normal and uniform features of few rows straight.
SKEWED, SKEWED_BY_CHANCE = 2.0, 200.0


@dataclass(frozen=True)
class Group:
    """Columns that share one penalty.

    Parameters
    ----------
    kind : {"line", "shape", "level", "missing", "interaction", "pair", "shift"}
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


@dataclass(frozen=True)
class Components:
    """Smooth components of every feature.

    Parameters
    ----------
    basis : Basis
        Hinges centred on the observed values, and levels.
    maps : tuple of Tensor, shape (q_j, K_j)
        Basis columns to components.
    stiffness : tuple of Tensor, shape (K_j,)
    """

    basis: Basis
    maps: tuple[Tensor, ...]
    stiffness: tuple[Tensor, ...]

    @classmethod
    def fit(
        cls, X: np.ndarray, n_knots: int, n_levels: Sequence[int] | None, weight: np.ndarray
    ) -> "Components":
        """Place knots on the rows of positive `weight` and make the components orthonormal there.

        Parameters
        ----------
        X : ndarray, shape (n, p)
        n_knots : int
        n_levels : sequence of int, optional
        weight : ndarray, shape (n,)
        """
        kept = weight > 0
        X, weight = X[kept], weight[kept]
        basis = Basis.fit(X, n_knots, n_levels=n_levels, weight=weight, dtype=torch.float64)
        parts = zip(basis.features, X.T, strict=True)
        basis = Basis(tuple(_finer_where_tied(f, x, n_knots, weight) for f, x in parts))
        finer = [len(f.knots) > n_knots and f.kind != "level" for f in basis.features]
        made = [_components(basis, j, X[:, j], weight, finer[j]) for j in range(basis.n_features)]
        features, maps, stiffness = zip(*made, strict=True)
        return cls(Basis(tuple(features)), tuple(maps), tuple(stiffness))

    def is_level(self, j: int) -> bool:
        """Whether feature `j` is categorical."""
        return self.basis.features[j].kind == "level"

    def values(self, X: np.ndarray) -> tuple[list[Tensor], Tensor]:
        """Components of every feature, shape (n, K_j) each, and the missing mask, (n, p).

        Each component is one run of memory, as each column of the design is: a pass over rows is
        mostly the making of columns.
        """
        missing = torch.as_tensor(np.isnan(X))
        x = torch.as_tensor(X).nan_to_num(0.0)
        phi = [
            (T.T @ feature.columns(x[:, j]).T).masked_fill_(missing[:, j], 0.0).T
            for j, (feature, T) in enumerate(zip(self.basis.features, self.maps, strict=True))
        ]
        return phi, missing.double()


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
        if n > 1:
            groups.append(Group("shape", (j,), _singles(range(1, n)), _relative(stiffness)[1:]))
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
    """Products of the components of two features, smooth ones first; None where one is constant."""
    first, second = (_relative(components.stiffness[i]) for i in (j, k))
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


def _finer_where_tied(
    feature: FeatureBasis, x: np.ndarray, n_knots: int, weight: np.ndarray
) -> FeatureBasis:
    """More knots where few values are shared by many rows: such curves may jump between them."""
    seen = ~np.isnan(x)
    if feature.kind == "level" or len(feature.knots) < n_knots or weight[seen].sum() < LEAST_TIED:
        return feature
    shares = np.linspace(0, 1, n_knots)
    at = np.quantile(x[seen], shares, weights=weight[seen], method="inverted_cdf")
    if len(np.unique(at)) >= n_knots - 1:
        return feature
    values, share = np.unique(x[seen]), np.linspace(0, 1, FINER * n_knots)
    knots = np.unique(np.quantile(values, share, method="nearest"))
    return replace(feature, knots=torch.from_numpy(knots))


def _components(
    basis: Basis, j: int, x: np.ndarray, weight: np.ndarray, finer: bool = False
) -> tuple[object, Tensor, Tensor]:
    feature = basis.features[j]
    seen = ~np.isnan(x)
    H = feature.columns(torch.as_tensor(x[seen]))
    v = torch.as_tensor(weight[seen])
    q = H.shape[1]
    nothing = torch.zeros(q, 0, dtype=torch.float64), torch.zeros(0, dtype=torch.float64)
    if not len(H):
        return feature, *nothing
    centre = (v @ H) / v.sum()
    varies = torch.nonzero((v @ (H - centre).square()) / v.sum() > 1e-20).view(-1)
    if feature.kind == "level":
        T = torch.eye(q, dtype=torch.float64)[:, varies]
        return feature, T, torch.ones(len(varies), dtype=torch.float64)
    feature = replace(feature, centre=centre)
    if not len(varies):
        return feature, *nothing
    A = (H - centre)[:, varies]
    gram = (A * v[:, None]).T @ A / v.sum()
    ends = torch.cat([feature.knots[varies], feature.knots[-1:].clamp_min(x[seen].max())])
    scores = normal_scores(ends, x[seen], weight[seen])
    bends = _bends(ends, scores if is_skewed(ends, scores, float(v.sum())) else ends)
    stiffness, U = _generalised_eigen(bends.T @ bends, gram)
    if finer:  # a penalty on bends that lets a curve jump would let it run away
        stiffness = torch.ones_like(stiffness)
    T = torch.zeros(q, len(varies), dtype=torch.float64)
    T[varies] = U
    return feature, T, stiffness


def normal_scores(at: Tensor, x: np.ndarray, weight: np.ndarray) -> Tensor:
    """Where the values `at` would lie if `x` were normal, shape (K,)."""
    order = np.argsort(x)
    below = np.append(0.0, weight[order].cumsum())
    sides = (below[np.searchsorted(x[order], at.numpy(), side)] for side in ("left", "right"))
    share, least = sum(sides) / (2 * below[-1]), min(0.5 / below[-1], 0.25)
    return torch.from_numpy(ndtri(np.clip(share, least, 1 - least)))


def is_skewed(at: Tensor, scores: Tensor, n: float) -> bool:
    """Whether a straight line over the values is mostly about a few of the `n` that lie far out.

    Steps from knot to knot are compared with those of the normal scores.
    """
    rate = (at.diff() / scores.diff().clamp_min(1e-9)).sort().values
    return bool(rate[-1] > (SKEWED + SKEWED_BY_CHANCE / n) * rate[len(rate) // 2])


def _bends(knots: Tensor, axis: Tensor) -> Tensor:
    """Hinge coefficients to the changes of slope over `axis`, shape (K - 1, K - 1).

    A hinge at the last knot has no coefficient. The first row, the slope at the start, is zero.
    """
    slopes = torch.ones(len(knots) - 1, len(knots) - 1, dtype=torch.float64).tril()
    least = LEAST_STEP * (axis[-1] - axis[0])
    slopes *= (knots.diff() / axis.diff().clamp_min(float(least)))[:, None]
    return torch.cat([torch.zeros_like(slopes[:1]), slopes.diff(dim=0)])


def _generalised_eigen(roughness: Tensor, gram: Tensor) -> tuple[Tensor, Tensor]:
    """U with U^T gram U = I and U^T roughness U diagonal, smoothest first."""
    gram = gram + JITTER * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    L = torch.linalg.cholesky(gram)
    inner = torch.linalg.solve_triangular(L, roughness, upper=False)
    inner = torch.linalg.solve_triangular(L, inner.T, upper=False)
    values, vectors = torch.linalg.eigh((inner + inner.T) / 2)
    U = torch.linalg.solve_triangular(L.T, vectors, upper=True)
    # The sign is free: the largest entry of each component is made positive, on any machine.
    largest = U.abs().argmax(0)
    return values.clamp_min(0), U * U.gather(0, largest[None]).sign()


def _relative(stiffness: Tensor) -> Tensor:
    """In units of the first bent component's."""
    return stiffness / stiffness[1].clamp_min(1e-300) if len(stiffness) > 1 else stiffness * 0


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
