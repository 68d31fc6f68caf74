"""Targets that are no numbers, or no classes, are refused; others come back as they are."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError
from biam.targets import check_classes, checked_numbers, checked_weight


@pytest.mark.parametrize("y", [np.arange(4), np.array([1.5, 2.0]), np.array(["1", "2"], object)])
def test_numbers_come_back_as_floats_of_their_own(y):
    numbers = checked_numbers(y, "y")
    assert numbers.dtype == float
    np.testing.assert_array_equal(numbers, y.astype(float))
    assert numbers is not y


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", "b"]), "y must hold numbers for regression.*BIAMClassifier"),
        (np.array(["2020-01-01"], "M8[D]"), "y must hold numbers for regression"),
        (np.array([1.0, np.nan]), "Input y contains NaN"),
    ],
)
def test_what_is_no_number_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        checked_numbers(y, "y")


@pytest.mark.parametrize("y", [np.array([0, 1, 1]), np.array(["a", "b"]), np.array([1.0, 3.0])])
def test_classes_pass(y):
    check_classes(y, "y")


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([1.0, np.nan]), "y_meta has a missing class in row 1"),
        (np.array(["a", None], object), "y_meta has a missing class in row 1"),
        (np.array([0.5, 1.25]), "Unknown label type: continuous"),
    ],
)
def test_what_is_no_class_is_refused(y, message):
    with pytest.raises(ValueError, match=message):
        check_classes(y, "y_meta")


def test_refusals_are_errors_of_the_package():
    with pytest.raises(InvalidInputError):
        checked_numbers(np.array(["a"]), "y")


def test_weights_are_numbers_for_every_row_or_none():
    X = np.zeros((3, 1))
    assert checked_weight(None, X) is None
    np.testing.assert_array_equal(checked_weight([0, 1, 2], X), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, 1], "finite and not negative, got -1"),
        ([1, np.inf, 1], "finite and not negative, got inf"),
        ([0, 0, 0], "zero for every row"),
        (["a", "b", "c"], "must hold numbers"),
        ([1, 1], r"sample_weight.shape == \(2,\)"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weight, message):
    with pytest.raises(ValueError, match=message):
        checked_weight(weight, np.zeros((3, 1)))
