"""Table `benchmark`: the paper's loop by one-step hypergradients against double backward.

Both are given the same rows and the same random draws, run in turns in one process on one thread,
and are timed by the processor's clock. Their parameters are compared along the way: what is faster
must also be the same.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from biam.datasets.synthetic import Split
from biam.experiments.double_backward import Trajectory, double_backward
from biam.solvers.fitted import Fitted
from biam.solvers.published import PublishedSolver

__all__ = ["cpu_seconds", "max_trajectory_difference", "measure"]

EVERY = 5


def measure(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Metrics of one method of the benchmark.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        `loop`: "one-step" or "double-backward", whose seconds are reported; `epochs`; `repeats`.

    Returns
    -------
    dict of str to float
        `cpu_seconds`, the median over the repeats; for "one-step" also `ratio`, how many times as
        long double backward takes, and `max_trajectory_difference`.
    """
    epochs = settings["epochs"]
    loops = {
        "double-backward": lambda: double_backward(split, task=task, seed=seed, epochs=epochs),
        "one-step": lambda: _one_step(split, task, seed, epochs),
    }
    seconds, last = cpu_seconds(loops, settings["repeats"])
    values = {"cpu_seconds": seconds[settings["loop"]]}
    if settings["loop"] == "one-step":
        values["ratio"] = seconds["double-backward"] / seconds["one-step"]
        trajectory = last["double-backward"]
        values["max_trajectory_difference"] = max_trajectory_difference(
            split, task, seed, trajectory
        )
    return values


def cpu_seconds(
    loops: Mapping[str, Callable[[], Any]], repeats: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Median processor seconds of each loop over alternating repeats, and their last results."""
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    last = {}
    for _ in range(repeats):
        for name, loop in loops.items():
            start = time.process_time()
            last[name] = loop()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}, last


def max_trajectory_difference(
    split: Split, task: str, seed: int, trajectory: Trajectory, every: int = EVERY
) -> float:
    """Largest |w - w'| over all parameters, after each `every` epochs and after the last.

    Parameters
    ----------
    split, task, seed
        The run that `trajectory` made.
    trajectory : Trajectory
        Of `double_backward`.
    every : int
        Epochs between two looks.
    """
    n = len(trajectory.parameters)
    looks = sorted({*range(every, n + 1, every), n})
    return max(
        float((trajectory.flat(k - 1) - _one_step(split, task, seed, k).w).abs().max())
        for k in looks
    )


def _one_step(split: Split, task: str, seed: int, epochs: int) -> Fitted:
    solver = PublishedSolver(epochs=epochs, progress=False)
    return solver.fit(
        split.X_train,
        split.y_train,
        split.X_meta,
        split.y_meta,
        n_classes=0 if task == "regression" else 2,
        seed=seed,
    )
