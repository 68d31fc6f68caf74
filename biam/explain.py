"""Reading a fitted estimator: shape functions, missing effects, interactions, contributions.

`est` is a fitted `BIAMRegressor` or `BIAMClassifier`. Everything comes as a tidy DataFrame in the
units of the data: x as the user gave it, effects in units of `y` (regression) or on the logit scale
(binary: log-odds of the second class). Where the solver left a covariance of its coefficients
(``details_["covariance"]``), tables of effects have columns lower and upper: the pointwise 95 %
band by the delta method. Without one there are none, and `bootstrap_bands` makes them by refitting.
"""

import warnings
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from biam import reading
from biam.reading import Term, output_names, scale_of, scaled, term_name
from biam.validation import check_integer, check_number

__all__ = [
    "bootstrap_bands",
    "complexity",
    "contributions_table",
    "interactions",
    "missing_effects",
    "pair_effects",
    "shape_functions",
    "term_importances",
    "term_name",
]

# Of the normal distribution: 95 % of it lie within so many standard errors.
WIDTH = NormalDist().inv_cdf(0.975)


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
    """f_j, centred, at its knots (numeric) or levels (categories): feature, x, effect, band, class.

    Between knots a hinge shape is a straight line and beyond them it goes on; left of the first
    knot it is constant.
    """
    check_is_fitted(est)
    coefficients = est.model_.coefficients(est.w_)["beta"]
    frames = []
    for j, c in enumerate(est.model_.basis.slices):
        basis = est.model_.basis.features[j]
        beta = coefficients[c.start - 1 : c.stop - 1]
        columns = basis.columns(basis.knots)
        effect = (columns @ beta).double().numpy() - est.centres_[j]
        own = slice(c.start - 1, c.stop - 1)
        gradient = np.zeros((len(columns), est.model_.basis.n_columns))
        gradient[:, own] = columns.double().numpy() - est.column_means_[own]
        error = _errors(est, {"beta": gradient})
        frames.append(_tidy(est, est.encoder_.names[j], _original(est, j), effect, error))
    return pd.concat(frames, ignore_index=True)


def missing_effects(est: Any) -> pd.DataFrame:
    """Effect of each missing value against the average observed one: feature, rate, effect, band.

    `rate` is the share of training rows where the feature is missing; features without gaps have
    nothing to learn from and are left out.
    """
    check_is_fitted(est)
    effects = est.model_.coefficients(est.w_)["beta_miss"].double().numpy() - est.centres_
    errors = _missing_errors(est)
    frames = [
        _tidy(est, name, [est.missing_rates_[j]], effects[j][None], errors and errors[j])
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
        gradient = np.zeros((len(x) * len(z), model.pair_slices[-1].stop))
        gradient[:, block] = np.kron(first, second)
        error = _errors(est, {"surfaces": gradient})
        flat = effect.reshape(len(x) * len(z), -1)
        table = _tidy(est, "", [a for a in x for _ in z], flat, error)
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


def bootstrap_bands(
    est: Any,
    X: Any,
    y: Any,
    X_meta: Any = None,
    y_meta: Any = None,
    *,
    n_boot: int = 50,
    level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pointwise bands of curves and missing effects, from fits on rows drawn with replacement.

    Parameters
    ----------
    est : BIAMRegressor or BIAMClassifier
        Fitted; it is not changed. Copies are fitted with its parameters.
    X, y, X_meta, y_meta
        What it was fitted on. Training and meta rows are drawn apart, classes in their numbers.
    n_boot : int
        Fits; a bar shows how many are done.
    level : float
        Share of the fits inside the band, between 0 and 1.
    random_state : int, RandomState or None

    Returns
    -------
    shapes, missing : DataFrame
        As `shape_functions` and `missing_effects`, with columns lower and upper: quantiles of the
        fits at the knots and levels of `est`; a level or a gap that a draw lacks has no say in it.
    """
    check_is_fitted(est)
    check_integer("n_boot", n_boot, low=2)
    check_number("level", level, low=0, high=1, open_low=True)
    stream, labels = check_random_state(random_state), is_classifier(est)
    y, curves, gaps = np.asarray(y), [], []
    for _ in tqdm(range(n_boot), unit="fit", delay=2, disable=None if est.progress else True):
        rows = _resampled(y, labels, stream)
        drawn = [_rows(X, rows), y[rows]]
        if X_meta is not None:
            rows = _resampled(y_meta, labels, stream)
            drawn += [_rows(X_meta, rows), np.asarray(y_meta)[rows]]
        seed = int(stream.randint(2**31 - 1))
        other = clone(est).set_params(progress=False, random_state=seed, handle_unknown="missing")
        other.fit(*drawn)
        curves.append(_curves_of(other, est))
        gaps.append(_gaps_of(other, est))
    return _banded(shape_functions(est), curves, level), _banded(missing_effects(est), gaps, level)


def _banded(table: pd.DataFrame, draws: list[np.ndarray], level: float) -> pd.DataFrame:
    ends = np.array([(1 - level) / 2, (1 + level) / 2])
    if len(table):
        with warnings.catch_warnings():
            # A level that no draw has: its band is NaN.
            warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
            lower, upper = np.nanquantile(np.stack(draws), ends, axis=0)
        place = table.columns.get_loc("effect") + 1
        table = table.drop(columns=["lower", "upper"], errors="ignore")
        table.insert(place, "lower", lower)
        table.insert(place + 1, "upper", upper)
    return table


def _errors(est: Any, gradients: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Standard errors in the units of the prediction, shape (m, n_outputs), if there is a V."""
    covariance = est.details_.get("covariance")
    if covariance is None:
        return None
    places = est.model_.coefficients(torch.arange(est.model_.layout.size))
    if max(int(places[name].max()) for name in gradients) >= len(covariance):
        return None  # many pairs: the covariance holds the curves alone
    d, n_outputs = est.model_.n_outputs, len(output_names(est))
    contrasts = np.eye(d) if n_outputs == d else np.array([[-1.0, 1.0]])
    errors = reading.standard_errors(est.model_, np.asarray(covariance), gradients, contrasts)
    return errors * scale_of(est)


def _missing_errors(est: Any) -> list[np.ndarray] | None:
    """Of each missing effect less the mean of its curve, shape (1, n_outputs) per feature."""
    widths = [len(f.knots) for f in est.model_.basis.features]
    p = len(widths)
    own = np.repeat(np.arange(p), widths) == np.arange(p)[:, None]
    errors = _errors(est, {"beta_miss": np.eye(p), "beta": np.where(own, -est.column_means_, 0.0)})
    return None if errors is None else list(errors[:, None])


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


def _tidy(
    est: Any, name: str, x: list[Any], effect: np.ndarray, error: np.ndarray | None = None
) -> pd.DataFrame:
    effect, outputs = scaled(est, effect), output_names(est)
    frames = []
    for c, output in enumerate(outputs):
        frame = pd.DataFrame(
            {"feature": name, "x": pd.Series(x, dtype=object), "effect": effect[:, c]}
        )
        if error is not None:
            frame["lower"] = frame["effect"] - WIDTH * error[:, c]
            frame["upper"] = frame["effect"] + WIDTH * error[:, c]
        if len(outputs) > 1:
            frame["class"] = output
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _resampled(y: Any, labels: bool, stream: np.random.RandomState) -> np.ndarray:
    """Rows drawn with replacement; of classes, as many of each as there were."""
    y = np.asarray(y)
    if not labels:
        return stream.randint(len(y), size=len(y))
    own = [np.flatnonzero(y == label) for label in np.unique(y)]
    return np.concatenate([rows[stream.randint(len(rows), size=len(rows))] for rows in own])


def _rows(X: Any, rows: np.ndarray) -> Any:
    return X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]


def _curves_of(other: Any, est: Any) -> np.ndarray:
    """Shape functions of one estimator at the knots and levels of another, as a column."""
    beta = other.model_.coefficients(other.w_)["beta"]
    parts = []
    for j, c in enumerate(other.model_.basis.slices):
        known, x = other.encoder_.categories[j], _original(est, j)
        if known is None:
            encoder = other.encoder_
            z = (np.array(x, dtype=float) - encoder.centre[j]) / encoder.scale[j]
        else:
            z = np.array([known.index(level) if level in known else np.nan for level in x])
        # A level that was not drawn has no effect to tell.
        columns = other.model_.basis.features[j].columns(beta.new_tensor(z))
        effect = (columns @ beta[c.start - 1 : c.stop - 1]).double().numpy() - other.centres_[j]
        effect[np.isnan(z)] = np.nan
        parts.append(scaled(other, effect).T.ravel())
    return np.concatenate(parts)


def _gaps_of(other: Any, est: Any) -> np.ndarray:
    """Missing effects of one estimator for the gaps of another, as a column."""
    effects = other.model_.coefficients(other.w_)["beta_miss"].double().numpy() - other.centres_
    effects[other.missing_rates_ == 0] = np.nan
    return scaled(other, effects)[est.missing_rates_ > 0].ravel()
