"""Table `benchmark`: cost of the published loop, of hypergradients, and of learners."""

from typing import Any

from biam.experiments.records import Method, Profile, Scenario, Table, plan
from biam.experiments.tables import benchmark_learners as learners

__all__ = ["TABLES"]

_MAKE = "biam.datasets.synthetic:make_"
_NOISY_GAPS = {"n_samples": 800, "n_features": 8, "noise_rate": 0.3, "missing_rate": 0.2}
_LOOPS = ("double-backward", "one-step")
# Family: the record, what is fixed in it, and the steps to try.
_FAMILIES: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "Truncated": ("Truncated", {}, (10, 100, 1000)),
    "Unrolled": ("Unrolled", {"start": "zero"}, (10, 100, 1000)),
    "ForwardMode": ("ForwardMode", {}, (10, 100)),
    "FiniteDifference-product": ("FiniteDifference", {"of": "product"}, (10, 100)),
    "FiniteDifference-solution": ("FiniteDifference", {"of": "solution"}, (10, 100)),
    "Implicit-cg": ("Implicit", {"solve": "cg"}, (3, 10, 30, 100)),
    "Implicit-neumann": ("Implicit", {"solve": "neumann"}, (10, 100, 1000)),
}
_MEASURE = "biam.experiments.hypergradients:measure"
_METHODS = (
    Method("OneStep", _MEASURE, {"record": "OneStep"}),
    *(
        Method(
            f"{family}:n_steps={k}",
            _MEASURE,
            {"record": record, "options": {**fixed, "n_steps": k}},
        )
        for family, (record, fixed, steps) in _FAMILIES.items()
        for k in steps
    ),
    Method("Implicit-dense", _MEASURE, {"record": "Implicit", "options": {"solve": "dense"}}),
)
_NAMES = [method.name for method in _METHODS]
_FEW = ["OneStep", "Truncated:n_steps=10", "Implicit-cg:n_steps=30"]
_SCENARIOS = ("hypergradients/regression", "hypergradients/classification")
_LOOP_CELLS = plan("benchmark", [("published_loop", _LOOPS, [42])])
_CELLS = _LOOP_CELLS + plan("benchmark", [(name, _NAMES, [42]) for name in _SCENARIOS])
_SMOKE = _LOOP_CELLS + plan("benchmark", [(_SCENARIOS[0], _FEW, [42])])
_SOLVED = {"l2": 0.01, "repeats": 5}

TABLES = (
    Table(
        name="benchmark",
        title="Cost of the published loop, of hypergradients, and of learners beside their scores",
        source="ours; times differ from run to run: no promise of equal bits here",
        scenarios=(
            Scenario(
                "published_loop",
                f"{_MAKE}additive_regression",
                _NOISY_GAPS,
                settings={"epochs": 40, "repeats": 5},
            ),
            Scenario(_SCENARIOS[0], f"{_MAKE}additive_regression", _NOISY_GAPS, settings=_SOLVED),
            Scenario(
                _SCENARIOS[1],
                f"{_MAKE}disc_classification",
                _NOISY_GAPS,
                "classification",
                settings=_SOLVED,
            ),
            *learners.SCENARIOS,
        ),
        methods=(
            *(
                Method(name, "biam.experiments.benchmark:measure", {"loop": name})
                for name in _LOOPS
            ),
            *_METHODS,
            *learners.METHODS,
        ),
        profiles={
            "smoke": Profile(_SMOKE + learners.SMOKE, 0.4, {"epochs": 5, "repeats": 1}),
            "quick": Profile(_CELLS + learners.QUICK, 5.0, {"epochs": 10}),
            "full": Profile(_CELLS + learners.FULL, 51.0),
        },
        exact=False,
        alone=True,
        headline=(
            "cpu_seconds",
            "mse",
            "auprc",
            "ratio",
            "max_trajectory_difference",
            "relative_error",
        ),
    ),
)
