"""A trained model taken apart: the contribution of every term to every row, exactly.

Shape functions are centred on the observed training values: what f_j loses moves to the intercept,
and from there to the missing effect, so a missing effect reads "against the average observed value"
and contributions still sum to the model's output.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import Design

__all__ = ["Term", "centres", "contributions", "importances", "pair_strengths", "shape_values"]

MAX_ROWS = 20_000


class Term(NamedTuple):
    """One term of the model.

    Parameters
    ----------
    kind : {"intercept", "shape", "missing", "interaction", "pair"}
    first, second : int
        Feature numbers; an interaction is (missing feature, feature it changes). -1: none.
    """

    kind: str
    first: int = -1
    second: int = -1


def shape_values(model: AdditiveModel, w: Tensor, design: Design) -> np.ndarray:
    """Uncentred f_j(x_j) of every row, zero where missing; shape (n, p, d)."""
    beta = model.coefficients(w)["beta"]
    parts = [design.H[:, c] @ beta[c.start - 1 : c.stop - 1] for c in model.basis.slices]
    return torch.stack(parts, 1).double().numpy()


def centres(model: AdditiveModel, w: Tensor, values: np.ndarray) -> np.ndarray:
    """Mean of each shape function over its observed training values, shape (p, d)."""
    design = model.basis.design(values[:MAX_ROWS])
    observed = (~np.isnan(values[:MAX_ROWS])).sum(0)[:, None]
    return shape_values(model, w, design).sum(0) / np.maximum(observed, 1)


def contributions(
    model: AdditiveModel, w: Tensor, design: Design, centre: np.ndarray
) -> Iterator[tuple[Term, np.ndarray]]:
    """Terms and their contributions, shape (n, d), in reading order; they sum to the outputs.

    Terms whose parameters are all zero are left out.
    """
    named = model.coefficients(w)
    missing = design.M[:, 1:].double().numpy()
    yield (
        Term("intercept"),
        np.broadcast_to(
            named["beta0"].double().numpy() + centre.sum(0), (len(design), len(centre[0]))
        ),
    )
    shapes = shape_values(model, w, design)
    effects = named["beta_miss"].double().numpy() - centre
    for j in range(model.basis.n_features):
        yield Term("shape", j), shapes[:, j] - centre[j] * (1 - missing[:, j, None])
        # A feature without gaps, neither in training nor here, has no missing effect to show.
        if missing[:, j].any() or bool(named["beta_miss"][j].any()):
            yield Term("missing", j), missing[:, j, None] * effects[j]
    if "alpha" in named:
        yield from _interactions(model, named["alpha"], design)
    if "gates" in named:
        yield from _pairs(model, named, design)


def importances(
    model: AdditiveModel, w: Tensor, values: np.ndarray, centre: np.ndarray
) -> np.ndarray:
    """Mean |contribution| per feature over the training rows, shape (p,); pairs count half each."""
    total = np.zeros(model.basis.n_features)
    design = model.basis.design(values[:MAX_ROWS])
    for term, effect in contributions(model, w, design, centre):
        size = float(np.abs(effect).mean())
        if term.kind == "pair":
            total[[term.first, term.second]] += size / 2
        elif term.kind != "intercept":
            total[term.first] += size
    return total


def pair_strengths(model: AdditiveModel, w: Tensor) -> np.ndarray:
    """s_jk = mean_d |(gamma_jk + gamma_kj) / 2| ||sum_r a_j.r a_k.r^T||_F, shape (p, p)."""
    named = model.coefficients(w)
    gates, factors = named["gates"], named["factors"]
    p = model.basis.n_features
    strength = np.zeros((p, p))
    parts = [factors[c.start - 1 : c.stop - 1] for c in model.basis.slices]
    for j in range(p):
        for k in range(j + 1, p):
            gate = ((gates[j, k] + gates[k, j]) / 2).abs()
            norm = torch.einsum("srd,trd->std", parts[j], parts[k]).square().sum((0, 1)).sqrt()
            strength[j, k] = strength[k, j] = float((gate * norm).mean())
    return strength


def _interactions(
    model: AdditiveModel, alpha: Tensor, design: Design
) -> Iterator[tuple[Term, np.ndarray]]:
    for j in range(model.basis.n_features):
        gap = design.M[:, 1 + j, None]
        for k, c in enumerate(model.basis.slices):
            coefficients = alpha[c.start - 1 : c.stop - 1, j]
            if bool(coefficients.any()):
                yield (
                    Term("interaction", j, k),
                    (gap * (design.H[:, c] @ coefficients)).double().numpy(),
                )


def _pairs(
    model: AdditiveModel, named: dict[str, Tensor], design: Design
) -> Iterator[tuple[Term, np.ndarray]]:
    U = model.factor_values(named["factors"], design)
    gates = (named["gates"] + named["gates"].transpose(0, 1)) / 2
    for j in range(model.basis.n_features):
        for k in range(j + 1, model.basis.n_features):
            if bool(gates[j, k].any()):
                effect = gates[j, k] * (U[:, j] * U[:, k]).sum(1)
                yield Term("pair", j, k), effect.double().numpy()
