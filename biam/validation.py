"""Checks at the border: each message says what was expected, what came, and what to do."""

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

from biam.exceptions import InvalidInputError, UnknownNameError

__all__ = ["check_choice", "check_integer", "check_number", "check_rate"]


def check_number(
    name: str,
    value: Any,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
) -> float:
    """Return `value` as a float in [low, high] (``(low, high]`` when `open_low`).

    Raises
    ------
    InvalidInputError
        Not a real number, not finite, or out of the range.
    """
    bracket = "(" if open_low else "["
    wanted = f"{name} must be a finite number in {bracket}{low:g}, {high:g}]"
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise InvalidInputError(f"{wanted}, got {value!r}.")
    if value < low or value > high or (open_low and value == low):
        raise InvalidInputError(f"{wanted}, got {value!r}.")
    return float(value)


def check_rate(name: str, value: Any) -> float:
    """Return `value` as a float in [0, 1]; 30 % is written 0.3.

    Raises
    ------
    InvalidInputError
        Not a number or outside [0, 1].
    """
    return check_number(name, value, low=0.0, high=1.0)


def check_integer(name: str, value: Any, *, low: int = 0, high: float = math.inf) -> int:
    """Return `value` as an int of at least `low` and at most `high`.

    Raises
    ------
    InvalidInputError
        Not an integer or out of the range.
    """
    upper = "" if math.isinf(high) else f" and at most {high}"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise InvalidInputError(
            f"{name} must be an integer of at least {low}{upper}, got {value!r}."
        )
    if value < low or value > high:
        raise InvalidInputError(
            f"{name} must be an integer of at least {low}{upper}, got {value!r}."
        )
    return int(value)


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises
    ------
    UnknownNameError
        It is not; near matches are named, or all choices when nothing is near.
    """
    known = list(choices)
    if value in known:
        return value
    near = difflib.get_close_matches(str(value), known, n=3, cutoff=0.6)
    guess = f"did you mean {' or '.join(map(repr, near))}?"
    hint = guess if near else f"known: {', '.join(known)}."
    raise UnknownNameError(f"unknown {name} {value!r}: {hint}")
