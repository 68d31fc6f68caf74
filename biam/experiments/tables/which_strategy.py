"""Table `which-strategy`: every strategy against every fault, on the same rows."""

from typing import Any

from biam.experiments.records import SEEDS, Cell, Method, Profile, Scenario, Table, plan

__all__ = ["BASES", "HEADLINE", "RADIUS", "TABLES", "USES_META"]

_NAME = "which-strategy"
_MAKE = "biam.datasets.faulty:make_faulty_table"
_NETWORK = "biam.experiments.fault_networks:faulty_network"
_BIAM_X = "biam.experiments.fault_biam_x:faulty_biam_x"

BASES = ("made", "adult")
"""Where the rows come from."""
RADIUS = 0.2
"""Of the attack, in standard deviations."""

HEADLINE = {
    "none": "accuracy",
    "rare class": "balanced_accuracy",
    "rare group": "worst_group",
    "spurious feature": "accuracy",
    "label noise": "accuracy",
    "shift": "accuracy",
    "adversary": "robust_accuracy",
}
"""What is asked of a model for each fault of `biam.datasets.faulty.FAULTS`."""

# One network and one set of options for all faults and both tables, those of table `mitigation` for
# Adult and COMPAS; none was chosen here.
_RUN: dict[str, Any] = {
    "network": {"hidden": [64]},
    "optimizer": {"name": "adam", "lr": 2e-3, "weight_decay": 1e-4},
    "steps": 800,
    "batch_size": 128,
    "tuned": {
        "class-balanced": {"beta": 0.999},
        "group-dro": {"eta": 0.05},
        "hard-examples": {"kept": 32},
        "spectral": {"strength": 0.1},
        "occam": {"l1": 1e-4},
        "dann": {"all_labelled": True},
        "adversarial": {"eps": RADIUS, "clean_share": 0.0},
    },
}


def _scenario(base: str, fault: str) -> Scenario:
    settings = {**_RUN, "radius": RADIUS} if fault == "adversary" else _RUN
    params = {"dataset": base, "fault": fault}
    return Scenario(f"{base}/{fault}", _MAKE, params, "classification", settings)


def _method(name: str, strategy: str = "erm", **settings: Any) -> Method:
    return Method(name, _NETWORK, {"strategy": strategy, **settings})


_METHODS = (
    _method("ERM"),
    *(
        _method(name, name)
        for name in (
            *("inverse-frequency", "class-balanced", "over-sampling", "under-sampling"),
            *("quotas", "weighted-draws"),
        )
    ),
    _method("SMOTE", smote={}),
    _method("moved-threshold", move_threshold=True),
    _method("hard-examples", "hard-examples"),
    _method("hard-examples-drawn", "hard-examples", options={"rule": "power"}),
    _method("Group-DRO", "group-dro"),
    _method("SD", "spectral"),
    _method("occam", "occam", also={"dropout": 0.5}),
    _method("adversarial", "adversarial"),
    _method("DANN", "dann", also={"domain_head": True}, domain="attribute"),
    # Against a shift the domain is where a row is from, and the rows there have no labels.
    _method(
        "DANN-target",
        "dann",
        also={"domain_head": True},
        domain="target",
        options={"all_labelled": False},
    ),
    _method("ERM+meta", rows="train+meta"),
    _method("ERM-meta-only", rows="meta"),
    Method("BIAM-X-no-meta", _BIAM_X),
    Method("BIAM-X-balanced", _BIAM_X, {"estimator": {"objective": "balanced_accuracy"}}),
    Method("BIAM-X", _BIAM_X, {"meta": True}),
)
USES_META = ("ERM+meta", "ERM-meta-only", "BIAM-X")
"""Methods that see the labels of the meta rows."""

_SMOKE = (
    ("made/rare class", ["ERM", "over-sampling", "moved-threshold"]),
    ("made/label noise", ["ERM", "hard-examples"]),
)
_ALL = [(f"{base}/{fault}", [m.name for m in _METHODS]) for base in BASES for fault in HEADLINE]


def _plan(parts: Any, seeds: tuple[int, ...]) -> tuple[Cell, ...]:
    return plan(_NAME, [(name, methods, seeds) for name, methods in parts])


TABLES = (
    Table(
        name=_NAME,
        title="Which strategy when: every strategy against every fault",
        source="the decision guide of the lecture on bias mitigation, put to the test",
        scenarios=tuple(_scenario(base, fault) for base in BASES for fault in HEADLINE),
        methods=_METHODS,
        profiles={
            "smoke": Profile(_plan(_SMOKE, SEEDS[:1]), 0.1),
            "quick": Profile(_plan(_ALL, SEEDS[:3]), 10),
            "full": Profile(_plan(_ALL, SEEDS), 17),
        },
        headline=("accuracy", "balanced_accuracy", "worst_group", "robust_accuracy", "log_loss"),
    ),
)
