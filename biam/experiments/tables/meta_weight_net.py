"""Table `meta-weight-net`: a small CNN with learned row weights, and what else copes with noise."""

from collections.abc import Iterable
from typing import Any

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["PUBLISHED", "TABLES"]

_MAKE = "biam.experiments.images:make_image_split"
_RUN = "biam.experiments.meta_weights:pictures"
_SCORES = ["accuracy", "balanced_accuracy"]
_CURVES = {"curve_seeds": [42]}

# Ten clean pictures a class, as in the long tails of Shu et al. (2019); 20 of MNIST, since their
# 1,000 of 50,000 are 2 % and this is 4 % to 10 %.
_SETS: dict[str, dict[str, Any]] = {
    "digits": {"dataset": "digits", "n_meta": 10},
    "mnist": {"dataset": "mnist", "n_meta": 20, "n_train_rows": 2000},
}
_NOISE: dict[str, dict[str, Any]] = {
    "clean": {},
    **{
        f"{kind}{rate}": {"label_noise": kind, "noise_rate": rate / 100}
        for kind in ("uniform", "flip")
        for rate in (20, 40, 60)
    },
}
_TAILS = {f"lt{ratio}": {"imbalance": 1 / ratio} for ratio in (10, 20, 50, 100, 200)}
# 135 digits a class: at most 1:50 leaves the rarest class a picture or two.
_OF = {
    "digits": [*_NOISE, "lt10", "lt20", "lt50"],
    "mnist": [*_NOISE, *_TAILS],
}
_DAMAGES = _NOISE | _TAILS

_SCENARIOS = tuple(
    Scenario(
        f"{name}/{damage}",
        _MAKE,
        {**data, **_DAMAGES[damage]},
        "classification",
        {"scores": _SCORES, "steps": 600},
    )
    for name, data in _SETS.items()
    for damage in _OF[name]
)


def _rival(name: str) -> Method:
    return Method(name, _RUN, {"method": name})


def _ours(name: str, widths: tuple[int, ...] = (100,), **settings: Any) -> Method:
    return Method(name, _RUN, {"method": "MW-Net", "widths": list(widths), **settings, **_CURVES})


_RIVALS = tuple(
    _rival(name)
    for name in (
        "CE",
        "CE-early",
        "focal",
        "class-balanced",
        "fine-tuning",
        "meta-only",
        "L2RW",
        "GLC",
        "co-teaching",
    )
)
# The public code for noise divides by the number of rows, its first version and the one for long
# tails by the sum of the weights; both give the network the loss itself.
_VARIANTS = (
    _ours("MW-Net/n", normalise=False),
    _ours("MW-Net/raw-loss", standardise=False),
    _ours("MW-Net/raw-loss/n", standardise=False, normalise=False),
)
_DEEP = tuple(
    _ours(f"MW-Net/1-{'-'.join(map(str, widths))}-1", widths)
    for widths in ((50,), (200,), (100, 100), (10, 10), (10, 10, 10))
)
_MAIN = _ours("MW-Net")
_METHODS = (*_RIVALS, _MAIN, *_VARIANTS, *_DEEP)
_COMPARED = [method.name for method in (*_RIVALS, _MAIN)]
_ABLATED = [method.name for method in (*_VARIANTS, *_DEEP)]
_ABLATION = tuple(
    f"{name}/{damage}"
    for name, tail in (("mnist", "lt100"), ("digits", "lt50"))
    for damage in ("uniform40", "flip40", tail)
)
_Part = tuple[str, list[str], tuple[int, ...]]


def _parts(names: Iterable[str], methods: list[str], seeds: tuple[int, ...]) -> list[_Part]:
    return [(name, methods, seeds) for name in names]


_ALL = tuple(scenario.name for scenario in _SCENARIOS)
_DIGITS = [name for name in _ALL if name.startswith("digits/")]
_JUDGED = ["CE", "CE-early", "MW-Net"]
_OTHERS = [name for name in _COMPARED if name not in _JUDGED]
# All rivals and damages on the digits; MNIST, twice as dear, where a claim or a tail needs it.
_QUICK_CELLS: list[_Part] = [
    *_parts(_DIGITS, _COMPARED, SEEDS[:1]),
    ("mnist/uniform40", _JUDGED, SEEDS[:3]),
    ("mnist/uniform40", _OTHERS, SEEDS[:1]),
    *_parts([name for name in _ABLATION if name in _DIGITS], _ABLATED, SEEDS[:1]),
    *_parts([f"mnist/{tail}" for tail in _TAILS], ["CE", "class-balanced", "MW-Net"], SEEDS[:1]),
    ("mnist/flip40", [*_JUDGED, "GLC"], SEEDS[:1]),
    *_parts(["digits/uniform40", "digits/lt50"], _COMPARED, SEEDS[1:3]),
]
_FULL_CELLS = [*_parts(_ALL, _COMPARED, SEEDS), *_parts(_ABLATION, _ABLATED, SEEDS)]

TABLES = (
    Table(
        name="meta-weight-net",
        title="Meta-Weight-Net on a small CNN: wrong labels, long tails, and its rivals",
        source="ours, at the size of two cores; set-ups of Shu et al. (2019), Meta-Weight-Net",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(
                plan("meta-weight-net", [("digits/uniform40", ["MW-Net"], SEEDS[:1])]), 0.2
            ),
            "quick": Profile(plan("meta-weight-net", _QUICK_CELLS), 23),
            "full": Profile(plan("meta-weight-net", _FULL_CELLS), 212),
        },
        headline=("accuracy", "balanced_accuracy"),
    ),
)

PUBLISHED: dict[str, dict[str, float]] = {
    "uniform40": {
        "CE": 68.07,
        "focal": 75.96,
        "fine-tuning": 80.47,
        "L2RW": 86.92,
        "GLC": 88.28,
        "co-teaching": 74.81,
        "MW-Net": 89.27,
        "MW-Net/1-50-1": 89.01,
        "MW-Net/1-200-1": 89.58,
        "MW-Net/1-100-100-1": 89.09,
        "MW-Net/1-10-10-1": 89.10,
        "MW-Net/1-10-10-10-1": 88.82,
    },
    "flip40": {
        "CE": 70.77,
        "focal": 80.45,
        "fine-tuning": 74.07,
        "L2RW": 85.66,
        "GLC": 88.92,
        "co-teaching": 75.41,
        "MW-Net": 87.54,
    },
    "lt100": {
        "CE": 70.36,
        "focal": 70.38,
        "class-balanced": 74.57,
        "fine-tuning": 71.33,
        "L2RW": 74.16,
        "MW-Net": 75.21,
    },
}
"""Accuracy on CIFAR-10 in per cent: WRN-28-10 for uniform noise, ResNet-32 for the others.

Source: Shu et al. (2019), Tables 1 to 3 and 5, as on their poster.
"""
