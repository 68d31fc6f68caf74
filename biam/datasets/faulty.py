"""One table with one fault at a time: what a strategy against bias is tried on.

Training rows have the fault. Meta rows are a small trusted sample of the rows that the model is
for, and test rows are many of these.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biam.corruption import flip_labels
from biam.datasets.grouped import GroupedSplit, label_groups
from biam.datasets.tabular import fetch_adult
from biam.validation import check_choice, check_integer

__all__ = ["FAULTS", "FaultySplit", "make_faulty_table"]

Array = NDArray[Any]
Generator = np.random.Generator

FAULTS = (
    "none",
    "rare class",
    "rare group",
    "spurious feature",
    "label noise",
    "shift",
    "adversary",
)
"""What can be wrong, or, for the first, nothing."""

# Shares of the rare class and of the rare group among the training rows.
RARE_CLASS, RARE_GROUP = 0.04, 0.05
# How often the spurious column agrees with the label, and how clearly.
AGREEMENT = {"train": 0.95, "meta": 0.5, "test": 0.05, "target": 0.05}
SPURIOUS_NOISE = 0.3
WRONG = 0.3
# Rows drawn for one that is used, because thinning leaves some out.
POOL = 3
# Signals that an adversary can fake: how many, where they lie for the two classes, their deviation.
SIGNALS, PLACE, SPREAD = 6, 0.1, 0.2
# What a shift adds to every other number, in standard deviations.
OFFSET = 1.0
STEEPNESS = 1.5
NUMBERS = ("age", "education-num", "hours-per-week", "capital-gain", "capital-loss")


@dataclass(frozen=True, eq=False, kw_only=True)
class FaultySplit(GroupedSplit):
    """Training and test rows, a few trusted rows, and unlabelled ones.

    Parameters
    ----------
    x_meta, y_meta : ndarray, shape (n_meta, p) and (n_meta,)
        Trusted rows.
    x_target : ndarray, shape (n_target, p)
        Rows like those of the test, without labels.
    a_train : ndarray of int64, shape (n,)
        Attribute of the training rows, 0 or 1: sex in Adult, the value of the spurious column.
    wrong : ndarray of bool, shape (n,)
        Training rows whose label was flipped.
    movable : ndarray of bool, shape (p,)
        Columns that are numbers: an attack moves these only.
    """

    x_meta: Array
    y_meta: Array
    x_target: Array
    a_train: Array
    wrong: Array
    movable: Array


@dataclass(frozen=True, eq=False)
class _Rows:
    x: Array
    y: Array
    a: Array

    def take(self, places: Array) -> "_Rows":
        return _Rows(self.x[places], self.y[places], self.a[places])


def make_faulty_table(
    dataset: str = "made",
    fault: str = "none",
    *,
    n_train: int = 2000,
    n_meta: int = 100,
    n_target: int = 1000,
    n_test: int = 6000,
    random_state: int = 42,
) -> FaultySplit:
    """A table of two classes with one fault.

    - "rare class": class 1 is 4 % of all rows, for training, meta and test alike.
    - "rare group": the attribute is 1 in 5 % of the training rows, as often as ever in the others.
    - "spurious feature": one column more, which agrees with the label in 95 % of the training
      rows, half of the meta rows and 5 % of the test rows.
    - "label noise": 30 % of the training labels are wrong.
    - "shift": in meta, target and test rows every other number is one deviation too large.
    - "adversary": six columns more, N(0.1, 0.2^2) in class 1 and N(-0.1, 0.2^2) in class 0, which
      together say more than all others, and which a move by 0.2 turns round.
    - "none".

    Groups are 2 y + a where the attribute matters ("rare group", "spurious feature"), elsewhere the
    classes as given.

    Parameters
    ----------
    dataset : {"made", "adult"}
        "made": six normal columns and a coin a; log-odds are the sum of a sine, a square, an
        absolute value, and a line that falls where a = 1 and rises where a = 0. "adult": income of
        Adult by five numbers and the indicators of sex, marriage, race and occupation; a = male.
    fault : str
        One of `FAULTS`.
    n_train, n_meta, n_target, n_test : int
    random_state : int

    Raises
    ------
    DataMissingError
        The file of Adult is absent and cannot be fetched.
    """
    check_choice("fault", fault, FAULTS)
    sizes = {"train": n_train, "meta": n_meta, "target": n_target, "test": n_test}
    for part, n in sizes.items():
        check_integer(f"n_{part}", n, low=10)
    g = np.random.default_rng(random_state)
    make = POOLS[check_choice("data set", dataset, POOLS)]
    pool, movable = make(POOL * sum(sizes.values()), g)
    parts = _parts(pool, fault, sizes, g)
    if fault == "spurious feature":
        parts = {part: _with_spurious(rows, AGREEMENT[part], g) for part, rows in parts.items()}
        movable = np.append(movable, True)
    if fault == "adversary":
        parts = {part: _with_signals(rows, g) for part, rows in parts.items()}
        movable = np.append(movable, np.ones(SIGNALS, dtype=bool))
    if fault == "shift":
        offset = OFFSET * (np.cumsum(movable) % 2 * movable)
        parts = {
            part: rows if part == "train" else replace(rows, x=rows.x + offset)
            for part, rows in parts.items()
        }
    return _split(parts, fault, movable, g)


def _parts(pool: _Rows, fault: str, sizes: dict[str, int], g: Generator) -> dict[str, _Rows]:
    """Disjoint rows for each part; thinned where a class or a group is to be rare."""
    if fault == "rare class":
        pool = pool.take(_thinned(pool.y, RARE_CLASS, g))
    cuts = np.cumsum([sizes[part] for part in ("meta", "target", "test")])
    meta, target, test, rest = np.split(np.arange(len(pool.y)), cuts)
    if fault == "rare group":
        rest = rest[_thinned(pool.a[rest], RARE_GROUP, g)]
    places = {"train": rest[: sizes["train"]], "meta": meta, "target": target, "test": test}
    return {part: pool.take(where) for part, where in places.items()}


def _thinned(mark: Array, share: float, g: Generator) -> Array:
    """Places in random order, of which about `share` have the mark."""
    without, marked = np.flatnonzero(mark == 0), np.flatnonzero(mark == 1)
    kept = g.permutation(marked)[: round(len(without) * share / (1 - share))]
    return g.permutation(np.concatenate([without, kept]))


def _with_spurious(rows: _Rows, agreement: float, g: Generator) -> _Rows:
    """One column more, whose sign is the label or its contrary; that value is the attribute now."""
    a = np.where(g.uniform(size=len(rows.y)) < agreement, rows.y, 1 - rows.y)
    column = (2 * a - 1) + SPURIOUS_NOISE * g.normal(size=len(a))
    return _Rows(np.column_stack([rows.x, column]), rows.y, a)


def _with_signals(rows: _Rows, g: Generator) -> _Rows:
    """Faint columns that depend on nothing but the label."""
    signals = PLACE * (2 * rows.y - 1)[:, None] + SPREAD * g.normal(size=(len(rows.y), SIGNALS))
    return replace(rows, x=np.column_stack([rows.x, signals]))


def _split(
    parts: dict[str, _Rows], fault: str, movable: NDArray[np.bool_], g: Generator
) -> FaultySplit:
    train, test, meta = parts["train"], parts["test"], parts["meta"]
    y, wrong = train.y, np.zeros(len(train.y), dtype=bool)
    if fault == "label noise":
        y, wrong = flip_labels(train.y, WRONG, random_state=g)
    by_attribute = fault in ("rare group", "spurious feature")
    groups = (
        (label_groups(y, train.a), label_groups(test.y, test.a)) if by_attribute else (y, test.y)
    )
    return FaultySplit(
        x_train=train.x.astype(np.float32),
        y_train=y,
        g_train=groups[0].copy(),
        x_test=test.x.astype(np.float32),
        y_test=test.y,
        g_test=groups[1].copy(),
        x_meta=meta.x.astype(np.float32),
        y_meta=meta.y,
        x_target=parts["target"].x.astype(np.float32),
        a_train=train.a,
        wrong=wrong,
        movable=movable,
    )


def _made(n: int, g: Generator) -> tuple[_Rows, NDArray[np.bool_]]:
    x = g.normal(size=(n, 6))
    a = g.integers(2, size=n)
    logit = 2.0 * np.sin(2.0 * x[:, 0]) + x[:, 1] ** 2 - 1.0
    logit += 3.0 * (0.8 - np.abs(x[:, 2])) + 2.0 * (1 - 2 * a) * x[:, 3]
    y = (g.uniform(size=n) < 1 / (1 + np.exp(-STEEPNESS * logit))).astype(np.int64)
    return _Rows(np.column_stack([x, a]), y, a), np.arange(7) < 6


def _adult(n: int, g: Generator) -> tuple[_Rows, NDArray[np.bool_]]:
    """At most `n` rows in random order."""
    data = fetch_adult()
    table = data.X
    numbers = table[list(NUMBERS)].to_numpy(dtype=float)
    # Most gains are zero and some are huge.
    numbers[:, 3:] = np.log1p(numbers[:, 3:])
    marks = pd.DataFrame(
        {
            "male": table["sex"] == "Male",
            "married": table["marital-status"] == "Married-civ-spouse",
            "white": table["race"] == "White",
        }
    )
    marks = pd.concat([marks, pd.get_dummies(table["occupation"])], axis=1).to_numpy(dtype=float)
    x = np.column_stack([(numbers - numbers.mean(0)) / numbers.std(0), marks])
    order = g.permutation(len(x))[:n]
    rows = _Rows(x, data.y.to_numpy(dtype=np.int64), marks[:, 0].astype(np.int64))
    return rows.take(order), np.arange(x.shape[1]) < len(NUMBERS)


POOLS: dict[str, Callable[[int, Generator], tuple[_Rows, NDArray[np.bool_]]]] = {
    "made": _made,
    "adult": _adult,
}
