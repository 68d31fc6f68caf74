"""The additive model in NumPy: main terms as one product, gated pairs as batched ones.

Both classes give what one step needs on one batch: outputs with a tape, the pullback of a slope,
and the directional derivative. With u_jr the factor values, G the symmetric gates and v = G u, the
pair term is sum_jr u_jr v_jr / 2, and every derivative of it reads the same u and v: the tape.
"""

from typing import Any, NamedTuple

import numpy as np
import torch

from biam.additive import AdditiveModel
from biam.lower import Rows

__all__ = ["Batch", "MainTerms", "PairTerms"]

Array = np.ndarray


class Batch(NamedTuple):
    """Some rows: joint design (n, columns), targets (n,), and what the pairs need.

    That is, the basis columns: (n, p L) as a table, (p, L, n) cut into batches.
    """

    J: Array
    y: Array
    H: Array | None = None


class MainTerms:
    """Eq. 1 without pairs, f = J w; outputs have shape (n,) when d = 1, else (n, d).

    Parameters
    ----------
    model : AdditiveModel
    """

    def __init__(self, model: AdditiveModel) -> None:
        self.n_outputs = model.n_outputs

    def table(self, rows: Rows) -> Batch:
        """All of `rows`, ready to be cut."""
        return Batch(rows.inputs.joint.numpy(), rows.y.numpy())

    def batches(self, table: Batch, size: int, order: Array | slice = slice(None)) -> list[Batch]:
        """Cut a table, its rows taken in `order`, into batches; the last one may be short."""
        J, y = table.J[order], table.y[order]
        return [Batch(J[i : i + size], y[i : i + size]) for i in range(0, len(y), size)]

    def inward(self, w: Array) -> Array:
        """Bring parameters from the order of `AdditiveModel` into the order used here."""
        return w

    def outward(self, w: Array) -> Array:
        """Inverse of `inward`."""
        return w

    def linearise(self, w: Array, batch: Batch) -> tuple[Array, Any]:
        """Outputs at `w`, and the tape that the other two methods read."""
        return self._product(batch.J, w), batch

    def pull(self, tape: Batch, slope: Array) -> Array:
        """sum_i slope_i . df_i/dw, flat; `slope` has the shape of the outputs."""
        if self.n_outputs == 1:
            return slope @ tape.J
        return (tape.J.T @ slope).reshape(-1)

    def push(self, tape: Batch, v: Array) -> Array:
        """Directional derivative of the outputs along `v`."""
        return self._product(tape.J, v)

    def _product(self, J: Array, w: Array) -> Array:
        return J @ (w if self.n_outputs == 1 else w.reshape(-1, self.n_outputs))


class PairTerms(MainTerms):
    """Eq. 1 with gated pairs, for features that all have the same number of basis columns.

    Parameters
    ----------
    model : AdditiveModel
    parts : list of Rows
        All rows that will be met. Columns of the joint design that are zero in each of them (the
        missing terms of complete features) are left out of every product.
    pairs : bool
        False leaves the pair term out of the outputs (the warm-up): its parameters stay in w.
    """

    def __init__(self, model: AdditiveModel, parts: list[Rows], *, pairs: bool = True) -> None:
        super().__init__(model)
        d, p, R, q = model.n_outputs, model.basis.n_features, model.n_ranks, model.basis.n_columns
        used = np.logical_or.reduce([part.inputs.joint.numpy().any(0) for part in parts])
        self.columns = np.flatnonzero(used)
        everything = torch.arange(model.layout.size)
        index = {name: x.numpy() for name, x in model.layout.split(everything).items()}
        first = np.arange(len(used) * d).reshape(-1, d)
        # Columns in use, the others, factors as (q, d, R), gates as (d, p, p).
        blocks = [
            first[used],
            first[~used],
            index["factors"].swapaxes(1, 2),
            index["gates"].transpose(2, 0, 1),
        ]
        self.order = np.concatenate([block.reshape(-1) for block in blocks])
        self.back = np.argsort(self.order)
        self.shape, self.wide, self.gate_shape = (p, d, R, -1), (p, q // p, d * R), (d, p, p)
        ends = np.cumsum([block.size for block in blocks])
        self.used, self.unused, self.factors, self.gates = (
            slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True)
        )
        dtype = model.basis.features[0].knots.numpy().dtype
        self.half = (0.5 * (1 - np.eye(p))).astype(dtype)
        self.pairs = pairs

    def table(self, rows: Rows) -> Batch:
        """All of `rows`, ready to be cut."""
        J = rows.inputs.joint.numpy().take(self.columns, axis=1)
        return Batch(J, rows.y.numpy(), rows.inputs.H.numpy()[:, 1:])

    def batches(self, table: Batch, size: int, order: Array | slice = slice(None)) -> list[Batch]:
        """Cut a table, its rows taken in `order`, into batches; the last one may be short."""
        p, L, _ = self.wide
        H = table.H[order]
        return [
            # A copy with the rows last: every sum over features or ranks then runs along memory.
            batch._replace(H=H[i * size : (i + 1) * size].T.copy().reshape(p, L, len(batch.y)))
            for i, batch in enumerate(super().batches(table, size, order))
        ]

    def inward(self, w: Array) -> Array:
        """Bring parameters from the order of `AdditiveModel` into the order used here."""
        return w[self.order]

    def outward(self, w: Array) -> Array:
        """Inverse of `inward`."""
        return w[self.back]

    def linearise(self, w: Array, batch: Batch) -> tuple[Array, Any]:
        """Outputs at `w`, and the tape that the other two methods read."""
        f = self._product(batch.J, w[self.used])
        if not self.pairs:
            return f, (batch, None, None)
        u = self._values(w, batch)
        v = self._gated(w, u)
        return f + 0.5 * self._total(u * v), (batch, u, v)

    def pull(self, tape: Any, slope: Array) -> Array:
        """sum_i slope_i . df_i/dw, flat; `slope` has the shape of the outputs."""
        batch, u, v = tape
        gradient = np.empty(len(self.order), dtype=slope.dtype)
        gradient[self.used] = super().pull(batch, slope)
        if u is None:
            gradient[self.unused.start :] = 0
            return gradient
        gradient[self.unused] = 0
        slope = np.ascontiguousarray(slope.T).reshape(self.n_outputs, 1, -1)
        p, d, _, _ = self.shape
        dv = (v * slope).reshape(p, self.wide[2], -1)
        np.matmul(batch.H, dv.transpose(0, 2, 1), out=gradient[self.factors].reshape(self.wide))
        left, right = ((u * slope).reshape(p, d, -1), u.reshape(p, d, -1))
        gates = gradient[self.gates].reshape(self.gate_shape)
        np.matmul(left.transpose(1, 0, 2), right.transpose(1, 2, 0), out=gates)
        gates *= self.half
        return gradient

    def push(self, tape: Any, v: Array) -> Array:
        """Directional derivative of the outputs along `v`."""
        batch, u, gated = tape
        df = self._product(batch.J, v[self.used])
        if u is None:
            return df
        change = self._gated(v, u)
        change *= u
        change *= 0.5
        change += self._values(v, batch) * gated
        return df + self._total(change)

    def _values(self, w: Array, batch: Batch) -> Array:
        """u, shape (p, d, R, n)."""
        factors = w[self.factors].reshape(self.wide)
        return np.matmul(factors.transpose(0, 2, 1), batch.H).reshape(self.shape)

    def _gated(self, w: Array, u: Array) -> Array:
        """v_j = sum_k G_jk u_k with G = (gamma + gamma^T) / 2 off the diagonal."""
        p, d, _, _ = self.shape
        gates = w[self.gates].reshape(self.gate_shape)
        gates = (gates + gates.transpose(0, 2, 1)) * self.half
        v = np.empty_like(u)
        into, flat = (x.reshape(p, d, -1).transpose(1, 0, 2) for x in (v, u))
        np.matmul(gates, flat, out=into)
        return v

    def _total(self, x: Array) -> Array:
        """Sum over features and ranks, in the shape of the outputs."""
        total = np.add.reduce(np.add.reduce(x, 0), 1)
        return total[0] if self.n_outputs == 1 else total.T
