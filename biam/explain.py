"""Reading a fitted estimator: shape functions, missing effects, interactions, contributions.

`est` is a fitted `BIAMRegressor` or `BIAMClassifier`. Everything comes as a tidy DataFrame in the
units of the data: x as the user gave it, effects in units of `y` (regression) or on the logit scale
(binary: log-odds of the second class).
"""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from biam import reading
from biam.reading import Term, output_names, scale_of, scaled, term_name

__all__ = [
    "complexity",
    "contributions_table",
    "interactions",
    "missing_effects",
    "pair_effects",
    "shape_functions",
    "term_importances",
    "term_name",
]


def contributions_table(est: Any, values: np.ndarray) -> pd.DataFrame:
    """Contributions of every term to every encoded row; rows sum to the prediction.

    Parameters
    ----------
    est : BIAMBase
        Fitted.
    values : ndarray, shape (n, p)
        Encoded table.
    """
    design = est.model_.basis.design(values)
    outputs = output_names(est)
    # Lists, not a dict: a column of the table may be called "intercept".
    names: list[Any] = []
    columns: list[np.ndarray] = []
    for term, effect in reading.contributions(est.model_, est.w_, design, est.centres_):
        name, part = term_name(term, est.encoder_.names), scaled(est, effect, term)
        names += [name] if len(outputs) == 1 else [(output, name) for output in outputs]
        columns += list(part.T)
    index = pd.Index(names) if len(outputs) == 1 else pd.MultiIndex.from_tuples(names)
    return pd.DataFrame(np.column_stack(columns), columns=index)


def shape_functions(est: Any) -> pd.DataFrame:
    """f_j, centred, at its knots (numeric) or levels (categories): feature, x, effect, class.

    Between knots a hinge shape is a straight line and beyond them it goes on; left of the first
    knot it is constant.
    """
    check_is_fitted(est)
    coefficients = est.model_.coefficients(est.w_)["beta"]
    frames = []
    for j, c in enumerate(est.model_.basis.slices):
        basis = est.model_.basis.features[j]
        beta = coefficients[c.start - 1 : c.stop - 1]
        effect = (basis.columns(basis.knots) @ beta).double().numpy() - est.centres_[j]
        frames.append(_tidy(est, est.encoder_.names[j], _original(est, j), effect))
    return pd.concat(frames, ignore_index=True)


def missing_effects(est: Any) -> pd.DataFrame:
    """Effect of each missing value against the average observed one: feature, rate, effect, class.

    `rate` is the share of training rows where the feature is missing; features without gaps have
    nothing to learn from and are left out.
    """
    check_is_fitted(est)
    effects = est.model_.coefficients(est.w_)["beta_miss"].double().numpy() - est.centres_
    frames = [
        _tidy(est, name, [est.missing_rates_[j]], effects[j][None])
        .rename(columns={"x": "rate"})
        .astype({"rate": float})
        for j, name in enumerate(est.encoder_.names)
        if est.missing_rates_[j] > 0
    ]
    if not frames:
        return pd.DataFrame({"feature": [], "rate": [], "effect": []})
    return pd.concat(frames, ignore_index=True)


def interactions(est: Any) -> pd.DataFrame:
    """Missing interactions and pairs, strongest first: term, kind, first, second, strength.

    Strength of a gated pair as in the paper (`reading.pair_strengths`), of a surface the standard
    deviation of its contribution over the training rows, of a missing interaction the Euclidean
    norm of its coefficients; all averaged over outputs.
    """
    check_is_fitted(est)
    names, named = est.encoder_.names, est.model_.coefficients(est.w_)
    rows: list[tuple[Term, float]] = []
    if "alpha" in named:
        for j in np.flatnonzero(est.missing_rates_ > 0):
            for k, c in enumerate(est.model_.basis.slices):
                size = float(named["alpha"][c.start - 1 : c.stop - 1, j].norm(dim=0).mean())
                if size > 0:
                    rows.append((Term("interaction", int(j), k), size))
    if "gates" in named:
        strength = reading.pair_strengths(est.model_, est.w_)
        upper = zip(*np.triu_indices(len(strength), 1), strict=True)
        rows += [(Term("pair", int(j), int(k)), strength[j, k]) for j, k in upper]
    if "surfaces" in named:
        spreads = zip(est.terms_, est.term_sizes_[:, 1], strict=True)
        rows += [(Term(*term), size) for term, size in spreads if term[0] == "pair"]
    table = pd.DataFrame(
        [
            (term_name(t, names), t.kind, names[t.first], names[t.second], size * scale_of(est))
            for t, size in rows
        ],
        columns=["term", "kind", "first", "second", "strength"],
    )
    return table.sort_values("strength", ascending=False, ignore_index=True)


def pair_effects(est: Any) -> pd.DataFrame:
    """Surface of each pair at its knots or levels: term, first, second, x, z, effect (and class).

    Between knots the effect is x times z, beyond the last it goes on in straight lines; where
    either value is missing it is zero. Gated pairs have no surface of their own and no rows.
    """
    check_is_fitted(est)
    model, names = est.model_, est.encoder_.names
    frames = []
    for (j, k), block in zip(model.pairs, model.pair_slices, strict=True):
        first, second = (_at_knots(est, f) for f in (j, k))
        gamma = model.coefficients(est.w_)["surfaces"][block].double().numpy()
        gamma = gamma.reshape(first.shape[1], second.shape[1], -1)
        effect = np.einsum("as,std,bt->abd", first, gamma, second)
        x, z = _original(est, j), _original(est, k)
        table = _tidy(est, "", [a for a in x for _ in z], effect.reshape(len(x) * len(z), -1))
        n_outputs = len(output_names(est))
        table.insert(2, "z", pd.Series([b for _ in x for b in z] * n_outputs, dtype=object))
        table.insert(0, "term", term_name(Term("pair", j, k), names))
        table.insert(1, "first", names[j])
        table.insert(2, "second", names[k])
        frames.append(table.drop(columns="feature"))
    if not frames:
        columns = ["term", "first", "second", "x", "z", "effect"]
        return pd.DataFrame({name: [] for name in columns})
    return pd.concat(frames, ignore_index=True)


def term_importances(est: Any) -> pd.DataFrame:
    """All terms, each main effect followed by what is built on it.

    Returns
    -------
    DataFrame
        term, kind, first, second ("" where there is none), spread: the standard deviation of the
        contribution over the training rows, in units of the prediction, averaged over outputs;
        share: its share of the variance of the prediction (`reading.term_sizes`), which sums to
        one over the table; level: 0 for a shape function, 1 for a missing effect, 2 for a missing
        interaction or a pair. Features come in the order of their shares, their own terms below
        them; a pair stands below the larger of its two.
    """
    check_is_fitted(est)
    names, terms = est.encoder_.names, [Term(*term) for term in est.terms_]
    shares = reading.importances(terms, est.term_sizes_[:, 2], len(names))
    rank = np.argsort(np.argsort(-shares, kind="stable"))
    rows = []
    for term, (_, spread, share) in zip(terms, est.term_sizes_, strict=True):
        of = [term.first, term.second] if term.kind == "pair" else [term.first]
        level = {"shape": 0, "missing": 1}.get(term.kind, 2)
        second = names[term.second] if term.second >= 0 else ""
        place = (min(rank[j] for j in of), level, -spread)
        row = (term_name(term, names), term.kind, names[term.first], second)
        rows.append((place, (*row, spread * scale_of(est), share, level)))
    columns = ["term", "kind", "first", "second", "spread", "share", "level"]
    return pd.DataFrame([row for _, row in sorted(rows, key=lambda r: r[0])], columns=columns)


def complexity(est: Any) -> dict[str, int]:
    """Counts of what there is to read: a knot is in use when its coefficient is not zero."""
    check_is_fitted(est)
    named = est.model_.coefficients(est.w_)
    parts = [named["beta"][c.start - 1 : c.stop - 1] for c in est.model_.basis.slices]
    table = interactions(est)
    return {
        "features": sum(bool((part.abs() > 1e-8).any()) for part in parts),
        "active_knots": int(sum((part.abs() > 1e-8).any(1).sum() for part in parts)),
        "missing_effects": int((est.missing_rates_ > 0).sum()),
        "missing_interactions": int((table["kind"] == "interaction").sum()),
        "pairs": int((table["kind"] == "pair").sum()),
        "parameters": int((est.w_.abs() > 1e-8).sum()),
    }


def _original(est: Any, j: int) -> list[Any]:
    """Knots in the user's units, or the categories."""
    known = est.encoder_.categories[j]
    if known is not None:
        return list(known)
    knots = est.model_.basis.features[j].knots.double().numpy()
    return list(knots * est.encoder_.scale[j] + est.encoder_.centre[j])


def _at_knots(est: Any, j: int) -> np.ndarray:
    """Basis columns of feature `j` at its knots or levels, less their centres in pairs."""
    basis, c = est.model_.basis.features[j], est.model_.basis.slices[j]
    centres = est.model_.centres[c.start - 1 : c.stop - 1]
    return (basis.columns(basis.knots) - centres).double().numpy()


def _tidy(est: Any, name: str, x: list[Any], effect: np.ndarray) -> pd.DataFrame:
    effect, outputs = scaled(est, effect), output_names(est)
    frames = []
    for c, output in enumerate(outputs):
        frame = pd.DataFrame(
            {"feature": name, "x": pd.Series(x, dtype=object), "effect": effect[:, c]}
        )
        if len(outputs) > 1:
            frame["class"] = output
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
