"""Concept encoders: one small network per group of features, all of them one batched product.

A group goes through a network of its own to one number, its concept z_c. Derivatives are written
out, since the bilevel loop asks for those of every row at every step.
Source: CAT (arXiv 2406.17931), section on concept encoders; ExU: Agarwal et al. (2021).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
import torch
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor
from torch.nn import functional

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = [
    "ENCODERS",
    "ConceptEncoders",
    "Parts",
    "correlation_groups",
    "feature_groups",
    "group_columns",
    "numbered_groups",
]

ENCODERS = ("mlp", "exu", "none")
"""Kinds of encoders."""

LEAK = 0.01
# Spread and centre of the exponents of ExU units: Agarwal et al. (2021), section 3.
EXU_CENTRE, EXU_SPREAD = 3.0, 0.5

Parts = dict[str, Tensor]
"""Parts of a parameter vector, or of its gradient, by name."""


@dataclass(frozen=True)
class ConceptEncoders:
    """One network per group of features, from the group to one number.

    Parameters
    ----------
    groups : tuple of tuple of int
        Columns of X behind each of the C concepts.
    hidden : tuple of int
        Widths between input and concept, leaky ReLU after each; () is a linear encoder.
    kind : {"mlp", "exu", "none"}
        "exu": the first layer is (x - b) exp(W) with activations cut to [0, 1]. "none": the concept
        is the one feature of its group.
    """

    groups: tuple[tuple[int, ...], ...]
    hidden: tuple[int, ...] = (64, 64, 32)
    kind: str = "mlp"

    def __post_init__(self) -> None:
        """Refuse empty groups, and groups of several features that no network joins."""
        check_choice("encoder", self.kind, ENCODERS)
        for width in self.hidden:
            check_integer("hidden", width, low=1)
        if not self.groups or not all(self.groups):
            raise InvalidInputError("groups must hold at least one feature each, got an empty one.")
        if self.kind == "none" and max(map(len, self.groups)) > 1:
            raise InvalidInputError(
                "encoder='none' takes each feature as a concept, got a group of several: use "
                "encoder='mlp', or groups of one feature."
            )
        if self.kind == "exu" and not self.hidden:
            raise InvalidInputError("encoder='exu' needs at least one hidden width, got none.")

    @cached_property
    def index(self) -> Tensor:
        """Columns of each group, shape (C, P); short groups are filled up with column 0."""
        width = max(map(len, self.groups))
        return torch.tensor([[*g, *[0] * (width - len(g))] for g in self.groups])

    @cached_property
    def mask(self) -> Tensor:
        """1 where `index` is a column of the group, 0 where it fills up; shape (C, P)."""
        sizes = torch.tensor([len(g) for g in self.groups])
        return (torch.arange(self.index.shape[1]) < sizes[:, None]).float()

    @property
    def widths(self) -> tuple[int, ...]:
        """Sizes of all layers, from the widest group to the concept."""
        return (self.index.shape[1], *self.hidden, 1)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Parts of the parameter vector: weights (C, in, out) and biases (C, out) by layer."""
        if self.kind == "none":
            return {}
        C, shapes = len(self.groups), {}
        for layer, (a, b) in enumerate(pairwise(self.widths)):
            shapes |= {f"weight_{layer}": (C, a, b)}
            shapes |= {f"bias_{layer}": (C, a if self.kind == "exu" and layer == 0 else b)}
        return shapes

    @property
    def n_parameters(self) -> int:
        """Parameters in use: those that fill up short groups do not count."""
        if self.kind == "none":
            return 0
        used = sum(prod(shape) for shape in self.shapes.values())
        per_gap = self.widths[1] + (self.kind == "exu")
        return used - int((1 - self.mask).sum()) * per_gap

    def initial(self, generator: torch.Generator | None = None) -> Parts:
        """He-normal weights and zero biases; ExU exponents are N(3, 0.5^2)."""
        parts = {}
        for name, shape in self.shapes.items():
            part = torch.zeros(shape)
            if name.startswith("weight"):
                draw = torch.randn(shape, generator=generator)
                part = draw * self._spread(name) * (self.mask[:, :, None] if name[-1] == "0" else 1)
                if self.kind == "exu" and name == "weight_0":
                    part = (EXU_CENTRE + EXU_SPREAD * draw) * self.mask[:, :, None]
            parts[name] = part
        return parts

    def trace(self, parts: Parts, X: Tensor) -> "_EncoderTrace":
        """Concepts of the rows and the way back."""
        return _EncoderTrace(self, parts, X)

    def _spread(self, name: str) -> Tensor | float:
        layer = int(name.rpartition("_")[2])
        gain = 1.0 if layer == len(self.hidden) else 2.0
        fan_in = self.mask.sum(1)[:, None, None] if layer == 0 else float(self.widths[layer])
        return (gain / fan_in) ** 0.5


class _EncoderTrace:
    """Concepts z, shape (n, C), with what their derivatives need."""

    def __init__(self, encoders: ConceptEncoders, parts: Parts, X: Tensor) -> None:
        self.encoders, self.parts = encoders, parts
        self.exu = encoders.kind == "exu"
        if encoders.kind == "none":
            self.z = X[:, encoders.index[:, 0]]
            return
        mask = encoders.mask.to(X)[:, None, :]
        a = X[:, encoders.index].transpose(0, 1) * mask
        if self.exu:
            a = (a - parts["bias_0"][:, None, :]) * mask
        self.inputs, self.slopes, last = [], [], len(encoders.hidden)
        for layer in range(last + 1):
            self.inputs.append(a)
            h = torch.bmm(a, self._weight(layer))
            if not (self.exu and layer == 0):
                h = h + parts[f"bias_{layer}"][:, None, :]
            if layer == last:
                a = h
            elif self.exu and layer == 0:
                a = h.clamp(0, 1)
                self.slopes.append(((h > 0) & (h < 1)).to(h))
            else:
                a = functional.leaky_relu(h, LEAK)
                self.slopes.append((h > 0).to(h) * (1 - LEAK) + LEAK)
        self.z = a[:, :, 0].T

    def _weight(self, layer: int) -> Tensor:
        weight = self.parts[f"weight_{layer}"]
        return weight.exp() if self.exu and layer == 0 else weight

    def jvp(self, change: Parts) -> Tensor:
        """Change of z along a change of the parameters, shape (n, C)."""
        if self.encoders.kind == "none":
            return torch.zeros_like(self.z)
        da = None
        for layer, a in enumerate(self.inputs):
            weight, dw, db = (
                self._weight(layer),
                *(change[f"{p}_{layer}"] for p in ("weight", "bias")),
            )
            if self.exu and layer == 0:
                dw, shift = weight * dw, db * self.encoders.mask.to(db)
                db = -torch.bmm(shift[:, None, :], weight)[:, 0]
            dh = torch.baddbmm(db[:, None, :], a, dw)
            dh = dh if da is None else dh + torch.bmm(da, weight)
            da = dh * self.slopes[layer] if layer < len(self.slopes) else dh
        return da[:, :, 0].T

    def vjp(self, slope: Tensor) -> Parts:
        """Gradient of sum(slope * z), by part; `slope` has shape (n, C)."""
        if self.encoders.kind == "none":
            return {}
        s, parts = slope.T[:, :, None], {}
        for layer in reversed(range(len(self.inputs))):
            s = s * self.slopes[layer] if layer < len(self.slopes) else s
            weight, a = self._weight(layer), self.inputs[layer]
            parts[f"weight_{layer}"] = torch.bmm(a.transpose(1, 2), s)
            parts[f"bias_{layer}"] = s.sum(1)
            if self.exu and layer == 0:
                parts["weight_0"] = parts["weight_0"] * weight
                back = torch.bmm(parts["bias_0"][:, None, :], weight.transpose(1, 2))[:, 0]
                parts["bias_0"] = -back * self.encoders.mask.to(s)
            elif layer:
                s = torch.bmm(s, weight.transpose(1, 2))
        return parts


def correlation_groups(
    X: np.ndarray, sources: np.ndarray, *, least: float = 0.5
) -> tuple[tuple[int, ...], ...]:
    """Features that belong together, by average-linkage clustering of their correlations.

    Two features are as near as the strongest absolute correlation between a column of the one and
    a column of the other (a category has a column per level).

    Parameters
    ----------
    X : ndarray, shape (n, q)
        Encoded rows, without gaps.
    sources : ndarray of int, shape (q,)
        Feature behind each column.
    least : float
        Average correlation at which clusters still merge, in [0, 1].

    Returns
    -------
    tuple of tuple of int
        Features by group, both in ascending order.
    """
    features = np.unique(sources)
    if len(features) == 1:
        return ((int(features[0]),),)
    varies = X.std(0) > 0
    related = np.eye(X.shape[1])
    related[np.ix_(varies, varies)] = np.abs(np.corrcoef(X[:, varies].T))
    near = np.array(
        [[related[np.ix_(sources == a, sources == b)].max() for b in features] for a in features]
    )
    distance = np.clip(1 - near, 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    labels = fcluster(tree, 1 - least, "distance")
    groups = {label: tuple(features[labels == label].tolist()) for label in labels}
    return tuple(sorted(groups.values()))


def numbered_groups(groups: Iterable[Any], names: Sequence[str]) -> list[tuple[int, ...]]:
    """Groups of names or positions as groups of positions.

    Parameters
    ----------
    groups : iterable of sequence of str or int
    names : sequence of str
        Of all columns; each must be in a group.

    Raises
    ------
    InvalidInputError
        An empty group, an unknown column, or a column in no group.
    """
    place = {name: j for j, name in enumerate(names)}
    found = []
    for group in groups:
        if isinstance(group, str) or not isinstance(group, Sequence) or not len(group):
            raise InvalidInputError(f"groups must be lists of columns, got the group {group!r}.")
        positions = [place.get(name, name) for name in group]
        for name, j in zip(group, positions, strict=True):
            if not isinstance(j, int | np.integer) or not 0 <= j < len(names):
                raise InvalidInputError(
                    f"groups has {name!r}, which is no column: expected a name or a position below "
                    f"{len(names)}."
                )
        found.append(tuple(int(j) for j in positions))
    left = [name for j, name in enumerate(names) if not any(j in group for group in found)]
    if left:
        raise InvalidInputError(f"groups leaves out {left[0]!r}: put every column into a group.")
    return found


def feature_groups(
    given: Any, names: Sequence[str], values: np.ndarray, sources: np.ndarray, *, least: float
) -> tuple[list[tuple[int, ...]], list[str]]:
    """Features of each concept, and a name for it.

    Parameters
    ----------
    given : {"features", "auto"}, sequence of groups, or mapping of names to groups
    names : sequence of str
        Of all features.
    values, sources, least
        For "auto", as in `correlation_groups`.
    """
    labels = list(given) if isinstance(given, Mapping) else None
    if not isinstance(given, str):
        groups = numbered_groups(given.values() if labels else given, names)
    elif given == "auto":
        groups = list(correlation_groups(values, sources, least=least))
    else:
        groups = [(j,) for j in range(len(names))]
    return groups, labels or [" + ".join(names[j] for j in group) for group in groups]


def group_columns(
    groups: Sequence[Sequence[int]], sources: np.ndarray, encoder: str
) -> tuple[tuple[int, ...], ...]:
    """Columns of the encoded matrix behind each group of features.

    Parameters
    ----------
    groups : sequence of sequence of int
    sources : ndarray of int, shape (q,)
        Feature behind each column.
    encoder : str

    Raises
    ------
    InvalidInputError
        Encoder "none", and a group of several columns.
    """
    columns = tuple(tuple(np.flatnonzero(np.isin(sources, g)).tolist()) for g in groups)
    if encoder == "none" and max(map(len, columns)) > 1:
        raise InvalidInputError(
            "encoder='none' takes numbers without gaps as concepts, one each: a group here has "
            "several columns, or a column with gaps or categories; use encoder='mlp'."
        )
    return columns
