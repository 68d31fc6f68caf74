"""Run the cells of tables, in processes of one thread each, and keep every one as it finishes.

A cell that fails keeps its traceback in its file and stops nothing else, and a cell whose data are
not here says what it wants; both are tried again by the next run. A run that is stopped goes on
where it stood: finished cells are read, not computed.
"""

import os
import pkgutil
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from biam.exceptions import BIAMError, DataMissingError, InvalidInputError, MissingExtraError
from biam.experiments.catalogue import TABLES, select
from biam.experiments.provenance import code_hash, commit, lock, machine
from biam.experiments.records import PROFILES, Cell
from biam.experiments.store import CellStore, Record, cell_key, find, write_table
from biam.validation import check_choice, check_integer

__all__ = ["Outcome", "Plan", "reproduce", "run_cell"]

CONNECT_SECONDS = 10


@dataclass(frozen=True)
class Outcome:
    """What a run did for one table.

    Parameters
    ----------
    table : str
    csv : Path
        The tidy table; holds every finished cell of the profile, from this run or an earlier one.
    computed, reused : int
        Cells of this run's selection that were computed now, or read.
    failed : tuple of (Cell, str)
        Cells of the selection without a value, with the last line of their traceback.
    absent : tuple of (Cell, str)
        Cells whose data are not here, with what is missing and how to get it.
    """

    table: str
    csv: Path
    computed: int
    reused: int
    failed: tuple[tuple[Cell, str], ...]
    absent: tuple[tuple[Cell, str], ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run is about to do.

    Parameters
    ----------
    cells : int
        Cells asked for.
    wanted : int
        Those of them that have to be computed.
    minutes : float
        Expected for these on the given number of processes.
    """

    cells: int
    wanted: int
    minutes: float


def run_cell(cell: Cell, profile: str = "full") -> list[dict[str, Any]]:
    """Compute one cell now, on one thread, without reading or writing any file.

    Parameters
    ----------
    cell : Cell
    profile : {"smoke", "quick", "full"}

    Returns
    -------
    list of dict
        One per metric: `table`, `scenario`, `method`, `seed`, `metric`, `value`.

    Examples
    --------
    >>> from biam.experiments.records import Cell
    >>> rows = run_cell(Cell("published", "regression/noise30", "mean", 42))
    >>> round(rows[0]["value"], 4)
    1.2693
    """
    metrics, _, _ = _compute(cell, profile)
    return [cell._asdict() | {"metric": name, "value": v} for name, v in metrics.items()]


def reproduce(
    tables: Iterable[str] = (),
    *,
    profile: str = "quick",
    scenarios: Iterable[str] = (),
    methods: Iterable[str] = (),
    seeds: Iterable[int] = (),
    jobs: int = 1,
    scheduler: str | None = None,
    out: str | os.PathLike[str] = "results",
    fresh: bool = False,
    keep_stale: bool = False,
    progress: bool = False,
    announce: Callable[[Plan], None] | None = None,
) -> list[Outcome]:
    """Run tables, or a part of them, and write ``out/<table>.csv``.

    Parameters
    ----------
    tables : iterable of str
        Keys of `biam.experiments.catalogue.TABLES`; empty = all.
    profile : {"smoke", "quick", "full"}
    scenarios, methods : iterable of str
        What to keep of the profile's cells; empty = all.
    seeds : iterable of int
        Run these instead of the profile's.
    jobs : int
        Processes; -1 = one per core. Values do not depend on it.
    scheduler : str, optional
        Address of a dask scheduler ("tcp://host:8786"), whose workers run the cells instead.
    out : path
        Output folder.
    fresh : bool
        Compute cells that are there already.
    keep_stale : bool
        Accept cells that other code, versions or parameters made.
    progress : bool
        Show a bar with the time left on stderr.
    announce : function of a Plan, optional
        Told what the run will cost, before any work.

    Returns
    -------
    list of Outcome
        One per table.

    Raises
    ------
    UnknownNameError, InvalidInputError
        Names or filters that select nothing; before any work.
    OutputError
        The folder cannot be written (before any work), or the disk is full (finished cells stay).
    MissingExtraError
        A scheduler is given and dask is not installed.
    """
    check_choice("profile", profile, PROFILES)
    if jobs != -1:
        check_integer("jobs", jobs, low=1)
    cells = select(tables, profile, scenarios, methods, seeds)
    names = list(dict.fromkeys(cell.table for cell in cells))
    store = CellStore(out)
    store.prepare(names)
    known = {name: {} if fresh else store.load(name) for name in names}
    wanted = [
        cell
        for cell in cells
        if find(known[cell.table], cell, profile, keep_stale=keep_stale) is None
    ]
    if announce is not None:
        announce(Plan(len(cells), len(wanted), _minutes(wanted, profile, jobs)))
    with _bar(len(wanted), progress) as advance:
        for record in _records(wanted, profile, jobs, scheduler):
            store.write(record)
            advance()
    return [
        _finish(store, name, profile, [c for c in cells if c.table == name], wanted, keep_stale)
        for name in names
    ]


def _finish(
    store: CellStore,
    name: str,
    profile: str,
    cells: Sequence[Cell],
    computed: Sequence[Cell],
    keep_stale: bool,
) -> Outcome:
    """Write the files of one table from all its finished cells, in catalogue order."""
    records = store.load(name)
    earlier = _extra(records, name, profile)
    listed = dict.fromkeys([*TABLES[name].profiles[profile].cells, *cells, *earlier])
    found = {
        cell: record
        for cell in _in_order(listed, name)
        if (record := find(records, cell, profile, keep_stale=keep_stale)) is not None
    }
    path = write_table(store.out, name, found, profile)
    failed: list[tuple[Cell, str]] = []
    absent: list[tuple[Cell, str]] = []
    for cell in cells:
        if cell not in found:
            record = records.get(cell_key(cell, profile), {})
            line = record.get("reason") or "no readable result"
            (absent if record.get("status") == "absent" else failed).append((cell, line))
    n_new = sum(cell.table == name for cell in computed)
    return Outcome(name, path, n_new, len(cells) - n_new, tuple(failed), tuple(absent))


def _extra(records: Mapping[str, Record], name: str, profile: str) -> Iterator[Cell]:
    """Cells of earlier runs with seeds of their own."""
    table = TABLES[name]
    known = {s.name for s in table.scenarios}, {m.name for m in table.methods}
    for key, record in records.items():
        cell = Cell(*record["cell"])
        names_hold = cell.scenario in known[0] and cell.method in known[1]
        if names_hold and key == cell_key(cell, profile):
            yield cell


def _in_order(cells: Iterable[Cell], name: str) -> list[Cell]:
    """Scenario by scenario, seed by seed, as the catalogue lists them; other seeds come last."""
    table = TABLES[name]
    seeds = list(dict.fromkeys(cell.seed for cell in table.profiles["full"].cells))
    places = [
        {name: place for place, name in enumerate(names)}
        for names in ([s.name for s in table.scenarios], [m.name for m in table.methods], seeds)
    ]

    def place(cell: Cell) -> tuple[int, ...]:
        late = len(seeds) + abs(cell.seed)
        return (places[0][cell.scenario], places[2].get(cell.seed, late), places[1][cell.method])

    return sorted(cells, key=place)


def _minutes(cells: Sequence[Cell], profile: str, jobs: int) -> float:
    """Expected for these cells, as their share of their table's profile."""
    total = 0.0
    for name in {cell.table for cell in cells}:
        plan = TABLES[name].profiles[profile]
        n = sum(cell.table == name for cell in cells)
        cores = 1 if TABLES[name].alone else (os.cpu_count() or 1) if jobs == -1 else jobs
        total += plan.minutes * n / len(plan.cells) / cores
    return total


def _records(
    cells: Sequence[Cell], profile: str, jobs: int, scheduler: str | None
) -> Iterator[Record]:
    """Records of the cells as they finish; those that measure time come last, one by one."""
    # The parent names the origin once: workers need neither git nor the lock file.
    shared = {"profile": profile, "commit": commit(), "lock": lock()}
    tasks = [
        (
            cell,
            shared
            | {"key": cell_key(cell, profile), "code": code_hash(TABLES[cell.table].roots(cell))},
        )
        for cell in cells
    ]
    alone = [task for task in tasks if TABLES[task[0].table].alone]
    tasks = [task for task in tasks if not TABLES[task[0].table].alone]
    if scheduler is not None:
        yield from _on_cluster(tasks, scheduler)
    elif jobs == 1 or len(tasks) < 2:
        yield from (_record(*task) for task in tasks)
    else:
        yield from _in_processes(tasks, jobs)
    yield from (_record(*task) for task in alone)


def _in_processes(tasks: Sequence[tuple[Cell, Record]], jobs: int) -> Iterator[Record]:
    try:
        yield from _in_parallel(tasks, "loky", n_jobs=jobs, inner_max_num_threads=1)
    except BrokenProcessPool as error:
        raise BIAMError(
            "a process that ran cells died, most likely for lack of memory. Finished cells are "
            "kept: run again with fewer --jobs."
        ) from error


def _on_cluster(tasks: Sequence[tuple[Cell, Record]], scheduler: str) -> Iterator[Record]:
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingExtraError(
            "--scheduler needs dask, which is not installed: pip install 'biam[cluster]'."
        ) from error
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InvalidInputError(
            f"scheduler must be the address of a running dask scheduler, such as "
            f"'tcp://host:8786', got {scheduler!r}: {error}"
        ) from error
    with client:
        yield from _in_parallel(tasks, "dask", n_jobs=-1)


def _in_parallel(
    tasks: Sequence[tuple[Cell, Record]], backend: str, **options: Any
) -> Iterator[Record]:
    """Records as they finish, by one of joblib's backends."""
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend=backend, **options):
        parallel = Parallel(return_as="generator_unordered", batch_size=1)
        yield from parallel(delayed(_record)(*task) for task in tasks)


def _record(cell: Cell, origin: Record) -> Record:
    """A cell's file: its metrics, or the traceback of what went wrong."""
    table, profile = TABLES[cell.table], origin["profile"]
    metrics: dict[str, float] = {}
    curves: list[dict[str, Any]] = []
    status, trace, reason, start = "finished", "", "", time.perf_counter()
    try:
        if code_hash(table.roots(cell)) != origin["code"]:
            raise InvalidInputError(
                "this worker runs other code of biam than the process that sent the cell: update "
                "it, or do not edit the package during a run."
            )
        metrics, curves, seconds = _compute(cell, profile)
    except Exception as error:
        trace, seconds = traceback.format_exc(), time.perf_counter() - start
        status = "absent" if isinstance(error, DataMissingError) else "failed"
        reason = str(error) if status == "absent" else trace.strip().rpartition("\n")[2]
    return {
        **origin,
        "cell": list(cell),
        "parameters": table.parameters(cell, profile),
        "status": status,
        "metrics": metrics,
        "curves": curves,
        "traceback": trace,
        "reason": reason,
        "seconds": seconds,
        "machine": machine(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _compute(cell: Cell, profile: str) -> tuple[dict[str, float], list[dict[str, Any]], float]:
    """Metrics and curves of a cell, and the seconds of data and fit; imports are not counted."""
    given = TABLES[cell.table].parameters(cell, profile)
    make, run = (pkgutil.resolve_name(given[name]) for name in ("make", "run"))
    with _one_thread():
        start = time.perf_counter()
        data = make(**given["params"], random_state=cell.seed)
        result = run(data, given["task"], cell.seed, given["settings"])
        seconds = time.perf_counter() - start
    metrics, curves = result if isinstance(result, tuple) else (result, [])
    return {name: float(value) for name, value in metrics.items()}, list(curves), seconds


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread for torch and BLAS: the same sums in the same order wherever a cell runs."""
    from threadpoolctl import threadpool_limits

    from biam.solvers.fitted import one_thread

    with one_thread(), threadpool_limits(1):
        yield


@contextmanager
def _bar(total: int, show: bool) -> Iterator[Any]:
    from tqdm import tqdm

    with tqdm(total=total, unit="cell", disable=not show or total == 0) as bar:
        yield bar.update
