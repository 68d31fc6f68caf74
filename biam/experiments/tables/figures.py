"""Table `figures`: the curves, surfaces and weights that the figures draw, and scores of them.

Points are kept beside the metrics (``figures.curves.csv``): of the first seed alone where a figure
shows one run, of every seed where it shows a spread. Source: BIAM protocol, section 5, figures.
"""

from collections.abc import Iterable
from typing import Any

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_RUN = "biam.experiments.curves:draw"
_NOISY = "biam.experiments.blocks:make_noisy_regression"
_REGRESSION = "biam.datasets.synthetic:make_additive_regression"
_GAPS = "biam.experiments.curves:make_gaps_with_truth"
_PAIRS = "biam.experiments.curves:make_pairs_with_truth"
_REAL = "biam.experiments.real:make_real_split"

_ONE = {"curve_seeds": [SEEDS[0]]}
_PLANTED = {"draw": "pairs", "pairs": [[4, 5], [6, 7], [8, 9]], **_ONE}
_ADULT = {
    "draw": "contributions",
    "curves": {
        "age": [17, 75],
        "education-num": [1, 16],
        "hours-per-week": [5, 80],
        "capital-gain": [0, 15000],
    },
    "gaps": ["workclass", "occupation", "native-country"],
}
_RATES = (0, 10, 20, 30, 40, 50)


def _ours(name: str, **estimator: Any) -> Method:
    return Method(name, _RUN, {"model": "ours", "estimator": estimator})


def _loop(variant: str, **settings: Any) -> Method:
    return _ours(variant, solver="published", variant=variant, epochs=100, **settings)


def _rival(name: str, setting: str) -> Method:
    label = name if setting == "published" else f"{name}-fair"
    return Method(label, _RUN, {"model": "rival", "rival": name, "setting": setting})


_SCENARIOS = (
    *(
        Scenario(
            f"shapes/{family}", _NOISY, {"family": family}, settings={"draw": "shapes", **_ONE}
        )
        for family in ("clean", "outlier10")
    ),
    Scenario(
        "missing/mnar",
        _GAPS,
        {"noise_rate": 0.3, "missing_rate": 0.2, "mechanism": "mnar"},
        settings={"draw": "missing", "response": [3, 1]},
    ),
    Scenario("adult", _REAL, {"dataset": "adult", "max_rows": 15000}, "classification", _ADULT),
    Scenario("pairs/int_clean", _PAIRS, settings=_PLANTED),
    Scenario("pairs/int_mnar", _PAIRS, {"corrupt": True, "mechanism": "mnar"}, settings=_PLANTED),
    *(
        Scenario(
            f"rate/noise{rate:02d}",
            _REGRESSION,
            {"noise_rate": rate / 100},
            settings={"draw": "rate", "rate": rate / 100},
        )
        for rate in _RATES
    ),
    Scenario(
        "weights/outlier30", _NOISY, {"family": "outlier30"}, settings={"draw": "weights", **_ONE}
    ),
    Scenario(
        "weights/noise30", _REGRESSION, {"noise_rate": 0.3}, settings={"draw": "weights", **_ONE}
    ),
)

_METHODS = (
    Method("truth", _RUN, {"model": "truth"}),
    *(_loop(name) for name in ("BIAM", "BIAM-B", "BIAM-I")),
    _ours("BIAM2", solver="published", variant="BIAM2", epochs=300, gates="discovery"),
    _ours("BIAM-X"),
    Method("meta-only", _RUN, {"model": "ours", "meta_only": True}),
    _rival("NAM", "published"),
    _rival("Lasso", "fair"),
    _rival("EBM", "fair"),
    _rival("EBM-main", "fair"),
)


def _plan(seeds: Iterable[int]) -> list[tuple[str, list[str], tuple[int, ...]]]:
    seeds = tuple(seeds)
    parts = {
        "shapes/clean": ["truth", "BIAM", "BIAM-X", "NAM"],
        "shapes/outlier10": ["truth", "BIAM", "BIAM-X", "NAM"],
        "missing/mnar": ["truth", "BIAM", "BIAM-I", "BIAM-X"],
        "adult": ["BIAM-X", "EBM-main-fair"],
        "pairs/int_clean": ["truth", "BIAM2", "BIAM-X", "EBM-fair"],
        "pairs/int_mnar": ["truth", "BIAM2", "BIAM-X", "EBM-fair"],
        **{
            f"rate/noise{rate:02d}": ["BIAM", "BIAM-B", "BIAM-X", "meta-only", "Lasso-fair"]
            for rate in _RATES
        },
        "weights/outlier30": ["BIAM", "BIAM-X"],
        "weights/noise30": ["BIAM", "BIAM-X"],
    }
    return [(scenario, methods, seeds) for scenario, methods in parts.items()]


_SMOKE = [
    ("shapes/clean", ["truth", "BIAM-X"], SEEDS[:1]),
    ("missing/mnar", ["BIAM-X"], SEEDS[:1]),
]

TABLES = (
    Table(
        name="figures",
        title="What the figures draw: shapes, missing effects, pairs, weights, error against rate",
        source="BIAM (Zhou, Xu, Zhang 2025), figures; read from our own runs",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(plan("figures", _SMOKE), 0.1),
            "quick": Profile(plan("figures", _plan(SEEDS[:2])), 3.5),
            "full": Profile(plan("figures", _plan(SEEDS)), 8),
        },
        headline=("shape_correlation", "offset_correlation", "surface_correlation"),
    ),
)
