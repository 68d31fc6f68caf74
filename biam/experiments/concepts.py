"""Table `batm`: the sets with their concepts, BATM and CAT on them, and CAT's choice of epoch.

CAT's public code stops by the loss on its test file, reshuffled. That protocol is one of the
methods here, under its own name, so that what it adds can be seen.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.batm import BATMClassifier, BATMRegressor
from biam.datasets.synthetic import Split
from biam.datasets.synthetic_concepts import make_concept_classification
from biam.experiments import learners
from biam.experiments.images import make_image_split, weight_score
from biam.experiments.real import make_real_split
from biam.metrics import evaluate, pair_auprc
from biam.validation import check_choice

__all__ = ["SCORES", "STOPS", "batm", "biam_x", "make_concept_split"]

SCORES = {
    "regression": ("rmse", "mae", "r2"),
    "classification": ("f1_macro", "accuracy", "balanced_accuracy", "log_loss"),
}
"""Metrics of the clean test rows, by task."""

STOPS = ("held-out", "meta", "test")
"""Rows that say when to stop; "test" is CAT's protocol, and no honest one."""

PICTURES = ("digits", "mnist")
N_CONCEPTS, META_PER_CLASS, N_TERMS = 16, 10, 12


def make_concept_split(
    dataset: str,
    *,
    n_rows: int = 2000,
    noise_rate: float = 0.0,
    imbalance: float | None = None,
    random_state: int,
) -> Split:
    """One of the table's sets, damaged.

    Parameters
    ----------
    dataset : str
        "synthetic" (planted concepts), "digits" or "mnist" (the first 16 principal components of
        the training pixels are the concepts), or a key of `biam.datasets.DATASETS`.
    n_rows : int
        Most training rows (pictures and synthetic), or rows before the split (others).
    noise_rate, imbalance
        As in `biam.experiments.real.make_real_split`.
    random_state : int
    """
    damage: dict[str, Any] = {"noise_rate": noise_rate, "imbalance": imbalance}
    if dataset == "synthetic":
        return make_concept_classification(n_rows, **damage, random_state=random_state)
    if dataset not in PICTURES:
        return make_real_split(dataset, max_rows=n_rows, **damage, random_state=random_state)
    kind = "uniform" if noise_rate else None
    return make_image_split(
        dataset,
        label_noise=kind,
        **damage,
        n_train_rows=n_rows,
        n_meta=META_PER_CLASS,
        n_components=N_CONCEPTS,
        random_state=random_state,
    )


def batm(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """BATM, or CAT with ``{"weighting": "equal"}``, scored on the clean test rows.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "concepts": keywords of the estimator in this scenario, its groups and encoder. "learner":
        those of the method. "stop": one of `STOPS`, default "meta". "curve_seeds": seeds whose
        concepts and products are kept, default none.

    Returns
    -------
    metrics : dict of str to float
        `SCORES`; `epochs`; `concepts_kept`; `labels_kept`, the share of right labels above chance
        that held-out rows told; `weight_auroc` where some labels are wrong; `pair_auprc` of the
        products of concepts where some were planted.
    curves : list of dict
        "concept:NAME": rank x, importance. "term:NAMES": coefficient x, contribution; the
        strongest `N_TERMS` of the first output.
    """
    stop = check_choice("stop", settings.get("stop", "meta"), STOPS)
    kind = BATMRegressor if task == "regression" else BATMClassifier
    keywords = {**settings.get("concepts", {}), **settings.get("learner", {})}
    if stop == "test":
        # They choose the epoch; not even there do they train.
        keywords["meta_folds"] = 1
    est = kind(progress=False, random_state=seed, **keywords)
    given = {
        "held-out": (),
        "meta": (split.X_meta, split.y_meta),
        "test": (split.X_test, split.y_test),
    }[stop]
    est.fit(split.X_train, split.y_train, *given)
    prediction = est.predict(split.X_test)
    if task == "regression":
        values = evaluate(SCORES[task], split.y_test, prediction)
    else:
        proba, classes = est.predict_proba(split.X_test), est.classes_
        values = evaluate(SCORES[task], split.y_test, prediction, proba, classes=classes)
    values |= {
        "epochs": float(est.n_iter_),
        "concepts_kept": float((est.concepts_["norm"] > 0).sum()),
    }
    if np.ptp(est.weights_) > 0:
        values |= weight_score(split, est.weights_)
    if np.isfinite(est.details_["kept"]):
        values["labels_kept"] = est.details_["kept"]
    if "products" in split.truth:
        values["pair_auprc"] = pair_auprc(_strengths(est), split.truth["products"])
    return values, _read(est) if seed in settings.get("curve_seeds", ()) else []


def _read(est: Any) -> list[dict[str, Any]]:
    concepts, terms = est.concepts_, est.monomials_
    if "class" in terms:
        terms = terms[terms["class"] == terms["class"].iloc[0]]
    curves = [
        {"curve": f"concept:{row.concept}", "x": float(rank), "z": None, "value": row.importance}
        for rank, row in enumerate(concepts.itertuples())
    ]
    return curves + [
        {"curve": f"term:{row.term}", "x": row.coefficient, "z": None, "value": row.contribution}
        for row in terms.head(N_TERMS).itertuples()
    ]


def biam_x(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """BIAM-X with the keywords of the scenario, "additive", and the scores of this table."""
    own = {"scores": SCORES[task], "estimator": settings.get("additive", {})}
    return learners.biam_x(split, task, seed, own)


def _strengths(est: Any) -> np.ndarray:
    """Contribution of each product of two concepts, shape (C, C)."""
    place = {name: c for c, name in enumerate(est.concept_names_)}
    strengths = np.zeros((len(place), len(place)))
    for row in est.monomials_.itertuples():
        pair = [place[name] for name in row.term.split(" × ")]
        if len(pair) == 2:
            strengths[pair[0], pair[1]] += row.contribution
    return strengths
