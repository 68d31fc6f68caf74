"""How well a model serves each group of rows."""

import numpy as np
from numpy.typing import NDArray

from biam.exceptions import InvalidInputError

__all__ = ["group_scores", "odds_difference"]


def group_scores(right: NDArray[np.bool_], groups: NDArray[np.integer]) -> dict[str, float]:
    """Accuracy on average and by group.

    Parameters
    ----------
    right : ndarray of bool, shape (n,)
        Is the prediction right.
    groups : ndarray of int, shape (n,)

    Returns
    -------
    dict of str to float
        `accuracy`; `worst_group`, the lowest accuracy of a group, which need not be the smallest;
        `gap`, the highest minus the lowest; `accuracy_g0`, `accuracy_g1`, ... of the groups.
    """
    if len(right) == 0 or len(right) != len(groups):
        raise InvalidInputError(
            f"right and groups must be as long and not empty, got {len(right)} and {len(groups)}."
        )
    by = {int(g): float(right[groups == g].mean()) for g in np.unique(groups)}
    worst, most = min(by.values()), max(by.values())
    scores = {"accuracy": float(right.mean()), "worst_group": worst, "gap": most - worst}
    return scores | {f"accuracy_g{g}": value for g, value in by.items()}


def odds_difference(right: NDArray[np.bool_], groups: NDArray[np.integer]) -> float:
    """DEO = sum over the classes y of |accuracy(y, a = 0) - accuracy(y, a = 1)|, groups 2 y + a.

    Zero is equalised odds. Source: Li et al. (2021), section 4.3, with errors in place of losses.
    """
    scores = group_scores(right, groups)
    pairs = [(scores[f"accuracy_g{2 * y}"], scores[f"accuracy_g{2 * y + 1}"]) for y in (0, 1)]
    return float(sum(abs(first - second) for first, second in pairs))
