"""A trained model taken apart: the contribution of every term to every row, exactly.

Shape functions are centred on the observed training values: what f_j loses moves to the intercept,
and from there to the missing effect, so a missing effect reads "against the average observed value"
and contributions still sum to the model's output.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import Design

__all__ = [
    "Term",
    "centres",
    "column_means",
    "contributions",
    "importances",
    "output_names",
    "pair_strengths",
    "scale_of",
    "scaled",
    "shape_values",
    "standard_errors",
    "term_name",
    "term_sizes",
]

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


def column_means(model: AdditiveModel, values: np.ndarray) -> np.ndarray:
    """Mean of each basis column over its feature's observed training values, shape (q,).

    `centres` are these means times the coefficients; errors of centred curves need them apart.
    """
    design = model.basis.design(values[:MAX_ROWS])
    observed = np.maximum((~np.isnan(values[:MAX_ROWS])).sum(0), 1)
    widths = [len(feature.knots) for feature in model.basis.features]
    return design.H[:, 1:].sum(0).double().numpy() / np.repeat(observed, widths)


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
    if "surfaces" in named:
        yield from _surfaces(model, named["surfaces"], design)


def term_sizes(
    model: AdditiveModel, w: Tensor, values: np.ndarray, centre: np.ndarray
) -> tuple[list[Term], np.ndarray]:
    """Terms but the intercept, and how large each is over the training rows.

    Parameters
    ----------
    model : AdditiveModel
    w : Tensor, shape (layout.size,)
    values : ndarray, shape (n, p)
        Encoded training rows; the first `MAX_ROWS` are used.
    centre : ndarray, shape (p, d)

    Returns
    -------
    terms : list of Term
    sizes : ndarray, shape (n_terms, 3)
        Mean absolute contribution; standard deviation, averaged over outputs; and the share
        cov(term, f) / var(f) of the variance of the outputs f, summed over outputs (of several,
        what all have in common is taken off: it changes no probability). Shares sum to one; one
        below zero belongs to a term that works against the others (Li et al. 2010, "Global
        sensitivity analysis for systems with independent and/or correlated inputs", eq. 19).
    """
    design = model.basis.design(values[:MAX_ROWS])
    terms, sizes = [], []
    # A run that diverged has a status that says so: no NumPy warnings on top.
    with np.errstate(over="ignore", invalid="ignore"):
        f = _contrasts(model.outputs(w.detach(), design).double().numpy())
        f = f - f.mean(0)
        variance = float((f * f).sum())
        for term, effect in contributions(model, w, design, centre):
            if term.kind != "intercept":
                share = float((_contrasts(effect) * f).sum()) / variance if variance else 0.0
                terms.append(term)
                sizes.append((float(np.abs(effect).mean()), float(effect.std(0).mean()), share))
    return terms, np.array(sizes).reshape(-1, 3)


def importances(terms: list[Term], sizes: np.ndarray, p: int) -> np.ndarray:
    """Sum one size of every term, shape (n_terms,), by feature, shape (p,); pairs half each."""
    total = np.zeros(p)
    for term, size in zip(terms, sizes, strict=True):
        if term.kind == "pair":
            total[[term.first, term.second]] += size / 2
        else:
            total[term.first] += size
    return total


def pair_strengths(model: AdditiveModel, w: Tensor, values: np.ndarray | None = None) -> np.ndarray:
    """Strength of every pair, shape (p, p), symmetric.

    Gated pairs: s_jk = mean_d |(gamma_jk + gamma_kj) / 2| ||sum_r a_j.r a_k.r^T||_F, as in the
    paper. Surfaces: the standard deviation of f_jk over the encoded training rows `values`, shape
    (n, p), averaged over outputs.
    """
    named = model.coefficients(w)
    p = model.basis.n_features
    strength = np.zeros((p, p))
    if "surfaces" in named and values is not None:
        design = model.basis.design(values[:MAX_ROWS])
        for term, effect in _surfaces(model, named["surfaces"], design):
            strength[term.first, term.second] = effect.std(0).mean()
        return strength + strength.T
    gates, factors = named["gates"], named["factors"]
    parts = [factors[c.start - 1 : c.stop - 1] for c in model.basis.slices]
    for j in range(p):
        for k in range(j + 1, p):
            gate = ((gates[j, k] + gates[k, j]) / 2).abs()
            norm = torch.einsum("srd,trd->std", parts[j], parts[k]).square().sum((0, 1)).sqrt()
            strength[j, k] = strength[k, j] = float((gate * norm).mean())
    return strength


def standard_errors(
    model: AdditiveModel,
    covariance: np.ndarray,
    gradients: Mapping[str, np.ndarray],
    contrasts: np.ndarray,
) -> np.ndarray:
    """Standard errors of effects that are linear in the coefficients, sqrt(c^T V c).

    Parameters
    ----------
    model : AdditiveModel
    covariance : ndarray, shape (layout.size, layout.size)
        V, of the flat parameters.
    gradients : mapping of str to ndarray, shape (m, rows of the part)
        Derivatives of m effects by the named parts of `AdditiveModel.coefficients`, the same for
        each output.
    contrasts : ndarray, shape (n_effects, d)
        What is shown of the d outputs: the identity, or the second less the first.

    Returns
    -------
    ndarray, shape (m, n_effects)
    """
    places = model.coefficients(torch.arange(model.layout.size))
    used = {name: np.flatnonzero(g.any(0)) for name, g in gradients.items()}
    index = np.concatenate([places[name][cols].numpy().ravel() for name, cols in used.items()])
    V = covariance[np.ix_(index, index)]
    errors = []
    for contrast in contrasts:
        c = [gradients[name][:, cols, None] * contrast for name, cols in used.items()]
        c = np.concatenate([part.reshape(len(part), -1) for part in c], axis=1)
        # A curve centred on itself has no variance where it is nothing: not less than none.
        errors.append(np.sqrt(np.maximum(np.einsum("ma,ab,mb->m", c, V, c), 0.0)))
    return np.stack(errors, 1)


def term_name(term: Term, names: list[str]) -> str:
    """Readable name: "age", "age missing", "age missing × hours", "age × hours"."""
    if term.kind == "intercept":
        return "intercept"
    first = names[term.first]
    return {
        "shape": first,
        "missing": f"{first} missing",
        "interaction": f"{first} missing × {names[term.second]}",
        "pair": f"{first} × {names[term.second]}",
    }[term.kind]


def output_names(est: Any) -> list[Any]:
    """What a fitted estimator's tables have an output for: [None], or more than two classes."""
    classes = getattr(est, "classes_", None)
    return [None] if classes is None or len(classes) == 2 else list(classes)


def scale_of(est: Any) -> float:
    """Factor from the model's outputs to the units of the prediction."""
    return getattr(est, "y_scale_", 1.0)


def scaled(est: Any, effect: np.ndarray, term: Term | None = None) -> np.ndarray:
    """Outputs, shape (n, d), in the units of the prediction; two logits become one log-odds."""
    if effect.shape[1] == 2 and len(output_names(est)) == 1:
        effect = effect[:, 1:] - effect[:, :1]
    effect = effect * scale_of(est)
    if term is not None and term.kind == "intercept":
        effect = effect + getattr(est, "y_centre_", 0.0)
    return effect


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


def _surfaces(
    model: AdditiveModel, surfaces: Tensor, design: Design
) -> Iterator[tuple[Term, np.ndarray]]:
    values = model.surface_values(surfaces, design)
    for i, (pair, block) in enumerate(zip(model.pairs, model.pair_slices, strict=True)):
        if bool(surfaces[block].any()):
            yield Term("pair", *pair), values[:, i].double().numpy()


def _contrasts(f: np.ndarray) -> np.ndarray:
    """Of several outputs, what they do not have in common."""
    return f - f.mean(1, keepdims=True) if f.shape[1] > 1 else f
