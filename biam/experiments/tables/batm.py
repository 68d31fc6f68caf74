"""Table `batm`: concepts and their products, with and without learned weights, and rivals."""

from typing import Any

from biam.experiments.records import SEEDS, Cell, Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_MAKE = "biam.experiments.concepts:make_concept_split"
_BATM = "biam.experiments.concepts:batm"
_RIVAL = "biam.experiments.rivals:run_rival"

_REGRESSION = ("airbnb-nyc", "california-housing")
# CAT takes ready concepts of pictures as they are; so do we, with all pairs of ten classes.
_PICTURE = {"encoder": "none", "n_ranks": 16}
# Curves over a principal component need few knots, and ten classes make each one dear.
_FEW_KNOTS = {"n_knots": 5, "epochs": 10, "patience": 3}
_GROUPS: dict[str, dict[str, list[Any]]] = {
    "synthetic": {"z1": [0, 1, 2], "z2": [3, 4, 5], "z3": [6, 7, 8], "z4": [9, 10, 11]},
    "compas": {
        "person": ["sex", "age", "race"],
        "youth": ["juv_fel_count", "juv_misd_count", "juv_other_count"],
        "record": ["priors_count", "c_charge_degree"],
    },
    "adult": {
        "person": ["age", "sex", "race", "native-country", "fnlwgt"],
        "education": ["education", "education-num"],
        "home": ["marital-status", "relationship"],
        "work": ["workclass", "occupation", "hours-per-week"],
        "capital": ["capital-gain", "capital-loss"],
    },
    "german-credit": {
        "account": ["checking_status", "savings_status"],
        "credit": ["duration", "credit_amount", "purpose", "installment_commitment"],
        "history": ["credit_history", "existing_credits", "other_payment_plans", "other_parties"],
        "person": ["personal_status", "age", "num_dependents", "foreign_worker", "own_telephone"],
        "work": ["employment", "job"],
        "home": ["residence_since", "property_magnitude", "housing"],
    },
    "airbnb-nyc": {
        "place": ["neighbourhood_group", "latitude", "longitude"],
        "room": ["room_type", "minimum_nights"],
        "reviews": ["number_of_reviews", "reviews_per_month", "days_since_review"],
        "host": ["calculated_host_listings_count", "availability_365"],
    },
    "california-housing": {
        "place": ["longitude", "latitude"],
        "rooms": ["total_rooms", "total_bedrooms"],
        "people": ["population", "households"],
        "age": ["housing_median_age"],
        "income": ["median_income"],
    },
}
_SETS: dict[str, dict[str, Any]] = {
    **{name: {"concepts": {"groups": groups}} for name, groups in _GROUPS.items()},
    **{name: {"concepts": _PICTURE, "additive": _FEW_KNOTS} for name in ("digits", "mnist")},
}
_DAMAGES: dict[str, dict[str, Any]] = {
    "clean": {},
    "noise20": {"noise_rate": 0.2},
    "noise40": {"noise_rate": 0.4},
    "imb10": {"imbalance": 0.1},
    "imb50": {"imbalance": 0.02},
}
_SCORES = {
    "regression": ["rmse", "mae", "r2"],
    "classification": ["f1_macro", "accuracy", "balanced_accuracy", "log_loss"],
}


def _scenario(dataset: str, damage: str) -> Scenario:
    task = "regression" if dataset in _REGRESSION else "classification"
    params = {"dataset": dataset, **_DAMAGES[damage]}
    return Scenario(
        f"{dataset}/{damage}", _MAKE, params, task, {"scores": _SCORES[task], **_SETS[dataset]}
    )


_SCENARIOS = tuple(
    _scenario(dataset, damage)
    for dataset in _SETS
    for damage in _DAMAGES
    if dataset not in _REGRESSION or not damage.startswith("imb")
)
_EQUAL = {"weighting": "equal"}
# Clean rows judge and do not train, the weighting is a network of the loss as it is; no running
# mean, and the published step. The stop is ours.
_PUBLISHED = {
    "weighting": "network",
    "standardise_losses": "none",
    "normalise": "mixed",
    "meta_folds": 1,
    "lower_lr": 0.01,
    "upper_lr": 0.01,
    "averaging": 0.0,
}
_OURS = {"setting": "ours", "curve_seeds": [SEEDS[0]]}
_METHODS = (
    Method("BATM", _BATM, _OURS),
    Method("BATM:published", _BATM, {"learner": _PUBLISHED}),
    Method("CAT", _BATM, {"learner": _EQUAL, "stop": "held-out", "setting": "fair"}),
    # Clean rows train too, five times as heavy as the others, or as heavy.
    Method("CAT+meta", _BATM, {"learner": _EQUAL | {"meta_weight": 5.0}, "setting": "meta"}),
    Method("CAT+meta:1", _BATM, {"learner": _EQUAL, "setting": "meta"}),
    Method("CAT:meta-stopped", _BATM, {"learner": _EQUAL | {"meta_folds": 1}, "setting": "meta"}),
    # Their code: the epoch is chosen on the test rows.
    Method("CAT:test-stopped", _BATM, {"learner": _EQUAL, "stop": "test", "setting": "published"}),
    Method("BIAM-X", "biam.experiments.concepts:biam_x"),
    *(Method(n, _RIVAL, {"rival": n, "setting": "fair"}) for n in ("MLP", "XGBoost", "NAM", "EBM")),
)
_NAMES = [method.name for method in _METHODS]
_MAIN = ["BATM", "CAT", "CAT+meta"]
_STOPPED = ["CAT:meta-stopped", "CAT:test-stopped"]
_ASIDE = ["CAT+meta:1", "BATM:published"]
_CHEAP, _DEAR = ["MLP", "XGBoost"], ["BIAM-X", "NAM", "EBM"]
# Rare classes on each set that has classes, few wrong labels on some.
_OTHERS = (
    *("compas/imb10", "adult/imb10", "digits/imb10"),
    *("synthetic/imb50", "german-credit/imb50", "mnist/imb50"),
    *("compas/noise20", "digits/noise20", "airbnb-nyc/noise20"),
)


def _quick() -> tuple[Cell, ...]:
    """Every set and rival once, then more seeds where the claim is judged."""
    noisy, clean = ([f"{name}/{damage}" for name in _SETS] for damage in ("noise40", "clean"))
    # With ten classes these cost as much as all else.
    few = [name for name in clean if "additive" not in _SETS[name.partition("/")[0]]]
    grid = [(name, [*_MAIN, *_ASIDE, *_STOPPED, *_CHEAP, *_DEAR], SEEDS[:1]) for name in noisy]
    grid += [(name, [*_MAIN, *_STOPPED, *_CHEAP], SEEDS[:1]) for name in clean]
    grid += [(name, [*_MAIN, "XGBoost"], SEEDS[:1]) for name in _OTHERS]
    grid += [(name, _MAIN, SEEDS[1:3]) for name in noisy]
    grid += [(name, _DEAR, SEEDS[:1]) for name in few]
    return plan("batm", [*grid, *((name, _MAIN, SEEDS[1:2]) for name in clean)])


TABLES = (
    Table(
        name="batm",
        title="Concepts in a Taylor polynomial (BATM, CAT): wrong labels, rare classes, rivals",
        source="ours: BATM has no published numbers, and CAT's could not be read",
        scenarios=_SCENARIOS,
        methods=_METHODS,
        profiles={
            "smoke": Profile(
                plan("batm", [("synthetic/noise40", ["BATM", "CAT"], SEEDS[:1])]), 0.1
            ),
            "quick": Profile(_quick(), 14),
            "full": Profile(plan("batm", [(s.name, _NAMES, SEEDS) for s in _SCENARIOS]), 118),
        },
        headline=("f1_macro", "rmse"),
    ),
)
