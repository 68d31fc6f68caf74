"""Save and load fitted imputers without pickle: one zip of arrays and a JSON header."""

import json
import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError, OutputError

__all__ = ["read", "write"]

FORMAT = "biam-imputer-1"


def write(path: str | os.PathLike[str], header: dict[str, Any], arrays: dict[str, Any]) -> None:
    """Write by rename: a crash leaves the old file whole.

    Parameters
    ----------
    path : path
    header : dict
        Plain data.
    arrays : dict of str to ndarray
        Numbers, no objects.

    Raises
    ------
    InvalidInputError
        The header is no plain data.
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        text = json.dumps({"format": FORMAT, **header})
    except TypeError as error:
        raise InvalidInputError(f"the imputer cannot be saved: {error}") from None
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, header=np.array(text), **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file written by `write`.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not a file written by `write`.
    """
    try:
        # Opened here, because NumPy leaves a broken archive open.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
        known = header["format"] == FORMAT
    # A plain array, which is no archive, is a TypeError; damage inside an archive is a zlib.error.
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError) as error:
        raise InvalidInputError(f"{path} was not written by imputer.save: {error}") from None
    if not known:
        raise InvalidInputError(f"{path} has format {header['format']!r}, expected {FORMAT!r}.")
    return header, arrays
