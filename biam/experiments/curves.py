"""Runs that keep what a figure draws: curves, surfaces and weights beside the scores of them.

Every model is read through its predictions alone: the curve of a feature is what the prediction
does when that feature moves and the rest of the row stays. In an additive model that is the shape
function, up to a constant, so ours, a rival and the truth are read in the same way.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from biam import reading
from biam.baselines.reading import pair_strengths as rival_pair_strengths
from biam.baselines.registry import make_rival
from biam.datasets.synthetic import SHAPES, Split, make_additive_regression, make_planted_pairs
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.metrics import evaluate, pair_auprc
from biam.validation import check_choice

__all__ = [
    "DRAWINGS",
    "MODELS",
    "draw",
    "make_gaps_with_truth",
    "make_pairs_with_truth",
    "profile",
]

CURVE_POINTS, SURFACE_POINTS = 41, 21
# Beyond these quantiles few rows hold a curve in place; a surface has two such margins.
CURVE_RANGE, SURFACE_RANGE = (0.02, 0.98), (0.05, 0.95)
RESPONSE_ROWS, REAL_ROWS = 100, 500
DIGITS = 6

Predict = Callable[[Any], np.ndarray]
Points = list[dict[str, Any]]
Result = tuple[dict[str, float], Points]


class Model(NamedTuple):
    """What the drawings read: predictions (log-odds of the second class), and the estimator."""

    predict: Predict
    estimator: Any = None


def draw(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> Result:
    """Fit a model and keep what one figure draws of it.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "draw": a key of `DRAWINGS`. "model": a key of `MODELS`, with its own settings "estimator"
        (keywords of ours) or "rival" and "setting". "curve_seeds": seeds whose points are kept
        (default all; the metrics are those of every seed). The rest belongs to the drawing.

    Returns
    -------
    metrics : dict of str to float
    points : list of dict
        "curve", "x", "z" (None unless a surface), "value", to six digits.

    Raises
    ------
    UnknownNameError
        No such drawing or model.
    """
    drawing = DRAWINGS[check_choice("drawing", settings["draw"], DRAWINGS)]
    build = MODELS[check_choice("model", settings["model"], MODELS)]
    metrics, points = drawing(build(split, task, seed, settings), split, settings)
    return metrics, points if seed in settings.get("curve_seeds", [seed]) else []


def make_gaps_with_truth(*, random_state: int = 42, **params: Any) -> Split:
    """`make_additive_regression` with gaps, and what they hide.

    Returns
    -------
    Split
        ``truth["complete"]``: standardised features of all rows before masking, training rows
        first; ``truth["hidden"]``: True where they were masked.
    """
    gappy = make_additive_regression(**params, random_state=random_state)
    # Gaps are drawn last, so the same seed without them gives the same rows.
    whole = make_additive_regression(**{**params, "missing_rate": 0}, random_state=random_state)
    hidden = np.isnan(np.concatenate([gappy.X_train, gappy.X_meta, gappy.X_test]))
    complete = np.concatenate([whole.X_train, whole.X_meta, whole.X_test])
    gappy.truth.update(complete=complete, hidden=hidden)
    return gappy


def make_pairs_with_truth(*, random_state: int = 42, **params: Any) -> Split:
    """`make_planted_pairs` (regression), with location and scale of the raw X and y in `truth`.

    The first draws of its stream are made once more; for the stream see the protocol, section 5.
    """
    split = make_planted_pairs("regression", random_state=random_state, **params)
    g = np.random.default_rng(zlib.crc32(f"e6-gen-{random_state}".encode()) + random_state)
    X = g.normal(size=(1200, 10)).astype(np.float32)
    y = _planted(X) + 0.1 * g.normal(size=1200)
    rows = g.permutation(1200)[: len(split.y_train)]
    split.truth.update(x_centre=X[rows].mean(0), x_scale=X[rows].std(0))
    split.truth.update(y_centre=y[rows].mean(), y_scale=y[rows].std())
    return split


def profile(predict: Predict, rows: Any, changes: Mapping[Any, Any]) -> np.ndarray:
    """Mean prediction of `rows` after some of their columns have been set.

    Parameters
    ----------
    predict : callable
        Table -> predictions, shape (n,).
    rows : ndarray or DataFrame, shape (n, p)
    changes : mapping of column to array-like, shape (m,)
        Position (ndarray) or name (DataFrame) -> the values it takes, one after the other.

    Returns
    -------
    ndarray, shape (m,)
    """
    m = len(next(iter(changes.values())))
    if isinstance(rows, pd.DataFrame):
        table = pd.concat([rows] * m, ignore_index=True)
        for name, values in changes.items():
            kind = rows[name].dtype
            kind = kind if isinstance(kind, pd.CategoricalDtype) else float
            table[name] = pd.Series(np.repeat(np.asarray(values), len(rows))).astype(kind)
    else:
        table = np.tile(np.asarray(rows, float), (m, 1))
        for column, values in changes.items():
            table[:, column] = np.repeat(values, len(rows))
    return predict(table).reshape(m, len(rows)).mean(1)


def _ours(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> Model:
    kind = BIAMRegressor if task == "regression" else BIAMClassifier
    own: dict[str, Any] = {"handle_unknown": "missing", "progress": False, "random_state": seed}
    est = kind(**own, **settings.get("estimator", {}))
    if settings.get("meta_only", False):
        est.fit(split.X_meta, split.y_meta)
    else:
        est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    return Model(est.predict if task == "regression" else est.decision_function, est)


def _rival(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> Model:
    model = make_rival(settings["rival"], task, settings.get("setting", "published"), seed)
    model.fit(split.X_train, split.y_train)
    if task == "regression":
        return Model(model.predict, model)
    return Model(lambda X: logit(np.clip(model.predict_proba(X)[:, 1], 1e-9, 1 - 1e-9)), model)


def _truth(split: Split, *_: Any) -> Model:
    """The function behind the data, in standardised units; E[g_j | hidden] where x_j is hidden."""
    truth = split.truth

    def raw(X: np.ndarray) -> np.ndarray:
        return np.asarray(X, float) * truth["x_scale"] + truth["x_centre"]

    if "pairs" in truth:
        return Model(lambda X: (_planted(raw(X)) - truth["y_centre"]) / truth["y_scale"])
    shapes = SHAPES[: len(truth["x_scale"])]
    hidden = np.zeros(len(shapes))
    if "hidden" in truth:
        complete = raw(truth["complete"])
        for j, g in enumerate(shapes):
            hidden[j] = g(complete[truth["hidden"][:, j], j]).mean()

    def predict(X: np.ndarray) -> np.ndarray:
        x = raw(X).T
        parts = [np.where(np.isnan(x[j]), hidden[j], g(x[j])) for j, g in enumerate(shapes)]
        return (sum(parts, np.zeros(len(X))) - truth["y_centre"]) / truth["y_scale"]

    return Model(predict)


def _planted(X: np.ndarray) -> np.ndarray:
    """Noise-free y of E6."""
    x = X.T
    main = 1.5 * np.sin(x[0]) + x[1] ** 2 - 1 - 1.2 * x[3]
    pairs = 2 * x[4] * x[5] + 1.5 * np.sin(x[6] * x[7]) + 1.2 * np.tanh(x[8]) * np.tanh(x[9])
    return main + pairs


def _shapes(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """Shape functions of the informative features, centred on their grid."""
    truth = _truth(split)
    found, points, row = [], [], _mean_row(split)
    for j in range(min(len(SHAPES), split.X_train.shape[1])):
        grid = _grid(split.X_train[:, j], CURVE_POINTS, CURVE_RANGE)
        curve, true = (_centred(profile(m.predict, row, {j: grid})) for m in (model, truth))
        found.append((_correlation(curve, true), np.sqrt(np.mean((curve - true) ** 2))))
        points += _points(f"x{j}", grid, curve)
    correlation, error = np.mean(found, axis=0)
    metrics = {"shape_correlation": correlation, "shape_rmse": error}
    return metrics | {f"shape_correlation_{j}": r for j, (r, _) in enumerate(found)}, points


def _missing(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """What hiding a value does: per feature on average, and to the curve of another feature."""
    truth, complete, hidden = _truth(split), split.truth["complete"], split.truth["hidden"]
    effects = []
    for j in range(complete.shape[1]):
        rows = complete[~hidden[:, j]]
        effects.append(
            [
                profile(m.predict, rows, {j: [np.nan]})[0] - m.predict(rows).mean()
                for m in (truth, model)
            ]
        )
    true, fitted = np.transpose(effects)
    points = [
        point
        for j in range(len(true))
        for point in _points(f"offset:x{j}", true[j : j + 1], fitted[j : j + 1])
    ]
    j, k = settings["response"]
    grid, errors = _grid(complete[:, k], CURVE_POINTS, CURVE_RANGE), []
    for state, value in (("observed", 0.0), ("missing", np.nan)):
        changes = {j: np.full(len(grid), value), k: grid}
        curve, best = (
            profile(m.predict, complete[:RESPONSE_ROWS], changes) for m in (model, truth)
        )
        errors.append(np.mean((curve - best) ** 2))
        points += _points(f"x{k} | x{j} {state}", grid, curve)
    metrics = {
        "offset_correlation": _correlation(fitted, true),
        "offset_rmse": np.sqrt(np.mean((fitted - true) ** 2)),
        "response_rmse": np.sqrt(np.mean(errors)),
    }
    return metrics, points


def _contributions(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """Curves and missing effects on a real table, against the average observed value."""
    frame = pd.DataFrame(split.X_train)
    X = frame.sample(min(REAL_ROWS, len(frame)), random_state=0)
    points = []
    for name, (low, high) in settings["curves"].items():
        rows = X[X[name].notna()]
        grid = np.linspace(low, high, CURVE_POINTS)
        points += _points(
            name, grid, profile(model.predict, rows, {name: grid}) - model.predict(rows).mean()
        )
    for name in settings["gaps"]:
        rows = X[X[name].notna()]
        effect = profile(model.predict, rows, {name: [None]}) - model.predict(rows).mean()
        points += _points(f"missing:{name}", [frame[name].isna().mean()], effect)
    odds = model.predict(split.X_test)
    return {"auroc": roc_auc_score(split.y_test, odds)}, points


def _pairs(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """Strength of every pair, and the surfaces of the planted ones without their main effects."""
    truth, correlations, points = _truth(split), [], []
    for j, k in settings["pairs"]:
        x, z = (_grid(split.X_train[:, c], SURFACE_POINTS, SURFACE_RANGE) for c in (j, k))
        xs, zs = (side.ravel() for side in np.meshgrid(x, z, indexing="ij"))
        surface, true = (
            _interaction(profile(m.predict, _mean_row(split), {j: xs, k: zs}))
            for m in (model, truth)
        )
        correlations.append(_correlation(surface, true))
        points += _points(f"x{j} x{k}", xs, surface, zs)
    metrics = {"surface_correlation": float(np.mean(correlations))}
    strength = _strengths(model.estimator, split.X_train)
    if strength is not None:
        metrics["pair_auprc"] = pair_auprc(strength, settings["pairs"])
        j, k = np.triu_indices(len(strength), 1)
        points += _points("strength", j, strength[j, k], k)
    return metrics, points


def _rate(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """Test error at one rate of corruption."""
    metrics = evaluate(["mse"], split.y_test, model.predict(split.X_test))
    return metrics, _points("mse", [settings["rate"]], [metrics["mse"]])


def _weights(model: Model, split: Split, settings: Mapping[str, Any]) -> Result:
    """Loss and learned weight of every training row, clean and corrupted."""
    est, mask = model.estimator, split.mask
    losses, weights = est.details_["losses"], est.weights_
    metrics = {
        # The chance that a corrupted row weighs less than a clean one.
        "weight_auroc": roc_auc_score(mask, -weights),
        "mean_weight_clean": weights[~mask].mean(),
        "mean_weight_corrupted": weights[mask].mean(),
    }
    points = _points("clean", losses[~mask], weights[~mask])
    return metrics, points + _points("corrupted", losses[mask], weights[mask])


DRAWINGS: dict[str, Callable[[Model, Split, Mapping[str, Any]], Result]] = {
    "shapes": _shapes,
    "missing": _missing,
    "contributions": _contributions,
    "pairs": _pairs,
    "rate": _rate,
    "weights": _weights,
}
"""What can be kept of a model, by name."""

MODELS: dict[str, Callable[..., Model]] = {"ours": _ours, "rival": _rival, "truth": _truth}
"""How a model is made, by name."""


def _mean_row(split: Split) -> np.ndarray:
    """Any row would do where a feature moves in an additive model; this one has no gaps."""
    return np.zeros((1, split.X_train.shape[1]))


def _grid(column: np.ndarray, n: int, quantiles: tuple[float, float]) -> np.ndarray:
    low, high = np.nanquantile(column, quantiles)
    return np.linspace(low, high, n)


def _centred(curve: np.ndarray) -> np.ndarray:
    return curve - curve.mean()


def _interaction(surface: np.ndarray) -> np.ndarray:
    """A surface on a square grid without its row and column means: what no sum of curves can do."""
    side = surface.reshape(SURFACE_POINTS, SURFACE_POINTS)
    return (side - side.mean(0) - side.mean(1)[:, None] + side.mean()).ravel()


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson; 0 where a curve is flat."""
    if np.std(one) < 1e-9 or np.std(other) < 1e-9:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def _strengths(estimator: Any, X: np.ndarray) -> np.ndarray | None:
    """Strengths of the pairs in a model of pairs, spreads over `X` where it draws surfaces."""
    if estimator is None:
        return None
    if isinstance(estimator, BIAMRegressor):
        model = estimator.model_
        if not model.n_ranks and not model.pairs:
            return np.zeros((model.basis.n_features,) * 2)
        return reading.pair_strengths(model, estimator.w_, estimator.encoder_.transform(X))
    return rival_pair_strengths(estimator)


def _points(curve: str, x: Any, value: Any, z: Any = None) -> Points:
    zs = [None] * len(x) if z is None else [_short(number) for number in z]
    return [
        {"curve": curve, "x": _short(a), "z": c, "value": _short(b)}
        for a, b, c in zip(x, value, zs, strict=True)
    ]


def _short(number: Any) -> float:
    """Six digits: more than a figure shows, and a stored table a third of the size."""
    return float(f"{float(number):.{DIGITS}g}")
