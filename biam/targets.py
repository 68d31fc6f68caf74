"""Targets at the border: numbers or classes, and one clear sentence where they are neither."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array

from biam.exceptions import InvalidInputError

__all__ = ["check_classes", "checked_numbers"]


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
