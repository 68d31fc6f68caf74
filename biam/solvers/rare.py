"""`objective="rare"`: fit, then fit again with rare targets counted for what they lack in number.

Counted more, a few rows with large errors would look like many, and their labels wrong. So labels
are judged first, with every row counted once. The second fit has no doubts of its own: it takes
each row for its chance of being right times the inverse density of its target among trusted rows.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from biam.relevance import relevance
from biam.solvers.exact import ExactSolver
from biam.solvers.fitted import Fitted

__all__ = ["fit_rare"]

JUDGED = ("weighting", "noise", "meta_losses", "meta_doubts")


def fit_rare(
    solver: ExactSolver,
    X: np.ndarray,
    y: np.ndarray,
    X_meta: np.ndarray | None,
    y_meta: np.ndarray | None,
    *,
    sample_weight: np.ndarray | None = None,
    **options: Any,
) -> Fitted:
    """Train; parameters as in `ExactSolver.fit`.

    Returns
    -------
    Fitted
        The second fit, with the weights and the judgement of the labels of the first, and
        `details["relevance"]`, how much each training row counted for its target.
    """
    first = solver.fit(X, y, X_meta, y_meta, sample_weight=sample_weight, **options)
    chance = first.weights if sample_weight is None else first.weights * sample_weight
    details = {name: first.details[name] for name in JUDGED}
    n = len(y)
    if X_meta is not None:
        X, y = np.concatenate([X, X_meta]), np.concatenate([y, y_meta])
        chance = np.concatenate([chance, 1 - details["meta_doubts"]])
    rare = relevance(y, y, chance)
    # Nothing is left to judge: meta rows are rows like the others.
    plain = replace(solver, weighting="equal")
    second = plain.fit(X, y, None, None, sample_weight=rare * chance, **options)
    details = second.details | details | {"relevance": rare[:n]}
    details["losses"] = details["losses"][:n]
    return replace(second, weights=first.weights, details=details)
