"""Table `benchmark`: what the published loop costs, beside other ways to the same gradient."""

from biam.experiments.records import Method, Profile, Scenario, Table, plan

__all__ = ["TABLES"]

_REGRESSION = "biam.datasets.synthetic:make_additive_regression"
_NOISY_GAPS = {"n_samples": 800, "n_features": 8, "noise_rate": 0.3, "missing_rate": 0.2}
_BENCHMARK_CELLS = plan("benchmark", [("published_loop", ["double-backward", "one-step"], [42])])

TABLES = (
    Table(
        name="benchmark",
        title="Cost of the published loop: one-step hypergradient against double backward",
        source="ours; times differ from run to run: no promise of equal bits here",
        scenarios=(
            Scenario(
                "published_loop", _REGRESSION, _NOISY_GAPS, settings={"epochs": 40, "repeats": 5}
            ),
        ),
        methods=tuple(
            Method(name, "biam.experiments.benchmark:measure", {"loop": name})
            for name in ("double-backward", "one-step")
        ),
        profiles={
            "smoke": Profile(_BENCHMARK_CELLS, 0.1, {"epochs": 5, "repeats": 1}),
            "quick": Profile(_BENCHMARK_CELLS, 0.3, {"epochs": 10}),
            "full": Profile(_BENCHMARK_CELLS, 0.8),
        },
        exact=False,
        alone=True,
        headline=("cpu_seconds", "ratio", "max_trajectory_difference"),
    ),
)
