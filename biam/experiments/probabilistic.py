"""Table `probabilistic`: the structure search, what it finds, and learners given the same rows.

The search uses two sets of clean rows, meta and tuning. Every other learner that takes clean rows
gets both of them as meta rows, so that none of them knows less.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import expit

from biam.datasets.synthetic import Split
from biam.experiments import learners, published
from biam.metrics import evaluate
from biam.solvers.probabilistic import StructureFit, StructureSearch

__all__ = ["SCORES", "biam_p", "biam_published", "biam_x", "meta_only", "recovery"]

SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("accuracy", "balanced_accuracy", "f1_macro", "auroc"),
}
"""Metrics of the clean test rows, by task."""

KINDS = ("main", "missing", "interaction")

_EVERY = 10

Curve = list[dict[str, Any]]
Groups = Collection[tuple[str, int, int]]


def biam_p(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Curve]:
    """BIAM-P: the structure search of `biam.solvers.probabilistic`.

    Parameters
    ----------
    split : Split
        Of `biam.datasets.structured.make_structured`.
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "search": keywords of `StructureSearch`.

    Returns
    -------
    dict of str to float
        `SCORES`; `recovery` of all groups and of each kind that was planted; "weight_ratio", the
        mean weight of corrupted rows over that of clean ones, where some rows are corrupted.
    list of dict
        Curves "gate:main", "gate:missing", "gate:interaction" (x: whose value or mask, z: the
        feature that it multiplies) and "tune_risk", "meta_risk", "expected_groups" (x: epoch).
    """
    search = StructureSearch(task=task, random_state=seed, **settings.get("search", {}))
    truth = split.truth
    fit = search.fit(
        split.X_train,
        split.y_train,
        split.X_meta,
        split.y_meta,
        truth["X_tune"],
        truth["y_tune"],
    )
    f = fit.decision(split.X_test)
    if task == "regression":
        values = evaluate(SCORES[task], split.y_test, f)
    else:
        p = expit(f)
        proba = np.stack([1 - p, p], 1)
        values = evaluate(SCORES[task], split.y_test, (f > 0).astype(int), proba, classes=[0, 1])
    values |= {"epochs": float(len(fit.history))}
    values |= _recoveries(fit, truth["groups"], truth["uncounted"])
    mask = split.mask
    if 0 < mask.sum() < len(mask):
        values["weight_ratio"] = float(fit.weights[mask].mean() / fit.weights[~mask].mean())
    return values, _curves(fit)


def recovery(kept: Groups, planted: Groups, uncounted: Groups = ()) -> dict[str, float]:
    """Precision, recall and F1 of the kept groups against the planted ones.

    Parameters
    ----------
    kept, planted : collection of (kind, source, target)
        At least one planted.
    uncounted : collection of (kind, source, target)
        Neither right nor wrong to keep.

    Returns
    -------
    dict of str to float
        "precision" (0 where nothing that counts was kept), "recall", "f1".
    """
    truth = {tuple(group) for group in planted}
    found = {tuple(group) for group in kept} - {tuple(group) for group in uncounted}
    hits = len(found & truth)
    return {
        "precision": hits / max(len(found), 1),
        "recall": hits / len(truth),
        "f1": 2 * hits / (len(found) + len(truth)),
    }


def biam_published(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """The published loop, with meta and tuning rows as its meta rows."""
    return published.biam_published(_joined(split), task, seed, settings)


def biam_x(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """BIAM-X, with meta and tuning rows as its meta rows."""
    return learners.biam_x(_joined(split), task, seed, settings)


def meta_only(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """The additive model on the meta and tuning rows alone."""
    return learners.meta_only(_joined(split), task, seed, settings)


def _joined(split: Split) -> Split:
    X, y = split.truth["X_tune"], split.truth["y_tune"]
    X_meta, y_meta = np.concatenate([split.X_meta, X]), np.concatenate([split.y_meta, y])
    return replace(split, X_meta=X_meta, y_meta=y_meta)


def _recoveries(fit: StructureFit, planted: Groups, uncounted: Groups) -> dict[str, float]:
    values = {f"group_{name}": v for name, v in recovery(fit.groups, planted, uncounted).items()}
    for kind in KINDS:
        truth = [group for group in planted if group[0] == kind]
        if truth:
            kept = [group for group in fit.groups if group.kind == kind]
            values[f"group_f1_{kind}"] = recovery(kept, truth, uncounted)["f1"]
    return values | {"groups_kept": float(fit.selected.sum())}


def _curves(fit: StructureFit) -> Curve:
    gates = [
        {"curve": f"gate:{group.kind}", "x": float(group.source), "z": float(group.target)}
        | {"value": float(p)}
        for group, p in zip(fit.basis.groups, fit.probabilities, strict=True)
    ]
    path = [
        {"curve": name, "x": float(point["epoch"]), "z": None, "value": float(point[name])}
        for name in ("tune_risk", "meta_risk", "expected_groups")
        for point in fit.history[::_EVERY]
    ]
    return gates + path
