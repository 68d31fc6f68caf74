"""Table `benchmark`, learners: processor seconds, memory and scores of ours and of rivals.

Every cell is one process that is given the rows ready-made. Processor seconds are user and system
time of the process and its children: on a busy machine they say what wall seconds do not.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biam.datasets.synthetic import Split
from biam.exceptions import BIAMError, InvalidInputError
from biam.experiments import cost_child

__all__ = ["LEARNERS", "beside_goals", "cost_table", "exponents", "measure_cost", "sizes"]

LEARNERS = "learners/"
"""How the names of the scenarios begin: "learners/<task>/n=<rows>/p=<columns>"."""

_ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
_ARRAYS = ("X_train", "y_train", "X_meta", "y_meta", "X_test", "y_test", "mask")


def measure_cost(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Fit a learner in a process of its own, and predict the test rows.

    Parameters
    ----------
    split : Split
        Arrays; ``truth["y_clean"]`` are the training targets before noise.
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        As in `cost_child.build`.

    Returns
    -------
    dict of str to float
        "cpu_seconds" and "wall_seconds" of the fit, after one on 300 rows that is not timed;
        "predict_cpu_seconds", "predict_wall_seconds" of all test rows, the median of five times;
        "peak_mb", the largest memory of the process, libraries and table included, and "idle_mb",
        the same before the fit; the metrics `cost_child.SCORES`.

    Raises
    ------
    BIAMError
        The process ended without a result; the end of what it said.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        arrays = {name: getattr(split, name) for name in _ARRAYS}
        np.savez(place / "split.npz", **arrays, y_clean=split.truth["y_clean"])
        given = {"task": task, "seed": seed, "settings": dict(settings)}
        (place / "task.json").write_text(json.dumps(given), encoding="utf-8")
        command = [sys.executable, "-m", cost_child.__name__, folder]
        done = subprocess.run(
            command, env={**os.environ, **_ONE_THREAD}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BIAMError(
                f"the measured process ended with status {done.returncode}; its last words: "
                f"{done.stderr.strip()[-400:]}"
            )
        return json.loads((place / "cost.json").read_text(encoding="utf-8"))


def sizes(scenarios: pd.Series) -> pd.DataFrame:
    """Task, n and p of scenarios of learners, from their names.

    Parameters
    ----------
    scenarios : Series of str

    Returns
    -------
    DataFrame
        Columns task, n, p; index as given.

    Raises
    ------
    InvalidInputError
        A name of another kind.
    """
    found = scenarios.str.extract(rf"^{LEARNERS}(?P<task>\w+)/n=(?P<n>\d+)/p=(?P<p>\d+)$")
    if found.isna().any(axis=None):
        wrong = scenarios[found.isna().any(axis=1)].iloc[0]
        raise InvalidInputError(
            f"scenarios must be named {LEARNERS}<task>/n=<rows>/p=<columns>, got {wrong!r}."
        )
    return found.astype({"n": int, "p": int})


def cost_table(results: pd.DataFrame) -> pd.DataFrame:
    """Costs and scores of learners, a row per task, size and method: means over the seeds.

    Parameters
    ----------
    results : DataFrame
        Tidy rows of table `benchmark`; scenarios of other kinds are passed over.

    Returns
    -------
    DataFrame
        task, n, p, method, seeds, and a column per metric.
    """
    rows = results[results["scenario"].str.startswith(LEARNERS)]
    rows = rows.assign(**sizes(rows["scenario"]))
    index = ["task", "n", "p", "method"]
    wide = rows.pivot_table(index=index, columns="metric", values="value", sort=False)
    wide.insert(0, "seeds", rows.groupby(index)["seed"].nunique())
    return (
        wide.rename_axis(columns=None).reset_index().sort_values(["task", "p", "n"], kind="stable")
    )


def beside_goals(table: pd.DataFrame, goals: Mapping[tuple[str, int, str], float]) -> pd.DataFrame:
    """What was reached beside what was set out, for the sizes that were run.

    Parameters
    ----------
    table : DataFrame
        From `cost_table`, of one number of columns.
    goals : mapping of (task, n, method) to float
        MSE at most (regression), or AUPRC at least (classification).

    Returns
    -------
    DataFrame
        task, n, method, metric, goal, value, met.
    """
    known = table.set_index(["task", "n", "method"])
    rows = []
    for place, goal in goals.items():
        if place in known.index:
            metric = "mse" if place[0] == "regression" else "auprc"
            value = float(known.loc[place, metric])
            met = value <= goal if metric == "mse" else value >= goal
            rows.append((*place, metric, goal, value, met))
    names = ["task", "n", "method", "metric", "goal", "value", "met"]
    return pd.DataFrame(rows, columns=names)


def exponents(results: pd.DataFrame, by: str, metric: str = "cpu_seconds") -> pd.DataFrame:
    """How a cost grows: the power k of cost ~ size^k between neighbouring sizes, and overall.

    Parameters
    ----------
    results : DataFrame
        Tidy rows of scenarios of learners.
    by : {"n", "p"}
        The size that varies; the other one is held where most sizes are.
    metric : str

    Returns
    -------
    DataFrame
        task, method, from, to, exponent (of the geometric means over seeds), for each two
        neighbouring sizes of a method; where there are more than two sizes also from the smallest
        to the largest, by least squares.
    """
    if by not in ("n", "p"):
        raise InvalidInputError(f"by must be 'n' or 'p', got {by!r}.")
    rows = results[results["metric"] == metric]
    rows = rows.assign(**sizes(rows["scenario"]), log=np.log(rows["value"].clip(lower=1e-6)))
    other = "p" if by == "n" else "n"
    spread = rows.groupby(other)[by].nunique()
    rows = rows[rows[other] == spread.idxmax()]
    means = rows.groupby(["task", "method", by], sort=False)["log"].mean().reset_index()
    found = []
    for (task, method), part in means.groupby(["task", "method"], sort=False):
        part = part.sort_values(by)
        logs, size = part["log"].to_numpy(), part[by].to_numpy()
        spans = [(k, k + 2) for k in range(len(size) - 1)]
        spans += [(0, len(size))] if len(size) > 2 else []
        for low, high in spans:
            slope = np.polyfit(np.log(size[low:high]), logs[low:high], 1)[0]
            found.append((task, method, size[low], size[high - 1], slope))
    return pd.DataFrame(found, columns=["task", "method", "from", "to", "exponent"])
