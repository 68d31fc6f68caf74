"""Outputs of a fitted additive model without its design matrix, from tables encoded at once.

A hinge curve is sum_k b_k max(0, x - t_k) = sum_k b_k max(x, t_k) - b^T t. So all curves of a block
of rows are one pass of maxima and one product of matrices. A maximum that passes over gaps puts
them at the left end of the curve, where the effect of the gap takes the place of the curve's.
Categories are looked up. Source: BIAM protocol, section 1, Eq. 1.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import FeatureBasis
from biam.exceptions import InvalidInputError
from biam.table import TableEncoder

__all__ = ["Predictor", "encoded", "encoded_meta"]

# Maxima of a block: with the product they stay in the processor's cache.
ENTRIES, LEAST_ROWS = 2**18, 128


class Predictor:
    """Curves, tables and surfaces of an `AdditiveModel` at its parameters, ready to be evaluated.

    Parameters
    ----------
    model : AdditiveModel
        Of hinges and levels, without gated pairs (`Predictor.knows`).
    w : Tensor, shape (model.layout.size,)
    """

    def __init__(self, model: AdditiveModel, w: Tensor) -> None:
        parts = model.coefficients(w.detach())
        named = {name: part.cpu().double().numpy() for name, part in parts.items()}
        self.features = [_Feature(feature) for feature in model.basis.features]
        self.columns = [slice(c.start - 1, c.stop - 1) for c in model.basis.slices]
        self.constant = named["beta0"].astype(float)
        self.gaps = named["beta_miss"].copy()
        self.tables: dict[int, np.ndarray] = {}
        self.surfaces = self._read_surfaces(model, named)
        self.reactions: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
        if "alpha" in named:
            self._read_reactions(named["alpha"])
        self._read_curves(named["beta"])

    @staticmethod
    def knows(model: AdditiveModel) -> bool:
        """Whether this is a model whose outputs can be had this way."""
        kinds = {feature.kind for feature in model.basis.features}
        return not model.n_ranks and kinds <= {"hinge", "level"}

    def outputs(self, X: np.ndarray) -> np.ndarray:
        """f, shape (n, d).

        Parameters
        ----------
        X : ndarray of float, shape (n, p)
            NaN is missing; categories are whole codes among those that were fitted.

        Raises
        ------
        InvalidInputError
            Another number of features.
        """
        p = len(self.features)
        if X.ndim != 2 or X.shape[1] != p:
            raise InvalidInputError(f"X must have shape (n, {p}), as in `fit`, got {X.shape}.")
        f = np.empty((len(self.constant), len(X)))
        size = min(len(X), max(LEAST_ROWS, ENTRIES // max(1, self.n_knots)))
        room = np.empty(self.n_knots * size)
        for start in range(0, len(X), max(1, size)):
            place = slice(start, start + size)
            f[:, place] = self._block(np.ascontiguousarray(X[place].T), room)
        return f.T

    def _read_curves(self, beta: np.ndarray) -> None:
        """Knots of the curves in use, shape (P, K, 1) each, and slopes, shape (d, n_knots)."""
        involved = {j for j, _, _ in self.surfaces} | {k for _, k, _ in self.surfaces}
        curves: list[tuple[int, np.ndarray]] = []
        for j, (feature, c) in enumerate(zip(self.features, self.columns, strict=True)):
            b = beta[c]
            if feature.is_level:
                self.tables[j] = np.vstack([b - feature.shift @ b, self.gaps[j]]).T
                self.gaps[j] = 0.0
                continue
            self.constant = self.constant - feature.shift @ b
            # What the curve says at its left end, where the maxima put the gaps.
            self.gaps[j] += feature.centre @ b
            if b.any() or j in self.reactions or j in involved:
                curves.append((j, b))
        # Curves of as many knots are evaluated together.
        curves.sort(key=lambda curve: len(curve[1]))
        self.together: list[tuple[list[int], np.ndarray]] = []
        for _, equal in groupby(curves, key=lambda curve: len(curve[1])):
            numbers = [j for j, _ in equal]
            knots = np.stack([self.features[j].knots for j in numbers])
            self.together.append((numbers, knots[:, :, None]))
        ends = np.cumsum([0, *(len(b) for _, b in curves)])
        self.place = {j: slice(*ends[i : i + 2]) for i, (j, _) in enumerate(curves)}
        self.n_knots = int(ends[-1])
        slopes = [b.T for _, b in curves]
        self.slopes = np.concatenate([np.empty((len(self.constant), 0)), *slopes], axis=1)

    def _read_surfaces(
        self, model: AdditiveModel, named: dict[str, np.ndarray]
    ) -> list[tuple[int, int, "_Surface"]]:
        """The pairs that say something."""
        if not model.pairs:
            return []
        centres, found = model.centres.cpu().double().numpy(), []
        for (j, k), block in zip(model.pairs, model.pair_slices, strict=True):
            surface = named["surfaces"][block]
            if surface.any():
                a, b = (self.features[i].shift + centres[self.columns[i]] for i in (j, k))
                surface = surface.reshape(len(a), len(b), -1).transpose(2, 1, 0)
                found.append((j, k, _Surface(np.ascontiguousarray(surface), a, b)))
        return found

    def _read_reactions(self, alpha: np.ndarray) -> None:
        """By feature: what changes its curve by being missing, and by which coefficients."""
        for k, c in enumerate(self.columns):
            sources = np.flatnonzero(alpha[c].any((0, 2)))
            sources = sources[sources != k]
            if len(sources):
                part = np.ascontiguousarray(alpha[c][:, sources].transpose(2, 1, 0))
                self.reactions[k] = sources, part, (part @ self.features[k].shift)[:, :, None]

    def _block(self, V: np.ndarray, room: np.ndarray) -> np.ndarray:
        """Outputs of some rows, shape (d, n), from their columns, shape (p, n)."""
        gap = np.isnan(V)
        incomplete = bool(gap.any())
        highest = room[: self.n_knots * V.shape[1]].reshape(self.n_knots, V.shape[1])
        start = 0
        for numbers, knots in self.together:
            rows = highest[start : start + knots.size]
            np.fmax(V[numbers, None], knots, out=rows.reshape(*knots.shape[:2], V.shape[1]))
            start += knots.size
        f = self.slopes @ highest
        f += self.constant[:, None]
        codes = {j: self.features[j].codes(V[j], gap[j]) for j in self.tables}
        for j, table in self.tables.items():
            f += table[:, codes[j]]
        basis = _Blocks(self.features, self.place, highest, codes)
        for j, k, surface in self.surfaces:
            value = surface.values(basis.columns(j), basis.columns(k))
            f += np.where(gap[j] | gap[k], 0.0, value) if incomplete else value
        if incomplete:
            missing = gap.astype(float)
            f += self.gaps.T @ missing
            for k, (sources, alpha, left) in self.reactions.items():
                changes = _product(alpha, basis.columns(k)) - left
                changes *= missing[sources] * (1 - missing[k])
                f += changes.sum(1)
        return f


def encoded(encoder: TableEncoder, X: Any) -> np.ndarray:
    """`encoder.transform`, in one piece where the table holds nothing but finite numbers."""
    if not _is_plain(encoder, X):
        return encoder.transform(X)
    values = np.array(X, dtype=float)
    if np.isinf(values).any():
        return encoder.transform(X)
    values -= encoder.centre
    values /= encoder.scale
    return values


def encoded_meta(encoder: TableEncoder, X_meta: Any) -> np.ndarray:
    """`encoded` meta rows; errors say that they are meant."""
    try:
        return encoded(encoder, X_meta)
    except InvalidInputError as error:
        raise InvalidInputError(f"the meta rows do not fit: {error}") from None


class _Feature:
    """A feature's basis in NumPy."""

    def __init__(self, basis: FeatureBasis) -> None:
        self.is_level = basis.kind == "level"
        self.knots = basis.knots.cpu().double().numpy()
        centre = basis.centre
        self.centre = 0 * self.knots if centre is None else centre.cpu().double().numpy()
        # What is taken from indicators of the levels, or from maxima, to make the columns.
        self.shift = self.centre + (0 if self.is_level else self.knots)

    def codes(self, x: np.ndarray, gap: np.ndarray) -> np.ndarray:
        """Levels as positions; a gap comes after the last one."""
        return np.where(gap, len(self.knots), x).astype(np.intp)


class _Blocks:
    """Basis columns of features of a block of rows.

    Parameters
    ----------
    features : sequence of _Feature
    place : dict of int to slice
        Where the maxima of a numeric feature are.
    highest : ndarray, shape (n_knots, n)
    codes : dict of int to ndarray, shape (n,)
    """

    def __init__(
        self,
        features: Sequence[_Feature],
        place: dict[int, slice],
        highest: np.ndarray,
        codes: dict[int, np.ndarray],
    ) -> None:
        self.features, self.place, self.highest, self.codes = features, place, highest, codes

    def columns(self, j: int) -> np.ndarray:
        """Indicators or maxima of a feature, shape (q_j, n); without meaning at gaps."""
        feature = self.features[j]
        if feature.is_level:
            return np.eye(len(feature.knots), len(feature.knots) + 1)[:, self.codes[j]]
        return self.highest[self.place[j]]


class _Surface:
    """(u - a)^T G (v - b) for columns u, v of two features and their shifts a, b.

    Parameters
    ----------
    surface : ndarray, shape (d, q_k, q_j)
        G, of each output transposed.
    a, b : ndarray, shape (q_j,) and (q_k,)
    """

    def __init__(self, surface: np.ndarray, a: np.ndarray, b: np.ndarray) -> None:
        self.surface, self.along = surface, (surface @ a)[:, :, None]
        self.first = np.einsum("dkj,k->dj", surface, b)
        self.level = (self.first @ a)[:, None]

    def values(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Of columns of shape (q_j, n) and (q_k, n), shape (d, n)."""
        along = _product(self.surface, u)
        along -= self.along
        return np.einsum("dkn,kn->dn", along, v) - self.first @ u + self.level


def _product(coefficients: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Coefficients of shape (a, b, q) times columns of shape (q, n), shape (a, b, n)."""
    a, b, q = coefficients.shape
    return (coefficients.reshape(a * b, q) @ columns).reshape(a, b, -1)


def _is_plain(encoder: TableEncoder, X: Any) -> bool:
    """Whether all columns are numbers by their type, then and now, and in their order."""
    frame = hasattr(X, "iloc")
    types = list(X.dtypes) if frame else [X.dtype]
    names = [str(name) for name in X.columns] if frame else [f"x{j}" for j in range(X.shape[1])]
    return (
        all(known is None for known in encoder.categories)
        and all(isinstance(t, np.dtype) and t.kind in "iufb" for t in types)
        and names == encoder.names
    )
