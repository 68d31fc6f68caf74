"""Columns that parameters of an estimator speak of: checked, and turned into positions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError
from biam.table import TableEncoder
from biam.validation import check_integer

__all__ = ["check_pairs", "check_signs", "numbered", "numbered_pairs", "numbered_signs"]


def check_pairs(pairs: Any) -> None:
    """Refuse what is neither a choice, nor a number, nor a list of two-feature entries."""
    if isinstance(pairs, bool) or pairs == "auto":
        return
    if isinstance(pairs, int | np.integer):
        check_integer("pairs", pairs, low=0)
        return
    if isinstance(pairs, str) or not isinstance(pairs, Sequence):
        raise InvalidInputError(
            f"pairs must be 'auto', False, a number, or a list of two features each, got {pairs!r}."
        )
    for pair in pairs:
        if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
            raise InvalidInputError(f"pairs must name two features each, got {pair!r}.")


def numbered_pairs(pairs: Any, names: Sequence[str]) -> Any:
    """Pairs of column names or positions as sorted positions; anything else as it is."""
    if isinstance(pairs, bool | str | int | np.integer):
        return pairs
    known = {name: j for j, name in enumerate(names)}
    found = set()
    for pair in pairs:
        places = [known.get(name, name) for name in pair]
        for name, place in zip(pair, places, strict=True):
            if not isinstance(place, int | np.integer) or not 0 <= place < len(names):
                raise InvalidInputError(
                    f"pairs has {name!r}, which is no column: expected a name or a position below "
                    f"{len(names)}."
                )
        if places[0] == places[1]:
            raise InvalidInputError(f"pairs has {tuple(pair)!r}: two different columns are needed.")
        found.add(tuple(sorted(int(place) for place in places)))
    return tuple(sorted(found))


def check_signs(signs: Any) -> None:
    """Refuse what does not map column names to 1 or -1."""
    if signs is None:
        return
    if not isinstance(signs, Mapping) or not all(
        isinstance(name, str) and sign in (1, -1) for name, sign in signs.items()
    ):
        raise InvalidInputError(
            "monotone must map column names ('x0', 'x1', ... for arrays) to 1 (rises) or -1 "
            f"(falls), got {signs!r}."
        )


def numbered_signs(signs: Mapping[str, int] | None, encoder: TableEncoder) -> dict[int, int]:
    """Positions of the columns of `monotone` with their signs."""
    found = {}
    for name, sign in (signs or {}).items():
        if name not in encoder.names:
            raise InvalidInputError(
                f"monotone has {name!r}, which is no column: there are {', '.join(encoder.names)}."
            )
        j = encoder.names.index(name)
        if encoder.n_levels[j]:
            raise InvalidInputError(f"monotone has {name!r}, whose categories have no order.")
        found[j] = int(sign)
    return found


def numbered(pairs: Any, signs: Mapping[str, int] | None, encoder: TableEncoder) -> dict[str, Any]:
    """`pairs` and `monotone` by position, for the solver.

    Raises
    ------
    InvalidInputError
        A name that is no column, or a pair of a column in `monotone`: along it the sum of its
        curve and a surface could turn.
    """
    found = numbered_pairs(pairs, encoder.names), numbered_signs(signs, encoder)
    listed = found[0] if isinstance(found[0], tuple) else ()
    for pair in listed:
        shared = [encoder.names[j] for j in pair if j in found[1]]
        if shared:
            raise InvalidInputError(
                "pairs and monotone must name different columns, since a column that may only rise "
                f"or fall enters no pair: got {tuple(encoder.names[j] for j in pair)!r} in pairs "
                f"and {shared[0]!r} in monotone. Take {shared[0]!r} out of one of the two."
            )
    return {"pairs": found[0], "monotone": found[1]}
