"""Table `mitigation`: the ROC experiment of SMOTE, by cross-validation with a decision tree."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold
from sklearn.tree import DecisionTreeClassifier

from biam.datasets import load_dataset
from biam.exceptions import InvalidInputError
from biam.mitigation.smote import Smote

__all__ = ["LEVELS", "Rows", "make_rare_rows", "roc_area", "smote_curve"]

Array = NDArray[Any]
Rows = tuple[Array, Array]

LEVELS = (10, 15, 25, 50, 75, 100, 125, 150, 175, 200, 300, 400, 500, 600, 700, 800, 1000, 2000)
"""Rare rows as a percentage of the common rows that stay, of the original paper."""


def make_rare_rows(dataset: str = "pima", *, random_state: int = 42) -> Rows:
    """Inputs and a target in which 1 is the rare class.

    Gaps become 0, which is how the file of the only set with gaps among those of the table, Pima,
    writes them, and how the original experiment read it. `random_state` goes unused: the folds are
    drawn later.

    Raises
    ------
    InvalidInputError
        The set is not of two classes and numbers.
    """
    data = load_dataset(dataset)
    if data.task != "binary" or data.categorical:
        raise InvalidInputError(
            f"the SMOTE experiment needs two classes and numbers only, got {dataset!r}."
        )
    X, y = np.nan_to_num(data.X.to_numpy(dtype=float)), data.y.to_numpy()
    return X, (y == np.argmin(np.bincount(y))).astype(np.int64)


def smote_curve(
    data: Rows, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """One ROC curve: a fixed amount of SMOTE, more and more under-sampling, and the area below.

    Each level of `LEVELS` is one point: over all folds together, the share of common rows taken
    for rare, and of rare rows found. Trees have leaves of two rows at least, for C4.5.

    Parameters
    ----------
    data : tuple of ndarray
        From `make_rare_rows`.
    task : {"classification"}
    seed : int
        Of folds, draws and trees.
    settings : mapping
        "smote": keywords of `Smote`; without it only under-sampling. "folds": default 10.

    Returns
    -------
    metrics : dict of str to float
        `auc`, and `hull_auc` of the convex hull of the points.
    curves : list of dict
        "roc": false positives x, true positives.
    """
    X, y = data
    folds = StratifiedKFold(settings.get("folds", 10), shuffle=True, random_state=seed)
    hits = np.zeros((len(LEVELS), 2))
    for k, (train, test) in enumerate(folds.split(X, y)):
        rows, labels = X[train], y[train]
        if "smote" in settings:
            smote = Smote(**settings["smote"], random_state=seed + k)
            rows, labels = smote.fit_resample(rows, labels)
        g = np.random.default_rng([seed, k])
        for j, level in enumerate(LEVELS):
            kept = _thinned(labels, level, g)
            tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=seed)
            found = tree.fit(rows[kept], labels[kept]).predict(X[test])
            hits[j] += [found[y[test] == label].sum() for label in (0, 1)]
    shares = hits / np.bincount(y)
    points = [{"curve": "roc", "x": float(x), "z": None, "value": float(v)} for x, v in shares]
    values = {"auc": roc_area(shares), "hull_auc": roc_area(_hull(shares))}
    return values, points


def roc_area(points: Array) -> float:
    """Area by trapezoids under points (false positives, true positives) and the two corners."""
    points = np.concatenate([[[0.0, 0.0]], points[np.lexsort(points.T[::-1])], [[1.0, 1.0]]])
    return float(np.trapezoid(points[:, 1], points[:, 0]))


def _hull(points: Array) -> Array:
    """The points on the upper convex hull together with the two corners."""
    kept = [np.zeros(2)]
    for point in [*points[np.lexsort(points.T[::-1])], np.ones(2)]:
        while len(kept) > 1 and _turns_left(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return np.array(kept)


def _turns_left(a: Array, b: Array, c: Array) -> bool:
    """Is b on or below the line from a to c."""
    return bool((b[0] - a[0]) * (c[1] - a[1]) >= (b[1] - a[1]) * (c[0] - a[0]))


def _thinned(labels: Array, level: int, g: np.random.Generator) -> Array:
    """Rows such that the rare are `level` per cent of the common, all where there are too few."""
    rare, common = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    n = min(len(common), max(1, round(len(rare) * 100 / level)))
    return np.concatenate([rare, g.permutation(common)[:n]])
