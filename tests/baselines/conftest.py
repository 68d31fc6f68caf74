"""Small tables with gaps and a category, as matrix and as data frame."""

import numpy as np
import pandas as pd
import pytest

N_ROWS = 120


@pytest.fixture(scope="session")
def matrix():
    """Four columns, 15 % missing, a target that is additive in the first two."""
    g = np.random.default_rng(0)
    X = g.normal(size=(N_ROWS, 4))
    y = X[:, 0] + X[:, 1] ** 2 + 0.1 * g.normal(size=N_ROWS)
    X[g.uniform(size=X.shape) < 0.15] = np.nan
    return X, y


@pytest.fixture(scope="session")
def frame(matrix):
    """The first three columns and a category with missing labels."""
    X, y = matrix
    labels = np.array(["u", "v", "w"], dtype=object)[np.arange(N_ROWS) % 3]
    labels[:7] = None
    table = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    table["kind"] = pd.Categorical(labels)
    return table, y + (labels == "u")


@pytest.fixture(scope="session")
def classes():
    """Text classes from targets: above the median, and below."""
    return lambda y: np.where(y > np.median(y), "high", "low")
