"""Table `autobalance`: losses for long tails and for groups, fixed ones and searched ones."""

from typing import Any

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["PUBLISHED", "TABLES"]

_RUN = "biam.experiments.autobalance:balance"
_PICTURES = "biam.experiments.long_tails:make_long_tail"
_REAL = "biam.experiments.real:make_real_split"

# Neighbours in size share an offset and a scale, and half of the rows are judged: on a fifth of
# them the rarest of ten classes would be judged by eight pictures, and the offsets be noise.
_PICTURE_SEARCH = {"cluster": 3, "validation_share": 0.5, "judge": "expected-error"}
# The network of the long-tailed MNIST of FedNest (Tarzanagh et al. 2022): 784-300-100-10.
_MNIST = {
    "hidden": [300, 100],
    "training": {"epochs": 20, "lower_lr": 0.1, "batch_size": 128},
    "search": {"upper_lr": 0.1, "warm_up": 4, "every": 10, "n_rows": 1000},
    **_PICTURE_SEARCH,
}
_DIGITS = {
    "hidden": [100],
    "training": {"epochs": 40, "lower_lr": 0.1, "batch_size": 50},
    "search": {"upper_lr": 0.1, "warm_up": 4, "every": 3},
    **_PICTURE_SEARCH,
}
_TABULAR: dict[str, Any] = {
    "hidden": [32],
    "training": {"epochs": 20, "lower_lr": 0.1, "batch_size": 64},
    "search": {"upper_lr": 0.1, "warm_up": 2, "every": 5},
}
# A few hundred rows make four steps a pass: after 20 passes most networks of KEEL called every row
# the common class.
_SMALL = {**_TABULAR, "training": {**_TABULAR["training"], "epochs": 150}}
# 120 digits of the first class: at 50 the last one has two, one of them to be judged on.
_DIGIT_RATIOS = (5, 10, 20, 50)
_KEEL = ("ecoli4", "yeast4", "yeast6", "abalone9-18")
# Group 1 against all other rows.
_GROUPS: dict[str, dict[str, Any]] = {
    "adult/sex": {"dataset": "adult", "max_rows": 6000, "group": ["sex", "Female"]},
    "compas/race": {"dataset": "compas", "max_rows": None, "group": ["race", "African-American"]},
}

_SCENARIOS = (
    Scenario(
        "mnist/lt100",
        _PICTURES,
        {"dataset": "mnist", "largest": 4000, "ratio": 0.01},
        "classification",
        _MNIST,
    ),
    *(
        Scenario(
            f"digits/lt{ratio}",
            _PICTURES,
            {"dataset": "digits", "largest": 120, "ratio": 1 / ratio},
            "classification",
            _DIGITS,
        )
        for ratio in _DIGIT_RATIOS
    ),
    *(
        Scenario(f"keel/{name}", _REAL, {"dataset": f"keel-{name}"}, "classification", _SMALL)
        for name in _KEEL
    ),
    *(
        Scenario(
            name,
            _REAL,
            {"dataset": case["dataset"], "max_rows": case["max_rows"]},
            "classification",
            {**_TABULAR, "group": case["group"]},
        )
        for name, case in _GROUPS.items()
    ),
)

_CURVES = {"curve_seeds": [42]}
_SHIFTS = ["up", "down", "left", "right"]


def _searched(name: str, *learn: str, loss: str = "CE", **settings: Any) -> Method:
    return Method(name, _RUN, {"loss": loss, "learn": list(learn), **settings, **_CURVES})


_FIXED = (
    Method("CE", _RUN, {"loss": "CE"}),
    Method("weighted", _RUN, {"loss": "weighted"}),
    # Margins in units of a logit of 30 cosines: half of that for the rarest class.
    Method("LDAM", _RUN, {"loss": "LDAM", "loss_options": {"largest": 15.0}, "cosine": True}),
    Method("LA", _RUN, {"loss": "LA"}),
    Method("CDT", _RUN, {"loss": "CDT"}),
)
_SEARCHED = (
    _searched("AutoBalance-l", "offset"),
    _searched("AutoBalance-Delta", "scale"),
    _searched("AutoBalance", "offset", "scale"),
    _searched("AutoBalance-bare", "offset", "scale", squash=False),
    _searched("AutoBalance-LA", "offset", "scale", loss="LA"),
)
_AUGMENTED = (
    Method(
        "LA+even-policy",
        _RUN,
        {"loss": "LA", "policies": ["none", *_SHIFTS, "mirror"], "search_policies": False},
    ),
    Method(
        "LA+AutoBalance-policy",
        _RUN,
        {
            "loss": "LA",
            "policies": ["none", *_SHIFTS, "mirror"],
            "search": {"upper_lr": 0.1, "warm_up": 4, "every": 5, "n_rows": 500},
            **_CURVES,
        },
    ),
)
# Longer steps throw four offsets about: with 0.1 every 5 steps errors rose above those of CE.
_SLOW = {"upper_lr": 0.02, "warm_up": 2, "every": 10}
_ODDS: dict[str, Any] = {
    "objective": "DEO",
    "blend": 0.5,
    "judge": "expected-error",
    "search": _SLOW,
}
_FAIR = (
    _searched("AutoBalance-DEO", "offset", "scale", **_ODDS),
    _searched("AutoBalance-DEO-LA", "offset", "scale", loss="LA", **_ODDS),
    _searched(
        "AutoBalance-worst",
        "offset",
        "scale",
        objective="worst",
        judge="expected-error",
        search=_SLOW,
    ),
)
_METHODS = (*_FIXED, *_SEARCHED, *_AUGMENTED, *_FAIR)


def _names(*parts: tuple[Method, ...]) -> list[str]:
    return [method.name for part in parts for method in part]


_OF_TAILS = _names(_FIXED, _SEARCHED)
# Margins and temperatures of classes say nothing of groups.
_OF_GROUPS = ["CE", "weighted", "LA", "AutoBalance", *_names(_FAIR)]


_BY_RATIO = ["CE", "LA", "AutoBalance", "AutoBalance-LA"]
_Part = tuple[str, list[str], tuple[int, ...]]


def _by_ratio(seeds: tuple[int, ...]) -> list[_Part]:
    return [(f"digits/lt{ratio}", _BY_RATIO, seeds) for ratio in _DIGIT_RATIOS if ratio != 20]


_ON_DIGITS = [*_OF_TAILS, *_names(_AUGMENTED)]
# Three seeds where a claim is judged, one elsewhere.
_QUICK_CELLS: list[_Part] = [
    ("mnist/lt100", ["CE", "LA", "AutoBalance"], SEEDS[:3]),
    *((name, ["CE", "weighted", "LA", "AutoBalance-DEO"], SEEDS[:3]) for name in _GROUPS),
    ("digits/lt20", _ON_DIGITS, SEEDS[:1]),
    *_by_ratio(SEEDS[:1]),
    *((f"keel/{name}", _OF_TAILS, SEEDS[:1]) for name in _KEEL),
    ("mnist/lt100", [name for name in _OF_TAILS if name not in _BY_RATIO[:3]], SEEDS[:1]),
    *(
        (name, ["AutoBalance", "AutoBalance-DEO-LA", "AutoBalance-worst"], SEEDS[:1])
        for name in _GROUPS
    ),
]
_FULL_CELLS: list[_Part] = [
    ("mnist/lt100", _OF_TAILS, SEEDS),
    *((name, _OF_GROUPS, SEEDS) for name in _GROUPS),
    ("digits/lt20", _ON_DIGITS, SEEDS),
    *_by_ratio(SEEDS),
    *((f"keel/{name}", _OF_TAILS, SEEDS) for name in _KEEL),
]

TABLES = (
    Table(
        name="autobalance",
        title="AutoBalance: the loss searched for balanced error, or for fairness of groups",
        source="ours, at the size of two cores; set-ups of Li et al. (2021), AutoBalance",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(
                plan("autobalance", [("digits/lt20", ["CE", "LA", "AutoBalance-l"], SEEDS[:1])]),
                0.2,
            ),
            "quick": Profile(plan("autobalance", _QUICK_CELLS), 15),
            "full": Profile(plan("autobalance", _FULL_CELLS), 56),
        },
        headline=("balanced_error", "deo"),
    ),
)

PUBLISHED: dict[str, float] = {
    "CE": 30.45,
    "LDAM": 26.37,
    "LA": 23.13,
    "CDT": 20.73,
    "AutoBalance": 21.39,
    "AutoBalance-LA": 21.15,
}
"""Balanced error on CIFAR10-LT 1:100, ResNet-32, in per cent.

Source: Li et al. (2021), Table 1, as others have reported it; the paper itself was not at hand.
"""
