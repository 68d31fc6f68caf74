"""Outputs of a fitted additive model without its design matrix, straight from a table.

A hinge curve is sum_k b_k max(0, x - t_k) = sum_k b_k max(x, t_k) - b^T t. So all curves of a block
of rows are one pass of maxima and one product of matrices. Maxima that pass over gaps put them at
the left end of the curve; with the indicator of the gap as one more column, the columns of the
model are linear in these, and gaps are no case of their own. Source: BIAM protocol, section 1,
Eq. 1.
"""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import FeatureBasis
from biam.exceptions import InvalidInputError
from biam.table import TableEncoder

__all__ = ["Predictor", "encoded", "encoded_meta"]

# Maxima of a block: with the product they stay in the processor's cache.
ENTRIES, LEAST_ROWS = 2**18, 128


class Predictor:
    """An `AdditiveModel` at its parameters, multiplied out (`_Expanded`) and ready to be evaluated.

    Parameters
    ----------
    model : AdditiveModel
        Of hinges and levels, without gated pairs (`Predictor.knows`).
    w : Tensor, shape (model.layout.size,)
    """

    def __init__(self, model: AdditiveModel, w: Tensor) -> None:
        terms = _Expanded(model, w)
        p, q = len(terms.columns), len(terms.knots)
        used = terms.used()
        order = {j: [*range(q)[terms.columns[j]], q + j] for j in used}
        slopes = np.hstack([terms.slopes, terms.gaps])
        self.n_features, self.constant = p, terms.constant[:, None]
        self.tables = {j: slopes[:, order[j]] for j in used if j in terms.levels}
        curves = [j for j in used if j not in self.tables]
        every = np.array([i for j in curves for i in order[j]], dtype=np.intp)
        self.slopes = slopes[:, every]
        # Under the values of a block are its gaps: a value is raised to a knot, a gap to nothing.
        owners = [j for j, c in enumerate(terms.columns) for _ in range(q)[c]]
        self.rows = np.array([*owners, *range(p, 2 * p)], dtype=np.intp)[every]
        self.lowest = np.append(terms.knots, np.full(p, -np.inf))[every]
        ends = np.cumsum([0, *(len(order[j]) for j in curves)])
        self.places = {j: slice(a, b) for j, (a, b) in zip(curves, pairwise(ends), strict=True)}
        self.surfaces = terms.surfaces
        causes = {j: np.flatnonzero(alpha.any((0, 2))) for j, alpha in terms.reactions.items()}
        self.reactions = [(j, terms.reactions[j][:, found]) for j, found in causes.items()]
        self.causes = p + np.concatenate([np.empty(0, dtype=np.intp), *causes.values()])

    @staticmethod
    def knows(model: AdditiveModel) -> bool:
        """Whether this is a model whose outputs can be had this way."""
        kinds = {feature.kind for feature in model.basis.features}
        return not model.n_ranks and kinds <= {"hinge", "level"}

    def outputs(self, X: Any, encoder: TableEncoder | None = None) -> np.ndarray:
        """f, shape (n, d).

        Parameters
        ----------
        X : ndarray of float, shape (n, p), or table
            NaN is missing; categories are whole codes among those that were fitted.
        encoder : TableEncoder, optional
            Turns the table `X` into such an array.

        Raises
        ------
        InvalidInputError
            Another number of features, or a table that the encoder refuses.
        """
        p = self.n_features
        if X.ndim != 2 or X.shape[1] != p:
            raise InvalidInputError(f"X must have shape (n, {p}), as in `fit`, got {X.shape}.")
        rows = _Rows(X, encoder)
        f = np.empty((len(self.constant), len(X)))
        size = min(len(X), max(LEAST_ROWS, ENTRIES // max(1, len(self.rows))))
        room = _Room(self, size)
        for start in range(0, len(X), max(1, size)):
            n = min(size, len(X) - start)
            room = room if n == size else _Room(self, n)
            rows.read(start, room.values)
            f[:, start : start + n] = self._block(room)
        return f.T

    def _block(self, room: "_Room") -> np.ndarray:
        """Outputs of the rows in a room, shape (d, n)."""
        values, u = room.values, room.u
        gap = np.isnan(values[: self.n_features])
        values[len(gap) :] = gap
        values.take(self.rows, axis=0, out=u, mode="clip")
        np.fmax(u, room.lowest, out=u)
        f = self.slopes @ u
        f += self.constant
        codes = {}
        for j, table in self.tables.items():
            codes[j] = np.where(gap[j], table.shape[1] - 1, values[j]).astype(np.intp)
            f += table.take(codes[j], axis=1)

        def columns(j: int) -> np.ndarray:
            if j in codes:
                return np.eye(self.tables[j].shape[1]).take(codes[j], axis=1)
            return u[self.places[j]]

        for j, k, G in self.surfaces:
            along = np.matmul(G, columns(j), out=room.along[:, : G.shape[1]])
            f += np.einsum("dkn,kn->dn", along, columns(k))
        if self.reactions and gap.any():
            start = 0
            for j, alpha in self.reactions:
                place = slice(start, start := start + alpha.shape[1])
                np.matmul(alpha, columns(j), out=room.changes[:, place])
            values.take(self.causes, axis=0, out=room.causes, mode="clip")
            f += np.einsum("din,in->dn", room.changes, room.causes)
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


class _Expanded:
    """The terms of an `AdditiveModel`, multiplied out.

    Let v_j be the maxima of feature j, or the indicators of its levels, m_j one where x_j is
    missing, else zero, and u_j both, of length q_j + 1. Then f is `constant`, plus `slopes` of v_j,
    `gaps` of m_j, `reactions` m_i a_ij^T u_j and `surfaces` u_j^T G_jk u_k.

    Parameters
    ----------
    model : AdditiveModel
    w : Tensor
        As for `Predictor`.
    """

    def __init__(self, model: AdditiveModel, w: Tensor) -> None:
        parts = model.coefficients(w.detach())
        named = {name: part.cpu().double().numpy() for name, part in parts.items()}
        features = model.basis.features
        self.levels = [j for j, feature in enumerate(features) if feature.kind == "level"]
        self.columns = [slice(c.start - 1, c.stop - 1) for c in model.basis.slices]
        self.knots = _joined([feature.knots for feature in features])
        self.centre = _joined([_centre(feature) for feature in features])
        # What maxima or indicators are more than the columns, where the value is observed.
        self.shift = self.centre + self.knots
        for j in self.levels:
            self.shift[self.columns[j]] = self.centre[self.columns[j]]
        self.constant = named["beta0"] - self.shift @ named["beta"]
        self.slopes = named["beta"].T.copy()
        self.gaps = named["beta_miss"].T.copy()
        for j, c in enumerate(self.columns):
            self.gaps[:, j] += self.slopes[:, c] @ self.centre[c]
        self.reactions: dict[int, np.ndarray] = {}
        if "alpha" in named:
            self._read_reactions(named["alpha"])
        self.surfaces: list[tuple[int, int, np.ndarray]] = []
        if model.pairs:
            self._read_surfaces(model, named["surfaces"])

    def used(self) -> list[int]:
        """Features that say something."""
        says = {*self.reactions, *(i for j, k, _ in self.surfaces for i in (j, k))}
        return [
            j
            for j, c in enumerate(self.columns)
            if j in says or self.slopes[:, c].any() or self.gaps[:, j].any()
        ]

    def _read_reactions(self, alpha: np.ndarray) -> None:
        """By feature: how gaps in all features change its curve, shape (d, p, q_j + 1)."""
        acts = alpha.any((1, 2))
        for j, c in enumerate(self.columns):
            if acts[c].any():
                part = alpha[c].transpose(2, 1, 0)
                self.reactions[j] = _with_gap(part, self.centre[c])
                self.gaps -= part @ self.shift[c]

    def _read_surfaces(self, model: AdditiveModel, surfaces: np.ndarray) -> None:
        """The pairs that say something, as u_k^T G u_j, shape (d, q_k + 1, q_j + 1)."""
        less = model.centres.cpu().double().numpy()
        centre, shift = self.centre + less, self.shift + less
        for (j, k), block in zip(model.pairs, model.pair_slices, strict=True):
            if surfaces[block].any():
                c, e = self.columns[j], self.columns[k]
                G = surfaces[block].T.reshape(-1, len(shift[c]), len(shift[e]))
                along = _with_gap(G, centre[e]).swapaxes(1, 2)
                self.surfaces.append((j, k, _with_gap(along, centre[c])))
                self._take_off(j, _with_gap(G @ shift[e], centre[c]))
                self._take_off(k, along @ shift[c])
                self.constant += G @ shift[e] @ shift[c]

    def _take_off(self, j: int, b: np.ndarray) -> None:
        """b^T u_j, shape (d, q_j + 1)."""
        self.slopes[:, self.columns[j]] -= b[:, :-1]
        self.gaps[:, j] -= b[:, -1]


class _Room:
    """Where a block of n rows is worked on: new memory for each block would take longer than it.

    Parameters
    ----------
    of : Predictor
    n : int
    """

    def __init__(self, of: Predictor, n: int) -> None:
        d, widest = len(of.constant), max((G.shape[1] for _, _, G in of.surfaces), default=0)
        self.values = np.empty((2 * of.n_features, n))
        # Maxima of two whole arrays are several times faster than with one number for a row.
        self.lowest = np.repeat(of.lowest[:, None], n, axis=1)
        self.u = np.empty(self.lowest.shape)
        self.along = np.empty((d, widest, n))
        self.causes = np.empty((len(of.causes), n))
        self.changes = np.empty((d, len(of.causes), n))


class _Rows:
    """Encoded rows of a table, block by block if it holds nothing but numbers.

    Parameters
    ----------
    X : ndarray, shape (n, p), or table
    encoder : TableEncoder or None
        None: `X` is encoded.
    """

    def __init__(self, X: Any, encoder: TableEncoder | None) -> None:
        self.X, self.encoder = X, encoder if encoder is not None and _is_plain(encoder, X) else None
        done = encoder is None or self.encoder is not None
        self.numbers = np.asarray(X, dtype=float) if done else encoder.transform(X)

    def read(self, start: int, room: np.ndarray) -> None:
        """Rows from `start` on, as the first columns of a room, shape (2 p, n)."""
        p, n = self.numbers.shape[1], room.shape[1]
        values, columns = room[:p], self.numbers[start : start + n].T
        if self.encoder is None:
            np.copyto(values, columns)
            return
        np.subtract(columns, self.encoder.centre[:, None], out=values)
        values /= self.encoder.scale[:, None]
        if np.isinf(values).any():
            self.encoder.transform(self.X)  # Which says where.


def _centre(basis: FeatureBasis) -> Tensor:
    return torch.zeros_like(basis.knots) if basis.centre is None else basis.centre


def _joined(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).cpu().double().numpy()


def _with_gap(b: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Coefficients of basis columns, shape (..., q), as those of u, shape (..., q + 1).

    At a gap, where maxima are the knots and indicators zero, v less the shift is -centre: the last
    coefficient makes zero of it.
    """
    return np.concatenate([b, (b @ centre)[..., None]], axis=-1)


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
