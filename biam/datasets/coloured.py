"""Digits, plain or with colours and places that go along with the label among the training rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from biam.datasets.grouped import GroupedSplit
from biam.datasets.images import ImageDataset, fetch_mnist, load_digit_images
from biam.validation import check_choice, check_integer, check_rate

__all__ = ["BIASES", "make_biased_digits", "make_coloured_digits", "make_plain_digits"]

Array = NDArray[Any]

SETS = {"digits": load_digit_images, "mnist": fetch_mnist}
LABEL_NOISE = 0.25
COLOUR_FLIPS = (0.2, 0.1, 0.9)

BIASES = ("digit colour", "background colour", "place")
"""What goes along with the class in `make_biased_digits`."""

# Ten colours each, digits bright and backgrounds dark, red, green, blue in 0 .. 255.
DIGIT_COLOURS = np.array(
    [
        *([255, 80, 80], [80, 255, 80], [110, 110, 255], [255, 255, 80], [255, 80, 255]),
        *([80, 255, 255], [255, 160, 60], [200, 255, 160], [255, 255, 255], [190, 140, 255]),
    ]
)
GROUND_COLOURS = np.array(
    [
        *([90, 0, 0], [0, 70, 0], [0, 0, 110], [70, 70, 0], [80, 0, 80]),
        *([0, 70, 80], [100, 50, 0], [40, 70, 30], [60, 60, 60], [50, 30, 90]),
    ]
)
SIDE, CANVAS = 14, 32
# Ten places of the upper left corner.
PLACES = np.array([(9 * (k // 4), 6 * (k % 4)) for k in range(10)])


def make_coloured_digits(
    dataset: str = "mnist",
    *,
    n_train: int = 50_000,
    n_test: int = 10_000,
    random_state: int = 42,
) -> GroupedSplit:
    """Colored MNIST: "is the digit below five", and a colour that says more than the digit.

    A quarter of the labels is wrong, in training and test rows. The colour is the label, but for
    20 % and 10 % of the rows of the two training environments, and for 90 % of the test rows. So
    the digit is worth 75 %, the colour 85 % in training and 10 % in testing. MNIST pictures lose
    every second row and column. Source: Arjovsky, Bottou, Gulrajani & Lopez-Paz (2019).

    Parameters
    ----------
    dataset : {"mnist", "digits"}
        The bundled digits serve to try things out.
    n_train, n_test : int
        At most so many; of MNIST's 60,000 training pictures, or of all digits.
    random_state : int

    Returns
    -------
    GroupedSplit
        x: (n, 2 h w), the two colour channels. Groups of training rows: the environment; of test
        rows: 1 where the colour agrees with the label. `truth`: "y_clean_test", the label before
        the noise.
    """
    data = SETS[check_choice("data set", dataset, SETS)]()
    g = np.random.default_rng(random_state)
    train, test = _places(data, n_train, n_test, g)
    images = data.images[:, ::2, ::2] if dataset == "mnist" else data.images
    clean = (data.y < 5).astype(np.int64)
    environment = np.arange(len(train)) % 2
    parts: list[Array] = []
    for rows, kind in ((train, environment), (test, np.full(len(test), 2))):
        y = clean[rows] ^ (g.uniform(size=len(rows)) < LABEL_NOISE)
        flip = g.uniform(size=len(rows)) < np.array(COLOUR_FLIPS)[kind]
        x = np.zeros((len(rows), 2, *images.shape[1:]), dtype=np.float32)
        x[np.arange(len(rows)), y ^ flip] = images[rows] / 255
        groups = kind if kind is environment else (~flip).astype(np.int64)
        parts += [x.reshape(len(rows), -1), y, groups]
    return GroupedSplit(*parts, {"y_clean_test": clean[test]})


def make_plain_digits(
    dataset: str = "digits", *, n_train: int = 1200, n_test: int = 1000, random_state: int = 42
) -> GroupedSplit:
    """Digits as they are, x of shape (n, h w) in [0, 1]; groups are the classes.

    Parameters
    ----------
    dataset : {"digits", "mnist"}
    n_train, n_test : int
        At most so many; of MNIST's 60,000 training pictures, or of all digits.
    random_state : int
    """
    data = SETS[check_choice("data set", dataset, SETS)]()
    parts: list[Array] = []
    for rows in _places(data, n_train, n_test, np.random.default_rng(random_state)):
        x = data.images[rows].reshape(len(rows), -1).astype(np.float32) / 255
        parts += [x, data.y[rows], data.y[rows].copy()]
    return GroupedSplit(*parts)


def make_biased_digits(
    dataset: str = "mnist",
    *,
    n_train: int = 10_000,
    n_test: int = 2000,
    agreement: float = 0.95,
    random_state: int = 42,
) -> GroupedSplit:
    """Digits of 14 x 14 on 32 x 32, with three biases that follow the class.

    Digit colour, background colour and place each have ten values. A training row has the value of
    its class with the chance `agreement`, else one of the nine others; a test row has any of the
    ten. A small relative of BiasedMNIST (Shrestha, Kafle & Kanan 2022), which has seven biases on
    160 x 160 pixels: numbers cannot be compared.

    Parameters
    ----------
    dataset : {"mnist", "digits"}
    n_train, n_test : int
    agreement : float
    random_state : int

    Returns
    -------
    GroupedSplit
        x: (n, 3, 32, 32) in [0, 1]. Groups: how many of the three biases agree with the class.
    """
    data = SETS[check_choice("data set", dataset, SETS)]()
    check_rate("agreement", agreement)
    g = np.random.default_rng(random_state)
    train, test = _places(data, n_train, n_test, g)
    parts: list[Array] = []
    for rows, share in ((train, agreement), (test, 0.1)):
        y = data.y[rows]
        values = [_biased(y, share, g) for _ in BIASES]
        groups = sum((value == y).astype(np.int64) for value in values)
        parts += [_draw(_small(data.images[rows]), *values), y, np.asarray(groups)]
    return GroupedSplit(*parts)


def _places(
    data: ImageDataset, n_train: int, n_test: int, g: np.random.Generator
) -> tuple[Array, Array]:
    """Rows for training and for testing, in random order; the wanted share of what there is."""
    check_integer("n_train", n_train, low=2)
    check_integer("n_test", n_test, low=1)
    order = g.permutation(data.n_train or len(data.y))
    n = min(n_train, round(len(order) * n_train / (n_train + n_test)))
    return order[:n], order[::-1][: min(n_test, len(order) - n)]


def _biased(y: Array, share: float, g: np.random.Generator) -> Array:
    """The class with the chance `share`, else another value of ten."""
    other = (y + g.integers(1, 10, size=len(y))) % 10
    return np.where(g.uniform(size=len(y)) < share, y, other)


def _small(images: Array) -> Array:
    """Pictures of 14 x 14 in [0, 1]: means of squares of four, or with a margin of three."""
    grey = images.astype(np.float32) / 255
    if grey.shape[1] == 2 * SIDE:
        return grey.reshape(len(grey), SIDE, 2, SIDE, 2).mean((2, 4))
    return np.pad(grey, ((0, 0), (3, 3), (3, 3)))


def _draw(grey: Array, digit: Array, ground: Array, place: Array) -> Array:
    """Pictures (n, 3, 32, 32): the digit in its colour, at its place, over its background."""
    n = len(grey)
    alpha = np.zeros((n, CANVAS, CANVAS), dtype=np.float32)
    for k, (top, left) in enumerate(PLACES):
        alpha[place == k, top : top + SIDE, left : left + SIDE] = grey[place == k]
    front, back = (
        colours[which].astype(np.float32)[:, :, None, None] / 255
        for colours, which in ((DIGIT_COLOURS, digit), (GROUND_COLOURS, ground))
    )
    return alpha[:, None] * front + (1 - alpha[:, None]) * back
