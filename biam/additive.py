"""The additive model of Eq. 1 with missing effects, missing interactions, and pairs of two kinds.

With basis columns H = [1, h] (zero where missing) and mask M = [1, m], the main model is bilinear,

    f = sum_ab H_a C_ab M_b,      C = [[beta0, beta_miss^T], [beta, alpha]],

so values, directional derivatives and pullbacks are one matrix product each. Pairs are gated
factors over all features (BIAM2), or tensor products of the bases of chosen features: with
o = 1 - m and centres c a surface is o_j o_k (H_j - c_j)^T Gamma_jk (H_k - c_k), so a pair says
nothing where either value is missing. All parameters live in one flat vector `w`;
`ParameterLayout` names its parts. Source: BIAM protocol, section 1, Eq. 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from biam.basis import Basis, Design
from biam.exceptions import InvalidInputError

__all__ = ["AdditiveModel", "ParameterLayout"]

JOINT_COLUMNS, JOINT_ENTRIES = 4096, 2**26
PAIR_PARTS = ("factors", "gates", "surfaces")


@dataclass(frozen=True)
class ParameterLayout:
    """Names and shapes of the parts of the flat parameter vector, in order.

    Parameters
    ----------
    shapes : dict of str to tuple of int
    """

    shapes: dict[str, tuple[int, ...]]

    @property
    def size(self) -> int:
        """Length of the flat vector."""
        return sum(prod(shape) for shape in self.shapes.values())

    def split(self, w: Tensor) -> dict[str, Tensor]:
        """Views of the parts of `w`, shape (size,)."""
        parts = w.split([prod(shape) for shape in self.shapes.values()])
        return {
            name: part.view(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }


class AdditiveModel(nn.Module):
    """f(x, m; w): shape functions + missing effects + missing interactions + pairs.

    Usable as a torch module (`model(X)`), or functionally with an explicit flat vector `w` and a
    precomputed `Design` (`outputs`, `jvp`, `vjp`), which is what the bilevel loop does.

    Parameters
    ----------
    basis : Basis
        Bases of the features.
    n_outputs : int
        d: 1 for regression and binary logits, the number of classes for softmax.
    interactions : bool
        Include alpha, the missing-by-feature interactions (False is BIAM-I).
    n_ranks : int
        R, rank of the gated pairs (BIAM2); 0 leaves them out.
    pairs : sequence of (int, int)
        Features (j, k), j < k, whose bases are multiplied.
    centres : Tensor, shape (q,), optional
        Taken off the basis columns in these products; default zeros. With the means of the columns
        over observed rows, no surface has a part that depends on one of its two features alone.
    generator : torch.Generator, optional
        Source of the initial values.

    Attributes
    ----------
    w : nn.Parameter, shape (layout.size,)
        All parameters. Initially beta = 0.01 randn, pair factors = 0.1 randn, all else 0.
    layout : ParameterLayout
        Parts of `w`: "main" (1 + q, 1 + p, d), or (1 + q, d) and "missing" (p, d) without
        interactions; "factors" (q, R, d) and "gates" (p, p, d) with ranks; "surfaces" (Q, d) with
        `pairs`, Q = sum of q_j q_k, in their order, the column of j slow; q columns, p features.
    pairs : tuple of (int, int)
    centres : Tensor, shape (q,)
        A buffer.

    Raises
    ------
    InvalidInputError
        `pairs` are no distinct (j, k) with 0 <= j < k < p, or `centres` has another shape.
    """

    centres: Tensor

    def __init__(
        self,
        basis: Basis,
        n_outputs: int = 1,
        *,
        interactions: bool = True,
        n_ranks: int = 0,
        pairs: Sequence[tuple[int, int]] = (),
        centres: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.basis, self.n_outputs = basis, n_outputs
        self.interactions, self.n_ranks = interactions, n_ranks
        self.pairs = _checked_pairs(pairs, basis.n_features)
        self.register_buffer("centres", _checked_centres(centres, basis))
        p, q, d = basis.n_features, basis.n_columns, n_outputs
        shapes: dict[str, tuple[int, ...]] = (
            {"main": (1 + q, 1 + p, d)} if interactions else {"main": (1 + q, d), "missing": (p, d)}
        )
        if n_ranks:
            shapes |= {"factors": (q, n_ranks, d), "gates": (p, p, d)}
        if self.pairs:
            shapes["surfaces"] = (self.pair_slices[-1].stop, d)
        self.layout = ParameterLayout(shapes)
        self.w = nn.Parameter(self._initial(generator))

    def _initial(self, generator: torch.Generator | None) -> Tensor:
        q, d, R = self.basis.n_columns, self.n_outputs, self.n_ranks
        dtype = self.basis.features[0].knots.dtype
        w = torch.zeros(self.layout.size, dtype=dtype)
        parts = self.layout.split(w)
        beta = 0.01 * torch.randn((q, d), generator=generator, dtype=torch.float32)
        (parts["main"][1:, 0] if self.interactions else parts["main"][1:]).copy_(beta)
        if R:
            # Drawn as (p, L, R, d) in the published code: the same order as (q, R, d).
            draw = torch.randn((q, R, d), generator=generator, dtype=torch.float32)
            parts["factors"].copy_(0.1 * draw)
        return w

    def forward(self, X: Tensor) -> Tensor:
        """Outputs, shape (n, d), for a table `X`, shape (n, p), with NaN where missing."""
        return self.outputs(self.w, self.basis.design(X.detach().cpu().numpy()).to(self.w.device))

    def coefficients(self, w: Tensor | None = None) -> dict[str, Tensor]:
        """Named parts of Eq. 1: beta0 (d), beta (q, d), beta_miss (p, d), alpha (q, p, d), pairs.

        alpha[c, j] is the coefficient of m_j times basis column c. Pairs: factors (q, R, d) and
        gates (p, p, d), or surfaces (Q, d), whose blocks are at `pair_slices`.
        """
        parts = self.layout.split(self.w.detach() if w is None else w)
        main = parts["main"]
        if self.interactions:
            named = {"beta0": main[0, 0], "beta": main[1:, 0], "beta_miss": main[0, 1:]}
            named["alpha"] = main[1:, 1:]
        else:
            named = {"beta0": main[0], "beta": main[1:], "beta_miss": parts["missing"]}
        return named | {name: parts[name] for name in PAIR_PARTS if name in parts}

    @property
    def pair_slices(self) -> tuple[slice, ...]:
        """Rows of "surfaces" that belong to each pair; one is (q_j, q_k) in row-major order."""
        widths = [len(feature.knots) for feature in self.basis.features]
        ends = np.cumsum([0, *(widths[j] * widths[k] for j, k in self.pairs)])
        return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))

    def join(self, design: Design) -> Design:
        """Add the matrix of all products H_a M_b when it is small.

        The main model is then one matrix-vector product, which for small tables beats the bilinear
        form several times over: there the cost is the number of calls, not the arithmetic.
        """
        main = self.layout.size - self._pair_size
        n, columns = len(design), main // self.n_outputs
        if columns > JOINT_COLUMNS or n * columns > JOINT_ENTRIES:
            return design
        if self.interactions:
            joint = (design.H[:, :, None] * design.M[:, None, :]).reshape(n, -1)
        else:
            joint = torch.cat([design.H, design.M[:, 1:]], 1)
        return replace(design, joint=joint)

    def outputs(self, w: Tensor, design: Design, *, pairs: bool = True) -> Tensor:
        """f, shape (n, d), at the flat parameters `w`; `pairs=False` leaves the pair term out."""
        f = self._main(w, design)
        if self.n_ranks and pairs:
            parts = self.layout.split(w)
            U, gates = self.factor_values(parts["factors"], design), _symmetric(parts["gates"])
            f = f + 0.5 * (U * _gated(gates, U)).sum((1, 2))
        if self.pairs and pairs:
            f = f + self.surface_values(self.layout.split(w)["surfaces"], design).sum(1)
        return f

    def jvp(self, w: Tensor, design: Design, v: Tensor, *, pairs: bool = True) -> Tensor:
        """Directional derivative of `outputs` along `v`, shape (n, d)."""
        df = self._main(v, design)
        if self.n_ranks and pairs:
            parts, along = self.layout.split(w), self.layout.split(v)
            U, dU = (self.factor_values(x["factors"], design) for x in (parts, along))
            gates, dgates = _symmetric(parts["gates"]), _symmetric(along["gates"])
            df = df + (dU * _gated(gates, U)).sum((1, 2))
            df = df + 0.5 * (U * _gated(dgates, U)).sum((1, 2))
        if self.pairs and pairs:
            df = df + self.surface_values(self.layout.split(v)["surfaces"], design).sum(1)
        return df

    def vjp(self, w: Tensor, design: Design, G: Tensor, *, pairs: bool = True) -> Tensor:
        """Pullback sum_i G_i . df_i/dw of cotangents `G`, shape (n, d); shape (layout.size,)."""
        H, M = design.H, design.M
        if design.joint is not None:
            grads = [design.joint.T @ G]
        elif not self.interactions:
            grads = [H.T @ G, M[:, 1:].T @ G]
        elif design.complete:
            q, p, d = self.layout.shapes["main"]
            full = H.new_zeros(q, p, d)
            full[:, 0] = H.T @ G
            grads = [full]
        else:
            grads = [H.T @ (M[:, :, None] * G[:, None, :]).reshape(len(H), -1)]
        if self.n_ranks:
            grads += self._pair_vjp(w, design, G, pairs)
        if self.pairs:
            grads.append(self._surface_vjp(design, G, pairs))
        return torch.cat([g.reshape(-1) for g in grads]) if len(grads) > 1 else grads[0].view(-1)

    @property
    def _pair_size(self) -> int:
        return sum(prod(self.layout.shapes.get(name, (0,))) for name in PAIR_PARTS)

    def _main(self, w: Tensor, design: Design) -> Tensor:
        if design.joint is not None:
            main = w if not self._pair_size else w[: design.joint.shape[1] * self.n_outputs]
            return design.joint @ main.view(-1, self.n_outputs)
        parts = self.layout.split(w)
        H, M, main = design.H, design.M, parts["main"]
        if not self.interactions:
            f = H @ main
            return f if design.complete else f + M[:, 1:] @ parts["missing"]
        if design.complete:
            return H @ main[:, 0]
        q, p, d = main.shape
        return ((H @ main.view(q, p * d)).view(-1, p, d) * M[:, :, None]).sum(1)

    def factor_values(self, factors: Tensor, design: Design) -> Tensor:
        """u_jr(x_j), shape (n, p, R, d)."""
        n, (_, R, d) = len(design), factors.shape
        u = [
            design.H[:, columns] @ factors[columns.start - 1 : columns.stop - 1].reshape(-1, R * d)
            for columns in self.basis.slices
        ]
        return torch.stack(u, 1).view(n, -1, R, d)

    def _pair_vjp(self, w: Tensor, design: Design, G: Tensor, pairs: bool) -> list[Tensor]:
        parts = self.layout.split(w)
        if not pairs:
            return [torch.zeros_like(parts["factors"]), torch.zeros_like(parts["gates"])]
        U, gates = self.factor_values(parts["factors"], design), _symmetric(parts["gates"])
        dU = G[:, None, None, :] * _gated(gates, U)
        dfactors = torch.cat(
            [design.H[:, c].T @ dU[:, j].flatten(1) for j, c in enumerate(self.basis.slices)]
        )
        dgates = 0.5 * torch.einsum("njrd,nkrd->jkd", U * G[:, None, None, :], U)
        return [dfactors, _symmetric(dgates)]

    def centred(self, design: Design, j: int) -> Tensor:
        """Basis columns of feature `j` less their centres, zero where missing; shape (n, q_j)."""
        c = self.basis.slices[j]
        block = design.H[:, c] - self.centres[c.start - 1 : c.stop - 1]
        return block if design.complete else block * (1 - design.M[:, 1 + j, None])

    def surface_values(self, surfaces: Tensor, design: Design) -> Tensor:
        """f_jk(x_j, x_k) of each pair, zero where either is missing; shape (n, n_pairs, d)."""
        n, d = len(design), self.n_outputs
        values = []
        for (j, k), block in zip(self.pairs, self.pair_slices, strict=True):
            first, second = self.centred(design, j), self.centred(design, k)
            r, q = first.shape[1], second.shape[1]
            along = (first @ surfaces[block].reshape(r, q * d)).view(n, q, d)
            values.append((along * second[:, :, None]).sum(1))
        return torch.stack(values, 1)

    def _surface_vjp(self, design: Design, G: Tensor, pairs: bool) -> Tensor:
        if not pairs:
            return G.new_zeros(self.layout.shapes["surfaces"])
        grads = []
        for j, k in self.pairs:
            pulled = self.centred(design, k)[:, :, None] * G[:, None, :]
            grads.append(self.centred(design, j).T @ pulled.flatten(1))
        return torch.cat([grad.reshape(-1) for grad in grads])


def _checked_pairs(pairs: Sequence[tuple[int, int]], p: int) -> tuple[tuple[int, int], ...]:
    checked = tuple((int(j), int(k)) for j, k in pairs)
    wrong = [pair for pair in checked if not 0 <= pair[0] < pair[1] < p]
    if wrong or len(set(checked)) < len(checked):
        raise InvalidInputError(
            f"pairs must be distinct (j, k) with 0 <= j < k < {p}, the number of features, got "
            f"{wrong[0] if wrong else list(checked)}."
        )
    return checked


def _checked_centres(centres: Tensor | None, basis: Basis) -> Tensor:
    dtype, q = basis.features[0].knots.dtype, basis.n_columns
    if centres is None:
        return torch.zeros(q, dtype=dtype)
    if centres.shape != (q,):
        raise InvalidInputError(
            f"centres must have shape ({q},), one number per basis column, got "
            f"{tuple(centres.shape)}."
        )
    return centres.detach().to(dtype)


def _symmetric(gates: Tensor) -> Tensor:
    """(gamma + gamma^T) / 2 over the feature axes, zero diagonal; shape (p, p, d)."""
    return (gates + gates.transpose(0, 1)) / 2 * (1 - torch.eye(len(gates)).to(gates))[:, :, None]


def _gated(gates: Tensor, U: Tensor) -> Tensor:
    """sum_k gates[j, k] U_k, shape (n, p, R, d)."""
    return torch.einsum("jkd,nkrd->njrd", gates, U)
