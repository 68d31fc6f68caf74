"""Table `mitigation`: the strategies against bias, each where its authors or the lecture use it."""

from typing import Any

from biam.experiments.records import SEEDS, Cell, Method, Profile, Scenario, Table, plan

__all__ = ["AMOUNTS", "PUBLISHED", "STRENGTHS", "TABLES"]

_RUN = "biam.experiments.mitigation:strategy"
_SMOTE = "biam.experiments.smote_auc:smote_curve"
_ATTACK = "biam.experiments.attacks:robust"
_MOONS = "biam.datasets.spurious:make_margin_moons"
_COLOUR = "biam.datasets.coloured:make_coloured_digits"
_CORE = "biam.datasets.spurious:make_core_spurious"
_PEOPLE = "biam.datasets.grouped:make_fairness_split"
_BIASED = "biam.datasets.coloured:make_biased_digits"
_RARE = "biam.experiments.smote_auc:make_rare_rows"
_PLAIN = "biam.datasets.coloured:make_plain_digits"


def _scenario(name: str, make: str, params: dict[str, Any], **settings: Any) -> Scenario:
    return Scenario(name, make, params, "classification", settings)


# Figure 1 of Pezeshki et al. (2021); their coefficient 0.003 of the mean square is lambda / 2.
_MOON_RUN = {
    "network": {"hidden": [500]},
    "optimizer": {"lr": 0.01, "momentum": 0.9},
    "steps": 1000,
    "tuned": {"spectral": {"strength": 0.006}},
}
# As published but for batches: 50,000 rows at a time take a second a step on one core.
_COLOUR_RUN = {
    "network": {"hidden": [300, 300], "xavier": True},
    "optimizer": {"name": "adam", "lr": 1e-4},
    "steps": 1001,
    "batch_size": 500,
    "late": {"steps": 2001, "options": {"delay": 450, "before": 4e-5, "scale": 2e-5}},
}
# A smaller net on a fifth of the rows at ten times the rate. Delay, scale and length were fixed on
# seed 0, which no profile runs, by the accuracy on rows with the colours of the test, as by the
# authors.
_COLOUR_SMALL = {
    **_COLOUR_RUN,
    "network": {"hidden": [100, 100], "xavier": True},
    "optimizer": {"name": "adam", "lr": 1e-3},
    "steps": 450,
    "late": {"steps": 300, "options": {"delay": 150, "before": 4e-5, "scale": 1e-3}},
}
_LINEAR = {"batch_size": 100, "tuned": {"group-dro": {"eta": 0.05}, "hard-examples": {"kept": 25}}}
_PEOPLE_RUN = {
    "network": {"hidden": [32]},
    "optimizer": {"name": "adam", "lr": 2e-3, "weight_decay": 1e-4},
    "steps": 600,
    "batch_size": 128,
    "odds": True,
    "tuned": {
        "group-dro": {"eta": 0.05},
        "hard-examples": {"kept": 32},
        "spectral": {"strength": 0.1},
        "dann": {"all_labelled": True},
    },
}
_PICTURES = {
    "network": {"kind": "cnn", "widths": [8, 16, 24, 32]},
    "optimizer": {"name": "adam", "lr": 1e-3, "weight_decay": 5e-4},
    "batch_size": 64,
    "tuned": {"spectral": {"strength": 0.1}, "occam": {"l1": 1e-4}, "group-dro": {"eta": 0.05}},
    "answers": True,
}
_ATTACKED = {
    "network": {"hidden": [100, 100]},
    "optimizer": {"name": "adam", "lr": 1e-3},
    "steps": 800,
    "batch_size": 100,
}
_SMOTE_SETS = ("breast-cancer", "pima", "keel-yeast4", "keel-ecoli4", "keel-vowel0")

_SCENARIOS = (
    _scenario("moons/overlap", _MOONS, {"margin": -0.1}, **_MOON_RUN),
    _scenario("moons/margin", _MOONS, {"margin": 0.1}, **_MOON_RUN),
    _scenario("colour/10000", _COLOUR, {"n_train": 10_000}, **_COLOUR_SMALL),
    _scenario("colour/50000", _COLOUR, {}, **_COLOUR_RUN),
    _scenario(
        "spurious/regularised",
        _CORE,
        {"n_train": 400, "n_noise": 1000},
        **_LINEAR,
        steps=1000,
        optimizer={"lr": 0.1, "weight_decay": 0.1},
    ),
    _scenario(
        "spurious/interpolating",
        _CORE,
        {"n_train": 400, "n_noise": 1000},
        **_LINEAR,
        steps=3000,
        optimizer={"lr": 2.0},
    ),
    _scenario("adult", _PEOPLE, {"dataset": "adult", "n_train_rows": 8000}, **_PEOPLE_RUN),
    _scenario("compas", _PEOPLE, {"dataset": "compas"}, **_PEOPLE_RUN),
    # Eight passes: with the 95 % agreement of the paper plain training stays at chance here.
    _scenario("biased/mnist", _BIASED, {"n_train": 4000, "agreement": 0.7}, **_PICTURES, steps=500),
    *(_scenario(f"smote/{name}", _RARE, {"dataset": name}) for name in _SMOTE_SETS),
    _scenario("attack/digits", _PLAIN, {}, **_ATTACKED),
    _scenario(
        "attack/mnist",
        _PLAIN,
        {"dataset": "mnist", "n_train": 5000},
        **_ATTACKED,
    ),
)

STRENGTHS = (0.2, 2.0, 20.0, 200.0)
"""lambda of the sweep on Colored MNIST; the authors' is 2, twice the coefficient of their code."""
PUBLISHED: dict[str, dict[str, float]] = {
    "colour": {"ERM": 0.2370, "SD": 0.6840, "IRM": 0.6708},
    "pima": {"under-only": 0.7242, "SMOTE:100": 0.7307},
}
"""Test accuracy of Pezeshki et al. (2021), table 1; area of Chawla et al. (2002), table 3."""
AMOUNTS = (50, 100, 200, 300, 500)
"""New rows per rare row in per cent."""


def _method(name: str, strategy: str, **settings: Any) -> Method:
    return Method(name, _RUN, {"strategy": strategy, **settings})


def _defence(name: str, **options: Any) -> Method:
    """Trained against attacks of radius 0.1 on inputs in [0, 1]."""
    attack = {"eps": 0.1, "low": 0.0, "high": 1.0, **options}
    return Method(name, _ATTACK, {"strategy": "adversarial", "options": attack})


_BY_GROUP = (
    _method("inverse-frequency", "inverse-frequency"),
    _method("class-balanced", "class-balanced"),
    _method("over-sampling", "over-sampling"),
    _method("under-sampling", "under-sampling"),
    _method("quotas", "quotas"),
    _method("weighted-draws", "weighted-draws"),
    _method("Group-DRO", "group-dro"),
    _method("Group-DRO-adjusted", "group-dro", options={"adjustment": 2.0}),
)
_METHODS = (
    _method("ERM", "erm"),
    *_BY_GROUP,
    _method("hard-examples", "hard-examples"),
    _method("hard-examples-drawn", "hard-examples", options={"rule": "power"}),
    _method("SD", "spectral"),
    *(
        _method(f"SD:{strength:g}", "spectral", options={"strength": strength})
        for strength in STRENGTHS
    ),
    *(
        _method(
            f"SD-delayed:{strength:g}", "spectral", options={"strength": strength}, delayed=True
        )
        for strength in STRENGTHS
    ),
    # Hyper-parameters of its authors; larger batches, because a square is averaged.
    _method(
        "IRM",
        "invariant",
        options={"strength": 91257.18613115903, "delay": 190, "l2": 0.00110794568},
        optimizer={"name": "adam", "lr": 0.0004898536566546834},
        steps=501,
        batch_size=1000,
    ),
    _method("weight-decay", "erm", decay={"weight_decay": 0.01}),
    _method("dropout", "erm", also={"dropout": 0.5}),
    _method("occam", "occam"),
    _method("OccamNet", "occam-net", also={"kind": "occam-net"}),
    _method("DANN", "dann", also={"domain_head": True}, by="attribute"),
    Method("under-only", _SMOTE),
    *(Method(f"SMOTE:{amount}", _SMOTE, {"smote": {"amount": amount}}) for amount in AMOUNTS),
    Method("SMOTE-midpoint:200", _SMOTE, {"smote": {"amount": 200, "mode": "midpoint"}}),
    Method("SMOTE-attribute:200", _SMOTE, {"smote": {"amount": 200, "mode": "attribute"}}),
    Method("plain", _ATTACK),
    _defence("FGSM-mixed"),
    _defence("FGSM", clean_share=0.0),
    # As the lecture writes it, without the sign: a step as long as the gradient is.
    _defence("FGSM-raw", clean_share=0.0, norm="raw"),
    _defence("PGD", clean_share=0.0, steps=5),
)

_GROUPED = [method.name for method in _BY_GROUP]
_MOON_METHODS = ["ERM", "SD", "weight-decay", "dropout"]
_COLOUR_METHODS = [
    "ERM",
    *(f"SD:{strength:g}" for strength in STRENGTHS),
    *(f"SD-delayed:{strength:g}" for strength in STRENGTHS),
    "IRM",
]
_PICTURE_METHODS = ["ERM", "SD", "dropout", "occam", "Group-DRO", "OccamNet"]
_SMOTE_METHODS = [
    "under-only",
    *(f"SMOTE:{amount}" for amount in AMOUNTS),
    "SMOTE-midpoint:200",
    "SMOTE-attribute:200",
]
_ATTACK_METHODS = ["plain", "FGSM-mixed", "FGSM", "FGSM-raw", "PGD"]
_MINED = ["hard-examples", "hard-examples-drawn"]


_FULL: list[tuple[str, list[str]]] = [
    *((f"moons/{name}", _MOON_METHODS) for name in ("overlap", "margin")),
    *((f"colour/{size}", _COLOUR_METHODS) for size in (10000, 50000)),
    *(
        (f"spurious/{name}", ["ERM", *_GROUPED, *_MINED])
        for name in ("regularised", "interpolating")
    ),
    *((name, ["ERM", *_GROUPED, *_MINED, "SD", "DANN"]) for name in ("adult", "compas")),
    ("biased/mnist", _PICTURE_METHODS),
    *((f"smote/{name}", _SMOTE_METHODS) for name in _SMOTE_SETS),
    *((f"attack/{name}", _ATTACK_METHODS) for name in ("digits", "mnist")),
]
# Colored MNIST with all pictures takes more than half as long as all else together.
_SHORT = {"colour/50000": [], "biased/mnist": ["ERM", "occam", "OccamNet"]}
_QUICK = [(name, _SHORT.get(name, methods)) for name, methods in _FULL]
_SMOKE: list[tuple[str, list[str]]] = [
    ("moons/overlap", ["ERM", "SD"]),
    ("spurious/regularised", ["ERM", "Group-DRO"]),
    ("smote/breast-cancer", ["SMOTE:100"]),
]


def _plan(parts: list[tuple[str, list[str]]], seeds: tuple[int, ...]) -> tuple[Cell, ...]:
    return plan("mitigation", [(name, methods, seeds) for name, methods in parts])


TABLES = (
    Table(
        name="mitigation",
        title="Strategies against bias: colours, groups, rare classes, attacks",
        source="Pezeshki et al. 2021; Sagawa et al. 2020; Chawla et al. 2002; Shrestha et al. 2022",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(_plan(_SMOKE, SEEDS[:1]), 0.3),
            "quick": Profile(_plan(_QUICK, SEEDS[:3]), 21),
            "full": Profile(_plan(_FULL, SEEDS), 66),
        },
        headline=("accuracy", "worst_group", "auc"),
    ),
)
