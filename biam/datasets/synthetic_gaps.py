"""A generated additive regression whose features hang together as much as one asks for.

With independent features a gap can only be marked, with related ones it can also be filled: where
imputation pays depends on this more than on anything else.
"""

from collections.abc import Callable

import numpy as np

from biam.datasets.synthetic import Split
from biam.validation import check_integer, check_number

__all__ = ["GAP_SHAPES", "make_related_regression"]

Array = np.ndarray

GAP_SHAPES: tuple[Callable[[Array], Array], ...] = (
    lambda x: x**2 - 1,
    lambda x: 1.5 * np.sin(1.5 * x),
    lambda x: 1.5 * np.tanh(2 * x),
    lambda x: -x,
    lambda x: 2 * np.abs(x),
    lambda x: np.cos(2 * x),
    lambda x: 0 * x,
    lambda x: 0 * x,
)
"""Shape functions of the eight features, on standard normal x. The first one is at its lowest where
the mean of x is, which is what a filled-in mean hides behind."""

NOISE = 0.3


def make_related_regression(
    n_samples: int = 800,
    n_test: int = 1000,
    *,
    correlation: float = 0.0,
    random_state: int = 42,
) -> Split:
    """y = sum of `GAP_SHAPES` + N(0, 0.3); x_j = sqrt(r) u + sqrt(1 - r) e_j, u and e_j N(0, 1).

    No gaps, no wrong labels.

    Parameters
    ----------
    n_samples : int
        Training and meta rows, three to one.
    n_test : int
        Test rows.
    correlation : float
        r, of every pair of features, in [0, 0.99].
    random_state : int

    Returns
    -------
    Split
        Features as drawn (standard normal), targets standardised by the training rows;
        ``truth["y_centre"]`` and ``truth["y_scale"]``.
    """
    check_integer("n_samples", n_samples, low=8)
    check_integer("n_test", n_test, low=1)
    r = check_number("correlation", correlation, low=0.0, high=0.99)
    g = np.random.default_rng(np.random.SeedSequence([random_state, 1907]))
    n = n_samples + n_test
    own, common = g.normal(size=(n, len(GAP_SHAPES))), g.normal(size=(n, 1))
    X = np.sqrt(r) * common + np.sqrt(1 - r) * own
    parts = [shape(x) for shape, x in zip(GAP_SHAPES, X.T, strict=True)]
    y = np.sum(parts, axis=0) + NOISE * g.normal(size=n)
    n_train = n_samples - n_samples // 4
    centre, scale = y[:n_train].mean(), y[:n_train].std()
    y = (y - centre) / scale
    ends = [n_train, n_samples]
    (X_train, X_meta, X_test), (y_train, y_meta, y_test) = np.split(X, ends), np.split(y, ends)
    mask = np.zeros(n_train, dtype=bool)
    truth = {"y_centre": centre, "y_scale": scale}
    return Split(X_train, y_train, X_meta, y_meta, X_test, y_test, mask, truth)
