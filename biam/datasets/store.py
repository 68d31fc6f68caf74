"""Where data files live, how they are checked, and how absent ones are fetched.

The only module of `biam.datasets` that reaches the network or writes files.
"""

import gzip
import hashlib
import importlib.util
import os
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from biam.exceptions import DataMissingError

__all__ = ["RemoteFile", "check_values", "data_home", "find", "local_path", "openml_table"]


@dataclass(frozen=True)
class RemoteFile:
    """One upstream file and how to know it.

    Parameters
    ----------
    dataset, name : str
        Folder under the data home and file name in it; a copy named ``<name>.gz`` serves as well.
    sha256 : str
        Checksum of what `checked` says.
    bytes : int or None
        Size of the unpacked file; None where copies differ in layout.
    url : str or None
        Address of a plain or ``.gz`` download; None where there is none to use unattended.
    source : str
        Where it comes from, and how a person gets it by hand.
    checked : {"bytes", "values"}
        "bytes": the unpacked file. "values": the parsed table (see `check_values`), for files that
        go round in exports with equal numbers and different bytes.
    """

    dataset: str
    name: str
    sha256: str
    bytes: int | None
    url: str | None
    source: str
    checked: Literal["bytes", "values"] = "bytes"


def data_home() -> Path:
    """Folder of all data files: ``$BIAM_DATA_HOME``, else the user's cache of the platform."""
    named = os.environ.get("BIAM_DATA_HOME", "").strip()
    if named:
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("biam"))


def find(file: RemoteFile) -> Path | None:
    """Path of the local copy, plain before ``.gz``; None if there is none. Nothing is checked."""
    plain = data_home() / file.dataset / file.name
    copies = (plain, plain.with_name(plain.name + ".gz"))
    return next((path for path in copies if path.is_file()), None)


def local_path(file: RemoteFile) -> Path:
    """Path of a checked local copy of `file`, fetched first where that is possible.

    Checksums of bytes are taken once per process and file state. A copy with a wrong checksum is
    never replaced silently: it may be somebody's work.

    Raises
    ------
    DataMissingError
        Absent and not to be fetched, or the checksum is wrong; the text says how to mend it.
    """
    found = find(file)
    if found is None:
        return _fetch(file)
    _check_bytes(file, found)
    return found


def check_values(file: RemoteFile, values: ArrayLike) -> None:
    """Compare a parsed integer table with the checksum of `file`.

    Parameters
    ----------
    file : RemoteFile
        One with ``checked="values"``.
    values : array-like of int, shape (n, p)
        Hashed as little-endian int64, row after row.

    Raises
    ------
    DataMissingError
        The numbers are not those of `file`.
    """
    table = np.ascontiguousarray(values, dtype="<i8")
    got = hashlib.sha256(table.tobytes()).hexdigest()
    if got != file.sha256:
        raise DataMissingError(
            _explain(file, f"its numbers have sha256 {got}, table of shape {table.shape}")
        )


def openml_table(file: RemoteFile, data_id: int) -> pd.DataFrame:
    """Features and target of an OpenML data set, cached under the data home if it is writable.

    Raises
    ------
    DataMissingError
        OpenML cannot be reached or has no such set.
    """
    from sklearn.datasets import fetch_openml

    home = data_home()
    try:
        keep = _is_writable(home)
        bunch = fetch_openml(
            data_id=data_id,
            as_frame=True,
            cache=keep,
            data_home=str(home) if keep else None,
        )
    except (OSError, ValueError) as error:
        raise DataMissingError(_explain(file, f"OpenML {data_id} failed: {error}")) from error
    return bunch.frame


def _fetch(file: RemoteFile) -> Path:
    """Download `file` under the data home and check it before it gets its name."""
    if file.url is None:
        raise DataMissingError(_explain(file, "it is absent and cannot be downloaded unattended"))
    packed = file.url.endswith(".gz") and not file.name.endswith(".gz")
    folder = data_home() / file.dataset
    target = folder / (file.name + ".gz" if packed else file.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A scratch folder beside the target: the rename is atomic, so that of several processes
        # fetching at once none sees half a file.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".download-") as scratch:
            part = Path(scratch) / target.name
            _download(file.url, part)
            _check_bytes(file, part)
            os.replace(part, target)
    except DataMissingError:
        raise
    except OSError as error:
        raise DataMissingError(_explain(file, f"it is absent and fetching failed: {error}")) from (
            error
        )
    return target


def _download(url: str, target: Path) -> None:
    """Write the bytes at `url` to `target`, with a progress bar if tqdm is installed."""
    import pooch

    bar = importlib.util.find_spec("tqdm") is not None
    pooch.HTTPDownloader(progressbar=bar)(url, str(target), None)


def _check_bytes(file: RemoteFile, path: Path) -> None:
    if file.checked != "bytes":
        return
    state = path.stat()
    try:
        got = _digest(path, state.st_size, state.st_mtime_ns)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataMissingError(_explain(file, f"{path} is damaged: {error}")) from error
    if got != file.sha256:
        raise DataMissingError(_explain(file, f"{path} has sha256 {got}"))


@cache
def _digest(path: Path, size: int, modified: int) -> str:
    """sha256 of the unpacked file; size and time are there so that a changed file is read again."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _is_writable(folder: Path) -> bool:
    """True if files can be made in `folder`, or in its nearest existing parent."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return os.access(existing, os.W_OK)


def _explain(file: RemoteFile, problem: str) -> str:
    """Text for DataMissingError: the problem, then all that is needed to mend it by hand."""
    size = f", {file.bytes} bytes" if file.bytes else ""
    address = file.url or "no direct address"
    what = "of its numbers" if file.checked == "values" else "unpacked"
    return (
        f"data file {file.dataset}/{file.name}: {problem}.\n"
        f"  source: {file.source}\n"
        f"  address: {address}\n"
        f"  expected sha256 ({what}): {file.sha256}{size}\n"
        f"  put it (plain or .gz) in: {data_home() / file.dataset} "
        "(BIAM_DATA_HOME names another place)"
    )
