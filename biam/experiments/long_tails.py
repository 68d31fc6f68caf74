"""Data of the table `autobalance`: pictures with a long tail of classes, and tables with groups."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor

from biam.baselines.inputs import TableInputs, stack_rows
from biam.datasets.images import ImageDataset, fetch_mnist, load_digit_images
from biam.datasets.synthetic import Split
from biam.exceptions import InvalidInputError
from biam.lower import Rows
from biam.validation import check_choice, check_integer, check_number

__all__ = ["Case", "make_long_tail", "prepare", "validation_part"]

SETS = {"digits": load_digit_images, "mnist": fetch_mnist}
TEST_SHARE = 0.25

Array = NDArray[Any]


def make_long_tail(
    dataset: str = "digits",
    *,
    largest: int = 120,
    ratio: float = 0.05,
    random_state: int = 42,
) -> Split:
    """Pictures as rows of standardised pixels, class sizes falling from the first class on.

    Class c of K has round(largest ratio^(c / (K - 1))) rows. Test rows: the official ones of MNIST,
    a stratified quarter of the digits, as common as they are there. There are no meta rows: who
    needs validation rows takes them from the training rows. Source: the sizes of Cui et al. (2019).

    Parameters
    ----------
    dataset : {"digits", "mnist"}
    largest : int
        Rows of class 0.
    ratio : float
        Rows of the last class to those of the first.
    random_state : int

    Raises
    ------
    InvalidInputError
        A class has fewer pictures than asked for, or would be left without two.
    DataMissingError
        The pictures are not here and cannot be fetched.
    """
    data = _load(check_choice("data set", dataset, SETS))
    check_integer("largest", largest, low=2)
    check_number("ratio", ratio, low=0.0, high=1.0, open_low=True)
    n_classes = len(data.class_names)
    sizes = np.rint(largest * ratio ** (np.arange(n_classes) / (n_classes - 1))).astype(int)
    pool, test = _parts(data, random_state)
    rng, rows = np.random.default_rng(random_state), []
    for label, size in enumerate(sizes):
        own = pool[data.y[pool] == label]
        if not 2 <= size <= len(own):
            raise InvalidInputError(
                f"largest and ratio must give class {label} 2 to {len(own)} rows, got {size}."
            )
        rows.append(rng.choice(own, size, replace=False))
    train = rng.permutation(np.concatenate(rows))
    flat = data.images.reshape(len(data.images), -1)
    mean, std = flat[train].mean(), flat[train].std()
    X, X_test = ((flat[part] - mean) / std for part in (train, test))
    y = data.y[train]
    clean = np.zeros(len(y), dtype=bool)
    return Split(
        X,
        y,
        X[:0],
        y[:0],
        X_test,
        data.y[test],
        clean,
        {"sizes": sizes.tolist(), "shape": data.images.shape[1:]},
    )


class Case(NamedTuple):
    """A split as tensors, with the groups of its rows.

    Parameters
    ----------
    rows, test : Rows
        float32 inputs, shape (n, p); `y` are codes, class + K times group.
    shape : (G, K)
        Numbers of groups and classes.
    """

    rows: Rows
    test: Rows
    shape: tuple[int, int]

    @property
    def counts(self) -> Tensor:
        """Training rows of every class in every group, shape (G, K)."""
        return _counts(self.rows.y, self.shape)


def prepare(split: Split, settings: Mapping[str, Any]) -> Case:
    """Training rows, meta rows among them, and test rows of a split.

    Parameters
    ----------
    split : Split
        Arrays as they are; tables are encoded by their training rows: numbers standardised, gaps
        filled by the mean beside an indicator, categories one-hot.
    settings : mapping
        "group": column and value, [name, value]; rows with this value are group 1, all others 0.
        Without it there is one group.

    Raises
    ------
    InvalidInputError
        A class has no training rows in a group.
    """
    X = stack_rows(split.X_train, split.X_meta) if len(split.X_meta) else split.X_train
    y = np.concatenate([split.y_train, split.y_meta]).astype(int)
    n_classes = int(max(y.max(), split.y_test.max())) + 1
    groups, shape = (np.zeros(len(y), int), np.zeros(len(split.y_test), int)), (1, n_classes)
    if "group" in settings:
        column, value = settings["group"]
        groups = tuple((part[column] == value).to_numpy().astype(int) for part in (X, split.X_test))
        shape = (2, n_classes)
    inputs = X, split.X_test
    if hasattr(X, "iloc"):
        encoder = TableInputs("impute").fit(X)
        inputs = tuple(encoder.transform(part) for part in inputs)
    targets = y, split.y_test.astype(int)
    rows, test = (
        Rows(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(label + n_classes * group))
        for x, label, group in zip(inputs, targets, groups, strict=True)
    )
    if not bool((_counts(rows.y, shape) > 0).all()):
        raise InvalidInputError(
            "every class must have training rows in every group, got counts "
            f"{_counts(rows.y, shape).tolist()}."
        )
    return Case(rows, test, shape)


def validation_part(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]:
    """Cut training rows into a part to train on and one to judge on, code by code.

    Each code gives round(share n) rows to the second, at least one if it has two.
    """
    rng, y, judged = np.random.default_rng(seed), rows.y.numpy(), []
    for code in np.unique(y):
        own = np.flatnonzero(y == code)
        size = max(round(share * len(own)), 1) if len(own) > 1 else 0
        judged.append(rng.choice(own, size, replace=False))
    second = np.sort(np.concatenate(judged))
    first = np.setdiff1d(np.arange(len(y)), second)
    return rows.take(torch.as_tensor(first)), rows.take(torch.as_tensor(second))


def _counts(y: Tensor, shape: tuple[int, int]) -> Tensor:
    return torch.bincount(y, minlength=shape[0] * shape[1]).view(shape).float()


def _parts(data: ImageDataset, seed: int) -> tuple[Array, Array]:
    """Positions of the pictures to train with and to test on."""
    rows = np.arange(len(data.y))
    if data.n_train is not None:
        return rows[: data.n_train], rows[data.n_train :]
    pool, test = train_test_split(rows, test_size=TEST_SHARE, stratify=data.y, random_state=seed)
    return pool, test


@cache
def _load(dataset: str) -> ImageDataset:
    return SETS[dataset]()
