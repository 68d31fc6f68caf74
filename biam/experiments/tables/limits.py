"""Table `limits`: the Bayes risk of every scenario of `e1` to `e7`, beside what learners reach."""

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan
from biam.experiments.tables import blocks

__all__ = ["GOALS", "TABLES"]

_PROCESS = "biam.datasets.limits.{}_process"
_PROCESS_OF = {
    "biam.experiments.blocks:make_noisy_regression": _PROCESS.format("additive:additive"),
    "biam.datasets.synthetic:make_additive_regression": _PROCESS.format("additive:additive"),
    "biam.datasets.synthetic:make_disc_classification": _PROCESS.format("disc:disc"),
    "biam.datasets.synthetic:make_planted_pairs": _PROCESS.format("planted:planted"),
}
# Half of the rows in E7, where a row costs up to 4,096 sigmoids.
_DRAWS = {"classification": {"draws": 20_000}, "regression": {"draws": 40_000}}
# Noise on the training labels changes nothing on the test rows.
_ON_TRAINING_LABELS = {"family", "block"}


def _scenario(table: str, scenario: Scenario) -> Scenario:
    params = {k: v for k, v in scenario.params.items() if k not in _ON_TRAINING_LABELS}
    process = _PROCESS_OF[scenario.make]
    return Scenario(
        f"{table}/{scenario.name}", process, params, scenario.task, _DRAWS[scenario.task]
    )


_SCENARIOS = tuple(
    _scenario(table.name, scenario) for table in blocks.TABLES for scenario in table.scenarios
)
_NAMES = [scenario.name for scenario in _SCENARIOS]
_SMOKE = ["e1/clean", "e2/MNAR_20", "e5/n20_imb50_miss20", "e6/int_mnar"]


def _goals() -> dict[str, float]:
    table = {name: 0.002 for name in _NAMES if name.startswith(("e1/", "e4/"))}
    table |= {name: 0.94 for name in _NAMES if name.startswith(("e3/", "e5/"))}
    table |= {"e4/smalln": 0.60, "e4/highdim": 0.45, "e5/n20_imb50_miss20": 0.81}
    in_order = {
        "e2/": (0.13, 0.25, 0.37, 0.26, 0.15),
        "e6/": (0.06, 0.50, 0.52, 0.58, 0.30),
        "e7/": (0.76, 0.66, 0.66, 0.64, 0.66),
    }
    for start, values in in_order.items():
        names = [name for name in _NAMES if name.startswith(start)]
        table |= dict(zip(names, values, strict=True))
    return table


GOALS: dict[str, float] = _goals()
"""What was set out for BIAM-X by scenario, before the limits were known: MSE, or macro-F1."""


def _profile(names: list[str], seeds: tuple[int, ...], minutes: float) -> Profile:
    return Profile(plan("limits", [(name, ["Bayes"], seeds) for name in names]), minutes)


TABLES = (
    Table(
        name="limits",
        title="Bayes risk of the generated scenarios: the best prediction from what is not missing",
        source="ours; processes of BIAM (Zhou, Xu, Zhang 2025), blocks E1 to E7",
        scenarios=_SCENARIOS,
        methods=(Method("Bayes", "biam.experiments.limits:bayes"),),
        profiles={
            "smoke": _profile(_SMOKE, SEEDS[:1], 0.1),
            "quick": _profile(_NAMES, SEEDS[:2], 0.4),
            "full": _profile(_NAMES, SEEDS, 1.0),
        },
        headline=("limit", "mse", "f1_macro"),
    ),
)
