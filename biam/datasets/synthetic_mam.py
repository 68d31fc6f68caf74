"""The generated sets of the Meta Additive Model (MAM), draw for draw: six robust scenarios.

Three regression sets whose training labels all carry asymmetric or heavy-tailed noise, and three
sets of two classes with few rows of one class, flipped labels, or both. As in `synthetic`, the meta
and test rows are clean. The random streams are those of the published runs: a legacy `RandomState`
for the values and Python's own generator for the choice of rows. Source: protocol of the public MAM
repository (Zhang, Liu, Wu, Chen, arXiv 2604.20111), whose sets follow TSpAM (Wang et al. 2023).
"""

import random
from collections.abc import Callable, Sequence

import numpy as np
from sklearn.preprocessing import StandardScaler

from biam.datasets.synthetic import SHAPES, Split
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_rate

__all__ = ["MAM_NOISE", "make_mam_classification", "make_mam_regression"]

Array = np.ndarray


def _mixture(stream: np.random.RandomState, n: int, first: float, second: float) -> Array:
    # Row by row, a uniform then a normal: the order of the draws decides the table.
    means = (first, second)
    return np.array([stream.normal(means[stream.uniform() >= 0.8], 1) for _ in range(n)])


MAM_NOISE: dict[str, Callable[[np.random.RandomState, int], Array]] = {
    "eps_A": lambda stream, n: _mixture(stream, n, -2, 8),
    "eps_B": lambda stream, n: _mixture(stream, n, 0, 20),
    "eps_C": lambda stream, n: stream.standard_t(2, n),
}
"""Noise of the training labels before standardisation: (stream, n_rows) -> noise.

eps_A is 0.8 N(-2, 1) + 0.2 N(8, 1), of mean 0; eps_B is 0.8 N(0, 1) + 0.2 N(20, 1), of mode 0 and
mean 4; eps_C is Student's t with 2 degrees of freedom.
"""


def make_mam_regression(
    noise: str = "eps_A",
    *,
    n_samples: int = 2000,
    n_features: int = 100,
    random_state: int = 1,
) -> Split:
    """Additive regression with eight informative features and noise on every training label.

    X is uniform on [-1, 1] and y the sum of `SHAPES`, drawn afresh for the three parts of the
    split; only the training labels are noisy. X and y are standardised by the training and meta
    rows together, noise included, as published.

    Parameters
    ----------
    noise : str
        A key of `MAM_NOISE`.
    n_samples : int
        Rows of each part: as many meta and test rows as training rows.
    n_features : int
        At least eight.
    random_state : int

    Returns
    -------
    Split
        ``truth["features"]`` lists the informative columns, ``truth["y_clean"]`` the standardised
        training labels without noise. Every label is noisy, so `mask` is True throughout.

    Raises
    ------
    UnknownNameError
        Unknown noise.
    InvalidInputError
        A size too small.
    """
    check_choice("noise", noise, MAM_NOISE)
    check_integer("n_samples", n_samples, low=10)
    check_integer("n_features", n_features, low=len(SHAPES))
    stream = np.random.RandomState(random_state)
    X = [stream.uniform(-1, 1, (n_samples, n_features)) for _ in range(3)]
    y_clean, y_meta, y_test = (_additive(part) for part in X)
    y_train = y_clean + MAM_NOISE[noise](stream, n_samples)
    scaler = StandardScaler().fit(np.concatenate([y_train, y_meta])[:, None])
    y = [scaler.transform(part[:, None])[:, 0] for part in (y_train, y_meta, y_test, y_clean)]
    truth = {
        "features": tuple(range(len(SHAPES))),
        "y_centre": float(scaler.mean_[0]),
        "y_scale": float(scaler.scale_[0]),
        "y_clean": y.pop(),
    }
    return _standardised(X, y, np.ones(n_samples, dtype=bool), truth)


def make_mam_classification(
    *,
    rare: float | None = None,
    flip: float = 0.0,
    n_samples: int = 2000,
    n_features: int = 100,
    pool: int = 10_000,
    random_state: int = 1,
) -> Split:
    """Two classes, inside (0) and outside (1) a disc in the first two of correlated features.

    A feature is the mean of its own uniform draw on [0, 1] and one that all features of the row
    share (correlation 1/2). The three parts are drawn afresh and X is standardised by the training
    and meta rows together.

    Parameters
    ----------
    rare : float, optional
        Share of class 0 among the training rows; meta and test rows then hold both classes
        equally, all chosen from `pool` rows. None keeps the classes as drawn.
    flip : float
        Share of training labels that are flipped, in each class where `rare` is given.
    n_samples : int
        Rows of each part.
    n_features : int
        At least two.
    pool : int
        Rows drawn per part from which those of a given class share are chosen.
    random_state : int

    Returns
    -------
    Split
        ``truth["features"]`` is (0, 1), ``truth["y_clean"]`` the labels before the flips.

    Raises
    ------
    InvalidInputError
        A rate outside [0, 1], a size too small, or a pool with too few rows of a class.
    """
    check_integer("n_samples", n_samples, low=10)
    check_integer("n_features", n_features, low=2)
    check_rate("flip", flip)
    stream, chooser = np.random.RandomState(random_state), random.Random(random_state)
    n_drawn = n_samples if rare is None else check_integer("pool", pool, low=n_samples)
    X = [_correlated(stream, n_drawn, n_features) for _ in range(3)]
    y_clean, y_meta, y_test = (_outside(part) for part in X)
    if rare is None:
        mask = _flips(chooser, n_samples, flip)
    else:
        shares = (check_rate("rare", rare), 0.5, 0.5)
        labels, chosen = (y_clean, y_meta, y_test), []
        for part, share, rate in zip(labels, shares, (flip, 0.0, 0.0), strict=True):
            chosen.append(_rows_and_flips(part, n_samples, share, rate, stream, chooser))
        (rows, mask), (meta, _), (test, _) = chosen
        X = [part[kept] for part, kept in zip(X, (rows, meta, test), strict=True)]
        y_clean, y_meta, y_test = y_clean[rows], y_meta[meta], y_test[test]
    y_train = np.where(mask, 1 - y_clean, y_clean)
    truth = {"features": (0, 1), "y_clean": y_clean}
    return _standardised(X, (y_train, y_meta, y_test), mask, truth)


def _additive(X: Array) -> Array:
    return sum(shape(X[:, j]) for j, shape in enumerate(SHAPES))


def _correlated(stream: np.random.RandomState, n: int, p: int) -> Array:
    own, common = stream.uniform(0, 1, (n, p)), stream.uniform(0, 1, (n, 1))
    return (own + common) / 2


def _outside(X: Array) -> Array:
    return ((X[:, 0] - 0.5) ** 2 + (X[:, 1] - 0.5) ** 2 > 0.08).astype(int)


def _flips(chooser: random.Random, n: int, rate: float) -> Array:
    mask = np.zeros(n, dtype=bool)
    if rate > 0:
        mask[chooser.sample(range(n), int(n * rate))] = True
    return mask


def _rows_and_flips(
    y: Array,
    n: int,
    share: float,
    rate: float,
    stream: np.random.RandomState,
    chooser: random.Random,
) -> tuple[Array, Array]:
    """Rows of a part with `share` of class 0, shuffled, and which of their labels are flipped."""
    counts = (int(n * share), n - int(n * share))
    rows = []
    for label, count in enumerate(counts):
        known = np.flatnonzero(y == label).tolist()
        if count > len(known):
            raise InvalidInputError(
                f"{count} rows of class {label} are wanted, but the pool of {len(y)} drawn rows "
                f"holds {len(known)}: raise pool, or lower n_samples."
            )
        rows.append(chooser.sample(known, count))
    mask = np.concatenate([_flips(chooser, count, rate) for count in counts])
    order = np.arange(n)
    stream.shuffle(order)
    return np.concatenate(rows).astype(int)[order], mask[order]


def _standardised(X: Sequence[Array], y: Sequence[Array], mask: Array, truth: dict) -> Split:
    scaler = StandardScaler().fit(np.concatenate(X[:2]))
    X_train, X_meta, X_test = (scaler.transform(part) for part in X)
    truth = {**truth, "x_centre": scaler.mean_, "x_scale": scaler.scale_}
    return Split(X_train, y[0], X_meta, y[1], X_test, y[2], mask, truth)
