"""Every error and warning `biam` raises; each error is a builtin too, so plain ``except`` works."""

__all__ = [
    "BIAMError",
    "BIAMWarning",
    "DataMissingError",
    "InvalidInputError",
    "MissingExtraError",
    "OutputError",
    "UnknownNameError",
]


class BIAMError(Exception):
    """Parent of all errors raised by `biam`."""


class InvalidInputError(BIAMError, ValueError):
    """A value, shape or range at the border is wrong; the text says expected, got, what to do."""


class UnknownNameError(InvalidInputError):
    """A table, scenario, method, data set or option name is not known; near matches are listed."""


class DataMissingError(BIAMError, FileNotFoundError):
    """A data file is absent, cannot be fetched, or fails its checksum."""


class OutputError(BIAMError, OSError):
    """The output folder cannot be written."""


class MissingExtraError(BIAMError, ImportError):
    """An optional dependency is needed; the text names the extra to install."""


class BIAMWarning(UserWarning):
    """Something worth knowing that does not stop the work."""
