"""The Meta Additive Model (MAM) as a method of tables: the published rule, and two honest ones.

Source: Zhang, Liu, Wu, Chen, arXiv 2604.20111, and the public MAM repository.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LassoCV

from biam.baselines.linear import L1LogisticCV
from biam.datasets.synthetic import Split
from biam.experiments.mam_loop import MAM, BernsteinDesign, mean_loss
from biam.metrics import evaluate

__all__ = ["COUNTS", "SCORES", "TWIN", "lasso", "mam_published", "selection"]

Look = dict[str, float]

SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("accuracy", "f1_macro", "balanced_accuracy", "auroc"),
}
"""Metrics of the clean test rows, by task; the published rule chooses the epoch by the first."""

COUNTS = ("variables_kept", "true_kept", "false_kept", "true_in_top")
"""What `selection` counts."""

TWIN = "float64_"
"""Prefix of the score of the float64 run."""

KEPT = 1e-8
"""A feature is kept, by the published count, where its coefficients have a norm beyond this."""


def selection(norms: np.ndarray, features: Sequence[int]) -> dict[str, float]:
    """How many features are kept, and how well the largest norms name the informative ones.

    Parameters
    ----------
    norms : ndarray, shape (n_features,)
        Norm of the coefficients of each feature.
    features : sequence of int
        The informative ones, k of them.

    Returns
    -------
    dict of str to float
        `variables_kept` = `true_kept` + `false_kept`; `true_in_top`, the informative features that
        are kept and among the k of largest norm.
    """
    true, kept = np.zeros(len(norms), dtype=bool), norms > KEPT
    true[list(features)] = True
    top = np.argsort(-norms, kind="stable")[: true.sum()]
    return {
        "variables_kept": float(kept.sum()),
        "true_kept": float((kept & true).sum()),
        "false_kept": float((kept & ~true).sum()),
        "true_in_top": float((true & kept)[top].sum()),
    }


def mam_published(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Train as published, and score by the published rule and by two honest ones.

    The public runs look at the test rows every 50 epochs and print the best of these looks: the
    epoch is chosen on the test rows. Here that is reported under the plain names of the metrics, to
    stand beside the printed numbers; "last_" is the model after the last epoch, and "by_meta_" that
    of the look with the smallest loss on all meta rows, which a user could have chosen.

    Parameters
    ----------
    split : Split
        ``truth["features"]`` lists the informative features.
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        Fields of `MAM`, and two of our own. "every": epochs between looks, default 50. "twins":
        seeds that are run once more in float64.

    Returns
    -------
    metrics : dict of str to float
        `SCORES` thrice, as above; `best_epoch`, `by_meta_epoch`; `selection` after the last epoch
        (as published: not at the epoch whose score is printed) and under "by_meta_"; the first of
        `SCORES` under the prefix `TWIN` from the float64 run.
    curves : list of dict
        By epoch: the first of `SCORES` on the test rows, the meta loss, the features kept.
    """
    options = dict(settings)
    every, twins = options.pop("every", 50), options.pop("twins", ())
    model, name = MAM(**options), SCORES[task][0]
    looks = _looks(model, split, task, seed, every, np.float32)
    best, last = _best(looks, task, uniform=model.uniform), looks[-1]
    chosen = min(looks, key=lambda look: look["meta_loss"])
    values = {score: best[score] for score in SCORES[task]} | {"best_epoch": best["epoch"]}
    values |= {count: last[count] for count in COUNTS}
    values |= {f"last_{score}": last[score] for score in SCORES[task]}
    values |= {f"by_meta_{key}": chosen[key] for key in ("epoch", *SCORES[task], *COUNTS)}
    if seed in twins:
        exact = _looks(model, split, task, seed, every, np.float64)
        values[TWIN + name] = _best(exact, task, uniform=model.uniform)[name]
    curves = [
        {"curve": curve, "x": look["epoch"], "z": None, "value": look[key]}
        for curve, key in ((f"test_{name}", name), ("meta_loss",) * 2, ("variables_kept",) * 2)
        for look in looks
    ]
    return values, curves


def lasso(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Lasso, or l1 logistic regression, its strength chosen by three folds of the training rows.

    The rival "Lasso" with its published settings, and what it keeps. Parameters as in
    `mam_published`; the settings go unused.

    Returns
    -------
    dict of str to float
        `SCORES` and `selection`.
    """
    if task == "regression":
        fitted = LassoCV(cv=3, alphas=50).fit(split.X_train, split.y_train)
        scores = evaluate(SCORES[task], split.y_test, fitted.predict(split.X_test))
    else:
        fitted = L1LogisticCV(cv=3, random_state=seed).fit(split.X_train, split.y_train)
        proba = fitted.predict_proba(split.X_test)
        scores = evaluate(SCORES[task], split.y_test, fitted.predict(split.X_test), proba)
    return scores | selection(np.abs(fitted.coef_).reshape(-1), split.truth["features"])


def _best(looks: Sequence[Look], task: str, *, uniform: bool) -> Look:
    """The look with the best test score, the first of equals, as published."""
    sign, name = (1 if task == "regression" else -1), SCORES[task][0]
    # The published baseline takes no look after the first epoch.
    return min(looks[1:] if uniform else looks, key=lambda look: sign * look[name])


def _looks(
    model: MAM, split: Split, task: str, seed: int, every: int, dtype: type[np.floating]
) -> list[Look]:
    """Scores, meta loss and selection after the first epoch, every `every` epochs, and the last."""
    design = BernsteinDesign.fit(split.X_train, model.degree)
    target = dtype if task == "regression" else np.int64
    Z, Z_meta, Z_test = (
        np.column_stack([design(X), np.ones(len(X))]).astype(dtype)
        for X in (split.X_train, split.X_meta, split.X_test)
    )
    y, y_meta = split.y_train.astype(target), split.y_meta.astype(target)
    looks = []
    for epoch in model.fit(Z, y, Z_meta, y_meta, seed):
        if epoch.number % every and epoch.number not in (1, model.epochs):
            continue
        norms = np.linalg.norm(model.groups(epoch.C), axis=2).sum(0)
        looks.append(
            {"epoch": float(epoch.number), "meta_loss": mean_loss(epoch.C, Z_meta, y_meta)}
            | _scores(task, split.y_test, (Z_test @ epoch.C.T).astype(np.float64))
            | selection(norms, split.truth["features"])
        )
    return looks


def _scores(task: str, y: np.ndarray, f: np.ndarray) -> dict[str, float]:
    if task == "regression":
        return evaluate(SCORES[task], y, f[:, 0])
    positive = expit(f[:, 1] - f[:, 0])
    proba = np.stack([1 - positive, positive], 1)
    return evaluate(SCORES[task], y, proba.argmax(1), proba)
