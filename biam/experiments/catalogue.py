"""All tables by name, and the choice of cells from them."""

from collections.abc import Iterable, Sequence

from biam.exceptions import InvalidInputError
from biam.experiments.records import PROFILES, Cell, Table
from biam.experiments.tables import (
    ablations,
    autobalance,
    batm,
    benchmark,
    blocks,
    domains,
    figures,
    flips,
    gaps,
    images,
    limits,
    mam,
    meta_weight_net,
    mitigation,
    not_miwae,
    probabilistic,
    published,
    real,
    which_strategy,
)
from biam.validation import check_choice

__all__ = ["TABLES", "select"]

TABLES: dict[str, Table] = {
    table.name: table
    for module in (
        published,
        blocks,
        ablations,
        probabilistic,
        mam,
        gaps,
        real,
        images,
        meta_weight_net,
        autobalance,
        figures,
        flips,
        mitigation,
        domains,
        batm,
        benchmark,
        limits,
        not_miwae,
        which_strategy,
    )
    for table in module.TABLES
}
"""All tables by name, in the order in which they run."""


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
        Run these instead of the profile's; any seed will do.

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
    scenarios, methods, seeds = set(scenarios), set(methods), list(dict.fromkeys(seeds))
    for name in scenarios:
        check_choice("scenario", name, [s.name for table in chosen for s in table.scenarios])
    for name in methods:
        check_choice("method", name, [m.name for table in chosen for m in table.methods])
    cells = [
        cell
        for table in chosen
        for cell in _with_seeds(table.profiles[profile].cells, seeds)
        if cell.scenario in (scenarios or {cell.scenario})
        and cell.method in (methods or {cell.method})
    ]
    if not cells:
        raise InvalidInputError(
            f"no cell of profile {profile!r} in {', '.join(t.name for t in chosen)} has the "
            "scenarios and methods asked for: choose profile 'full', or ask for less."
        )
    return cells


def _with_seeds(cells: Sequence[Cell], seeds: Sequence[int]) -> list[Cell]:
    """The cells, or where seeds are named, each scenario and method of them at these seeds."""
    if not seeds:
        return list(cells)
    pairs: dict[str, dict[str, None]] = {}
    for cell in cells:
        pairs.setdefault(cell.scenario, {})[cell.method] = None
    return [
        Cell(cells[0].table, scenario, method, seed)
        for scenario, methods in pairs.items()
        for seed in seeds
        for method in methods
    ]
