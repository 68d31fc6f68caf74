"""Table `published`: the numbers that the authors printed for single runs."""

from biam.experiments.records import Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_REGRESSION = "biam.datasets.synthetic:make_additive_regression"
_DISC = "biam.datasets.synthetic:make_disc_classification"
_SHIFT = "biam.datasets.synthetic:make_domain_shift"
_LOOP = "biam.experiments.published:biam_published"
_VARIANTS = ("BIAM", "BIAM-B", "BIAM-I", "BIAM-H")
_SMALL = {"n_samples": 800, "n_features": 8}
_NOISY_GAPS = {**_SMALL, "noise_rate": 0.3, "missing_rate": 0.2}

_PUBLISHED_CELLS = plan(
    "published",
    [
        ("regression/clean", ["BIAM", "BIAM-B"], [42]),
        ("regression/noise30_missing20", ["BIAM", "BIAM-B"], [42, 7]),
        ("classification/clean", ["BIAM"], [42]),
        ("classification/combined_10_10_10", ["BIAM", "BIAM-B"], [42]),
        ("extrapolation/domain_shift", ["BIAM", "BIAM-H"], [42, 7]),
        ("regression/mnar25_noise20", ["BIAM", "BIAM-I"], [42]),
        ("regression/noise30", ["BIAM", "mean"], [42]),
    ],
)
_PUBLISHED_SMOKE = plan(
    "published",
    [
        ("regression/clean", ["BIAM"], [42]),
        ("classification/combined_10_10_10", ["BIAM-B"], [42]),
        ("extrapolation/domain_shift", ["BIAM-H"], [7]),
        ("regression/mnar25_noise20", ["BIAM-I"], [42]),
    ],
)

TABLES = (
    Table(
        name="published",
        title="The published single numbers: 25 rows to four decimals, and three from the text",
        source="repository and READMEs of BIAM (Zhou, Xu, Zhang 2025)",
        scenarios=(
            Scenario("regression/clean", _REGRESSION, _SMALL, settings={"epochs": 40}),
            Scenario(
                "regression/noise30_missing20", _REGRESSION, _NOISY_GAPS, settings={"epochs": 40}
            ),
            Scenario("classification/clean", _DISC, _SMALL, "classification", {"epochs": 60}),
            Scenario(
                "classification/combined_10_10_10",
                _DISC,
                {**_SMALL, "noise_rate": 0.1, "imbalance": 0.1, "missing_rate": 0.1},
                "classification",
                {"epochs": 40},
            ),
            Scenario("extrapolation/domain_shift", _SHIFT, settings={"epochs": 80, "n_knots": 6}),
            Scenario(
                "regression/mnar25_noise20",
                _REGRESSION,
                {**_SMALL, "noise_rate": 0.2, "missing_rate": 0.25, "mechanism": "mnar"},
                settings={"epochs": 40},
            ),
            Scenario(
                "regression/noise30",
                _REGRESSION,
                {**_SMALL, "noise_rate": 0.3},
                settings={"epochs": 40},
            ),
        ),
        methods=(
            *(
                Method(v, _LOOP, {"variant": v, "twin": True})
                for v in ("BIAM", "BIAM-B", "BIAM-I", "BIAM-H")
            ),
            Method("mean", "biam.experiments.published:mean_prediction"),
        ),
        profiles={
            "smoke": Profile(_PUBLISHED_SMOKE, 0.1),
            "quick": Profile(_PUBLISHED_CELLS, 0.2),
            "full": Profile(_PUBLISHED_CELLS, 0.2),
        },
    ),
)
