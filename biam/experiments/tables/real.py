"""Tables `real-classification` and `real-regression`: real data, damaged on purpose."""

from collections.abc import Iterable, Mapping
from typing import Any

from biam.experiments.records import SEEDS, Cell, Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_MAKE = "biam.experiments.real:make_real_split"
_RIVAL = "biam.experiments.rivals:run_rival"
_OURS = "biam.experiments.learners"
_SOURCE = "ours: nothing like it was published"

_KEEL = (
    "keel-abalone19",
    "keel-abalone9-18",
    "keel-cleveland-0_vs_4",
    "keel-ecoli4",
    "keel-glass2",
    "keel-glass4",
    "keel-page-blocks-1-3_vs_4",
    "keel-shuttle-c0-vs-c4",
    "keel-vowel0",
    "keel-yeast4",
    "keel-yeast5",
    "keel-yeast6",
)
_BINARY = (
    "adult",
    "german-credit",
    "taiwan-default",
    "give-me-some-credit",
    "heloc",
    "mammographic",
    "hepatitis",
    "heart-cleveland",
    "heart-hungarian",
    "heart-switzerland",
    "heart-va",
    "horse-colic",
    "kidney-disease",
    "pharyngitis",
    "breast-cancer-original",
    "breast-cancer",
    "breast-cancer-msk",
    "pima",
    "compas",
    "fertility",
    "z-alizadeh-sani",
    *_KEEL,
)
_NUMERIC = (
    "california-housing",
    "bike",
    "concrete",
    "wine-quality",
    "abalone",
    "auto-mpg",
    "airbnb-nyc",
    "diabetes",
)
# 1:20 says something where it makes a set rarer, and leaves at least 15 rare rows to train on:
# a ratio above 1:20, and at least 15 * 20 / (.75 * .95) = 421 rows of the common class.
_CAN_BE_RARER = frozenset(
    {
        "adult",
        "german-credit",
        "taiwan-default",
        "give-me-some-credit",
        "heloc",
        "mammographic",
        "breast-cancer-original",
        "breast-cancer-msk",
        "pima",
        "compas",
        "keel-abalone9-18",
        "keel-page-blocks-1-3_vs_4",
        "keel-shuttle-c0-vs-c4",
        "keel-vowel0",
    }
)
_DAMAGES: dict[str, dict[str, Any]] = {
    "clean": {},
    "noise10": {"noise_rate": 0.1},
    "noise20": {"noise_rate": 0.2},
    "noise30": {"noise_rate": 0.3},
    "imb20": {"imbalance": 0.05},
    "mcar20": {"missing_rate": 0.2, "mechanism": "mcar"},
    "mar20": {"missing_rate": 0.2, "mechanism": "mar"},
    "mnar20": {"missing_rate": 0.2, "mechanism": "mnar"},
}
_QUICK_DAMAGES = ("clean", "noise20", "imb20", "mnar20")
_QUICK_ROWS = 1000
_QUICK_SEEDS = (42, 7)

_SCORES = {
    "regression": ["mse", "mae", "r2"],
    "classification": [
        "accuracy",
        "balanced_accuracy",
        "f1_macro",
        "auroc",
        "auprc",
        "log_loss",
        "brier",
        "ece",
    ],
}
_LEARNERS = (
    Method("BIAM-X", f"{_OURS}:biam_x"),
    Method("BIAM-X-no-meta", f"{_OURS}:biam_x", {"meta": False}),
    Method("meta-only", f"{_OURS}:meta_only"),
    Method("BIAM", f"{_OURS}:published", {"estimator": {"variant": "BIAM"}}),
    Method("BIAM-B", f"{_OURS}:published", {"estimator": {"variant": "BIAM-B"}}),
)
_FAIR = {
    "classification": (
        "Lasso",
        "EBM-main",
        "EBM",
        "HGB",
        "XGBoost",
        "CatBoost",
        "cleanlab",
        "balanced-forest",
        "SMOTE-HGB",
        "pyGAM",
        "M-GAM",
        "NAM",
        "MLP",
    ),
    "regression": (
        "Lasso",
        "Huber",
        "RANSAC",
        "EBM-main",
        "EBM",
        "HGB",
        "XGBoost",
        "CatBoost",
        "cleanlab",
        "pyGAM",
        "M-GAM",
        "NAM",
        "MLP",
    ),
}
_META = ("Lasso", "EBM-main", "HGB", "CatBoost", "cleanlab")
# The dearest on few rows, so not in the quick profile.
_SLOW = frozenset({"EBM", "M-GAM", "NAM", "RANSAC"})


def _rivals(task: str) -> tuple[Method, ...]:
    fair = (Method(n, _RIVAL, {"rival": n, "setting": "fair"}) for n in _FAIR[task])
    meta = (Method(f"{n}+meta", _RIVAL, {"rival": n, "setting": "meta"}) for n in _META)
    return (*fair, *meta)


def _scenarios(task: str, datasets: Iterable[str]) -> tuple[Scenario, ...]:
    return tuple(
        Scenario(
            f"{dataset}/{damage}",
            _MAKE,
            {"dataset": dataset, **params},
            task,
            {"scores": _SCORES[task]},
        )
        for dataset in datasets
        for damage, params in _DAMAGES.items()
        if damage != "imb20" or dataset in _CAN_BE_RARER
    )


def _profiles(
    table: str,
    scenarios: tuple[Scenario, ...],
    methods: tuple[Method, ...],
    smoke: tuple[Cell, ...],
    minutes: Mapping[str, float],
) -> dict[str, Profile]:
    names = [method.name for method in methods]
    cheap = [name for name in names if name not in _SLOW]
    everything = plan(table, ((s.name, names, SEEDS) for s in scenarios))
    quick = plan(
        table,
        (
            (s.name, cheap, _QUICK_SEEDS)
            for s in scenarios
            if s.name.rpartition("/")[2] in _QUICK_DAMAGES
        ),
    )
    return {
        "smoke": Profile(smoke, minutes["smoke"]),
        "quick": Profile(quick, minutes["quick"], params={"max_rows": _QUICK_ROWS}),
        "full": Profile(everything, minutes["full"]),
    }


def _table(
    name: str,
    title: str,
    task: str,
    datasets: tuple[str, ...],
    smoke: tuple[Cell, ...],
    minutes: Mapping[str, float],
    headline: tuple[str, ...],
) -> Table:
    scenarios, methods = _scenarios(task, datasets), (*_LEARNERS, *_rivals(task))
    profiles = _profiles(name, scenarios, methods, smoke, minutes)
    return Table(name, title, _SOURCE, scenarios, methods, profiles, headline=headline)


TABLES = (
    _table(
        "real-classification",
        "Real data, two classes: label noise, rare classes, gaps; ours beside honest rivals",
        "classification",
        _BINARY,
        plan(
            "real-classification",
            [
                (
                    "breast-cancer/noise20",
                    ["BIAM-X", "meta-only", "BIAM", "Lasso+meta", "HGB+meta"],
                    [42],
                )
            ],
        ),
        {"smoke": 0.2, "quick": 45, "full": 6000},
        ("auroc", "log_loss"),
    ),
    _table(
        "real-regression",
        "Real data, numbers: shifted labels and gaps; ours beside honest rivals",
        "regression",
        _NUMERIC,
        plan(
            "real-regression",
            [("diabetes/noise20", ["BIAM-X", "meta-only", "BIAM", "Lasso+meta", "HGB+meta"], [42])],
        ),
        {"smoke": 0.1, "quick": 14, "full": 2500},
        ("mse", "mae"),
    ),
)
