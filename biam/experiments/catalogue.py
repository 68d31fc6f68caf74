"""Every table as data: scenarios, methods, cells, profiles. A new table is a record in `TABLES`.

Makers of data and methods are named by address, "module:function", and resolved when a cell runs,
so that reading the catalogue imports nothing heavy. The modules so named are the roots from which
`biam.experiments.provenance` finds the code a cell depends on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from biam.exceptions import InvalidInputError
from biam.validation import check_choice

__all__ = ["PROFILES", "TABLES", "Cell", "Method", "Profile", "Scenario", "Table", "select"]

PROFILES = ("smoke", "quick", "full")


class Cell(NamedTuple):
    """The unit of work, of caching and of distribution."""

    table: str
    scenario: str
    method: str
    seed: int

    def __str__(self) -> str:
        return f"{self.table}/{self.scenario}/{self.method}/{self.seed}"


@dataclass(frozen=True)
class Scenario:
    """One problem of a table.

    Parameters
    ----------
    name : str
    make : str
        Address of a function (``**params``, `random_state`) -> data.
    params : mapping
        Arguments of `make`.
    task : {"regression", "classification"}
    settings : mapping
        Settings of the learners in this scenario; a method's own come on top.
    """

    name: str
    make: str
    params: Mapping[str, Any] = field(default_factory=dict)
    task: str = "regression"
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """One column of a table.

    Parameters
    ----------
    name : str
    run : str
        Address of a function (data, task, seed, settings) -> dict of metric to value.
    settings : mapping
    """

    name: str
    run: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """How much of a table to run.

    Parameters
    ----------
    cells : tuple of Cell
        In the order of the csv.
    minutes : float
        Expected on one core.
    settings : mapping
        On top of scenario and method, where a profile saves time by more than leaving cells out.
    """

    cells: tuple[Cell, ...]
    minutes: float
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table of the paper, or of ours.

    Parameters
    ----------
    name, title : str
    source : str
        Where its numbers were published.
    scenarios : tuple of Scenario
    methods : tuple of Method
    profiles : mapping of str to Profile
        "smoke": a few cells, seconds, embedded data. "quick": fewer seeds or epochs. "full".
    exact : bool
        Values are the same bit for bit on every run of one machine. False: they are times.
    alone : bool
        Cells run one after another whatever `jobs` says, because they measure time.
    headline : tuple of str
        Metrics to print after a run.
    """

    name: str
    title: str
    source: str
    scenarios: tuple[Scenario, ...]
    methods: tuple[Method, ...]
    profiles: Mapping[str, Profile]
    exact: bool = True
    alone: bool = False
    headline: tuple[str, ...] = ()

    def scenario(self, name: str) -> Scenario:
        """Scenario by name."""
        known = {scenario.name: scenario for scenario in self.scenarios}
        return known[check_choice("scenario", name, known)]

    def method(self, name: str) -> Method:
        """Method by name."""
        known = {method.name: method for method in self.methods}
        return known[check_choice("method", name, known)]

    @property
    def roots(self) -> tuple[str, ...]:
        """Modules in which the code of all cells begins."""
        addresses = [s.make for s in self.scenarios] + [m.run for m in self.methods]
        return tuple(sorted({address.partition(":")[0] for address in addresses}))

    def parameters(self, cell: Cell, profile: str = "full") -> dict[str, Any]:
        """All that decides the value of a cell, but the code: plain data, for its key."""
        scenario, method = self.scenario(cell.scenario), self.method(cell.method)
        extra = self.profiles[check_choice("profile", profile, self.profiles)].settings
        return {
            "make": scenario.make,
            "params": dict(scenario.params),
            "run": method.run,
            "task": scenario.task,
            "settings": {**scenario.settings, **method.settings, **extra},
        }


def select(
    tables: Iterable[str] = (),
    profile: str = "full",
    scenarios: Iterable[str] = (),
    methods: Iterable[str] = (),
    seeds: Iterable[int] = (),
) -> list[Cell]:
    """Cells of a profile, in catalogue order; an empty filter lets everything through.

    Parameters
    ----------
    tables, scenarios, methods : iterable of str
    profile : {"smoke", "quick", "full"}
    seeds : iterable of int

    Raises
    ------
    UnknownNameError
        A name that no chosen table has in any profile; near matches are listed.
    InvalidInputError
        The filters leave nothing of the profile.
    """
    check_choice("profile", profile, PROFILES)
    chosen = [TABLES[check_choice("table", name, TABLES)] for name in dict.fromkeys(tables)]
    chosen = chosen or list(TABLES.values())
    scenarios, methods, seeds = set(scenarios), set(methods), set(seeds)
    for name in scenarios:
        check_choice("scenario", name, [s.name for table in chosen for s in table.scenarios])
    for name in methods:
        check_choice("method", name, [m.name for table in chosen for m in table.methods])
    cells = [
        cell
        for table in chosen
        for cell in table.profiles[profile].cells
        if cell.scenario in (scenarios or {cell.scenario})
        and cell.method in (methods or {cell.method})
        and cell.seed in (seeds or {cell.seed})
    ]
    if not cells:
        raise InvalidInputError(
            f"no cell of profile {profile!r} in {', '.join(t.name for t in chosen)} has the "
            "scenarios, methods and seeds asked for: choose profile 'full', or ask for less."
        )
    return cells


def _cells(
    table: str, plan: Iterable[tuple[str, Iterable[str], Iterable[int]]]
) -> tuple[Cell, ...]:
    """Cells of (scenario, methods, seeds), scenario by scenario, seed by seed."""
    return tuple(
        Cell(table, scenario, method, seed)
        for scenario, methods, seeds in plan
        for seed in seeds
        for method in methods
    )


_REGRESSION = "biam.datasets.synthetic:make_additive_regression"
_DISC = "biam.datasets.synthetic:make_disc_classification"
_SHIFT = "biam.datasets.synthetic:make_domain_shift"
_LOOP = "biam.experiments.published:biam_published"
_SMALL = {"n_samples": 800, "n_features": 8}
_NOISY_GAPS = {**_SMALL, "noise_rate": 0.3, "missing_rate": 0.2}

_PUBLISHED_CELLS = _cells(
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
_PUBLISHED_SMOKE = _cells(
    "published",
    [
        ("regression/clean", ["BIAM"], [42]),
        ("classification/combined_10_10_10", ["BIAM-B"], [42]),
        ("extrapolation/domain_shift", ["BIAM-H"], [7]),
        ("regression/mnar25_noise20", ["BIAM-I"], [42]),
    ],
)

_PUBLISHED = Table(
    name="published",
    title="The published single numbers: 25 rows to four decimals, and three from the text",
    source="repository and READMEs of BIAM (Zhou, Xu, Zhang 2025)",
    scenarios=(
        Scenario("regression/clean", _REGRESSION, _SMALL, settings={"epochs": 40}),
        Scenario("regression/noise30_missing20", _REGRESSION, _NOISY_GAPS, settings={"epochs": 40}),
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
        *(Method(v, _LOOP, {"variant": v}) for v in ("BIAM", "BIAM-B", "BIAM-I", "BIAM-H")),
        Method("mean", "biam.experiments.published:mean_prediction"),
    ),
    profiles={
        "smoke": Profile(_PUBLISHED_SMOKE, 0.1),
        "quick": Profile(_PUBLISHED_CELLS, 0.2),
        "full": Profile(_PUBLISHED_CELLS, 0.2),
    },
)

_BENCHMARK_CELLS = _cells("benchmark", [("published_loop", ["double-backward", "one-step"], [42])])

_BENCHMARK = Table(
    name="benchmark",
    title="Cost of the published loop: one-step hypergradient against double backward",
    source="ours; times differ from run to run, so the bit-for-bit promise leaves this table out",
    scenarios=(
        Scenario("published_loop", _REGRESSION, _NOISY_GAPS, settings={"epochs": 40, "repeats": 5}),
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
)

TABLES: dict[str, Table] = {table.name: table for table in (_PUBLISHED, _BENCHMARK)}
"""All tables by name, in the order in which they run."""
