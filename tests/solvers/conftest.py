"""A table of every kind of column, seen through its components."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from biam.solvers.rows import Rows
from biam.solvers.terms import Components, Group, main_groups, pair_group, reaction_group

LEVELS = [0, 0, 3, 0]


def mixed_table(n: int, seed: int = 0) -> np.ndarray:
    """Two numbers with gaps, a category with gaps, a number without."""
    stream = np.random.default_rng(seed)
    X = np.column_stack(
        [
            stream.normal(size=n),
            stream.exponential(size=n),
            stream.integers(0, 3, n),
            stream.uniform(size=n),
        ]
    )
    X[:, :3][stream.uniform(size=(n, 3)) < 0.15] = np.nan
    return X


@pytest.fixture(scope="session", name="mixed")
def mixed_fixture() -> SimpleNamespace:
    """300 rows in which every kind of group has its columns."""
    X = mixed_table(300)
    weight = np.random.default_rng(1).integers(0, 4, 300).astype(float)
    components = Components.fit(X, 6, LEVELS, weight)
    groups = [
        *main_groups(components, (0, 1, 2)),
        Group("shift", (), ((0,),), torch.ones(1, dtype=torch.float64)),
        reaction_group(components, 0, 1),
        reaction_group(components, 1, 2),
        reaction_group(components, 2, 0),
        pair_group(components, 1, 3),
        pair_group(components, 0, 2),
        pair_group(components, 0, 1),
    ]
    shift = np.arange(300) < 240
    rows = Rows(components, X, shift).use(groups)
    return SimpleNamespace(X=X, weight=weight, components=components, groups=groups, rows=rows)
