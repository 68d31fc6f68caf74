"""Made data in which an easy feature goes along with the label among the training rows only."""

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_moons

from biam.datasets.grouped import GroupedSplit, label_groups
from biam.validation import check_integer, check_number

__all__ = ["make_core_spurious", "make_margin_moons"]

Array = NDArray[np.floating]


def make_core_spurious(
    *,
    n_train: int = 800,
    n_test: int = 2000,
    agreement: float = 0.95,
    core_noise: float = 1.0,
    spurious_noise: float = 0.3,
    n_noise: int = 2000,
    random_state: int = 42,
) -> GroupedSplit:
    """A noisy core feature, a clear spurious one, and many that mean nothing.

    With y and a in {-1, 1}: x_core ~ N(y, s_core^2), x_spurious ~ N(a, s_spurious^2), and N
    features N(0, 1) / sqrt(N) by which each row can be told from all others, so that a linear
    model with N > n fits every row. Among the training rows a = y for the share `agreement`; test
    rows have the four groups in equal shares. Source: Sagawa, Raghunathan, Koh & Liang (2020), An
    investigation of why overparameterization exacerbates spurious correlations, section 4.

    Parameters
    ----------
    n_train, n_test : int
    agreement : float
        In [0.5, 1).
    core_noise, spurious_noise : float
        Standard deviations.
    n_noise : int
        N.
    random_state : int

    Returns
    -------
    GroupedSplit
        Group 2 y + a with y, a in {0, 1}: groups 1 and 2 are the rare ones.
    """
    check_integer("n_train", n_train, low=8)
    check_integer("n_test", n_test, low=4)
    check_number("agreement", agreement, low=0.5, high=1.0)
    g = np.random.default_rng(random_state)
    rare = max(1, round(n_train * (1 - agreement) / 2))
    sizes = {"train": [n_train // 2 - rare, rare, rare, n_train // 2 - rare]}
    sizes["test"] = [n_test // 4] * 4
    parts = []
    for part in ("train", "test"):
        groups = g.permutation(np.repeat(np.arange(4), sizes[part]))
        y, a = groups // 2, groups % 2
        core = (2 * y - 1) + core_noise * g.normal(size=len(y))
        spurious = (2 * a - 1) + spurious_noise * g.normal(size=len(y))
        noise = g.normal(size=(len(y), n_noise)) / np.sqrt(max(n_noise, 1))
        x = np.column_stack([core, spurious, noise]).astype(np.float32)
        parts += [x, y.astype(np.int64), label_groups(y, a)]
    return GroupedSplit(*parts)


def make_margin_moons(
    margin: float = 0.1, *, n_samples: int = 300, noise: float = 0.1, random_state: int = 42
) -> GroupedSplit:
    """Two moons that a straight line parts, or nearly, though a curve would do it better.

    The moons are moved apart by 0.3 each; points that are still beyond the middle are mirrored at
    it, and all move away from it by `margin`. Test rows are moons at their usual places, where no
    line parts them: who has learned the line only is wrong at the tips. Source of the training
    rows: Pezeshki et al. (2021), figure 1, and the authors' code.

    Parameters
    ----------
    margin : float
        Negative: the moons overlap by that much.
    n_samples : int
        Training rows; there are 2000 for testing.
    noise : float
        Standard deviation of the points around their moon.
    random_state : int

    Returns
    -------
    GroupedSplit
        The first column tells the classes by its sign; groups are the classes.
    """
    check_number("margin", margin)
    g = np.random.RandomState(random_state)
    x, y = _moons(n_samples, noise, g)
    sign = 2 * y - 1
    level = x[:, 1] - 0.3 * sign
    # Class 1 is the lower moon.
    x[:, 1] = -sign * (np.abs(level - level.mean()) + margin)
    x_test, y_test = _moons(2000, noise, g)
    return GroupedSplit(
        *(x[:, ::-1].astype(np.float32), y, y.copy()),
        *(x_test[:, ::-1].astype(np.float32), y_test, y_test.copy()),
    )


def _moons(n: int, noise: float, g: np.random.RandomState) -> tuple[Array, NDArray[np.int64]]:
    """Two moons around the origin."""
    x, y = make_moons(n, noise=noise, random_state=g)
    return x - np.array([0.5, 0.25]), y.astype(np.int64)
