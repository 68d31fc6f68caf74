"""Two domains: labelled source rows, and target rows that look different."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images, make_moons

from biam.datasets.grouped import GroupedSplit
from biam.datasets.images import fetch_mnist, load_digit_images
from biam.validation import check_choice, check_integer, check_number

__all__ = ["blend", "make_digit_domains", "make_rotated_moons"]

Array = NDArray[Any]


def make_rotated_moons(
    angle: float = 35.0, *, n_source: int = 300, n_target: int = 300, random_state: int = 42
) -> GroupedSplit:
    """Two moons, and the same moons turned about their middle.

    Training rows: the source (group 0) with labels, the target (group 1), whose labels a method
    must not read. Test rows: 2000 new ones of each. Source: Ganin et al. (2016), section 5.1.1.

    Parameters
    ----------
    angle : float
        Degrees, anticlockwise.
    n_source, n_target : int
    random_state : int
    """
    check_number("angle", angle)
    g = np.random.RandomState(random_state)
    turn = np.deg2rad(angle)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([0.5, 0.25])
    parts: list[Array] = []
    for sizes in ((n_source, n_target), (2000, 2000)):
        xs, ys = zip(*(make_moons(n, noise=0.05, random_state=g) for n in sizes), strict=True)
        target = (xs[1] - middle) @ matrix.T + middle
        x = np.concatenate([xs[0], target]).astype(np.float32)
        parts += [x, np.concatenate(ys).astype(np.int64), np.repeat([0, 1], sizes)]
    return GroupedSplit(*parts)


def make_digit_domains(
    dataset: str = "mnist",
    *,
    n_source: int = 10_000,
    n_target: int = 10_000,
    n_test: int = 2000,
    halve: bool = False,
    random_state: int = 42,
) -> GroupedSplit:
    """Digits, and other digits blended over pieces of photographs (as MNIST-M).

    A target picture is |piece - digit|, colour by colour. The pieces come from the two sample
    photographs of scikit-learn, cut at random places; the published MNIST-M takes them from the
    BSDS500 photographs, so numbers can be compared in their order only. No digit is in both
    domains. Source: Ganin et al. (2016), section 5.2.4.

    Parameters
    ----------
    dataset : {"mnist", "digits"}
    n_source, n_target, n_test : int
        Training pictures of each domain, and test pictures of each; scaled down to what there is.
    halve : bool
        Means of squares of four pixels, after blending: a quarter of the work.
    random_state : int

    Returns
    -------
    GroupedSplit
        x: (n, 3, h, w) in [0, 1]. Groups: 0 source, 1 target; target labels are for scoring.
    """
    check_choice("data set", dataset, ("mnist", "digits"))
    wanted = [
        check_integer(name, value, low=1)
        for name, value in (("n_source", n_source), ("n_target", n_target), ("n_test", n_test))
    ]
    data = fetch_mnist() if dataset == "mnist" else load_digit_images()
    g = np.random.default_rng(random_state)
    order = g.permutation(len(data.y))
    sizes = [wanted[0], wanted[1], wanted[2], wanted[2]]
    if sum(sizes) > len(order):
        sizes = [int(size * len(order) / sum(sizes)) for size in sizes]
    cuts = np.split(order, np.cumsum(sizes))[:4]
    pictures = []
    for rows, target in zip(cuts, (False, True, False, True), strict=True):
        grey = np.repeat(data.images[rows][:, None].astype(np.float32) / 255, 3, axis=1)
        pictures.append(blend(grey, g) if target else grey)
    parts: list[Array] = []
    for first, second in ((0, 1), (2, 3)):
        x = np.concatenate([pictures[first], pictures[second]])
        x = _halved(x) if halve else x
        y = data.y[np.concatenate([cuts[first], cuts[second]])]
        parts += [x, y, np.repeat([0, 1], [len(cuts[first]), len(cuts[second])])]
    return GroupedSplit(*parts)


def _halved(x: Array) -> Array:
    n, channels, high, wide = x.shape
    return x.reshape(n, channels, high // 2, 2, wide // 2, 2).mean((3, 5))


def blend(pictures: Array, g: np.random.Generator) -> Array:
    """|piece - picture| with a piece of a photograph for each.

    Parameters
    ----------
    pictures : ndarray of float, shape (n, 3, h, w)
        In [0, 1].
    g : Generator
        Chooses photograph and place.
    """
    photographs = [photo.transpose(2, 0, 1) / 255 for photo in load_sample_images().images]
    high, wide = pictures.shape[2:]
    pieces = np.empty_like(pictures)
    for i in range(len(pictures)):
        photo = photographs[g.integers(len(photographs))]
        top = g.integers(photo.shape[1] - high + 1)
        left = g.integers(photo.shape[2] - wide + 1)
        pieces[i] = photo[:, top : top + high, left : left + wide]
    return np.abs(pieces - pictures)
