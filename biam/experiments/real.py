"""Real tables, damaged on purpose: one protocol for every data set and every method.

Test rows are those of the official split, else a quarter of the rows. Meta rows are taken out of
the rest before any label is damaged. Every purpose draws from a stream of its own, so one seed
gives the same test and meta rows whatever the damage, and the same damage to every method.
"""

import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from biam.corruption import flip_labels, mask_values, shift_labels
from biam.corruption import imbalance as rows_of_ratio
from biam.datasets import DATASETS, Dataset, data_home
from biam.datasets.synthetic import Split
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_number, check_rate

__all__ = ["make_real_split"]

TEST_SHARE = 0.25
META_SHARE, META_MOST, META_LEAST = 0.05, 300, 10
# Of each class: two rows make a fold with and a fold without it, and training needs two as well.
LEAST_OF_CLASS = 2
LEAST_ROWS = 40
# A column with fewer training values may be empty in a fold, where several rivals stop.
LEAST_OBSERVED = 10


def make_real_split(
    dataset: str,
    *,
    noise_rate: float = 0.0,
    imbalance: float | None = None,
    missing_rate: float = 0.0,
    mechanism: str = "mcar",
    max_rows: int | None = None,
    random_state: int,
) -> Split:
    """Split a real data set into damaged training rows, clean meta rows and clean test rows.

    Numbers stay in their own units; targets of a regression are standardised by the training rows
    before noise. Native gaps stay; a column with fewer than 10 observed training values is dropped
    for every method.

    Parameters
    ----------
    dataset : str
        Key of `biam.datasets.DATASETS`.
    noise_rate : float
        Share of training labels that are damaged: another class with equal chance, or, in
        regression, + N(1, 0.5) in training deviations.
    imbalance : float, optional
        Rarest to most common class in the training rows alone; None leaves them as found.
    missing_rate : float
        Chance of each given value, in all three parts, to be hidden.
    mechanism : {"mcar", "mar", "mnar"}
        As in `biam.corruption.mask_values`; categories count by their order. "mar" looks at the
        next column, which may itself be hidden.
    max_rows : int, optional
        Rows to draw before the split, by class; None = all.
    random_state : int
        The one source of randomness.

    Returns
    -------
    Split
        Data frames of features, arrays of targets. ``truth``: "y_clean", the training targets
        before noise; "rows", the position in the data set of every row of each part; "y_centre"
        and "y_scale" for regression.

    Raises
    ------
    InvalidInputError
        A rate outside [0, 1], a size too small, an unknown mechanism, imbalance of a regression.
    UnknownNameError, DataMissingError
        No such data set, or its files are absent.
    """
    check_rate("noise_rate", noise_rate)
    check_rate("missing_rate", missing_rate)
    check_choice("mechanism", mechanism, ("mcar", "mar", "mnar"))
    check_integer("random_state", random_state, low=0)
    if imbalance is not None:
        check_number("imbalance", imbalance, low=0, high=1, open_low=True)
    if max_rows is not None:
        check_integer("max_rows", max_rows, low=LEAST_ROWS)
    loader = DATASETS[check_choice("data set", dataset, DATASETS)]
    data = _loaded(loader, data_home())
    regression = data.task == "regression"
    if regression and imbalance is not None:
        raise InvalidInputError(f"imbalance needs classes, {dataset!r} has numbers: use None.")
    y = data.y.to_numpy()
    rows = _parts(data, max_rows, random_state)
    used = np.sort(np.concatenate(list(rows.values())))
    X = _with_gaps(data.X, used, missing_rate, mechanism, _stream(random_state, "gaps"))
    if imbalance is not None:
        stream = _stream(random_state, "imbalance")
        rows["train"] = rows["train"][
            rows_of_ratio(y[rows["train"]], imbalance, random_state=stream)
        ]
    truth: dict[str, Any] = {"rows": rows}
    if regression:
        truth |= {"y_centre": y[rows["train"]].mean(), "y_scale": y[rows["train"]].std()}
        y = (y - truth["y_centre"]) / truth["y_scale"]
    truth["y_clean"] = y[rows["train"]]
    damage = shift_labels if regression else flip_labels
    noisy = damage(truth["y_clean"], noise_rate, random_state=_stream(random_state, "labels"))
    X = X.loc[:, X.loc[rows["train"]].notna().sum() >= LEAST_OBSERVED]
    X_train, X_meta, X_test = (
        X.loc[rows[name]].reset_index(drop=True) for name in ("train", "meta", "test")
    )
    y_meta, y_test = y[rows["meta"]], y[rows["test"]]
    return Split(X_train, noisy.values, X_meta, y_meta, X_test, y_test, noisy.mask, truth)


@lru_cache(maxsize=1)
def _loaded(loader: Callable[[], Dataset], home: Path) -> Dataset:
    """The data set; cells of one set follow one another, and need not read its files again."""
    return loader()


def _stream(seed: int, purpose: str) -> np.random.Generator:
    """Generator of one purpose: draws for another never move it."""
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(purpose.encode())]))


def _parts(data: Dataset, max_rows: int | None, seed: int) -> dict[str, np.ndarray]:
    """Positions of the training, meta and test rows in the data set, each in ascending order."""
    codes = _codes(data)
    rows = np.arange(len(codes))
    if max_rows is not None and max_rows < len(rows):
        rows = _drawn(codes, rows, max_rows, _stream(seed, "rows"))
    if data.n_train is None:
        count = round(TEST_SHARE * len(rows))
        test = _drawn(codes, rows, count, _stream(seed, "test"))
    else:
        test = rows[rows >= data.n_train]
    train = np.setdiff1d(rows, test)
    if len(rows) < LEAST_ROWS or len(train) <= META_LEAST:
        raise InvalidInputError(
            f"{data.name!r} must leave more than {META_LEAST} training rows of at least "
            f"{LEAST_ROWS}, got {len(train)} of {len(rows)}: use more rows."
        )
    count = max(META_LEAST, min(META_MOST, round(META_SHARE * len(train))))
    meta = _drawn(codes, train, count, _stream(seed, "meta"), least=LEAST_OF_CLASS)
    return {"train": np.setdiff1d(train, meta), "meta": meta, "test": test}


def _codes(data: Dataset) -> np.ndarray:
    """Class of every row, shape (n,); one class for all in regression."""
    if data.task == "regression":
        return np.zeros(len(data.y), dtype=int)
    return np.unique(data.y, return_inverse=True)[1]


def _drawn(
    codes: np.ndarray,
    rows: np.ndarray,
    count: int,
    stream: np.random.Generator,
    *,
    least: int = 1,
) -> np.ndarray:
    """`count` of `rows`, class by class in proportion, in ascending order.

    Each class gives at least `least` rows if it has as many to spare, and keeps as many; what that
    adds, the most common class gives less.
    """
    sizes = np.bincount(codes[rows])
    wanted = np.clip(np.rint(count * sizes / len(rows)).astype(int), least, None)
    wanted = np.minimum(wanted, np.maximum(sizes - least, 0))
    common = sizes.argmax()
    rest = count - (wanted.sum() - wanted[common])
    wanted[common] = min(max(rest, least), sizes[common])
    chosen = [
        stream.choice(rows[codes[rows] == code], size, replace=False)
        for code, size in enumerate(wanted)
    ]
    return np.sort(np.concatenate(chosen))


def _with_gaps(
    X: pd.DataFrame, rows: np.ndarray, rate: float, mechanism: str, stream: np.random.Generator
) -> pd.DataFrame:
    """`rows` of the table with more gaps, one mechanism for all parts; its index is `rows`."""
    X = X.iloc[rows].set_axis(rows)
    if rate == 0:
        return X
    return X.mask(mask_values(_numbers(X), rate, mechanism=mechanism, random_state=stream).mask)


def _numbers(X: pd.DataFrame) -> np.ndarray:
    """Numbers as they are, categories by their order, gaps NaN; shape of `X`."""
    columns = [
        column.cat.codes.where(column.notna(), np.nan)
        if isinstance(column.dtype, pd.CategoricalDtype)
        else column.astype(float)
        for _, column in X.items()
    ]
    return np.column_stack(columns)
