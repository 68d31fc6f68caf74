"""Save and load fitted imputers without pickle: one zip of arrays and a JSON header."""

import json
import os
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError
from biam.persistence import read_archive, write_archive

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
    try:
        text = json.dumps({"format": FORMAT, **header})
    except TypeError as error:
        raise InvalidInputError(f"the imputer cannot be saved: {error}") from None
    write_archive(path, text, arrays)


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file written by `write`.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not a file written by `write`.
    """
    return read_archive(path, FORMAT, "imputer.save")
