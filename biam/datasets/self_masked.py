"""Rows that hide their own large values, with wrong labels: the task on which rivals are timed.

Correlated normal features, eight smooth effects, two pairs, and of every value the larger the more
often missing. Ours; a task that can be made in any size, with as much structure as a learner of
additive shapes finds easy, and two pairs that it does not.
"""

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from biam.corruption import flip_labels, shift_labels
from biam.datasets.synthetic import Split
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_rate

__all__ = ["make_self_masked", "signal"]

Array = np.ndarray

_CORRELATION = 0.3
_SLOPE, _MISSING = 1.5, 0.2
_NOISE, _SHIFT, _SHIFT_SCALE = 0.3, 5.0, 1.0
_STEEPNESS, _RARE = 4.0, 1 / 11
_META_MOST, _META_SHARE = 1000, 10
# Features that the signal looks at.
_USED = 11
_DRAWS = 400_000


def make_self_masked(
    task: str = "regression",
    n_samples: int = 2000,
    n_features: int = 20,
    *,
    noise_rate: float | None = None,
    n_test: int = 20_000,
    random_state: int = 0,
) -> Split:
    """Training rows with gaps and wrong labels, min(1000, n / 10) clean meta rows, clean test rows.

    X is normal with correlation .3^|j - k|. `signal`, standardised by 400,000 draws, plus N(0, .3)
    is the target of the regression; classes have P(y = 1) = sigmoid(4 f + b), 1 in 11 on average.
    A value x goes missing with chance sigmoid(1.5 x + a), a fifth of them, in all three parts.

    Parameters
    ----------
    task : {"regression", "classification"}
    n_samples, n_features : int
        Training rows (at least 20) and columns (at least 11); columns from the twelfth on are
        noise.
    noise_rate : float, optional
        Share of training labels with + N(5, 1) (regression, default .3) or flipped (default .2).
    n_test : int
    random_state : int

    Returns
    -------
    Split
        ``truth``: "y_clean", the training targets before noise.

    Raises
    ------
    InvalidInputError
        A size too small, a rate outside [0, 1], an unknown task.
    """
    check_choice("task", task, ("regression", "classification"))
    check_integer("n_samples", n_samples, low=20)
    check_integer("n_features", n_features, low=_USED)
    check_integer("n_test", n_test, low=1)
    check_integer("random_state", random_state, low=0)
    regression = task == "regression"
    rate = check_rate(
        "noise_rate", (0.3 if regression else 0.2) if noise_rate is None else noise_rate
    )
    parts = {}
    sizes = {"train": n_samples, "meta": min(_META_MOST, n_samples // _META_SHARE), "test": n_test}
    for k, (name, n) in enumerate(sizes.items()):
        parts[name] = _drawn(regression, n, n_features, _stream(random_state, k))
    X, y = parts["train"]
    labels = _stream(random_state, len(sizes))
    if regression:
        noisy = shift_labels(y, rate, loc=_SHIFT, scale=_SHIFT_SCALE, random_state=labels)
    else:
        noisy = flip_labels(y, rate, random_state=labels)
    return Split(X, noisy.values, *parts["meta"], *parts["test"], noisy.mask, {"y_clean": y})


def signal(X: Array) -> Array:
    """Target without noise, shape (n,), before it is standardised.

    sin 2x0 + 1.5 tanh 2x1 + x2^2 - 1 + |x3| + 2 exp(-x4^2) + .8 x5 + log(1 + exp 2x6) + cos 1.5x7
    + .8 x8 x9 + sin(x0 + x5) where x10 > 0.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Complete rows, p at least 11.
    """
    if X.ndim != 2 or X.shape[1] < _USED:
        raise InvalidInputError(
            f"X must be a matrix of at least {_USED} columns, got shape {X.shape}."
        )
    x = X.T
    main = np.sin(2 * x[0]) + 1.5 * np.tanh(2 * x[1]) + x[2] ** 2 - 1 + np.abs(x[3])
    main = main + 2 * np.exp(-(x[4] ** 2)) + 0.8 * x[5] + np.logaddexp(0, 2 * x[6])
    pairs = 0.8 * x[8] * x[9] + np.sin(x[0] + x[5]) * (x[10] > 0)
    return main + np.cos(1.5 * x[7]) + pairs


def _drawn(regression: bool, n: int, p: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Features with gaps, shape (n, p), and clean targets, shape (n,)."""
    X = _features(n, p, generator)
    centre, scale, offset = _constants()
    f = (signal(X) - centre) / scale
    if regression:
        y = f + _NOISE * generator.normal(size=n)
    else:
        y = (generator.uniform(size=n) < expit(_STEEPNESS * f + offset)).astype(np.int64)
    gaps = generator.uniform(size=X.shape) < expit(_SLOPE * X + _intercept())
    return np.where(gaps, np.nan, X), y


def _features(n: int, p: int, generator: np.random.Generator) -> Array:
    """Normal columns, each correlated .3 with the one before, all of variance 1."""
    X = generator.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = _CORRELATION * X[:, j - 1] + np.sqrt(1 - _CORRELATION**2) * X[:, j]
    return X


@lru_cache(maxsize=1)
def _constants() -> tuple[float, float, float]:
    """Mean and deviation of the signal, and the offset of the logit that makes one class rare."""
    f = signal(_features(_DRAWS, _USED, np.random.default_rng(0)))
    centre, scale = float(f.mean()), float(f.std())
    logit = _STEEPNESS * (f - centre) / scale
    offset = brentq(lambda b: expit(logit + b).mean() - _RARE, -40.0, 40.0)
    return centre, scale, float(offset)


@lru_cache(maxsize=1)
def _intercept() -> float:
    """Intercept of the chance of a gap that makes the mean over a standard normal `_MISSING`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    return float(brentq(lambda a: weights @ expit(_SLOPE * nodes + a) - _MISSING, -20.0, 20.0))


def _stream(seed: int, part: int) -> np.random.Generator:
    """Generator of one part: the size of another never moves it."""
    return np.random.default_rng(np.random.SeedSequence([seed, part]))
