"""Impute, or model the gap: one table, one damage, and every way to predict from it.

Gaps are put into every second column, driven by nothing (MCAR), by the complete column beside it
(MAR), or by the value itself (MNAR). Imputers see the features of the training rows and nothing
else; test rows are completed by what was learned there. Labels are clean.
"""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import logit

from biam.baselines.registry import make_rival
from biam.corruption import mask_values
from biam.datasets.synthetic_gaps import GAP_SHAPES, make_related_regression
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.experiments.curves import profile
from biam.experiments.real import make_real_split
from biam.imputation.classical import make_imputer
from biam.metrics import evaluate
from biam.validation import check_choice

__all__ = ["SCORES", "TABLES_SEEN", "Gappy", "make_gappy", "predict_with_gaps"]

SCORES = {
    "regression": ("mse", "r2"),
    "classification": ("log_loss", "auroc"),
}
"""Metrics of the test rows, by task."""

TABLES_SEEN = ("complete", "native", "imputed", "marked")
"""What the learner sees: no gaps at all (which nobody has), gaps as they are, gaps filled, or
filled with a column beside each that says where."""

CURVE_POINTS, CURVE_RANGE, CURVE_ROWS, BINS = 41, (0.02, 0.98), 20, 20
DIGITS = 5
# Percent of `max_rows` that train on a generated set; `max_rows` test it, for steady scores.
TRAIN_SHARE = 80

Predict = Callable[[np.ndarray], np.ndarray]
Points = list[dict[str, Any]]


@dataclass(frozen=True)
class Gappy:
    """A table before and after it lost values.

    Parameters
    ----------
    X_train, X_test : ndarray, shape (n, p)
        With gaps.
    whole_train, whole_test : ndarray, shape (n, p)
        Without.
    y_train, y_test : ndarray, shape (n,)
    columns : tuple of int
        Those with gaps.
    shapes : tuple of callable
        True shape functions of all columns, in units of y; empty where nobody knows them.
    """

    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    whole_train: np.ndarray
    whole_test: np.ndarray
    columns: tuple[int, ...]
    shapes: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()


def make_gappy(
    dataset: str,
    *,
    mechanism: str = "mcar",
    rate: float = 0.2,
    max_rows: int = 1000,
    random_state: int,
) -> Gappy:
    """A generated or a real table with gaps in its columns 0, 2, 4, ...

    Parameters
    ----------
    dataset : str
        "independent", "related" (correlation 0.7), or a key of `biam.datasets.DATASETS` with
        numbers and no gaps of its own.
    mechanism : {"mcar", "mar", "mnar"}
        As in `biam.corruption.mask_values`; the driver of "mar" is complete.
    rate : float
        Expected share of gaps in each of these columns.
    max_rows : int
        Of a real set, before its split. Of a generated set 80 % as many train and 100 % test.
    random_state : int

    Raises
    ------
    InvalidInputError
        The set has categories or gaps.
    UnknownNameError, DataMissingError
        No such data set, or its files are absent.
    """
    split = _split(dataset, max_rows, random_state)
    parts = [np.asarray(p, dtype=float) for p in (split.X_train, split.X_meta, split.X_test)]
    whole, n_train = np.concatenate(parts), len(parts[0]) + len(parts[1])
    columns = tuple(range(0, whole.shape[1] - 1, 2))
    # A stream of its own: a mechanism or a rate never moves the rows.
    stream = np.random.default_rng(np.random.SeedSequence([random_state, zlib.crc32(b"gaps")]))
    X = mask_values(whole, rate, mechanism=mechanism, columns=columns, random_state=stream).values
    shapes: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    if dataset in ("independent", "related"):
        unit = split.truth["y_scale"]
        shapes = tuple(lambda x, g=g: g(x) / unit for g in GAP_SHAPES)
    return Gappy(
        X_train=X[:n_train],
        y_train=np.concatenate([split.y_train, split.y_meta]),
        X_test=X[n_train:],
        y_test=split.y_test,
        whole_train=whole[:n_train],
        whole_test=whole[n_train:],
        columns=columns,
        shapes=shapes,
    )


def predict_with_gaps(
    data: Gappy,
    task: str,
    seed: int,
    settings: Mapping[str, Any],
    make: Callable[..., Any] = make_imputer,
) -> tuple[dict[str, float], Points]:
    """Fit a learner on the table as `settings` serve it, and score it on test rows served alike.

    Parameters
    ----------
    data : Gappy
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "sees": one of `TABLES_SEEN`. "imputer", "imputer_options": where it is imputed. "draws":
        so many imputations, a model on each, their predictions averaged; 0 = one, `transform`.
        "learner": "BIAM-X", or a rival in a "setting"; with "options". "curve": the column whose
        response is kept, for the seeds in "curve_seeds" (default all).
    make : callable
        ``(name, random_state, **options)`` -> imputer.

    Returns
    -------
    metrics : dict of str to float
        `SCORES`; "imputation_rmse" of hidden test values, in deviations, where some were imputed;
        where the truth is known "shape_rmse", over the columns with gaps, and "error_at_mean": how
        far the response to the first of them is from the truth at the mean of what was observed.
    curves : list of dict
        "response" of the column; "truth" where it is known; "gap": its mean observed value and the
        response to a missing value, of learners that take one; "filled": what gaps were filled by.
    """
    sees = check_choice("table", settings.get("sees", "native"), TABLES_SEEN)
    pairs = _served(data, sees, seed, settings, make)
    models = [_fit(train, data.y_train, task, seed, settings) for train, _ in pairs]
    tests = [test for _, test in pairs]
    metrics = _scores(data, task, models, tests)
    if sees in ("imputed", "marked"):
        metrics["imputation_rmse"] = _imputation_error(data, np.mean(tests, axis=0))
    read = _reader(models, task, marks=len(data.columns) if sees == "marked" else 0)
    if data.shapes:
        metrics |= _shape_errors(data, read)
    j = settings.get("curve")
    if j is None or seed not in settings.get("curve_seeds", [seed]):
        return metrics, []
    points = _response(data, j, read, gaps=sees == "native")
    if sees in ("imputed", "marked"):
        points += _filled(data, j, [train for train, _ in pairs])
    return metrics, points


def _split(dataset: str, max_rows: int, seed: int) -> Any:
    if dataset in ("independent", "related"):
        r = 0.0 if dataset == "independent" else 0.7
        return make_related_regression(
            TRAIN_SHARE * max_rows // 100, max_rows, correlation=r, random_state=seed
        )
    split = make_real_split(dataset, max_rows=max_rows, random_state=seed)
    _numbers_only(dataset, split.X_train)
    return split


def _numbers_only(name: str, X: Any) -> None:
    kinds = {getattr(dtype, "kind", "O") for dtype in X.dtypes}
    if kinds - set("iuf") or X.isna().any(axis=None):
        raise InvalidInputError(
            f"dataset must hold numbers without gaps of its own, got {name!r}: choose another."
        )


def _served(
    data: Gappy, sees: str, seed: int, settings: Mapping[str, Any], make: Callable[..., Any]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and test tables as the learner sees them, one pair per imputation."""
    if sees == "complete":
        return [(data.whole_train, data.whole_test)]
    if sees == "native":
        return [(data.X_train, data.X_test)]
    imputer = make(settings["imputer"], seed, **settings.get("imputer_options", {}))
    imputer.fit(data.X_train)
    tables, draws = (data.X_train, data.X_test), settings.get("draws", 0)
    if draws:
        drawn = [imputer.sample(X, draws) for X in tables]
        pairs = list(zip(*drawn, strict=True))
    else:
        pairs = [(imputer.transform(data.X_train), imputer.transform(data.X_test))]
    if sees == "marked":
        marks = [np.isnan(X[:, data.columns]).astype(float) for X in tables]
        pairs = [tuple(map(np.column_stack, zip(p, marks, strict=True))) for p in pairs]
    return pairs


def _fit(X: np.ndarray, y: np.ndarray, task: str, seed: int, settings: Mapping[str, Any]) -> Any:
    name, options = settings.get("learner", "BIAM-X"), settings.get("options", {})
    if name != "BIAM-X":
        return make_rival(name, task, settings["setting"], seed, **options).fit(X, y)
    kind = BIAMRegressor if task == "regression" else BIAMClassifier
    return kind(progress=False, random_state=seed, **options).fit(X, y)


def _scores(data: Gappy, task: str, models: list[Any], tests: list[np.ndarray]) -> dict[str, float]:
    """Of the averaged predictions, or probabilities, each model on its own completed rows."""
    if task == "regression":
        mean = np.mean([m.predict(X) for m, X in zip(models, tests, strict=True)], axis=0)
        return evaluate(SCORES[task], data.y_test, mean)
    proba = np.mean([m.predict_proba(X) for m, X in zip(models, tests, strict=True)], axis=0)
    classes = models[0].classes_
    labels = classes[proba.argmax(1)]
    return evaluate(SCORES[task], data.y_test, labels, proba, classes=classes)


def _imputation_error(data: Gappy, filled: np.ndarray) -> float:
    """RMSE over the hidden test values, in deviations of the complete training columns."""
    hidden, p = np.isnan(data.X_test), data.X_test.shape[1]
    error = (filled[:, :p] - data.whole_test) / data.whole_train.std(0)
    return float(np.sqrt(np.mean(error[hidden] ** 2)))


def _reader(models: list[Any], task: str, marks: int) -> Predict:
    """Mean response of the models to rows without gaps; log-odds of the second class."""

    def one(model: Any, X: np.ndarray) -> np.ndarray:
        if task == "regression":
            return np.asarray(model.predict(X))
        return logit(np.clip(model.predict_proba(X)[:, 1], 1e-6, 1 - 1e-6))

    def read(X: np.ndarray) -> np.ndarray:
        X = np.column_stack([X, np.zeros((len(X), marks))])
        return np.mean([one(model, X) for model in models], axis=0)

    return read


def _curve(data: Gappy, j: int, read: Predict) -> tuple[np.ndarray, np.ndarray, float]:
    """Grid, response, and the response's mean over complete training values, the zero of it."""
    x = data.whole_train[:, j]
    grid = np.linspace(*np.quantile(x, CURVE_RANGE), CURVE_POINTS)
    curve = profile(read, data.whole_test[:CURVE_ROWS], {j: grid})
    return grid, curve, float(np.interp(x, grid, curve).mean())


def _shape_errors(data: Gappy, read: Predict) -> dict[str, float]:
    errors = []
    for j in data.columns:
        grid, curve, zero = _curve(data, j, read)
        errors.append(curve - zero - _true(data, j, grid))
    j = data.columns[0]
    grid = _curve(data, j, read)[0]
    at_mean = np.interp(np.nanmean(data.X_train[:, j]), grid, errors[0])
    return {
        "shape_rmse": float(np.sqrt(np.mean(np.square(errors)))),
        "error_at_mean": float(at_mean),
    }


def _true(data: Gappy, j: int, grid: np.ndarray) -> np.ndarray:
    """True shape function, with mean zero over the complete training values as the curves have."""
    shape, x = data.shapes[j](grid), data.whole_train[:, j]
    return shape - np.interp(x, grid, shape).mean()


def _response(data: Gappy, j: int, read: Predict, *, gaps: bool) -> Points:
    grid, curve, zero = _curve(data, j, read)
    points = _points("response", grid, curve - zero)
    at = float(np.nanmean(data.X_train[:, j]))
    if gaps:
        missing = profile(read, data.whole_test[:CURVE_ROWS], {j: [np.nan]}) - zero
        points += _points("gap", [at], missing)
    if data.shapes:
        true, x = _true(data, j, grid), data.whole_train[:, j]
        points += _points("truth", grid, true)
        hidden = np.isnan(data.X_train[:, j])
        points += _points("true gap", [at], [np.interp(x[hidden], grid, true).mean()])
    return points


def _filled(data: Gappy, j: int, tables: list[np.ndarray]) -> Points:
    """Shares of the filled training values in bins along the grid of the response."""
    hidden, x = np.isnan(data.X_train[:, j]), data.whole_train[:, j]
    values = np.concatenate([table[hidden, j] for table in tables])
    low, high = np.quantile(x, CURVE_RANGE)
    counts, edges = np.histogram(np.clip(values, low, high), BINS, (low, high))
    return _points("filled", (edges[1:] + edges[:-1]) / 2, counts / len(values))


def _points(curve: str, x: Any, value: Any) -> Points:
    return [
        {"curve": curve, "x": _short(a), "z": None, "value": _short(b)}
        for a, b in zip(x, value, strict=True)
    ]


def _short(number: Any) -> float:
    """More digits than a figure shows would only make the stored file longer."""
    return float(f"{float(number):.{DIGITS}g}")
