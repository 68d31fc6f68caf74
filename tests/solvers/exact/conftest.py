"""Tables of every kind of column, seen through their components; fits of BIAM-X to them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from biam.solvers.exact import ExactSolver
from biam.solvers.exact.components import Components
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import Group, main_groups, pair_group, reaction_group

LEVELS, LAST = [0, 0, 3, 0], [0, 0, 0, 3]
QUIET = {"progress": False, "n_knots": 6}


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


def table(n_classes=0, *, n=200, seed=0, pair=1.5, gaps=0.08):
    """Four features with gaps, one of them a category; a pair, and a target of all."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 4))
    X[:, 3] = stream.integers(0, 3, n)
    f = np.sin(2 * X[:, 0]) + X[:, 1] + 0.7 * X[:, 3] + pair * X[:, 0] * X[:, 1]
    X[stream.uniform(size=X.shape) < gaps] = np.nan
    if n_classes:
        return X, (stream.uniform(size=n) < 1 / (1 + np.exp(-2 * f))).astype(int)
    return X, f + 0.2 * stream.normal(size=n)


def fit(X, y, X_meta=None, y_meta=None, *, sample_weight=None, seed=0, **settings):
    n_classes = settings.pop("n_classes", 0)
    levels = settings.pop("n_levels", LAST if X.shape[1] == 4 else None)
    solver = ExactSolver(**QUIET | settings)
    options = {"n_classes": n_classes, "n_levels": levels, "seed": seed}
    return solver.fit(X, y, X_meta, y_meta, sample_weight=sample_weight, **options)


def outputs(fitted, X):
    return fitted.model.outputs(fitted.w, fitted.model.basis.design(X))[:, 0].numpy()


def spoiled(n_classes, n=260):
    """A table of 200 training rows, a fifth of whose labels are wrong, and 60 meta rows."""
    X, y = table(n_classes, n=n)
    wrong = np.random.default_rng(7).uniform(size=200) < 0.2
    y[:200] = np.where(wrong, 1 - y[:200] if n_classes else y[:200] + 5, y[:200])
    return X, y


@pytest.fixture(scope="session", name="exact")
def exact_fixture() -> SimpleNamespace:
    """Functions: `table`, `spoiled`, `fit`, `outputs`."""
    return SimpleNamespace(table=table, spoiled=spoiled, fit=fit, outputs=outputs)
