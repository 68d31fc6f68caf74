"""The additive model of Eq. 1 with missing effects, missing interactions and gated pairs (BIAM2).

With basis columns H = [1, h] (zero where missing) and mask M = [1, m], the main model is bilinear,

    f = sum_ab H_a C_ab M_b,      C = [[beta0, beta_miss^T], [beta, alpha]],

so values, directional derivatives and pullbacks are one matrix product each. All parameters live in
one flat vector `w`; `ParameterLayout` names its parts. Source: BIAM protocol, section 1, Eq. 1.
"""

from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor, nn

from biam.basis import Basis, Design

__all__ = ["AdditiveModel", "ParameterLayout"]

JOINT_COLUMNS, JOINT_ENTRIES = 4096, 2**26


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
    """f(x, m; w): shape functions + missing effects + missing interactions + gated pairs.

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
        R, rank of the pairs (BIAM2); 0 leaves them out.
    generator : torch.Generator, optional
        Source of the initial values.

    Attributes
    ----------
    w : nn.Parameter, shape (layout.size,)
        All parameters. Initially beta = 0.01 randn, pair factors = 0.1 randn, all else 0.
    layout : ParameterLayout
        Parts of `w`: "main" (1 + q, 1 + p, d), or (1 + q, d) and "missing" (p, d) without
        interactions; "factors" (q, R, d) and "gates" (p, p, d) with pairs; q columns, p features.
    """

    def __init__(
        self,
        basis: Basis,
        n_outputs: int = 1,
        *,
        interactions: bool = True,
        n_ranks: int = 0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.basis, self.n_outputs = basis, n_outputs
        self.interactions, self.n_ranks = interactions, n_ranks
        p, q, d = basis.n_features, basis.n_columns, n_outputs
        shapes: dict[str, tuple[int, ...]] = (
            {"main": (1 + q, 1 + p, d)} if interactions else {"main": (1 + q, d), "missing": (p, d)}
        )
        if n_ranks:
            shapes |= {"factors": (q, n_ranks, d), "gates": (p, p, d)}
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

        alpha[c, j] is the coefficient of m_j times basis column c.
        """
        parts = self.layout.split(self.w.detach() if w is None else w)
        main = parts["main"]
        if self.interactions:
            named = {"beta0": main[0, 0], "beta": main[1:, 0], "beta_miss": main[0, 1:]}
            named["alpha"] = main[1:, 1:]
        else:
            named = {"beta0": main[0], "beta": main[1:], "beta_miss": parts["missing"]}
        return named | {name: parts[name] for name in ("factors", "gates") if name in parts}

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
        return torch.cat([g.reshape(-1) for g in grads]) if len(grads) > 1 else grads[0].view(-1)

    @property
    def _pair_size(self) -> int:
        return sum(prod(self.layout.shapes.get(name, (0,))) for name in ("factors", "gates"))

    def _main(self, w: Tensor, design: Design) -> Tensor:
        if design.joint is not None:
            main = w if not self.n_ranks else w[: design.joint.shape[1] * self.n_outputs]
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


def _symmetric(gates: Tensor) -> Tensor:
    """(gamma + gamma^T) / 2 over the feature axes, zero diagonal; shape (p, p, d)."""
    return (gates + gates.transpose(0, 1)) / 2 * (1 - torch.eye(len(gates)).to(gates))[:, :, None]


def _gated(gates: Tensor, U: Tensor) -> Tensor:
    """sum_k gates[j, k] U_k, shape (n, p, R, d)."""
    return torch.einsum("jkd,nkrd->njrd", gates, U)
