"""Table `flips`: four credit and income sets with wrong labels, on all of their rows.

Where `real-classification` asks about many sets, this one asks about few methods on large ones. The
protocol is the same; breast cancer, which comes with scikit-learn, is there for the smoke profile.
"""

from biam.experiments.records import SEEDS, Method, Profile, Scenario, Table, plan

__all__ = ["DATASETS", "TABLES"]

_MAKE = "biam.experiments.real:make_real_split"
_RIVAL = "biam.experiments.rivals:run_rival"
_OURS = "biam.experiments.learners:biam_x"

DATASETS = ("adult", "german-credit", "taiwan-default", "heloc")
"""The sets that are ranked."""

_EMBEDDED = "breast-cancer"
_RATES = {"clean": 0.0, "noise20": 0.2, "noise30": 0.3}
_SCORES = ["auroc", "auprc", "f1_macro", "balanced_accuracy", "log_loss"]
_FAIR = ("EBM-main", "CatBoost", "cleanlab")
_META = ("EBM-main", "CatBoost", "cleanlab")
# With pairs it takes minutes a fit on these sets: once, where labels are right.
_SLOW = "EBM"

_SCENARIOS = tuple(
    Scenario(
        f"{dataset}/{damage}",
        _MAKE,
        {"dataset": dataset, "noise_rate": rate},
        "classification",
        {"scores": _SCORES},
    )
    for dataset in (*DATASETS, _EMBEDDED)
    for damage, rate in _RATES.items()
    if dataset != _EMBEDDED or damage == "noise20"
)
_METHODS = (
    Method("BIAM-X-no-meta", _OURS, {"meta": False}),
    Method("BIAM-X", _OURS),
    *(Method(name, _RIVAL, {"rival": name, "setting": "fair"}) for name in (*_FAIR, _SLOW)),
    *(Method(f"{name}+meta", _RIVAL, {"rival": name, "setting": "meta"}) for name in _META),
)
_NAMES = [scenario.name for scenario in _SCENARIOS]
_CHEAP = [method.name for method in _METHODS if method.name != _SLOW]
_SMOKE = (f"{_EMBEDDED}/noise20", ["BIAM-X-no-meta", "BIAM-X", "CatBoost+meta"], SEEDS[:1])

TABLES = (
    Table(
        name="flips",
        title="Adult, German credit, Taiwan, HELOC with 0, 20 and 30 % of the labels flipped",
        source="ours: nothing like it was published",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(plan("flips", [_SMOKE]), 0.1),
            "quick": Profile(
                plan("flips", [(name, _CHEAP, SEEDS) for name in _NAMES]),
                12.0,
                params={"max_rows": 4000},
            ),
            "full": Profile(
                plan(
                    "flips",
                    [
                        *((name, _CHEAP, SEEDS) for name in _NAMES),
                        *((f"{name}/clean", [_SLOW], SEEDS[:1]) for name in DATASETS),
                    ],
                ),
                200.0,
            ),
        },
        headline=("auroc", "log_loss"),
    ),
)
