"""Results on disk: one JSON file per cell, and one tidy csv per table, all written by rename.

``DIR/cells/<table>/<key>.json`` holds a cell's parameters, metrics, exact seconds and origin, or
the traceback of a cell that failed. The key is the hash of the parameters, of the code the cell
uses and of the locked versions, so a file answers for exactly one state of the world. A run that is
killed leaves finished cells and no half ones; a file broken all the same counts as absent. Where
cells draw curves there is ``DIR/<table>.curves.csv``, and ``DIR/<table>.json`` says which code,
machine and seconds made the table.
"""

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from biam.exceptions import OutputError
from biam.experiments.catalogue import TABLES
from biam.experiments.provenance import code_hash, lock
from biam.experiments.records import Cell

__all__ = [
    "COLUMNS",
    "CURVE_COLUMNS",
    "CellStore",
    "Record",
    "cell_key",
    "csv_rows",
    "find",
    "prepare_folder",
    "rounded_seconds",
    "write_csv",
    "write_table",
    "write_text",
]

COLUMNS = (
    "table",
    "scenario",
    "method",
    "seed",
    "metric",
    "value",
    "seconds",
    "profile",
    "commit",
    "lock",
)
"""Columns of ``DIR/<table>.csv``."""

CURVE_COLUMNS = ("table", "scenario", "method", "seed", "curve", "x", "z", "value")
"""Columns of ``DIR/<table>.curves.csv``: points of curves, `z` where a curve is a surface."""

_FIELDS = {
    "key": str,
    "cell": list,
    "profile": str,
    "parameters": dict,
    "status": str,
    "metrics": dict,
    "seconds": float,
    "commit": str,
    "lock": str,
}
Record = dict[str, Any]


def cell_key(cell: Cell, profile: str = "full") -> str:
    """Hash of all that decides a cell's value: parameters, code, locked versions."""
    table = TABLES[cell.table]
    parts = [list(cell), table.parameters(cell, profile), code_hash(table.roots(cell)), lock()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def rounded_seconds(seconds: float) -> int:
    """Smallest of 5, 10, 20, 50, 100, 200, ... that is not less than `seconds`.

    The csv states this upper bound, so that running again gives the same file; the exact wall time
    is in the cell's file.
    """
    bound, steps = 5, (2.0, 2.0, 2.5)
    k = 0
    while bound < seconds:
        bound, k = round(bound * steps[k % 3]), k + 1
    return bound


class CellStore:
    """The cell files of one output folder.

    Parameters
    ----------
    out : path
        The folder; ``cells/<table>`` below it are made when they are needed.
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        self.out = Path(out)

    def prepare(self, tables: Iterable[str]) -> None:
        """Make the folders and try to write in them.

        Raises
        ------
        OutputError
            A folder cannot be made or written.
        """
        for folder in (self.out, *(self._folder(table) for table in tables)):
            prepare_folder(folder, out=self.out)

    def load(self, table: str) -> dict[str, Record]:
        """Readable records of a table by key, failed cells included; broken files are left out."""
        records = {}
        for path in sorted(self._folder(table).glob("*.json")):
            record = _read(path)
            if record is not None and record["key"] == path.stem:
                records[path.stem] = record
        return records

    def write(self, record: Record) -> None:
        """Keep a record under its key, replacing any other.

        Raises
        ------
        OutputError
            No space left, or the folder is gone; files of other cells are not touched.
        """
        path = self._folder(record["cell"][0]) / f"{record['key']}.json"
        write_text(path, json.dumps(record, indent=1) + "\n", out=self.out)

    def _folder(self, table: str) -> Path:
        return self.out / "cells" / table


def find(
    records: Mapping[str, Record], cell: Cell, profile: str, *, keep_stale: bool = False
) -> Record | None:
    """Finished record that answers for a cell, or None.

    Parameters
    ----------
    records : mapping of str to record
        From `CellStore.load`.
    cell : Cell
    profile : str
    keep_stale : bool
        Take, where no record has the right key, the latest one of the same cell that has the same
        parameters or was made in the same profile, whatever code and versions made it.
    """
    exact = records.get(cell_key(cell, profile))
    if exact is not None and exact["status"] == "finished":
        return exact
    if not keep_stale:
        return None
    parameters = _plain(TABLES[cell.table].parameters(cell, profile))
    stale = [
        record
        for record in records.values()
        if record["status"] == "finished"
        and record["cell"] == list(cell)
        and (record["parameters"] == parameters or record["profile"] == profile)
    ]
    return max(stale, key=lambda record: record.get("finished", ""), default=None)


def csv_rows(cell: Cell, record: Record, profile: str) -> list[tuple[Any, ...]]:
    """Tidy rows of a finished cell, in the order of `COLUMNS`."""
    origin = (rounded_seconds(record["seconds"]), profile, record["commit"], record["lock"])
    return [(*cell, name, repr(value), *origin) for name, value in record["metrics"].items()]


def write_table(out: Path, table: str, found: Mapping[Cell, Record], profile: str) -> Path:
    """Write the csv, the curves and the origin of a table, from the records of its cells.

    Parameters
    ----------
    out : Path
    table : str
    found : mapping of Cell to record
        In the order of the rows.
    profile : str

    Returns
    -------
    Path
        Of the csv.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    path = out / f"{table}.csv"
    write_csv(
        path, [row for cell, record in found.items() for row in csv_rows(cell, record, profile)]
    )
    points = [
        (*cell, *(_number(point[name]) for name in CURVE_COLUMNS[4:]))
        for cell, record in found.items()
        for point in record.get("curves", ())
    ]
    if points:
        write_csv(out / f"{table}.curves.csv", points, CURVE_COLUMNS)
    write_text(out / f"{table}.json", json.dumps(_origin(table, found), indent=1) + "\n", out=out)
    return path


def _origin(table: str, found: Mapping[Cell, Record]) -> dict[str, Any]:
    """Code by root modules, machines and exact seconds behind a table."""
    code = {" ".join(TABLES[table].roots(cell)): r.get("code", "") for cell, r in found.items()}
    return {
        "table": table,
        "code": dict(sorted(code.items())),
        "machines": sorted({record.get("machine", "") for record in found.values()}),
        "seconds": round(sum(record["seconds"] for record in found.values()), 1),
    }


def _number(value: Any) -> Any:
    return "" if value is None else repr(value) if isinstance(value, float) else value


def write_csv(
    path: Path, rows: Iterable[tuple[Any, ...]], columns: tuple[str, ...] = COLUMNS
) -> None:
    """Write tidy rows under `columns`, by rename.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def prepare_folder(folder: Path, *, out: Path | None = None) -> None:
    """Make a folder and try to write in it, before any work.

    Raises
    ------
    OutputError
        It cannot be made or written; the text names `out`, by default the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"biam")
    except OSError as error:
        raise OutputError(
            f"cannot write in {str(out or folder)!r}: {error.strerror or error}. Choose another "
            "folder (--out)."
        ) from error


def write_text(path: Path, text: str, *, out: Path | None = None) -> None:
    """Write under a temporary name in the same folder, flush to the disk, rename.

    Raises
    ------
    OutputError
        It cannot be written; the text names `out`, by default the file's folder.
    """
    part = None
    try:
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(
                f"cannot write results in {str(out or path.parent)!r}: {error.strerror or error}. "
                "What was finished is kept: make room, then run the same command again."
            ) from error
        raise


def _read(path: Path) -> Record | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict):
        return None
    sound = all(isinstance(record.get(name), kind) for name, kind in _FIELDS.items())
    return record if sound else None


def _plain(value: Any) -> Any:
    """What `value` is after a way through JSON: tuples become lists."""
    return json.loads(json.dumps(value))
