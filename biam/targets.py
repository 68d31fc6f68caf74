"""Targets and weights at the border: one clear sentence where they cannot be used."""

from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array

from biam.exceptions import InvalidInputError

__all__ = ["check_classes", "checked_numbers", "checked_weight"]


def check_classes(y: np.ndarray, name: str) -> None:
    """Refuse targets that are no classes.

    Parameters
    ----------
    y : ndarray, shape (n,)
    name : str
        What the error calls them.

    Raises
    ------
    ValueError
        A missing class, an infinite one, or numbers that look measured.
    """
    gaps = y != y if y.dtype.kind in "fO" else np.zeros(len(y), dtype=bool)
    if y.dtype.kind == "O":
        gaps = gaps | np.array([label is None for label in y])
    if gaps.any():
        raise InvalidInputError(
            f"{name} has a missing class in row {gaps.argmax()}: drop such rows."
        )
    # Not infinite either, in the words of scikit-learn.
    check_array(y, ensure_2d=False, dtype=None, input_name=name)
    check_classification_targets(y)


def checked_numbers(y: np.ndarray, name: str) -> np.ndarray:
    """Targets as finite floats, shape (n,); parameters as in `check_classes`.

    Raises
    ------
    ValueError
        Something else than finite numbers.
    """
    y = check_array(y, ensure_2d=False, dtype=None, input_name=name)
    try:
        if y.dtype.kind in "mM":
            raise TypeError
        return np.array(y, dtype=float)
    except (ValueError, TypeError):
        raise InvalidInputError(
            f"{name} must hold numbers for regression, got {y.dtype}: BIAMClassifier takes classes."
        ) from None


def checked_weight(sample_weight: Any, X: Any) -> np.ndarray | None:
    """Sample weights as numbers, shape (n_rows,), or None; refused where they cannot be used."""
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=float)
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"sample_weight must hold numbers: {error}.") from None
    wrong = weight[~(np.isfinite(weight) & (weight >= 0))]
    if wrong.size:
        raise InvalidInputError(f"sample_weight must be finite and not negative, got {wrong[0]}.")
    if weight.size and not weight.any():
        raise InvalidInputError("sample_weight is zero for every row: nothing to learn from.")
    return _check_sample_weight(weight, X, dtype=np.float64)
