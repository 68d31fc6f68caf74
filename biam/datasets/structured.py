"""The generated set of the structure search: correlated features, gaps that carry signal.

X ~ N(0, .5^|j - k|); the targets depend on main effects, on one product, on a missing mask and on a
mask times a feature. The first half of the features has gaps. Source: BIAM protocol, section 6.
"""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from biam.datasets.synthetic import Split
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_rate

__all__ = ["NOISE", "PLANTED", "UNCOUNTED", "make_structured", "missing_intercept"]

Array = np.ndarray
Group = tuple[str, int, int]

NOISE = ("normal", "t3", "chi2")
"""Families of the errors of the regression target, all of mean 0 and variance 1."""

PLANTED: dict[str, tuple[Group, ...]] = {
    "regression": (("main", 0, 0), ("main", 1, 1), ("main", 2, 2)),
    "classification": (("main", 0, 0), ("main", 1, 1), ("main", 2, 2), ("main", 3, 3)),
}
"""Main effects of the truth by task, as ("main", j, j)."""

_WITH_GAPS: tuple[Group, ...] = (("missing", 0, 0), ("interaction", 1, 2))

UNCOUNTED: dict[str, tuple[Group, ...]] = {
    "regression": (("main", 3, 3), ("main", 4, 4)),
    "classification": (("main", 4, 4), ("main", 5, 5)),
}
"""Main effects of the planted product: no term of the truth, but with correlated features its best
additive approximation, E[x_j x_k | x_j], is not constant; right or wrong to keep, as one likes."""

_SLOPE, _NOISE_SCALE, _CORRELATION = 1.5, 0.3, 0.5
_SHARES = (0.7, 0.1, 0.1)


def make_structured(
    task: str = "regression",
    n_samples: int = 1000,
    n_features: int = 10,
    *,
    noise: str = "normal",
    noise_rate: float = 0.0,
    missing_rate: float = 0.0,
    mechanism: str = "mcar",
    random_state: int = 11,
) -> Split:
    """Data of the structure search, split 7:1:1:1 into train / meta / tune / test.

    Parameters
    ----------
    task : {"regression", "classification"}
    n_samples, n_features : int
        Rows before the split (at least 40), columns (at least 6).
    noise : {"normal", "t3", "chi2"}
        Errors of the regression target in every row: .3 times a variable of variance 1.
    noise_rate : float
        Share of training labels corrupted besides. Regression: + N(1, .5) in training deviations.
        Classification: flipped, those nearest the boundary first.
    missing_rate : float
        Expected share of gaps in each column of the first half, met on the training rows.
    mechanism : {"mcar", "mar", "mnar"}
        "mar": the chance rises with a complete column of the second half; "mnar": with the value.
    random_state : int

    Returns
    -------
    Split
        `truth` also holds X_tune, y_tune; "groups" and "uncounted", lists of (kind, j, k) with kind
        "main" (j = k), "missing" (j = k) or "interaction" (mask of j times feature k).

    Raises
    ------
    InvalidInputError
        A size too small, a rate outside [0, 1] (missing: [0, 1)), a seed that is not one.
    UnknownNameError
        An unknown task, noise or mechanism.
    """
    check_choice("task", task, PLANTED)
    check_choice("noise", noise, NOISE)
    check_choice("mechanism", mechanism, ("mcar", "mar", "mnar"))
    check_integer("n_samples", n_samples, low=40)
    check_integer("n_features", n_features, low=6)
    check_integer("random_state", random_state, low=0)
    check_rate("noise_rate", noise_rate)
    if check_rate("missing_rate", missing_rate) == 1.0:
        raise InvalidInputError("missing_rate must be below 1, got 1.0: nothing would be observed.")
    g = np.random.default_rng(random_state)
    lags = np.abs(np.subtract.outer(np.arange(n_features), np.arange(n_features)))
    root = np.linalg.cholesky(_CORRELATION**lags)
    X = g.standard_normal((n_samples, n_features)) @ root.T
    n_train = int(_SHARES[0] * n_samples)
    gaps = _gaps(X, n_train, missing_rate, mechanism, g)
    score = _score(task, X, gaps)
    errors = _errors(noise, n_samples, g)
    y = score + _NOISE_SCALE * errors if task == "regression" else (score > 0).astype(np.int64)
    split = _cut(np.where(gaps, np.nan, X), y, n_train, task)
    groups = PLANTED[task] + (_WITH_GAPS if missing_rate > 0 else ())
    truth = {**split.truth, "groups": list(groups), "uncounted": list(UNCOUNTED[task])}
    return _corrupt(replace(split, truth=truth), task, noise_rate, np.abs(score[:n_train]), g)


def missing_intercept(driver: Array, rate: float, slope: float = _SLOPE) -> float:
    """Intercept a with mean(sigmoid(a + slope * driver)) = rate, found by bisection.

    Parameters
    ----------
    driver : ndarray, shape (n_rows,)
        Finite values that make a gap likely.
    rate : float
        In (0, 1).
    slope : float

    Raises
    ------
    InvalidInputError
        `rate` is not in (0, 1).
    """
    if not 0.0 < rate < 1.0:
        raise InvalidInputError(f"rate must be in (0, 1), got {rate!r}.")
    # With this reach the mean is below, and above, every rate a double can tell from 0 and 1.
    reach = 40.0 + abs(slope) * float(np.abs(driver).max())
    low, high = -reach, reach
    for _ in range(80):
        middle = (low + high) / 2
        if expit(middle + slope * driver).mean() < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _gaps(X: Array, n_train: int, rate: float, mechanism: str, g: np.random.Generator) -> Array:
    """True where a value is missing; only in the first half of the columns."""
    n, p = X.shape
    half = p // 2
    gaps = np.zeros((n, p), dtype=bool)
    uniform = g.random((n, half))
    if rate == 0:
        return gaps
    for j in range(half):
        driver = {"mcar": np.zeros(n), "mar": X[:, half + j], "mnar": X[:, j]}[mechanism]
        intercept = missing_intercept(driver[:n_train], rate)
        gaps[:, j] = uniform[:, j] < expit(intercept + _SLOPE * driver)
    return gaps


def _score(task: str, X: Array, gaps: Array) -> Array:
    """Noise-free target; of complete values, whatever is hidden later."""
    x, m = X.T, gaps.T.astype(float)
    if task == "regression":
        main = 2 * np.sin(np.pi * x[0]) + 1.5 * (x[1] ** 2 - 1) + 1.2 * x[2]
        return main + x[3] * x[4] + 0.8 * m[0] + 0.6 * m[1] * x[2]
    main = 1.5 * x[0] + 1.2 * x[1] ** 2 - x[2] ** 3 + np.sin(np.pi * x[3])
    return main + 0.8 * x[4] * x[5] + 0.7 * m[0] + 0.5 * m[1] * x[2]


def _errors(family: str, n: int, g: np.random.Generator) -> Array:
    if family == "normal":
        return g.standard_normal(n)
    if family == "t3":
        return g.standard_t(3, n) / np.sqrt(3)
    return (g.chisquare(1, n) - 1) / np.sqrt(2)


def _cut(X: Array, y: Array, n_train: int, task: str) -> Split:
    """The four parts in order (the rows are exchangeable), in units of the training rows."""
    n_meta, n_tune = (int(share * len(X)) for share in _SHARES[1:])
    x_loc, x_scale = np.nanmean(X[:n_train], 0), np.nanstd(X[:n_train], 0)
    y_loc, y_scale = (y[:n_train].mean(), y[:n_train].std()) if task == "regression" else (0, 1)
    ends = np.cumsum([n_train, n_meta, n_tune])
    Xs = np.split((X - x_loc) / x_scale, ends)
    ys = np.split((y - y_loc) / y_scale if task == "regression" else y, ends)
    truth = {"X_tune": Xs[2], "y_tune": ys[2], "y_loc": float(y_loc), "y_scale": float(y_scale)}
    none = np.zeros(n_train, dtype=bool)
    return Split(Xs[0], ys[0], Xs[1], ys[1], Xs[3], ys[3], none, truth)


def _corrupt(
    split: Split, task: str, rate: float, distance: Array, g: np.random.Generator
) -> Split:
    n = len(split.y_train)
    count = round(rate * n)
    mask, labels = split.mask.copy(), split.y_train.copy()
    if task == "classification":
        mask[np.argsort(distance, kind="stable")[:count]] = True
        labels[mask] = 1 - labels[mask]
    else:
        rows = g.choice(n, count, replace=False)
        mask[rows] = True
        labels[rows] += g.normal(1.0, 0.5, count)
    return replace(
        split, y_train=labels, mask=mask, truth={**split.truth, "y_clean": split.y_train}
    )
