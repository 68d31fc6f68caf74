"""A Taylor polynomial of concepts, its coefficients in Tucker form, and the network around it.

The output is a polynomial of order N in the concepts z = (z_1, .., z_C),

    f = b + sum_k O_k G_k ((I_k1 z) kron ... kron (I_kk z)),    k = 1 .. N,

with O_k (d, r), G_k (r, r^k), I_kj (r, C). Derivatives are written out, since the bilevel loop
asks for <grad l_i, v> of every row at every step.
Source: CAT (arXiv 2406.17931), on which BATM builds (Zhou, Xu, Peng, Zhang, 2025).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, permutations
from math import prod

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from biam.additive import ParameterLayout
from biam.concepts import ConceptEncoders, Parts
from biam.lean import BLOCK, LeanEncoders
from biam.validation import check_integer

__all__ = ["TaylorHead", "TaylorModel", "TaylorTrace"]


@dataclass(frozen=True)
class TaylorHead:
    """Polynomial of order N in C concepts with d outputs, of Tucker rank r.

    Parameters
    ----------
    n_concepts, n_outputs : int
    order : int
        N, 1 to 3.
    n_ranks : int
        r.
    """

    n_concepts: int
    n_outputs: int = 1
    order: int = 2
    n_ranks: int = 8

    def __post_init__(self) -> None:
        """Refuse sizes below one and orders above three."""
        for name in ("n_concepts", "n_outputs", "n_ranks"):
            check_integer(name, getattr(self, name), low=1)
        check_integer("order", self.order, low=1, high=3)

    @property
    def orders(self) -> range:
        """1 .. N."""
        return range(1, self.order + 1)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parts: "bias" (d,); "out_k" (d, r); "core_k" (r, r^k); "inputs" (N(N+1)/2, r, C)."""
        d, r, C = self.n_outputs, self.n_ranks, self.n_concepts
        outs: dict[str, tuple[int, ...]] = {f"out_{k}": (d, r) for k in self.orders}
        cores: dict[str, tuple[int, ...]] = {f"core_{k}": (r, r**k) for k in self.orders}
        return {"bias": (d,), **outs, **cores, "inputs": (sum(self.orders), r, C)}

    @property
    def n_parameters(self) -> int:
        """d + N d r + C r N(N+1)/2 + sum_k r^(k+1)."""
        return sum(prod(shape) for shape in self.shapes.values())

    def factors(self, k: int) -> slice:
        """Place of I_k1 .. I_kk in "inputs"."""
        return slice(k * (k - 1) // 2, k * (k + 1) // 2)

    def initial(
        self, generator: torch.Generator | None = None, *, published: bool = False
    ) -> Parts:
        """Taylor initialisation: a linear model, whose products start with variance one.

        b = 0, O_1 ~ N(0, 1/r), O_k = 0 for k >= 2, G_k ~ N(0, 1/r^k), and I_kj such that each
        product of k entries has variance one where z ~ N(0, 1): its length to the power 2k has the
        mean C (C + 2) .. (C + 2k-2).

        Parameters
        ----------
        generator : torch.Generator, optional
        published : bool
            As in the released code: r in the place of C, and the power 1 / 2^k for 1 / 2k, which
            differ from the third order on.
        """
        r = self.n_ranks
        parts = {name: torch.zeros(shape) for name, shape in self.shapes.items()}
        parts["out_1"].normal_(0, r**-0.5, generator=generator)
        for k in self.orders:
            parts[f"core_{k}"].normal_(0, r ** (-k / 2), generator=generator)
            n = r if published else self.n_concepts
            moment = prod(n + 2 * i for i in range(k))
            spread = moment ** -(2.0**-k if published else 0.5 / k)
            parts["inputs"][self.factors(k)].normal_(0, spread, generator=generator)
        return parts

    def trace(self, parts: Parts, z: Tensor) -> "_HeadTrace":
        """Outputs of the rows and the way back."""
        return _HeadTrace(self, parts, z)

    def dense(self, parts: Parts) -> list[Tensor]:
        """Coefficient tensors W_1 .. W_N without factors; W_k has shape (d, C, .., C)."""
        r, found = self.n_ranks, []
        for k in self.orders:
            tensor = (parts[f"out_{k}"] @ parts[f"core_{k}"]).view(-1, *[r] * k)
            for factor in parts["inputs"][self.factors(k)]:
                # Takes the first rank axis away and puts the concepts last: in order after k.
                tensor = torch.tensordot(tensor, factor, dims=([1], [0]))
            found.append(tensor)
        return found

    def monomials(self, parts: Parts) -> dict[tuple[int, ...], Tensor]:
        """Coefficient, shape (d,), of each product z_a z_b .. with a <= b <= ..; b is under ()."""
        merged = {(): parts["bias"]}
        for k, tensor in zip(self.orders, self.dense(parts), strict=True):
            for which in combinations_with_replacement(range(self.n_concepts), k):
                merged[which] = sum(tensor[:, *order] for order in sorted(set(permutations(which))))
        return merged


class _HeadTrace:
    """Outputs f, shape (n, d), with what their derivatives need."""

    def __init__(self, head: TaylorHead, parts: Parts, z: Tensor) -> None:
        self.head, self.parts, self.z = head, parts, z
        n, r, inputs = len(z), head.n_ranks, parts["inputs"]
        self.factors = (z @ inputs.reshape(-1, head.n_concepts).T).view(n, len(inputs), r)
        self.f = parts["bias"].expand(n, -1)
        self.products, self.ranks = {}, {}
        for k in head.orders:
            self.products[k] = self._products(self.factors[:, head.factors(k)])
            self.ranks[k] = self.products[k][-1] @ parts[f"core_{k}"].T
            self.f = torch.addmm(self.f, self.ranks[k], parts[f"out_{k}"].T)

    def _products(self, u: Tensor) -> list[Tensor]:
        """Row by row u_1, u_1 kron u_2, ..; shapes (n, r), (n, r^2), .."""
        found = [u[:, 0]]
        for j in range(1, u.shape[1]):
            found.append((found[-1][:, :, None] * u[:, None, j]).flatten(1))
        return found

    def jvp(self, change: Parts, dz: Tensor) -> Tensor:
        """Change of f along changes of the parameters and of z, shape (n, d)."""
        head, C = self.head, self.head.n_concepts
        du = self.z @ change["inputs"].reshape(-1, C).T + dz @ self.parts["inputs"].reshape(-1, C).T
        du = du.view_as(self.factors)
        df = change["bias"].expand(len(self.z), -1)
        for k in head.orders:
            u, here = self.factors[:, head.factors(k)], du[:, head.factors(k)]
            products, dp = self.products[k], here[:, 0]
            for j in range(1, k):
                dp = dp[:, :, None] * u[:, None, j] + products[j - 1][:, :, None] * here[:, None, j]
                dp = dp.flatten(1)
            dt = dp @ self.parts[f"core_{k}"].T + products[-1] @ change[f"core_{k}"].T
            df = torch.addmm(df, dt, self.parts[f"out_{k}"].T)
            df = torch.addmm(df, self.ranks[k], change[f"out_{k}"].T)
        return df

    def vjp(self, slope: Tensor) -> tuple[Parts, Tensor]:
        """Gradient of sum(slope * f), by part, and in z, shape (n, C)."""
        head, parts, found = self.head, self.parts, {"bias": slope.sum(0)}
        columns = []
        for k in head.orders:
            found[f"out_{k}"] = slope.T @ self.ranks[k]
            s = slope @ parts[f"out_{k}"]
            found[f"core_{k}"] = s.T @ self.products[k][-1]
            s, u, into = s @ parts[f"core_{k}"], self.factors[:, head.factors(k)], []
            for j in range(k - 1, 0, -1):
                s = s.view(len(s), -1, head.n_ranks)
                into.append((self.products[k][j - 1][:, :, None] * s).sum(1))
                s = (s * u[:, None, j]).sum(2)
            columns += [s, *reversed(into)]
        columns = torch.cat(columns, 1)
        inputs = parts["inputs"]
        found["inputs"] = (columns.T @ self.z).view_as(inputs)
        return found, columns @ inputs.reshape(-1, head.n_concepts)


class TaylorModel(nn.Module):
    """f = Taylor polynomial of the concepts of X.

    Usable as a torch module (`model(X)`), or functionally with a flat vector `w` (`trace`), which
    is what the bilevel loop does.

    Parameters
    ----------
    groups : sequence of sequence of int
        Columns of X behind each concept.
    n_outputs : int
        d: 1 for regression and binary logits, the number of classes for softmax.
    hidden : sequence of int
        Widths of each concept's network.
    encoder : {"mlp", "exu", "none"}
    order, n_ranks : int
        Of the polynomial.
    published_init : bool
        See `TaylorHead.initial`.
    precision, checkpointing
        Of the encoders, `biam.lean.LeanEncoders`. With `checkpointing`, the module used by itself
        remembers no more than its inputs by blocks of rows (`torch.utils.checkpoint`).
    generator : torch.Generator, optional
        Source of the initial values.

    Attributes
    ----------
    w : nn.Parameter, shape (layout.size,)
    layout : ParameterLayout
        Parts of the encoders, then those of the head.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        n_outputs: int = 1,
        *,
        hidden: Sequence[int] = (64, 64, 32),
        encoder: str = "mlp",
        order: int = 2,
        n_ranks: int = 8,
        published_init: bool = False,
        precision: str = "float32",
        checkpointing: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.precision, self.checkpointing = precision, checkpointing
        sizes = tuple(map(tuple, groups)), tuple(hidden), encoder
        self.encoders = ConceptEncoders(*sizes)
        if checkpointing or precision != "float32":
            self.encoders = LeanEncoders(*sizes, precision, checkpointing)
        self.head = TaylorHead(len(groups), n_outputs, order, n_ranks)
        self.layout = ParameterLayout(self.encoders.shapes | self.head.shapes)
        parts = self.encoders.initial(generator)
        parts |= self.head.initial(generator, published=published_init)
        self.w = nn.Parameter(self._flat(parts))

    @property
    def n_parameters(self) -> int:
        """Parameters in use."""
        return self.encoders.n_parameters + self.head.n_parameters

    def forward(self, X: Tensor) -> Tensor:
        """Outputs, shape (n, d), of rows X, shape (n, p)."""
        if not self.checkpointing:
            return self.trace(self.w, X).f
        blocks = [checkpoint(self._outputs, self.w, x, use_reentrant=False) for x in X.split(BLOCK)]
        return torch.cat(blocks)

    def trace(self, w: Tensor, X: Tensor) -> "TaylorTrace":
        """Concepts and outputs at `w`, and what their derivatives need."""
        return TaylorTrace(self, w, X)

    def shrink(self, w: Tensor, step: float) -> Tensor:
        """Proximal step of the group lasso: all entries of the I_kj that belong to a concept.

        A concept's norm shrinks by step sqrt(size), as in `biam.penalties.group_lasso_prox`, and at
        zero the concept is out of the polynomial. (The released code has groups of one entry.)
        """
        w = w.clone()
        inputs = self.layout.split(w)["inputs"]
        norms = inputs.norm(dim=(0, 1)).clamp_min(torch.finfo(w.dtype).tiny)
        size = inputs.shape[0] * inputs.shape[1]
        inputs.mul_((1 - step * size**0.5 / norms).clamp_min(0))
        return w

    def _outputs(self, w: Tensor, X: Tensor) -> Tensor:
        return self.trace(w, X).f

    def _flat(self, parts: Parts) -> Tensor:
        return torch.cat([parts[name].reshape(-1) for name in self.layout.shapes])


class TaylorTrace:
    """One forward pass.

    Parameters
    ----------
    model : TaylorModel
    w : Tensor, shape (layout.size,)
    X : Tensor, shape (n, p)

    Attributes
    ----------
    z : Tensor, shape (n, C)
        Concepts.
    f : Tensor, shape (n, d)
        Outputs.
    """

    def __init__(self, model: TaylorModel, w: Tensor, X: Tensor) -> None:
        self.model = model
        parts = model.layout.split(w)
        self._encoded = model.encoders.trace(parts, X)
        self.z = self._encoded.z
        self._headed = model.head.trace(parts, self.z)
        self.f = self._headed.f

    def jvp(self, v: Tensor) -> Tensor:
        """Change of f along a change `v` of the parameters, shape (n, d)."""
        change = self.model.layout.split(v)
        return self._headed.jvp(change, self._encoded.jvp(change))

    def vjp(self, slope: Tensor, concept_slope: Tensor | None = None) -> Tensor:
        """Gradient in `w` of sum(slope * f) + sum(concept_slope * z), flat."""
        parts, into = self._headed.vjp(slope)
        into = into if concept_slope is None else into + concept_slope
        return self.model._flat(parts | self._encoded.vjp(into))
