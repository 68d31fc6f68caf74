"""Methods of the tables that are not ours: a rival as published, fair, or given the meta rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.baselines.calibrated import MetaCalibrated
from biam.baselines.reading import has_pairs, pair_strengths
from biam.baselines.registry import make_rival
from biam.datasets.synthetic import Split, planted_pairs
from biam.metrics import evaluate, pair_auprc
from biam.validation import check_choice

__all__ = ["RIVAL_SCORES", "fit_rival", "run_rival"]

RIVAL_SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("f1_macro", "accuracy", "balanced_accuracy", "auroc"),
}
"""Metrics of the clean test rows, by task, unless the settings name others."""

SETTINGS = ("published", "fair", "meta")


def run_rival(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Fit a rival and score it on the test rows.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        `rival`: its name. `setting`: "published", "fair" or "meta" (fair, trained with the meta
        rows and calibrated on them). `scores`: names of metrics, default `RIVAL_SCORES`. `pairs`:
        the pairs [j, k] that count as planted. `options`: parameters of the learner. Others, which
        are meant for other methods of the table, are passed over.

    Returns
    -------
    dict of str to float
        The scores; `pair_auprc` for a learner of pairs where the split says which were planted.
    """
    model = fit_rival(split, task, seed, settings)
    prediction = model.predict(split.X_test)
    names = settings.get("scores") or RIVAL_SCORES[task]
    if task == "regression":
        values = evaluate(names, split.y_test, prediction)
    else:
        proba, classes = _with_test_classes(model, split)
        values = evaluate(names, split.y_test, prediction, proba, classes=classes)
    pairs = _positive_pairs(split, task, settings)
    if pairs and has_pairs(model):
        values["pair_auprc"] = pair_auprc(pair_strengths(model), pairs)
    return values


def fit_rival(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> Any:
    """Fit the rival that the settings of `run_rival` describe.

    Raises
    ------
    UnknownNameError
        Unknown rival or setting.
    """
    setting = check_choice("setting", settings["setting"], SETTINGS)
    inner = "fair" if setting == "meta" else setting
    model = make_rival(settings["rival"], task, inner, seed, **settings.get("options", {}))
    if setting != "meta":
        return model.fit(split.X_train, split.y_train)
    calibrated = MetaCalibrated(model, random_state=seed)
    return calibrated.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)


def _positive_pairs(split: Split, task: str, settings: Mapping[str, Any]) -> list[tuple[int, int]]:
    """Pairs that count as planted; empty where the split knows of none."""
    if settings.get("pairs"):
        return [tuple(pair) for pair in settings["pairs"]]
    planted = split.truth.get("pairs")
    if planted is None:
        return []
    # Where none is planted (null_main) those of the other scenarios count: what chance would give.
    return list(planted) or list(planted_pairs[: 2 if task == "classification" else 3])


def _with_test_classes(model: Any, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities over the classes of training and test rows together."""
    classes = np.union1d(model.classes_, split.y_test)
    proba = np.zeros((len(split.y_test), len(classes)))
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(split.X_test)
    return proba, classes
