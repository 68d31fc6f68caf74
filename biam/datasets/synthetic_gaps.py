"""A generated additive regression whose features hang together as much as one asks for.

With independent features a gap can only be marked, with related ones it can also be filled: where
imputation pays depends on this more than on anything else.
"""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import train_test_split

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
    n_samples: int = 1000, *, correlation: float = 0.0, random_state: int = 42
) -> Split:
    """y = sum of `GAP_SHAPES` + N(0, 0.3); x_j = sqrt(r) u + sqrt(1 - r) e_j, u and e_j N(0, 1).

    Split 60/20/20 into train / meta / test, no gaps, no wrong labels.

    Parameters
    ----------
    n_samples : int
        Rows before the split.
    correlation : float
        r, of every pair of features, in [0, 0.99].
    random_state : int

    Returns
    -------
    Split
        Features as drawn (standard normal), targets standardised by the training rows;
        ``truth["y_centre"]`` and ``truth["y_scale"]``.
    """
    check_integer("n_samples", n_samples, low=20)
    r = check_number("correlation", correlation, low=0.0, high=0.99)
    g = np.random.default_rng(np.random.SeedSequence([random_state, 1907]))
    own, common = g.normal(size=(n_samples, len(GAP_SHAPES))), g.normal(size=(n_samples, 1))
    X = np.sqrt(r) * common + np.sqrt(1 - r) * own
    parts = [shape(x) for shape, x in zip(GAP_SHAPES, X.T, strict=True)]
    y = np.sum(parts, axis=0) + NOISE * g.normal(size=n_samples)
    rows = np.arange(n_samples)
    train, rest = train_test_split(rows, test_size=0.4, random_state=random_state)
    meta, test = train_test_split(rest, test_size=0.5, random_state=random_state)
    centre, scale = y[train].mean(), y[train].std()
    y = (y - centre) / scale
    mask = np.zeros(len(train), dtype=bool)
    truth = {"y_centre": centre, "y_scale": scale}
    return Split(X[train], y[train], X[meta], y[meta], X[test], y[test], mask, truth)
