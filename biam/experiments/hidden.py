"""Tables `not-miwae` and `not-miwae-toys`: complete tables, and what is hidden of them.

The rule that hides a value looks at the value: missing not at random. Nothing is split; methods
impute the rows they are fitted to, and are judged on the hidden values alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from biam.datasets import Dataset, fetch_concrete, fetch_wine_quality, load_breast_cancer
from biam.datasets.images import fetch_mnist, load_digit_images
from biam.datasets.uci_numbers import fetch_banknote, fetch_yeast
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_number

__all__ = ["SETS", "Hidden", "make_disc", "make_gaussian", "make_ring", "make_uci"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Hidden:
    """A table that somebody knows in full.

    Parameters
    ----------
    X : ndarray, shape (n, p)
        Complete.
    missing : ndarray of bool, shape (n, p)
        True where a value is hidden.
    shape : tuple of int, optional
        Of the pictures, where rows are pictures.
    truth : dict
        What only an oracle knows.
    """

    X: Array
    missing: Array
    shape: tuple[int, int] | None = None
    truth: dict[str, Any] = field(default_factory=dict)

    @property
    def holes(self) -> Array:
        """The table with NaN where a value is hidden."""
        return np.where(self.missing, np.nan, self.X)


def _wine(colour: str) -> Dataset:
    data = fetch_wine_quality()
    rows = data.X["color"] == colour
    return Dataset(
        name=f"wine-{colour}",
        X=data.X[rows].drop(columns="color"),
        y=data.y[rows],
        task=data.task,
        source=data.source,
        licence=data.licence,
        url=data.url,
    )


SETS: dict[str, Callable[[], Dataset]] = {
    "banknote": fetch_banknote,
    "concrete": fetch_concrete,
    "red": partial(_wine, "red"),
    "white": partial(_wine, "white"),
    "yeast": fetch_yeast,
    "breast": load_breast_cancer,
}
"""The six sets of the paper, in its order."""


def make_uci(
    dataset: str, *, cutoff: float = 0.0, n_columns: int | None = None, random_state: int
) -> Hidden:
    """Standardised features, the first half of them hidden where they are high.

    Source: Ipsen, Mattei & Frellsen (2021), section 4.1; appendix E for other cut-offs.

    Parameters
    ----------
    dataset : str
        Key of `SETS`.
    cutoff : float
        Values above the mean plus so many standard deviations are hidden.
    n_columns : int, optional
        Keep the first so many features; None = all.
    random_state : int
        Unused: nothing is left to chance. Runs differ by the seeds of the methods.

    Raises
    ------
    UnknownNameError, DataMissingError
        No such set, or its files are absent.
    """
    check_number("cutoff", cutoff)
    features = SETS[check_choice("data set", dataset, SETS)]().X.to_numpy(dtype=float)
    if n_columns is not None:
        features = features[:, : check_integer("n_columns", n_columns, low=2)]
    X = (features - features.mean(0)) / features.std(0)
    missing = np.greater(X, cutoff)
    missing[:, X.shape[1] // 2 :] = False
    return Hidden(X, missing)


def make_gaussian(n_rows: int = 500, *, rho: float = 0.8, random_state: int) -> Hidden:
    """Two correlated normal columns; the first is hidden above its sample mean.

    `truth` has "oracle", E[x0 | x1, x0 > 0], shape (n_rows,). Source: Dezons & Blotas (2024), a
    course project at MVA.

    Parameters
    ----------
    n_rows : int
    rho : float
        Correlation.
    random_state : int
    """
    from scipy.stats import norm

    check_integer("n_rows", n_rows, low=2)
    check_number("rho", rho, low=-0.99, high=0.99)
    rng = np.random.default_rng(random_state)
    X = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n_rows)
    missing = np.zeros(X.shape, bool)
    missing[:, 0] = X[:, 0] > X[:, 0].mean()
    mean, spread = rho * X[:, 1], np.sqrt(1 - rho**2)
    # A normal variable cut below at zero; the log form holds far out in the tail, too.
    ratio = np.exp(norm.logpdf(-mean / spread) - norm.logsf(-mean / spread))
    return Hidden(X, missing, truth={"oracle": mean + spread * ratio})


def make_ring(n_rows: int = 1500, *, random_state: int) -> Hidden:
    """A ring in the plane; the first coordinate is hidden in its upper quarter.

    Radius 4.5 with deviation 0.5. Given x1, the two branches x0 and -x0 are equally likely, so the
    best guess is zero and says nothing. `truth` has "oracle_draws", shape (20, n_rows): x0 drawn
    from its distribution given x1 in the upper quarter. Source: Dezons & Blotas (2024).

    Parameters
    ----------
    n_rows : int
    random_state : int
    """
    check_integer("n_rows", n_rows, low=2)
    rng = np.random.default_rng(random_state)
    angle = rng.uniform(0, 2 * np.pi, n_rows)
    radius = rng.normal(4.5, 0.5, n_rows)
    X = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    missing = np.zeros(X.shape, bool)
    missing[:, 0] = (angle >= np.pi / 4) & (angle <= 3 * np.pi / 4)
    return Hidden(X, missing, truth={"oracle_draws": _ring_draws(X[:, 1], rng, 20)})


def make_disc(
    dataset: str = "mnist",
    *,
    n_rows: int = 2000,
    radius: float = 5.0,
    random_state: int,
) -> Hidden:
    """Pictures from -1 to 1; inside a disc round the centre all but grey pixels are hidden.

    A pixel is hidden inside the disc where |value| > 0.5: ink, and the paper it stands on. Source:
    Dezons & Blotas (2024).

    Parameters
    ----------
    dataset : {"mnist", "digits"}
    n_rows : int
        The first so many pictures.
    radius : float
        In pixels.
    random_state : int
        Unused: nothing is left to chance.

    Raises
    ------
    InvalidInputError
        The set has fewer pictures.
    DataMissingError
        The files of MNIST are absent.
    """
    loaders = {"mnist": fetch_mnist, "digits": load_digit_images}
    images = loaders[check_choice("data set", dataset, loaders)]().images
    if check_integer("n_rows", n_rows, low=2) > len(images):
        raise InvalidInputError(f"n_rows must be at most {len(images)}, got {n_rows}.")
    side = images.shape[1]
    X = images[:n_rows].reshape(n_rows, -1) / 127.5 - 1.0
    row, column = np.indices((side, side)) - side // 2
    disc = (row**2 + column**2 <= radius**2).ravel()
    return Hidden(X, disc & (np.abs(X) > 0.5), (side, side), {"disc": disc})


def _ring_draws(x1: Array, rng: np.random.Generator, n_draws: int) -> Array:
    """x0 given x1 and that the point lies in the upper quarter, by inversion on a grid."""
    height = np.abs(x1)[:, None]
    # Only |x0| <= x1 lies between the diagonals.
    x0 = np.linspace(-1, 1, 801) * height
    radius = np.hypot(x0, height)
    density = np.exp(-0.5 * ((radius - 4.5) / 0.5) ** 2) / radius
    total = np.cumsum(density, 1)
    places = (rng.random((n_draws, len(x1), 1)) * total[:, -1:] > total).sum(-1)
    return np.take_along_axis(x0, places.T.clip(max=800), 1).T
