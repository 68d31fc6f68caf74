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
from biam.reading import Term

__all__ = [
    "complexity",
    "contributions_table",
    "interactions",
    "missing_effects",
    "shape_functions",
    "term_name",
]


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
    outputs = _output_names(est)
    # Lists, not a dict: a column of the table may be called "intercept".
    names: list[Any] = []
    columns: list[np.ndarray] = []
    for term, effect in reading.contributions(est.model_, est.w_, design, est.centres_):
        name, scaled = term_name(term, est.encoder_.names), _scaled(est, effect, term)
        names += [name] if len(outputs) == 1 else [(output, name) for output in outputs]
        columns += list(scaled.T)
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

    Strength of a pair as in the paper (`reading.pair_strengths`); of a missing interaction the
    Euclidean norm of its coefficients, averaged over outputs.
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
    table = pd.DataFrame(
        [
            (term_name(t, names), t.kind, names[t.first], names[t.second], size * est_scale(est))
            for t, size in rows
        ],
        columns=["term", "kind", "first", "second", "strength"],
    )
    return table.sort_values("strength", ascending=False, ignore_index=True)


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


def est_scale(est: Any) -> float:
    """Factor from the model's outputs to the units of the prediction."""
    return getattr(est, "y_scale_", 1.0)


def _output_names(est: Any) -> list[Any]:
    classes = getattr(est, "classes_", None)
    return [None] if classes is None or len(classes) == 2 else list(classes)


def _scaled(est: Any, effect: np.ndarray, term: Term | None = None) -> np.ndarray:
    """Outputs to the units of the prediction; two softmax logits become one log-odds."""
    if effect.shape[1] == 2 and len(_output_names(est)) == 1:
        effect = effect[:, 1:] - effect[:, :1]
    effect = effect * est_scale(est)
    if term is not None and term.kind == "intercept":
        effect = effect + getattr(est, "y_centre_", 0.0)
    return effect


def _original(est: Any, j: int) -> list[Any]:
    """Knots in the user's units, or the categories."""
    known = est.encoder_.categories[j]
    if known is not None:
        return list(known)
    knots = est.model_.basis.features[j].knots.double().numpy()
    return list(knots * est.encoder_.scale[j] + est.encoder_.centre[j])


def _tidy(est: Any, name: str, x: list[Any], effect: np.ndarray) -> pd.DataFrame:
    effect, outputs = _scaled(est, effect), _output_names(est)
    frames = []
    for c, output in enumerate(outputs):
        frame = pd.DataFrame(
            {"feature": name, "x": pd.Series(x, dtype=object), "effect": effect[:, c]}
        )
        if len(outputs) > 1:
            frame["class"] = output
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
