"""Stored runs against the code as it stands: numbers in the book cannot drift from their code."""

import os

import pandas as pd

from biam.experiments.catalogue import select
from biam.experiments.report import load_results
from biam.experiments.runner import run_cell

__all__ = ["provenance", "recompute"]

CELL = ["scenario", "method", "seed", "metric"]


def recompute(
    table: str,
    stored: str | os.PathLike[str],
    *,
    profile: str = "smoke",
    tolerance: float = 1e-5,
) -> pd.DataFrame:
    """Run the cells of a profile now and set them beside the stored run.

    Parameters
    ----------
    table : str
    stored : path
        Folder with ``<table>.csv``, a run of the same settings.
    profile : {"smoke", "quick", "full"}
    tolerance : float
        Largest |difference| that counts as equal, relative to values above one: other processors
        round sums in another order.

    Returns
    -------
    DataFrame
        scenario, method, seed, metric, stored, now, equal; NaN in `stored` where the run lacks it.

    Raises
    ------
    UnknownNameError
        Unknown table or profile.
    """
    rows = [row for cell in select([table], profile) for row in run_cell(cell, profile)]
    now = pd.DataFrame(rows).rename(columns={"value": "now"})
    then = load_results(stored, table).rename(columns={"value": "stored"})
    both = now.merge(then[[*CELL, "stored"]].astype({"seed": "int64"}), on=CELL, how="left")
    scale = both["stored"].abs().clip(lower=1.0)
    both["equal"] = (both["now"] - both["stored"]).abs() <= tolerance * scale
    return both[[*CELL, "stored", "now", "equal"]]


def provenance(table: str, stored: str | os.PathLike[str]) -> pd.DataFrame:
    """What made a stored run: rows, profile, commit, lock, seconds (an upper bound per cell).

    Parameters
    ----------
    table : str
    stored : path
        Folder with ``<table>.csv``.

    Returns
    -------
    DataFrame
        One row per distinct origin.
    """
    results = load_results(stored, table)
    cells = results.drop_duplicates(["scenario", "method", "seed"])
    origin = ["profile", "commit", "lock"]
    return cells.groupby(origin, as_index=False).agg(
        cells=("seed", "size"), seconds=("seconds", "sum")
    )
