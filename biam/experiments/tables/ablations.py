"""Table `ablations`: one part of the model or of the loop changed at a time.

A method ``BIAM:n_knots=5`` is BIAM with that one setting changed. Source: BIAM protocol, section 5,
and our own questions: few meta rows, wrong meta rows, knots of each feature, weights not divided by
their mean.
"""

from collections.abc import Iterable
from typing import Any

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_NOISY = "biam.experiments.blocks:make_noisy_regression"
_META = "biam.experiments.ablations:make_meta_variant"
_REGRESSION = "biam.datasets.synthetic:make_additive_regression"
_LOOP = "biam.experiments.published:biam_published"
_EXACT = "biam.experiments.learners:biam_x"
_ALONE = "biam.experiments.learners:meta_only"
_SCORES = {"scores": ["mse", "mae", "r2"]}
_LOOP_EPOCHS, _PAIR_EPOCHS = 100, 300
_KNOTS = (5, 20, 40)
_META_ROWS = (5, 10, 20, 40, 80, 160, 240)
_META_WRONG = (10, 30, 50)


def _loop(name: str, variant: str = "BIAM", **settings: Any) -> Method:
    return Method(name, _LOOP, {"variant": variant, "epochs": _LOOP_EPOCHS, **settings})


def _family(name: str) -> Scenario:
    return Scenario(name, _NOISY, {"family": name})


_SCENARIOS = (
    _family("clean"),
    _family("outlier10"),
    _family("outlier30"),
    Scenario("noise30", _REGRESSION, {"noise_rate": 0.3}),
    Scenario("MNAR_20", _REGRESSION, {"noise_rate": 0.3, "missing_rate": 0.2, "mechanism": "mnar"}),
    Scenario("int_clean", "biam.datasets.synthetic:make_planted_pairs", {"task": "regression"}),
    Scenario("domain_shift", "biam.datasets.synthetic:make_domain_shift"),
    *(Scenario(f"outlier30/meta{n}", _META, {"n_meta": n}) for n in _META_ROWS),
    *(
        Scenario(f"outlier30/wrong{rate}", _META, {"meta_noise_rate": rate / 100})
        for rate in _META_WRONG
    ),
)
_METHODS = (
    *(_loop(name, name) for name in ("BIAM", "BIAM-B", "BIAM-I")),
    # 80 epochs and 6 knots, as published for the step basis.
    *(
        Method(f"{name}:shift", _LOOP, {"variant": name, "epochs": 80, "n_knots": 6})
        for name in ("BIAM", "BIAM-H")
    ),
    *(
        _loop(f"BIAM2:gates={gates}", "BIAM2", gates=gates, epochs=_PAIR_EPOCHS)
        for gates in ("robust", "discovery")
    ),
    *(_loop(f"BIAM:n_knots={n}", n_knots=n) for n in _KNOTS),
    _loop("BIAM:shared_knots=no", solver_options={"shared_knots": False}),
    _loop("BIAM:normalise=no", solver_options={"normalise": False}),
    Method("BIAM-X", _EXACT, _SCORES),
    *(
        Method(f"BIAM-X:n_knots={n}", _EXACT, {**_SCORES, "estimator": {"n_knots": n}})
        for n in _KNOTS
    ),
    Method("meta-only", _ALONE, _SCORES),
)
_KNOT_METHODS = [f"{name}:n_knots={n}" for name in ("BIAM", "BIAM-X") for n in _KNOTS]
_TRIO = ["BIAM", "BIAM-X", "meta-only"]


def _plan(seeds: Iterable[int]) -> list[tuple[str, list[str], tuple[int, ...]]]:
    seeds = tuple(seeds)
    loops = ["BIAM", "BIAM-B", "BIAM:shared_knots=no", "BIAM:normalise=no"]
    gates = ["BIAM2:gates=robust", "BIAM2:gates=discovery"]
    parts = {
        "clean": [*loops, *_KNOT_METHODS, "BIAM-X"],
        "outlier10": [*loops, *_KNOT_METHODS, "BIAM-X"],
        "outlier30": ["BIAM-I", *loops, *gates, *_KNOT_METHODS, "BIAM-X"],
        "noise30": [*loops, "BIAM-X", "meta-only"],
        "MNAR_20": ["BIAM-I", *loops, "BIAM-X"],
        "int_clean": ["BIAM", *gates, "BIAM-X"],
        "domain_shift": ["BIAM:shift", "BIAM-H:shift", "BIAM-X"],
        **{f"outlier30/meta{n}": _TRIO for n in _META_ROWS},
        **{f"outlier30/wrong{rate}": _TRIO for rate in _META_WRONG},
    }
    return [(scenario, methods, seeds) for scenario, methods in parts.items()]


TABLES = (
    Table(
        name="ablations",
        title="One part changed at a time: variants, gates, knots, meta rows few or wrong",
        source="BIAM (Zhou, Xu, Zhang 2025), ablations; meta rows, knots and weights: ours",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(
                plan("ablations", [("domain_shift", ["BIAM-H:shift"], SEEDS[:1])]), 0.1
            ),
            "quick": Profile(plan("ablations", _plan(SEEDS[:2])), 1.5),
            "full": Profile(plan("ablations", _plan(SEEDS)), 4),
        },
    ),
)
