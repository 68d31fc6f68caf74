"""One model on one data set with chosen damage, judged on clean labels: what `biam train` does."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from biam.batm import BATMClassifier, BATMRegressor
from biam.corruption import flip_labels, imbalance, mask_values, shift_labels
from biam.datasets import DATASETS, Dataset, load_dataset
from biam.datasets.synthetic import Split, make_additive_regression, make_disc_classification
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.experiments.store import prepare_folder, write_text
from biam.metrics import evaluate
from biam.validation import check_choice, check_integer, check_number, check_rate

__all__ = ["MODELS", "SYNTHETIC", "Damage", "Trained", "save", "summary", "train"]

SYNTHETIC = "synthetic"
SCORES = {
    "regression": ("rmse", "mae", "r2"),
    "classification": ("accuracy", "balanced_accuracy", "f1_macro", "auroc", "log_loss", "ece"),
}
# Tables come in any units, and the published loop too needs columns of one scale; BATM scales them.
MODELS: dict[str, tuple[type, type, dict[str, Any]]] = {
    "biam": (BIAMRegressor, BIAMClassifier, {"standardise": True}),
    "batm": (BATMRegressor, BATMClassifier, {}),
}
"""Estimators for regression and classification, and keywords that are theirs here."""

TEST_SHARE, META_SHARE, MOST_META, LEAST_META = 0.2, 0.05, 300, 10
# Wrong regression labels are shifted by N(1, 0.5) standard deviations, as in the paper.
SHIFT, SPREAD = 1.0, 0.5


@dataclass(frozen=True)
class Damage:
    """What is done to the rows before training.

    Parameters
    ----------
    missing_ratio : float
        Share of the values hidden completely at random, in all rows: test rows have gaps too.
    noise_ratio : float
        Share of the training labels made wrong: flipped, or shifted by N(1, 0.5) deviations.
    imbalance_ratio : float or None
        Rarest : most common class among the training rows; None leaves them as they are.
    """

    missing_ratio: float = 0.0
    noise_ratio: float = 0.0
    imbalance_ratio: float | None = None

    def check(self, task: str) -> None:
        """Raise InvalidInputError for ratios that cannot be."""
        check_rate("missing_ratio", self.missing_ratio)
        check_rate("noise_ratio", self.noise_ratio)
        if self.imbalance_ratio is None:
            return
        check_number("imbalance_ratio", self.imbalance_ratio, low=0, high=1, open_low=True)
        if task == "regression":
            raise InvalidInputError(
                "imbalance_ratio is for classification, got a regression task: leave it out."
            )


@dataclass(frozen=True)
class Trained:
    """A model, and how it does on test rows with clean labels.

    Parameters
    ----------
    estimator : an estimator of `MODELS`
    dataset, task : str
    n_rows : dict of str to int
        Rows for `train`, `meta` and `test`.
    metrics, constant : dict of str to float
        Of the model, and of the mean or the majority of the training labels.
    """

    estimator: Any
    dataset: str
    task: str
    n_rows: dict[str, int]
    metrics: dict[str, float]
    constant: dict[str, float]


def train(
    dataset: str = SYNTHETIC,
    task: str | None = None,
    damage: Damage | None = None,
    *,
    n_meta: int | None = None,
    seed: int = 42,
    options: Mapping[str, Any] | None = None,
    model: str = "biam",
) -> Trained:
    """Train one model.

    Parameters
    ----------
    dataset : str
        A name in `biam.datasets.DATASETS`, or "synthetic".
    task : {"regression", "classification"}, optional
        Default: what the data set is for; regression for "synthetic".
    damage : Damage, optional
    n_meta : int, optional
        Clean rows set aside for the upper problem; default 5 % of the training part, at least 10
        and at most 300. 0 trains without.
    seed : int
        Of the split, the damage and the model.
    options : mapping, optional
        Keywords of the estimator.
    model : str
        A key of `MODELS`.

    Returns
    -------
    Trained

    Raises
    ------
    InvalidInputError, UnknownNameError
        Something asked for cannot be; before any work.
    DataMissingError
        The files of the data set are absent and cannot be fetched.
    """
    check_choice("model", model, MODELS)
    check_choice("data set", dataset, [SYNTHETIC, *DATASETS])
    check_integer("seed", seed, low=0, high=2**32 - 1)
    damage = damage or Damage()
    damage.check(task or "classification")
    data, task = _load(dataset, task, seed)
    damage.check(task)
    rows = _rows(data, task, n_meta, seed)
    train_rows, y = _damaged_labels(data, task, rows["train"], damage, seed)
    X = _with_gaps(data.X, damage.missing_ratio, seed)
    est = _estimator(model, task, {"random_state": seed, **(options or {})})
    meta = rows["meta"]
    given = {"X_meta": X.iloc[meta], "y_meta": data.y.iloc[meta].to_numpy()} if len(meta) else {}
    est.fit(X.iloc[train_rows], y, **given)
    test = X.iloc[rows["test"]], data.y.iloc[rows["test"]].to_numpy()
    n_rows = {"train": len(train_rows), "meta": len(meta), "test": len(rows["test"])}
    return Trained(
        est, dataset, task, n_rows, _score(est, task, *test), _constant(task, y, test[1])
    )


def summary(trained: Trained) -> str:
    """The test metrics beside those of a constant prediction, as text."""
    rows = ", ".join(f"{count} {part}" for part, count in trained.n_rows.items())
    constant = "mean" if trained.task == "regression" else "majority"
    lines = [
        f"{trained.dataset}, {trained.task}: {rows} rows",
        f"{'metric':<18} {'model':>10} {constant:>10}",
    ]
    lines += [
        f"{name:<18} {value:>10.4f} {trained.constant[name]:>10.4f}"
        for name, value in trained.metrics.items()
    ]
    return "\n".join(lines)


def save(trained: Trained, folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Write ``model.biam`` and ``metrics.json`` into a folder, and return their paths.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    model, metrics = Path(folder) / "model.biam", Path(folder) / "metrics.json"
    prepare_folder(Path(folder))
    trained.estimator.save(model)
    record = {
        "dataset": trained.dataset,
        "task": trained.task,
        "rows": trained.n_rows,
        "metrics": trained.metrics,
        "constant": trained.constant,
        "settings": trained.estimator.get_params(),
    }
    write_text(metrics, json.dumps(record, indent=1) + "\n")
    return model, metrics


def _estimator(model: str, task: str, options: Mapping[str, Any]) -> Any:
    regressor, classifier, own = MODELS[model]
    kind = regressor if task == "regression" else classifier
    known = kind().get_params()
    for name in options:
        check_choice(f"setting of {model}", name, known)
    return kind(**{**own, **options})


def _load(name: str, task: str | None, seed: int) -> tuple[Dataset, str]:
    """The data set and its task, which must be the one asked for."""
    if task is not None:
        check_choice("task", task, SCORES)
    if name == SYNTHETIC:
        task = task or "regression"
        make = make_additive_regression if task == "regression" else make_disc_classification
        return _joined(make(random_state=seed), task), task
    data = load_dataset(name)
    own = "regression" if data.task == "regression" else "classification"
    if task not in (None, own):
        raise InvalidInputError(f"data set {name!r} is for {own}, got task {task!r}: leave it out.")
    return data, own


def _joined(split: Split, task: str) -> Dataset:
    """A generated problem as one table, to be split like any other."""
    X = np.concatenate([split.X_train, split.X_meta, split.X_test])
    y = np.concatenate([split.y_train, split.y_meta, split.y_test])
    return Dataset(
        name=SYNTHETIC,
        X=pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]),
        y=pd.Series(y, name="y"),
        task="regression" if task == "regression" else "binary",
        source="generated",
        licence="none",
        url="",
    )


def _rows(data: Dataset, task: str, n_meta: int | None, seed: int) -> dict[str, np.ndarray]:
    """Positions of the train, meta and test rows; classes keep their shares."""
    positions, y = np.arange(len(data.y)), data.y.to_numpy()
    strata = (lambda part: None) if task == "regression" else (lambda part: y[part])
    if data.n_train is not None:
        rest, test = positions[: data.n_train], positions[data.n_train :]
    else:
        rest, test = train_test_split(
            positions, test_size=TEST_SHARE, random_state=seed, stratify=strata(positions)
        )
    wanted = max(LEAST_META, min(int(META_SHARE * len(rest)), MOST_META))
    n_meta = wanted if n_meta is None else check_integer("n_meta", n_meta, high=len(rest) // 2)
    if n_meta == 0:
        return {"train": rest, "meta": rest[:0], "test": test}
    if 0 < n_meta < (least := len(np.unique(y)) if task == "classification" else 1):
        raise InvalidInputError(f"n_meta must be 0 or at least one row a class ({least}).")
    train_rows, meta = train_test_split(
        rest, test_size=n_meta, random_state=seed, stratify=strata(rest)
    )
    return {"train": train_rows, "meta": meta, "test": test}


def _damaged_labels(
    data: Dataset, task: str, rows: np.ndarray, damage: Damage, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Training rows that are left, and their labels, some of them wrong."""
    y = data.y.to_numpy()
    if damage.imbalance_ratio is not None:
        rows = rows[imbalance(y[rows], damage.imbalance_ratio, random_state=seed)]
    if task == "classification":
        return rows, flip_labels(y[rows], damage.noise_ratio, random_state=seed).values
    unit = float(y[rows].std())
    shifted = shift_labels(
        y[rows], damage.noise_ratio, loc=SHIFT * unit, scale=SPREAD * unit, random_state=seed
    )
    return rows, shifted.values


def _with_gaps(X: pd.DataFrame, rate: float, seed: int) -> pd.DataFrame:
    if rate == 0:
        return X
    # Completely at random needs no values, only where there are some: categories are hidden alike.
    stand_in = np.where(X.isna().to_numpy(), np.nan, 0.0)
    return X.mask(mask_values(stand_in, rate, random_state=seed).mask)


def _score(est: Any, task: str, X: pd.DataFrame, y: np.ndarray) -> dict[str, float]:
    if task == "regression":
        return evaluate(SCORES[task], y, est.predict(X))
    return evaluate(SCORES[task], y, est.predict(X), est.predict_proba(X), classes=est.classes_)


def _constant(task: str, y_train: np.ndarray, y_test: np.ndarray) -> dict[str, float]:
    """Scores of the mean, or of the majority class with the class shares as probabilities."""
    n = len(y_test)
    if task == "regression":
        return evaluate(SCORES[task], y_test, np.full(n, y_train.mean()))
    classes, counts = np.unique(y_train, return_counts=True)
    proba = np.tile(counts / counts.sum(), (n, 1))
    majority = np.full(n, classes[counts.argmax()])
    return evaluate(SCORES[task], y_test, majority, proba, classes=classes)
