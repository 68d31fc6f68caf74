"""The generated sets of the BIAM protocol, draw for draw, and free versions for any size and rate.

Every generator returns a `Split`: a training part that may be corrupted, clean **meta** rows, clean
test rows. The random streams are the published ones (a legacy `RandomState` for the base sets, else
`default_rng`): same seed, same bits. Source: BIAM (Zhou, Xu, Zhang 2025), blocks E1 to E7.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import expit
from scipy.stats import norm
from sklearn.model_selection import train_test_split

from biam.validation import check_choice, check_integer, check_number, check_rate

__all__ = [
    "LABEL_NOISE",
    "PAIR_MASKS",
    "SHAPES",
    "Split",
    "add_label_noise",
    "make_additive_regression",
    "make_disc_classification",
    "make_domain_shift",
    "make_planted_pairs",
    "planted_pairs",
]

Array = np.ndarray

SHAPES: tuple[Callable[[Array], Array], ...] = (
    lambda x: -2 * np.sin(2 * x),
    lambda x: 8 * x**2,
    lambda x: 7 * np.sin(x) / (2 - np.sin(x)),
    lambda x: 6 * np.exp(-x),
    lambda x: x**3 + 1.5 * (x - 1) ** 2,
    lambda x: 5 * x,
    lambda x: 10 * np.sin(np.exp(-x / 2)),
    lambda x: -10 * norm.cdf((x - 0.5) / 0.8),
)
"""The eight informative shape functions of the regression sets, on x in [-1, 1]."""


@dataclass(frozen=True)
class Split:
    """One generated problem: corrupted training rows, clean meta rows, clean test rows.

    Parameters
    ----------
    X_train, X_meta, X_test : ndarray, shape (n_rows, n_features)
        Standardised by the training rows; NaN where a value is missing.
    y_train, y_meta, y_test : ndarray, shape (n_rows,)
        Standardised targets (regression) or classes 0 and 1.
    mask : ndarray of bool, shape (n_train,)
        True where the training label is corrupted.
    truth : dict
        What generated the data: location and scale of X and y, planted pairs, noise-free labels.
    """

    X_train: Array
    y_train: Array
    X_meta: Array
    y_meta: Array
    X_test: Array
    y_test: Array
    mask: Array
    truth: dict[str, Any] = field(default_factory=dict)


def make_additive_regression(
    n_samples: int = 1200,
    n_features: int = 10,
    *,
    noise_rate: float = 0.0,
    noise_loc: float = 1.0,
    noise_scale: float = 0.5,
    missing_rate: float = 0.0,
    mechanism: str = "mcar",
    random_state: int = 42,
) -> Split:
    """Additive regression with shifted labels and gaps (protocol section 4; `published`, E2).

    X is uniform on [-1, 1]; y is the sum of the first min(n_features, 8) of `SHAPES` plus
    N(0, 0.1). The rows are split 60/20/20 into train / meta / test.

    Parameters
    ----------
    n_samples, n_features : int
        Size of the table before the split.
    noise_rate : float
        Share of training labels that get + N(`noise_loc`, `noise_scale`), in training deviations.
    missing_rate : float
        Share of missing values in all three parts.
    mechanism : {"mcar", "mar", "mnar"}
        How values go missing; "mar" keeps the published slip (its last feature stays complete).
    random_state : int
        Seed of the legacy stream.

    Returns
    -------
    Split

    Raises
    ------
    InvalidInputError
        A rate outside [0, 1], a size too small, an unknown mechanism.
    """
    check_integer("n_samples", n_samples, low=10)
    check_integer("n_features", n_features, low=1)
    check_rate("noise_rate", noise_rate)
    stream = np.random.RandomState(random_state)
    X = stream.uniform(-1, 1, (n_samples, n_features))
    y = sum((shape(X[:, j]) for j, shape in enumerate(SHAPES[:n_features])), np.zeros(n_samples))
    y = y + 0.1 * stream.randn(n_samples)
    split = _standardise_y(_split(X, y, random_state))
    if noise_rate > 0:
        rows = stream.choice(len(split.y_train), _count(len(split.y_train), noise_rate), False)
        shift = stream.normal(noise_loc, noise_scale, len(rows))
        split = _with_noise(split, rows, split.y_train[rows] + shift)
    return _with_gaps(split, missing_rate, mechanism, stream)


def make_disc_classification(
    n_samples: int = 1200,
    n_features: int = 10,
    *,
    noise_rate: float = 0.0,
    imbalance: float | None = None,
    missing_rate: float = 0.0,
    mechanism: str = "mcar",
    random_state: int = 42,
) -> Split:
    """Two classes, outside and inside a disc in the first two features (protocol section 4).

    Parameters
    ----------
    n_samples, n_features : int
        Size of the table before the stratified 60/20/20 split; at least two features.
    noise_rate : float
        Share of training labels that are flipped, after the imbalance is made.
    imbalance : float, optional
        Minority : majority in the training part, in (0, 1]; None keeps the split as drawn.
    missing_rate, mechanism, random_state
        As in `make_additive_regression`.

    Returns
    -------
    Split

    Raises
    ------
    InvalidInputError
        A rate outside [0, 1], a size too small, an unknown mechanism.
    """
    check_integer("n_samples", n_samples, low=20)
    check_integer("n_features", n_features, low=2)
    check_rate("noise_rate", noise_rate)
    stream = np.random.RandomState(random_state)
    X = stream.uniform(0, 1, (n_samples, n_features))
    y = ((X[:, 0] - 0.5) ** 2 + (X[:, 1] - 0.5) ** 2 > 0.08).astype(int)
    split = _split(X, y, random_state, stratify=True)
    if imbalance is not None:
        rows = _imbalanced_rows(split.y_train, imbalance, stream)
        split = _keep_rows(split, rows)
    if noise_rate > 0:
        rows = stream.choice(len(split.y_train), _count(len(split.y_train), noise_rate), False)
        split = _with_noise(split, rows, 1 - split.y_train[rows])
    return _with_gaps(split, missing_rate, mechanism, stream)


def make_domain_shift(*, random_state: int = 42) -> Split:
    """Linear target, test rows outside the training range (the hinge-or-step ablation, BIAM-H).

    400 training rows x ~ U(-1, 0.8)^4, y = 3 x0 + N(0, 0.05); the meta rows are the first 64
    training rows; 100 noiseless test rows x ~ U(1, 1.5)^4.
    """
    stream = np.random.RandomState(random_state)
    X = stream.uniform(-1, 0.8, (400, 4))
    y = 3 * X[:, 0] + 0.05 * stream.randn(400)
    X_test = stream.uniform(1, 1.5, (100, 4))
    clean = np.zeros(400, dtype=bool)
    return Split(X, y, X[:64], y[:64], X_test, 3 * X_test[:, 0], clean)


def _mixture(g: np.random.Generator, n: int, share: float, first: float, second: float) -> Array:
    pick = g.uniform(size=n) < share
    low, high = g.normal(first, 1, n), g.normal(second, 1, n)
    return np.where(pick, low, high)


LABEL_NOISE: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "mixture_A": lambda g, n: _mixture(g, n, 0.8, -2, 8),
    "mixture_B": lambda g, n: _mixture(g, n, 0.8, 0, 20),
    "heavy_t": lambda g, n: g.standard_t(2, n),
    "gauss": lambda g, n: g.normal(0, 1, n),
    "laplace": lambda g, n: g.laplace(0, 1, n),
    "cauchy": lambda g, n: g.standard_t(1, n),
    "lognormal": lambda g, n: g.lognormal(0, 1, n) - np.exp(0.5),
    **{
        f"outlier{share}": lambda g, n, share=share: _outliers(g, n, share / 100)
        for share in (10, 30, 50, 70)
    },
}
"""Noise families of E1 and E4: (generator, n_rows) -> additive noise on standardised labels."""


def _outliers(g: np.random.Generator, n: int, rate: float) -> Array:
    noise = np.zeros(n)
    rows = g.choice(n, _count(n, rate), replace=False)
    noise[rows] = g.normal(100, 100, len(rows))
    return noise


def add_label_noise(split: Split, family: str, *, block: str = "e1", seed: int = 42) -> Split:
    """Add a noise family of E1 or E4 to the standardised training labels.

    Parameters
    ----------
    split : Split
        Clean regression problem.
    family : str
        A key of `LABEL_NOISE`; the scenario's name in the tables.
    block : {"e1", "e4"}
        Which experiment's random stream.
    seed : int
        Seed of the experiment.

    Raises
    ------
    UnknownNameError
        Unknown family or block.
    """
    check_choice("noise family", family, LABEL_NOISE)
    factor = {"e1": 1000, "e4": 2000}[check_choice("block", block, ("e1", "e4"))]
    generator = np.random.default_rng(factor * seed + zlib.crc32(family.encode()) % 9999)
    noise = LABEL_NOISE[family](generator, len(split.y_train))
    changed = np.flatnonzero(noise)
    return _with_noise(split, changed, split.y_train[changed] + noise[changed])


planted_pairs: tuple[tuple[int, int], ...] = ((4, 5), (6, 7), (8, 9))
"""The pairs planted in E6; E7 plants the first two."""

PAIR_MASKS: dict[str, Callable[[Array, Array], Array]] = {
    "mcar": lambda u, X: u < 0.2,
    "mar": lambda u, X: u < 0.4 * expit(X[:, :1]),
    "mnar": lambda u, X: u < 0.4 * expit(np.abs(X)),
}
"""Masks of E6 and E7: (uniform draws, standardised X) -> True where a value goes missing."""


def make_planted_pairs(
    task: str = "regression",
    *,
    pairs: bool = True,
    corrupt: bool = False,
    mechanism: str | None = None,
    random_state: int = 42,
) -> Split:
    """Main effects plus planted pairs (E6 regression, E7 binary), 840/120/240 rows, 10 features.

    Parameters
    ----------
    task : {"regression", "binary"}
    pairs : bool
        False drops the pairs (scenario `null_main`).
    corrupt : bool
        Regression: 30 % of training labels + N(1, 0.5); binary: 20 % flipped.
    mechanism : {"mcar", "mar", "mnar"}, optional
        Gaps in every column but the first; None leaves the table complete.
    random_state : int

    Returns
    -------
    Split
        float32 features; ``truth["pairs"]`` lists the planted pairs.

    Raises
    ------
    UnknownNameError
        Unknown task or mechanism.
    """
    binary = check_choice("task", task, ("regression", "binary")) == "binary"
    if mechanism is not None:
        check_choice("mechanism", mechanism, PAIR_MASKS)
    block = "e7" if binary else "e6"
    g = np.random.default_rng(zlib.crc32(f"{block}-gen-{random_state}".encode()) + random_state)
    X = g.normal(size=(1200, 10)).astype(np.float32)
    y = _pair_labels(X, binary, pairs, g)
    order = g.permutation(1200)
    X, y = X[order], y[order]
    X = (X - X[:840].mean(0)) / X[:840].std(0)
    if not binary:
        y = (y - y[:840].mean()) / y[:840].std()
    mask = np.zeros(840, dtype=bool)
    if corrupt:
        mask = g.uniform(size=840) < (0.2 if binary else 0.3)
        noisy = 1 - y[:840] if binary else y[:840] + g.normal(1, 0.5, 840).astype(np.float32)
        y = np.concatenate([np.where(mask, noisy, y[:840]), y[840:]]).astype(y.dtype)
    if mechanism is not None:
        # Drawn for the rows as they were before the permutation.
        missing = PAIR_MASKS[mechanism](g.uniform(size=X.shape)[order], X)
        missing[:, 0] = False
        X = np.where(missing, np.float32("nan"), X)
    planted = planted_pairs[: 2 if binary else 3] if pairs else ()
    parts = (X[:840], y[:840], X[840:960], y[840:960], X[960:], y[960:])
    return Split(*parts, mask, {"pairs": planted})


def _pair_labels(X: Array, binary: bool, pairs: bool, g: np.random.Generator) -> Array:
    x = X.T
    if binary:
        logit = np.sin(x[0]) + 0.8 * np.tanh(x[2]) - 0.9 * x[3]
        if pairs:
            logit = logit + 1.6 * x[4] * x[5] + 1.3 * np.sin(x[6] * x[7])
        return (g.uniform(size=len(X)) < expit(logit)).astype(np.int64)
    y = 1.5 * np.sin(x[0]) + x[1] ** 2 - 1 - 1.2 * x[3]
    if pairs:
        y = y + 2 * x[4] * x[5] + 1.5 * np.sin(x[6] * x[7]) + 1.2 * np.tanh(x[8]) * np.tanh(x[9])
    return (y + 0.1 * g.normal(size=len(X))).astype(np.float32)


def _split(X: Array, y: Array, seed: int, *, stratify: bool = False) -> Split:
    X_train, X_rest, y_train, y_rest = train_test_split(
        X, y, test_size=0.4, random_state=seed, stratify=y if stratify else None
    )
    X_meta, X_test, y_meta, y_test = train_test_split(
        X_rest, y_rest, test_size=0.5, random_state=seed, stratify=y_rest if stratify else None
    )
    centre, scale = X_train.mean(0), X_train.std(0)
    X_train, X_meta, X_test = ((part - centre) / scale for part in (X_train, X_meta, X_test))
    truth = {"x_centre": centre, "x_scale": scale, "y_clean": y_train}
    clean = np.zeros(len(y_train), dtype=bool)
    return Split(X_train, y_train, X_meta, y_meta, X_test, y_test, clean, truth)


def _standardise_y(split: Split) -> Split:
    centre, scale = split.y_train.mean(), split.y_train.std()
    train, meta, test = ((y - centre) / scale for y in (split.y_train, split.y_meta, split.y_test))
    truth = {**split.truth, "y_centre": centre, "y_scale": scale, "y_clean": train}
    return replace(split, y_train=train, y_meta=meta, y_test=test, truth=truth)


def _with_noise(split: Split, rows: Array, labels: Array) -> Split:
    y, mask = split.y_train.copy(), split.mask.copy()
    y[rows], mask[rows] = labels, True
    return replace(split, y_train=y, mask=mask)


def _keep_rows(split: Split, rows: Array) -> Split:
    truth = {**split.truth, "y_clean": split.truth["y_clean"][rows]}
    kept = {name: getattr(split, name)[rows] for name in ("X_train", "y_train", "mask")}
    return replace(split, truth=truth, **kept)


def _imbalanced_rows(y: Array, ratio: float, stream: np.random.RandomState) -> Array:
    check_number("imbalance", ratio, low=0, high=1, open_low=True)
    rare = np.bincount(y).argmin()
    minority, majority = np.flatnonzero(y == rare), np.flatnonzero(y != rare)
    wanted = int(len(minority) / ratio)
    if len(majority) >= wanted:
        majority = stream.choice(majority, wanted, replace=False)
    else:
        kept = max(1, int(len(majority) * ratio))
        minority = stream.choice(minority, kept, replace=False)
    rows = np.concatenate([minority, majority])
    stream.shuffle(rows)
    return rows


def _with_gaps(split: Split, rate: float, mechanism: str, stream: np.random.RandomState) -> Split:
    check_rate("missing_rate", rate)
    check_choice("mechanism", mechanism, ("mcar", "mar", "mnar"))
    if rate == 0:
        return split
    names = ("X_train", "X_meta", "X_test")
    gaps = {name: _gaps(getattr(split, name), rate, mechanism, stream) for name in names}
    return replace(split, **gaps)


def _gaps(X: Array, rate: float, mechanism: str, stream: np.random.RandomState) -> Array:
    X = X.copy()
    if mechanism == "mcar":
        X[stream.rand(*X.shape) < rate] = np.nan
        return X
    for j in range(X.shape[1]):
        # The published code masks column by column in place, so the last MAR feature is driven by
        # an already masked column: its probabilities are NaN and it stays complete.
        driver = X[:, (j + 1) % X.shape[1]] if mechanism == "mar" else X[:, j]
        probability = 2 * rate * expit(2 * (driver - np.median(driver)))
        X[stream.rand(len(X)) < probability, j] = np.nan
    return X


def _count(n: int, rate: float) -> int:
    return max(1, int(n * rate))
