"""File formats that pandas does not read, or reads with optional packages only."""

import gzip
import io
import re
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from biam.datasets.columns import Readable
from biam.exceptions import DataMissingError, MissingExtraError

__all__ = ["read_arff", "read_bytes", "read_xls", "read_xlsx"]

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|[^\s{\[]+)\s*(\{.*\}|\w+)", re.IGNORECASE)
_GAPS = ("?", "<null>", "")


def read_bytes(path: str | PathLike[str]) -> bytes:
    """Content of a file, unpacked if its name ends in ``.gz``."""
    content = Path(path).read_bytes()
    return gzip.decompress(content) if Path(path).suffix == ".gz" else content


def read_arff(path: Readable) -> pd.DataFrame:
    """Table in an ARFF file, or in one of KEEL, whose header has more lines.

    Blanks and tabs around values are cut off. ``?`` and ``<null>`` are NaN; declared numbers are
    float64, lists of names are categories in their declared order, without those that do not occur.

    Raises
    ------
    DataMissingError
        No ``@data`` line, or a row with more or fewer values than there are attributes.
    """
    text = path.read() if hasattr(path, "read") else read_bytes(path).decode("latin-1")
    head, found, body = _split_at_data(text)
    kinds = {match[1].strip("'"): match[2] for match in map(_ATTRIBUTE.match, head) if match}
    if not found or not kinds:
        raise DataMissingError(f"{path} must be an ARFF file with attributes and an @data line.")
    rows = [[cell.strip() for cell in line.split(",")] for line in body]
    for row in rows:
        if len(row) != len(kinds):
            raise DataMissingError(
                f"{path} must have {len(kinds)} values in each row, got {len(row)} in {row}."
            )
    table = pd.DataFrame(rows, columns=list(kinds), dtype=object)
    table = table.mask(table.isin(_GAPS))
    return pd.DataFrame({name: _column(table[name], kind) for name, kind in kinds.items()})


def read_xlsx(
    path: str | PathLike[str], *, sheet: str | int = 0, gaps: Sequence[str] = ()
) -> pd.DataFrame:
    """One sheet of an Excel workbook; empty cells and the texts `gaps` are NaN.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: F401
    except ImportError as error:
        raise _excel_needs("openpyxl", path) from error
    return pd.read_excel(
        io.BytesIO(read_bytes(path)),
        sheet_name=sheet,
        engine="openpyxl",
        na_values=[*gaps, ""],
        keep_default_na=False,
    )


def read_xls(path: str | PathLike[str]) -> pd.DataFrame:
    """First sheet of a workbook in the Excel format before 2007, first row as names.

    Raises
    ------
    MissingExtraError
        xlrd is not installed.
    """
    try:
        import xlrd
    except ImportError as error:
        raise _excel_needs("xlrd", path) from error
    # Not through pandas, which is about to give up xlrd.
    sheet = xlrd.open_workbook(file_contents=read_bytes(path)).sheet_by_index(0)
    names, *rows = (sheet.row_values(k) for k in range(sheet.nrows))
    return pd.DataFrame(rows, columns=names)


def _split_at_data(text: str) -> tuple[list[str], bool, list[str]]:
    """Header lines, whether there is an ``@data`` line, and the lines below it; no comments."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("%")]
    marks = [k for k, line in enumerate(lines) if line.lower() == "@data"]
    if not marks:
        return lines, False, []
    return lines[: marks[0]], True, lines[marks[0] + 1 :]


def _column(values: pd.Series, kind: str) -> pd.Series:
    if not kind.startswith("{"):
        return values.astype("float64")
    present = set(values)
    names = [name.strip() for name in kind.strip("{}").split(",")]
    return values.astype(pd.CategoricalDtype([name for name in names if name in present]))


def _excel_needs(package: str, path: Any) -> MissingExtraError:
    return MissingExtraError(
        f"reading {Path(path).name} needs {package}, which is not installed: "
        "pip install 'biam[excel]'."
    )
