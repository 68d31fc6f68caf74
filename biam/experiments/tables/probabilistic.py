"""Table `probabilistic`: the structure search on its own data (BIAM protocol, section 6)."""

from typing import Any

from biam.experiments.records import Method, Profile, Scenario, Table, plan

__all__ = ["STRUCTURE_SEEDS", "TABLES"]

STRUCTURE_SEEDS = (11, 22, 33, 44, 55)
"""The seeds of section 6."""

_MAKE = "biam.datasets.structured:make_structured"
_RUNS = "biam.experiments.probabilistic"
_NOISY = {"noise_rate": 0.3}


def _gaps(mechanism: str) -> dict[str, Any]:
    return {"missing_rate": 0.2, "mechanism": mechanism}


_CONDITIONS: dict[str, dict[str, Any]] = {
    "clean": {},
    "noise30": _NOISY,
    "mcar20": _gaps("mcar"),
    "mar20": _gaps("mar"),
    "mnar20": _gaps("mnar"),
    "noise30_mnar20": {**_NOISY, **_gaps("mnar")},
}
# Other errors in the regression target, in every row.
_FAMILIES = {"t3": {"noise": "t3"}, "chi2": {"noise": "chi2"}}


def _scenarios(task: str, conditions: dict[str, dict[str, Any]]) -> tuple[Scenario, ...]:
    return tuple(
        Scenario(f"{task}/{name}", _MAKE, {"task": task, **params}, task)
        for name, params in conditions.items()
    )


_SCENARIOS = (
    *_scenarios("regression", _CONDITIONS | _FAMILIES),
    *_scenarios("classification", _CONDITIONS),
)
_METHODS = (
    Method("BIAM-P", f"{_RUNS}:biam_p"),
    Method("BIAM", f"{_RUNS}:biam_published"),
    Method("BIAM-X", f"{_RUNS}:biam_x"),
    Method("meta-only", f"{_RUNS}:meta_only"),
    Method("EBM", "biam.experiments.rivals:run_rival", {"rival": "EBM-main", "setting": "fair"}),
)
_NAMES = [method.name for method in _METHODS]
_FULL = plan("probabilistic", [(s.name, _NAMES, STRUCTURE_SEEDS) for s in _SCENARIOS])
_QUICK = plan("probabilistic", [(s.name, _NAMES, STRUCTURE_SEEDS[:2]) for s in _SCENARIOS])
# As in the full profile, so that a stored full run can be checked against them.
_SMOKE = plan(
    "probabilistic",
    [
        ("regression/clean", ["BIAM-P", "meta-only"], STRUCTURE_SEEDS[:1]),
        ("classification/mnar20", ["meta-only"], STRUCTURE_SEEDS[:1]),
    ],
)

TABLES = (
    Table(
        name="probabilistic",
        title="The structure search (BIAM-P): scores, and the groups it finds",
        source="probabilistic variant of BIAM; no result table is public",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(_SMOKE, 0.1),
            "quick": Profile(_QUICK, 3.0, params={"n_samples": 600}),
            "full": Profile(_FULL, 10.5),
        },
        headline=("mse", "accuracy", "group_f1"),
    ),
)
