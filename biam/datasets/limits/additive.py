"""The additive regression of E1, E2 and E4 as a process: features are independent and uniform."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from biam.datasets.limits.law import Law, uniform_law
from biam.datasets.synthetic import SHAPES, Split, make_additive_regression

__all__ = ["AdditiveProcess", "additive_process"]

Array = np.ndarray

_NOISE = 0.1


@dataclass(frozen=True)
class AdditiveProcess:
    """Test rows of `make_additive_regression`.

    Parameters
    ----------
    split : Split
    medians : ndarray, shape (p,)
        Of the complete test columns: they steer MAR and MNAR.
    rate : float
    mechanism : {"mcar", "mar", "mnar"}
    """

    split: Split
    medians: Array
    rate: float = 0.0
    mechanism: str = "mcar"

    def draw(self, n: int, generator: np.random.Generator) -> tuple[Array, Array]:
        """As in `Process`."""
        truth = self.split.truth
        x = generator.uniform(-1, 1, (n, self.medians.size))
        y = sum((shape(x[:, j]) for j, shape in self._informative()), np.zeros(n))
        y = y + _NOISE * generator.normal(size=n)
        z = (x - truth["x_centre"]) / truth["x_scale"]
        gaps = generator.uniform(size=x.shape) < self._chances(z)
        X = np.where(gaps, np.nan, z)
        return X, (y - truth["y_centre"]) / truth["y_scale"]

    def posterior(self, X: Array) -> tuple[Array, Array]:
        """As in `Process`: a sum over the features, since they are independent given the gaps."""
        truth = self.split.truth
        x, gaps = X * truth["x_scale"] + truth["x_centre"], np.isnan(X)
        mean, variance = np.zeros(len(X)), np.full(len(X), _NOISE**2)
        for j, shape in self._informative():
            for rows, law in self._laws(j, gaps):
                moments = law.moments(shape(law.nodes))
                mean[rows] += moments[0]
                variance[rows] += moments[1]
            mean += np.where(gaps[:, j], 0.0, shape(np.where(gaps[:, j], 0.0, x[:, j])))
        scale = truth["y_scale"]
        return (mean - truth["y_centre"]) / scale, variance / scale**2

    def _informative(self) -> list[tuple[int, Any]]:
        return list(enumerate(SHAPES[: self.medians.size]))

    def _chances(self, z: Array) -> Array:
        """Chance of each value to go missing, shape (n, p), from the complete features."""
        if self.mechanism == "mcar" or self.rate == 0:
            return np.full(z.shape, self.rate)
        own = 2 * self.rate * expit(2 * (z - self.medians))
        if self.mechanism == "mnar":
            return own
        # MAR looks one column on; the last feature stays complete, as the published slip has it.
        return np.column_stack([own[:, 1:], np.zeros(len(z))])

    def _laws(self, j: int, gaps: Array) -> list[tuple[Array, Law]]:
        """Laws of feature j where it is missing, each with its rows (a mask of shape (n,))."""
        prior, missing = uniform_law(-1, 1), gaps[:, j]
        if self.mechanism == "mcar" or self.rate == 0:
            return [(missing, prior)]
        truth = self.split.truth
        z = (prior.nodes - truth["x_centre"][j]) / truth["x_scale"][j]
        chance = 2 * self.rate * expit(2 * (z - self.medians[j]))
        if self.mechanism == "mnar":
            return [(missing, prior.given(chance))]
        if j == 0:
            return [(missing, prior)]
        # Whether the feature hid its left neighbour tells something of its value.
        hid = gaps[:, j - 1]
        return [(missing & hid, prior.given(chance)), (missing & ~hid, prior.given(1 - chance))]


def additive_process(*, random_state: int = 42, **params: Any) -> AdditiveProcess:
    """The process of a set of `make_additive_regression`.

    Parameters
    ----------
    random_state : int
    params
        The other arguments of `make_additive_regression`.
    """
    # Gaps are drawn last, so the same call without them has the same rows.
    complete = make_additive_regression(
        **{**params, "missing_rate": 0.0}, random_state=random_state
    )
    return AdditiveProcess(
        make_additive_regression(**params, random_state=random_state),
        np.median(complete.X_test, axis=0),
        params.get("missing_rate", 0.0),
        params.get("mechanism", "mcar"),
    )
