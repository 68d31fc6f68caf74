"""The disc classification of E3 and E5 as a process: two features decide, gaps by chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from biam.datasets.synthetic import Split, make_disc_classification
from biam.exceptions import InvalidInputError

__all__ = ["DiscProcess", "disc_process"]

Array = np.ndarray

_RADIUS_SQUARED = 0.08


@dataclass(frozen=True)
class DiscProcess:
    """Test rows of `make_disc_classification`: neither flipped nor thinned, but with gaps.

    Parameters
    ----------
    split : Split
    rate : float
        Of MCAR gaps.
    """

    split: Split
    rate: float = 0.0

    def draw(self, n: int, generator: np.random.Generator) -> tuple[Array, Array]:
        """As in `Process`."""
        truth = self.split.truth
        x = generator.uniform(0, 1, (n, self.split.X_test.shape[1]))
        y = (((x[:, :2] - 0.5) ** 2).sum(1) > _RADIUS_SQUARED).astype(int)
        z = (x - truth["x_centre"]) / truth["x_scale"]
        return np.where(generator.uniform(size=x.shape) < self.rate, np.nan, z), y

    def posterior(self, X: Array) -> tuple[Array, Array]:
        """As in `Process`: the share of the line, or of the square, that lies outside the disc."""
        truth = self.split.truth
        x = (X * truth["x_scale"] + truth["x_centre"])[:, :2]
        gaps = np.isnan(x)
        distance = np.where(gaps, 0.0, (x - 0.5) ** 2).sum(1)
        left = np.maximum(_RADIUS_SQUARED - distance, 0.0)
        p = np.where(distance > _RADIUS_SQUARED, 1.0, 0.0)
        p = np.where(gaps.sum(1) == 1, 1 - 2 * np.sqrt(left), p)
        p = np.where(gaps.all(1), 1 - np.pi * _RADIUS_SQUARED, p)
        return p, p * (1 - p)


def disc_process(*, random_state: int = 42, **params: Any) -> DiscProcess:
    """The process of a set of `make_disc_classification`.

    Parameters
    ----------
    random_state : int
    params
        The other arguments of `make_disc_classification`; gaps by "mcar" only.

    Raises
    ------
    InvalidInputError
        Another mechanism, whose integrals over the disc are not written here.
    """
    mechanism = params.get("mechanism", "mcar")
    if mechanism != "mcar":
        raise InvalidInputError(
            f"mechanism must be 'mcar' for the limit of the disc, got {mechanism!r}."
        )
    split = make_disc_classification(**params, random_state=random_state)
    return DiscProcess(split, params.get("missing_rate", 0.0))
