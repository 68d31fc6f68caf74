"""The checks at the border: what passes comes back as a plain number, what fails is told why."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.validation import check_choice, check_integer, check_number, check_rate

NO_NUMBERS = {
    "text": "0.3",
    "none": None,
    "bool": True,
    "nan": math.nan,
    "infinite": math.inf,
    "complex": 1j,
    "list": [0.3],
    "array": np.array([0.3]),
}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_finite_number_passes_without_bounds(value):
    assert check_number("x", value) == value


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-10, 10), st.booleans())
def test_a_number_passes_exactly_when_it_is_in_the_range(value, low, high, open_low):
    inside = (low < value if open_low else low <= value) and value <= high
    if inside:
        assert check_number("x", value, low=low, high=high, open_low=open_low) == value
    else:
        with pytest.raises(InvalidInputError, match="x must be a finite number in"):
            check_number("x", value, low=low, high=high, open_low=open_low)


@pytest.mark.parametrize(
    "value",
    [0.25, np.float32(0.25), np.float64(0.25), Fraction(1, 4)],
    ids=lambda v: type(v).__name__,
)
def test_numbers_of_any_kind_become_floats(value):
    assert type(check_number("x", value)) is float
    assert check_rate("x", value) == 0.25


@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InvalidInputError, match=r"^rate must be a finite number in \[0, 1\], got"):
        check_rate("rate", value)


@pytest.mark.parametrize(
    ("open_low", "bracket"), [(False, r"\["), (True, r"\(")], ids=["closed", "open"]
)
def test_the_bracket_says_whether_the_lower_end_counts(open_low, bracket):
    with pytest.raises(InvalidInputError, match=rf"^lr must .* in {bracket}0, 2\], got -1\.$"):
        check_number("lr", -1, low=0, high=2, open_low=open_low)


@pytest.mark.parametrize("value", [-0.01, 1.01, 30], ids=["below", "above", "percent"])
def test_a_rate_is_no_percentage(value):
    with pytest.raises(InvalidInputError, match=f"got {value}"):
        check_rate("noise_rate", value)


@given(st.integers(), st.integers(), st.integers())
def test_an_integer_passes_exactly_when_it_is_in_the_range(value, low, high):
    if low <= value <= high:
        assert check_integer("n", value, low=low, high=high) == value
    else:
        with pytest.raises(InvalidInputError, match=f"at least {low} and at most {high}, got"):
            check_integer("n", value, low=low, high=high)


@pytest.mark.parametrize("value", [np.int32(7), np.uint8(7), 7], ids=lambda v: type(v).__name__)
def test_integers_of_any_kind_become_ints(value):
    assert type(check_integer("n", value)) is int


@pytest.mark.parametrize("value", [7.0, True, "7", None, math.nan], ids=repr)
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(InvalidInputError, match=r"^n must be an integer of at least 1, got"):
        check_integer("n", value, low=1)


@pytest.mark.parametrize("name", ["hinge", "step"])
def test_a_known_choice_comes_back(name):
    assert check_choice("basis", name, iter(["hinge", "step"])) == name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("hing", "unknown basis 'hing': did you mean 'hinge'?"),
        ("stepp", "unknown basis 'stepp': did you mean 'step'?"),
        ("spline", "unknown basis 'spline': known: hinge, step."),
        (3, "unknown basis 3: known: hinge, step."),
        (None, "unknown basis None: known: hinge, step."),
    ],
    ids=["near", "near-too", "far", "number", "none"],
)
def test_an_unknown_choice_names_what_is_near_or_all(value, message):
    with pytest.raises(UnknownNameError) as caught:
        check_choice("basis", value, ["hinge", "step"])
    assert str(caught.value) == message
