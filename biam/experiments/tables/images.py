"""Table `images`: digits, MNIST and a subset of CIFAR-10 with wrong labels and long tails."""

from typing import Any

from biam.experiments.records import SEEDS, Cell, Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_MAKE = "biam.experiments.images:make_image_split"
_ADDITIVE = "biam.experiments.images:additive"
_CNN = "biam.experiments.networks:network"
_OURS = "biam.experiments.learners"
_RIVAL = "biam.experiments.rivals:run_rival"

_SCORES = ["accuracy", "balanced_accuracy", "f1_macro", "log_loss", "ece"]
# Five knots: curves over a principal component need no more, and ten classes make each one dear.
_KNOTS = {"n_knots": 5}
_PICTURES = {"curve_seeds": [42]}

# 200 meta rows of MNIST and CIFAR-10 are 20 per class: 2 % of 10,000 rows, as Shu et al. (2019)
# take 1,000 of 50,000. CIFAR-10 is there with 4,000 pictures: 2,800 train, 200 meta, 1,000 test.
_SETS: dict[str, dict[str, Any]] = {
    "digits": {"dataset": "digits", "n_meta": 10},
    "mnist": {"dataset": "mnist", "n_meta": 20, "n_train_rows": 10_000},
    "cifar10": {"dataset": "cifar10", "n_meta": 20},
}
_DAMAGES: dict[str, dict[str, Any]] = {
    "clean": {},
    "uniform20": {"label_noise": "uniform", "noise_rate": 0.2},
    "uniform40": {"label_noise": "uniform", "noise_rate": 0.4},
    "flip20": {"label_noise": "flip", "noise_rate": 0.2},
    "flip40": {"label_noise": "flip", "noise_rate": 0.4},
    "lt10": {"imbalance": 0.1},
    "lt100": {"imbalance": 0.01},
}
# A tail of 1:100 would leave the rarest class of CIFAR-10 three pictures of its 280.
_LEFT_OUT = {"cifar10/lt100"}
_QUICK_DAMAGES = ("clean", "uniform40", "flip40", "lt10")
_QUICK_SEEDS = SEEDS[:2]
_QUICK_ROWS = 2000

_SCENARIOS = tuple(
    Scenario(f"{name}/{damage}", _MAKE, {**data, **change}, "classification", {"scores": _SCORES})
    for name, data in _SETS.items()
    for damage, change in _DAMAGES.items()
    if f"{name}/{damage}" not in _LEFT_OUT
)
_METHODS = (
    Method(
        "BIAM-X", _ADDITIVE, {"estimator": {**_KNOTS, "epochs": 10, "patience": 3}, **_PICTURES}
    ),
    Method("meta-only", f"{_OURS}:meta_only", {"estimator": _KNOTS}),
    Method("BIAM", f"{_OURS}:published", {"estimator": {"variant": "BIAM", **_KNOTS}}),
    Method("BIAM-B", f"{_OURS}:published", {"estimator": {"variant": "BIAM-B", **_KNOTS}}),
    *(
        Method(f"{rival}{suffix}", _RIVAL, {"rival": rival, "setting": setting})
        for rival in ("Lasso", "HGB")
        for suffix, setting in (("-fair", "fair"), ("+meta", "meta"))
    ),
    Method("CNN", _CNN, {"steps": 600}),
    Method("CNN-meta-only", _CNN, {"steps": 600, "rows": "meta"}),
    Method("CNN+meta", _CNN, {"steps": 600, "rows": "both"}),
    Method("CNN-weighted", _CNN, {"steps": 600, "weighted": True, **_PICTURES}),
)
_NAMES = [method.name for method in _METHODS]
_SMOKE = [
    ("digits/clean", ["meta-only", "BIAM-B", "CNN"], [42]),
    ("digits/uniform40", ["meta-only", "BIAM", "CNN-weighted"], [42]),
]


def _quick() -> tuple[Cell, ...]:
    chosen = [s.name for s in _SCENARIOS if s.name.partition("/")[2] in _QUICK_DAMAGES]
    return plan("images", [(name, _NAMES, _QUICK_SEEDS) for name in chosen])


TABLES = (
    Table(
        name="images",
        title="Pictures: digits, MNIST (10,000 rows) and CIFAR-10 (a subset of 4,000 pictures)",
        source="ours, at the size of two cores; set-ups of Shu et al. (2019), Meta-Weight-Net",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(plan("images", _SMOKE), 0.3),
            "quick": Profile(_quick(), 22, params={"n_train_rows": _QUICK_ROWS}),
            "full": Profile(plan("images", [(s.name, _NAMES, SEEDS) for s in _SCENARIOS]), 150),
        },
        headline=("accuracy", "balanced_accuracy"),
    ),
)
