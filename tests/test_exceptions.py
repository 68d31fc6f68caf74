"""Errors are families twice over: of `biam`, and of a builtin."""

import pytest

from biam import exceptions
from biam.exceptions import (
    BIAMError,
    BIAMWarning,
    DataMissingError,
    InvalidInputError,
    MissingExtraError,
    OutputError,
    UnknownNameError,
)

BUILTIN = {
    InvalidInputError: ValueError,
    UnknownNameError: ValueError,
    DataMissingError: FileNotFoundError,
    OutputError: OSError,
    MissingExtraError: ImportError,
}


@pytest.mark.parametrize(("error", "builtin"), BUILTIN.items(), ids=lambda e: e.__name__)
def test_an_error_is_caught_by_its_builtin_and_by_its_family(error, builtin):
    for family in (builtin, BIAMError):
        with pytest.raises(family, match="what to do"):
            raise error("what to do")


def test_unknown_names_are_invalid_input():
    with pytest.raises(InvalidInputError):
        raise UnknownNameError("no such table")


def test_a_warning_can_be_filtered_as_a_user_warning_and_is_no_error():
    assert issubclass(BIAMWarning, UserWarning)
    assert not issubclass(BIAMWarning, BIAMError)


def test_every_class_of_the_module_is_public_and_says_when():
    classes = {name: c for name, c in vars(exceptions).items() if isinstance(c, type)}
    assert set(classes) == set(exceptions.__all__)
    assert {BIAMError, BIAMWarning, *BUILTIN} == set(classes.values())
    assert all(c.__doc__ and c.__doc__.endswith(".") for c in classes.values())
