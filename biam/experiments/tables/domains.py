"""Table `domain-adversarial`: rotated moons, and MNIST to MNIST over photographs."""

from typing import Any

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["ANGLES", "PUBLISHED", "STRENGTHS", "TABLES"]

_RUN = "biam.experiments.domains:adapt"
_MOONS = "biam.datasets.shifted:make_rotated_moons"
_DIGITS = "biam.datasets.shifted:make_digit_domains"

ANGLES = (20, 35, 50)
"""Degrees; the paper's is 35."""

PUBLISHED = {"source-only": 0.5225, "DANN": 0.7666, "target-labels": 0.9596}
"""Target accuracy on the published MNIST-M, Ganin et al. (2016), table 2."""

STRENGTHS = (2, 4, 6)
"""lambda on the moons; the paper's is 6."""

# Hidden layer as in the paper's toy example; all rows at every step.
_MOON_RUN: dict[str, Any] = {
    "network": "shallow",
    "optimizer": {"lr": 0.1, "momentum": 0.9},
    "steps": 3000,
    "curve_seeds": [42],
}
# The published SGD (0.01, momentum 0.9) has not begun to learn after so few steps. Optimiser and
# steps were chosen on seed 101 by the accuracy on the source.
_PICTURE_RUN: dict[str, Any] = {
    "network": "cnn",
    "optimizer": {"name": "adam", "lr": 2e-3},
    "batch_size": 64,
    "decay": True,
}
_SCENARIOS = (
    *(
        Scenario(f"moons/{angle}", _MOONS, {"angle": angle}, "classification", _MOON_RUN)
        for angle in ANGLES
    ),
    Scenario(
        "mnist",
        _DIGITS,
        {"n_source": 4000, "n_target": 4000, "halve": True},
        "classification",
        {**_PICTURE_RUN, "steps": 600},
    ),
    Scenario(
        "digits",
        _DIGITS,
        {"dataset": "digits", "n_source": 600, "n_target": 600, "n_test": 200},
        "classification",
        {**_PICTURE_RUN, "steps": 400},
    ),
)
_METHODS = (
    Method("source-only", _RUN, {"options": {"strength": 0.0}}),
    Method("DANN", _RUN, {"options": {"strength": 1.0}}),
    *(
        Method(f"DANN:{strength}", _RUN, {"options": {"strength": strength, "scheduled": False}})
        for strength in STRENGTHS
    ),
    Method("target-labels", _RUN, {"options": {"strength": 0.0}, "labels": "target"}),
)
_MOON_METHODS = ["source-only", *(f"DANN:{s}" for s in STRENGTHS), "target-labels"]
_DIGIT_METHODS = ["source-only", "DANN", "target-labels"]
_NAME = "domain-adversarial"


_PICTURES = [(name, _DIGIT_METHODS) for name in ("mnist", "digits")]
_FULL = [*((f"moons/{angle}", _MOON_METHODS) for angle in ANGLES), *_PICTURES]
_QUICK = [
    ("moons/35", _MOON_METHODS),
    *((f"moons/{angle}", ["source-only", "DANN:4"]) for angle in ANGLES if angle != 35),
    ("mnist", _DIGIT_METHODS),
]
_SMOKE = [("moons/35", ["source-only", "DANN:4"])]

TABLES = (
    Table(
        name=_NAME,
        title="Domain-adversarial training: rotated moons, MNIST over photographs",
        source="Ganin et al. 2016, arXiv 1505.07818",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(plan(_NAME, [(n, m, SEEDS[:1]) for n, m in _SMOKE]), 0.2),
            "quick": Profile(plan(_NAME, [(n, m, SEEDS[:3]) for n, m in _QUICK]), 3),
            "full": Profile(plan(_NAME, [(n, m, SEEDS) for n, m in _FULL]), 7),
        },
        headline=("source_accuracy", "target_accuracy", "proxy_a_distance"),
    ),
)
