"""Two classes that depend on products of concepts, each a function of a group of features.

Twelve normal features in four groups of three. With

    z_1 = sin(1.5 x_0) + x_1 x_2 / 2,          z_2 = 1.2 tanh(x_3 + x_4) - 0.3 x_5,
    z_3 = |x_6| - 0.8 + x_7 / 2,               z_4 = x_9,

the log-odds are 2 (1.5 z_1 - z_2 + 2 z_1 z_2 + z_2 z_3 + 1.2 z_3^2 - 1.2); x_8, x_10 and x_11 do
nothing, and z_4 is in no term, so a whole concept is idle. Ours; nothing like it was published.
"""

import numpy as np
from scipy.special import expit

from biam.corruption import flip_labels
from biam.corruption import imbalance as rows_of_ratio
from biam.datasets.synthetic import Split
from biam.validation import check_integer

__all__ = ["CONCEPT_GROUPS", "CONCEPT_PRODUCTS", "make_concept_classification"]

CONCEPT_GROUPS: tuple[tuple[int, ...], ...] = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11))
"""Features of each concept."""

CONCEPT_PRODUCTS: tuple[tuple[int, int], ...] = ((0, 1), (1, 2))
"""Concepts whose product is in the log-odds."""


def make_concept_classification(
    n_samples: int = 2000,
    *,
    n_meta: int = 100,
    n_test: int = 2000,
    noise_rate: float = 0.0,
    imbalance: float | None = None,
    random_state: int = 42,
) -> Split:
    """Draw training rows that may be damaged, clean meta rows and clean test rows.

    Parameters
    ----------
    n_samples, n_meta, n_test : int
        Rows of the three parts, before any class is made rarer.
    noise_rate : float
        Share of the training labels to flip.
    imbalance : float, optional
        Rarest to most common class in the training rows alone.
    random_state : int
        One seed gives the same meta and test rows whatever the damage.

    Returns
    -------
    Split
        ``truth``: "groups", "products", "concepts" and "log_odds" of the training rows, "y_clean".

    Raises
    ------
    InvalidInputError
        A size below 10, or a rate that cannot be.
    """
    for name, size in (("n_samples", n_samples), ("n_meta", n_meta), ("n_test", n_test)):
        check_integer(name, size, low=10)
    drawing, thinning, flipping = np.random.default_rng(random_state).spawn(3)
    X = drawing.normal(size=(n_meta + n_test + n_samples, 12))
    z = _concepts(X)
    log_odds = _log_odds(z)
    y = (drawing.uniform(size=len(X)) < expit(log_odds)).astype(int)
    meta, test, train = np.split(np.arange(len(X)), [n_meta, n_meta + n_test])
    if imbalance is not None:
        train = train[rows_of_ratio(y[train], imbalance, random_state=thinning)]
    noisy = flip_labels(y[train], noise_rate, random_state=flipping)
    truth = {
        "groups": CONCEPT_GROUPS,
        "products": CONCEPT_PRODUCTS,
        "concepts": z[train],
        "log_odds": log_odds[train],
        "y_clean": y[train],
    }
    return Split(X[train], noisy.values, X[meta], y[meta], X[test], y[test], noisy.mask, truth)


def _concepts(X: np.ndarray) -> np.ndarray:
    return np.column_stack(
        [
            np.sin(1.5 * X[:, 0]) + X[:, 1] * X[:, 2] / 2,
            1.2 * np.tanh(X[:, 3] + X[:, 4]) - 0.3 * X[:, 5],
            np.abs(X[:, 6]) - 0.8 + X[:, 7] / 2,
            X[:, 9],
        ]
    )


def _log_odds(z: np.ndarray) -> np.ndarray:
    a, b, c, _ = z.T
    return 2 * (1.5 * a - b + 2 * a * b + b * c + 1.2 * c**2 - 1.2)
