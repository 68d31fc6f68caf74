"""What a table is made of, as data: scenarios, methods, profiles, cells.

Makers of data and methods are named by address, "module:function", and resolved when a cell runs,
so that reading the catalogue imports nothing heavy. The modules so named are the roots from which
`biam.experiments.provenance` finds the code a cell depends on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from biam.validation import check_choice

__all__ = ["PROFILES", "SEEDS", "Cell", "Method", "Profile", "Scenario", "Table", "plan"]

PROFILES = ("smoke", "quick", "full")

SEEDS = (42, 7, 123, 2024, 3407)
"""The five seeds of the protocol, section 5."""


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
        Address of a function (data, task, seed, settings) -> dict of metric to value, or a pair of
        that and a list of curve points: dicts with "curve", "x", "z" (or None) and "value".
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
    params : mapping
        On top of the scenario's arguments of `make`, likewise: fewer rows.
    """

    cells: tuple[Cell, ...]
    minutes: float
    settings: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


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

    def roots(self, cell: Cell) -> tuple[str, ...]:
        """Modules in which the code of a cell begins."""
        addresses = (self.scenario(cell.scenario).make, self.method(cell.method).run)
        return tuple(sorted({address.partition(":")[0] for address in addresses}))

    def parameters(self, cell: Cell, profile: str = "full") -> dict[str, Any]:
        """All that decides the value of a cell, but the code: plain data, for its key."""
        scenario, method = self.scenario(cell.scenario), self.method(cell.method)
        extra = self.profiles[check_choice("profile", profile, self.profiles)]
        return {
            "make": scenario.make,
            "params": {**scenario.params, **extra.params},
            "run": method.run,
            "task": scenario.task,
            "settings": {**scenario.settings, **method.settings, **extra.settings},
        }


def plan(table: str, parts: Iterable[tuple[str, Iterable[str], Iterable[int]]]) -> tuple[Cell, ...]:
    """Cells of a table.

    Parameters
    ----------
    table : str
    parts : iterable of (scenario, methods, seeds)

    Returns
    -------
    tuple of Cell
        Scenario by scenario, seed by seed.
    """
    return tuple(
        Cell(table, scenario, method, seed)
        for scenario, methods, seeds in parts
        for seed in seeds
        for method in methods
    )
