"""Outputs of a fitted additive model without its design matrix, straight from a table.

A hinge curve is sum_k b_k max(0, x - t_k) = sum_k b_k max(x, t_k) - b^T t. So all curves of a block
of rows are one pass of maxima and one product of matrices. Maxima that pass over gaps put them at
the left end of the curve; with the indicator of the gap as one more column, the columns of the
model are linear in these, and gaps are no case of their own. Source: BIAM protocol, section 1,
Eq. 1.
"""

from itertools import groupby, pairwise
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
        self.n_features, self.constant = len(terms.columns), terms.constant[:, None]
        width = {j: len(terms.knots[c]) for j, c in enumerate(terms.columns)}
        said, joined = terms.said(), terms.joined()
        # Categories whose indicators nothing else needs are looked up.
        looked_up = [j for j in terms.levels if j in said and j not in joined]
        self.tables = {j: terms.whole(j) for j in looked_up}
        self.levels = [j for j in terms.levels if j in joined]
        self.n_levels = {j: width[j] for j in [*self.levels, *looked_up]}
        # Curves of as many knots are evaluated together.
        curves = sorted({*said, *joined} - {*terms.levels}, key=lambda j: (width[j], j))
        self.curves = []
        for _, equal in groupby(curves, key=width.get):
            numbers = list(equal)
            knots = np.stack([terms.knots[terms.columns[j]] for j in numbers])
            self.curves.append((numbers, torch.from_numpy(knots)[:, :, None]))
        order = [*curves, *self.levels]
        ends = np.cumsum([0, *(width[j] + 1 for j in order)])
        self.places = {j: slice(a, b) for j, (a, b) in zip(order, pairwise(ends), strict=True)}
        self.n_rows = int(ends[-1])
        none = np.empty((len(self.constant), 0))
        self.slopes = np.hstack([none, *(terms.whole(j) for j in order)])
        self._join(terms)

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
        p, most = self.n_features, max(LEAST_ROWS, ENTRIES // max(1, self.n_rows))
        if X.ndim != 2 or X.shape[1] != p:
            raise InvalidInputError(f"X must have shape (n, {p}), as in `fit`, got {X.shape}.")
        f, rows, room = np.empty((len(self.constant), len(X))), _Rows(X, encoder), None
        for start in range(0, len(X), most):
            n = min(most, len(X) - start)
            if room is None or n < most:
                room = _Room(self, n)
            rows.read(start, room.values)
            f[:, start : start + n] = self._block(room)
        return f.T

    def _join(self, terms: "_Expanded") -> None:
        """By feature, coefficients of its u, and the rows with which these products go."""
        parts: dict[int, list[np.ndarray]] = {}
        partners: dict[int, list[np.ndarray]] = {}
        # The rows of a block: all m_j, then the u_j that are in use.
        u = np.arange(self.n_features, self.n_features + self.n_rows)
        for j, k, G in terms.surfaces:
            parts.setdefault(j, []).append(G)
            partners.setdefault(j, []).append(u[self.places[k]])
        for j, alpha in terms.reactions.items():
            causes = np.flatnonzero(alpha.any((0, 2)))
            parts.setdefault(j, []).append(alpha[:, causes])
            partners.setdefault(j, []).append(causes)
        self.products = [(j, np.concatenate(found, axis=1)) for j, found in parts.items()]
        rows = [row for j, _ in self.products for row in partners[j]]
        self.partners = np.concatenate([np.empty(0, dtype=np.intp), *rows])

    def _block(self, room: "_Room") -> np.ndarray:
        """Outputs of the rows in a room, shape (d, n)."""
        gap = np.isnan(room.values)
        room.missing[...] = gap
        codes = {
            j: np.where(gap[j], q, room.values[j]).astype(np.intp) for j, q in self.n_levels.items()
        }
        room.raise_to_knots()
        for j in self.levels:
            room.u[self.places[j]] = np.eye(self.n_levels[j] + 1).take(codes[j], axis=1)
        f = self.slopes @ room.u
        f += self.constant
        for j, table in self.tables.items():
            f += table.take(codes[j], axis=1)
        if self.products:
            for coefficients, u, products in room.products:
                np.matmul(coefficients, u, out=products)
            room.rows.take(self.partners, axis=0, out=room.partners, mode="clip")
            room.all_products *= room.partners
            f += np.ones(len(self.partners)) @ room.all_products
        return f


def encoded(encoder: TableEncoder, X: Any) -> np.ndarray:
    """`encoder.transform`, in one piece where the table holds nothing but finite numbers."""
    rows = _Rows(X, encoder)
    if not rows.raw:
        return rows.numbers
    values = np.empty(rows.numbers.shape)
    rows.read(0, values.T)
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

    def whole(self, j: int) -> np.ndarray:
        """Slopes and gap of a feature: coefficients of u_j, shape (d, q_j + 1)."""
        return np.hstack([self.slopes[:, self.columns[j]], self.gaps[:, j, None]])

    def said(self) -> set[int]:
        """Features with a curve, or an effect of their gaps."""
        curves, gaps = self.slopes.any(0), self.gaps.any(0)
        return {j for j, c in enumerate(self.columns) if gaps[j] or curves[c].any()}

    def joined(self) -> set[int]:
        """Features whose u is multiplied with something."""
        return {*self.reactions, *(i for j, k, _ in self.surfaces for i in (j, k))}

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
        p, n_products = of.n_features, len(of.partners)
        self.values, self.rows = np.empty((p, n)), np.empty((p + of.n_rows, n))
        self.missing, self.u = self.rows[:p], self.rows[p:]
        self.partners = np.empty((n_products, n))
        self.all_products = np.empty((len(of.constant), n_products, n))
        self.products, start = [], 0
        for j, coefficients in of.products:
            products = self.all_products[:, start : (start := start + coefficients.shape[1])]
            self.products.append((coefficients, self.u[of.places[j]], products))
        self._values, self._missing = torch.from_numpy(self.values), torch.from_numpy(self.missing)
        self._curves, start = [], 0
        for numbers, knots in of.curves:
            u = self.u[start : (start := start + knots.numel() + len(knots))]
            u = torch.from_numpy(u).view(len(knots), -1, n)
            self._curves.append((_as_slice(numbers), knots, u[:, :-1], u[:, -1]))

    def raise_to_knots(self) -> None:
        """u of all curves, and gaps among the values to the left of all knots."""
        values, low = self._values, -torch.inf
        torch.nan_to_num(values, nan=low, posinf=torch.inf, neginf=low, out=values)
        for chosen, knots, u, gaps in self._curves:
            # Unlike NumPy's, as fast with one number for a row as with whole arrays.
            torch.maximum(values[chosen][:, None], knots, out=u)
            gaps.copy_(self._missing[chosen])


class _Rows:
    """Encoded rows of a table, block by block if it holds nothing but numbers.

    Parameters
    ----------
    X : ndarray, shape (n, p), or table
    encoder : TableEncoder or None
        None: `X` is encoded.
    """

    def __init__(self, X: Any, encoder: TableEncoder | None) -> None:
        self.X, self.encoder = X, encoder
        self.raw = encoder is not None and _is_plain(encoder, X)
        if encoder is None or self.raw:
            self.numbers = np.asarray(X, dtype=float)
        else:
            self.numbers = encoder.transform(X)
        if self.raw:
            self.centre, self.scale = (
                torch.tensor(part)[:, None] for part in (encoder.centre, encoder.scale)
            )

    def read(self, start: int, out: np.ndarray) -> None:
        """Rows from `start` on, as columns, shape (p, n)."""
        np.copyto(out, self.numbers[start : start + out.shape[1]].T)
        if not self.raw:
            return
        torch.from_numpy(out).sub_(self.centre).div_(self.scale)
        if np.isinf(out).any():
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


def _as_slice(numbers: list[int]) -> slice | list[int]:
    """Numbers in a row as a slice, which copies nothing."""
    first, last = numbers[0], numbers[-1]
    return slice(first, last + 1) if numbers == [*range(first, last + 1)] else numbers


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
