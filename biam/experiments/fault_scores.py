"""Table `which-strategy`: what is measured of every model, network or not."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biam.datasets.faulty import FaultySplit
from biam.experiments.group_scores import group_scores
from biam.metrics import evaluate

__all__ = ["SCORES", "attacked", "fault_scores"]

Array = NDArray[Any]
Score = Callable[[Array], Array]

SCORES = ("accuracy", "balanced_accuracy", "log_loss", "ece")


def fault_scores(
    split: FaultySplit, score: Score, threshold: float = 0.0, radius: float = 0.0
) -> dict[str, float]:
    """Scores of the test rows.

    Parameters
    ----------
    split : FaultySplit
    score : function of ndarray (n, p) to ndarray (n,)
        Log-odds of class 1.
    threshold : float
        Log-odds above which class 1 is said.
    radius : float
        Of an attack on the test rows; 0 = none.

    Returns
    -------
    dict of str to float
        `SCORES`, `worst_group`; `robust_accuracy` under attack; `wrong_believed`, the share of the
        flipped training labels that the model gives back, where there are some.
    """
    f = score(split.x_test)
    guess = (f > threshold).astype(np.int64)
    p = 1 / (1 + np.exp(-f.astype(float)))
    values = evaluate(SCORES, split.y_test, guess, np.column_stack([1 - p, p]), classes=[0, 1])
    values["worst_group"] = group_scores(guess == split.y_test, split.g_test)["worst_group"]
    if split.wrong.any():
        given = (score(split.x_train[split.wrong]) > threshold) == split.y_train[split.wrong]
        values["wrong_believed"] = float(given.mean())
    if radius:
        moved = attacked(score, split.x_test, split.y_test, radius, split.movable)
        right = (score(moved) > threshold) == split.y_test
        values["robust_accuracy"] = float(right.mean())
    return values


def attacked(
    score: Score, x: Array, y: Array, radius: float, movable: NDArray[np.bool_], steps: int = 5
) -> Array:
    """Rows moved against their label within a box, for any model that gives log-odds.

    Projected steps by the sign of the slope, as `biam.mitigation.adversarial.pgd`; the slope of
    each column is that between two probes a step away, so that no gradient is asked for. For a
    linear score the margin falls by exactly radius times the sum of abs(w) over these columns.

    Parameters
    ----------
    score : function of ndarray (n, p) to ndarray (n,)
    x : ndarray, shape (n, p)
    y : ndarray of {0, 1}, shape (n,)
    radius : float
        Largest change of an entry.
    movable : ndarray of bool, shape (p,)
    steps : int
    """
    harm = (1 - 2 * y)[:, None]
    size = 2.5 * radius / steps
    low, high = x - radius, x + radius
    moved = x.copy()
    for _ in range(steps):
        step = np.zeros_like(x)
        for j in np.flatnonzero(movable):
            probe = moved.copy()
            probe[:, j] = moved[:, j] + size
            above = score(probe)
            probe[:, j] = moved[:, j] - size
            step[:, j] = np.sign(above - score(probe))
        moved = np.clip(moved + size * harm * step, low, high)
    return moved
