"""The planted pairs of E6 and E7 as processes: independent normal features, gaps but in the first.

The maker keeps no constants, so its draws are made again here; tests hold them against its rows.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from scipy.special import expit

from biam.datasets.limits.law import Law, merged, normal_law, sigmoid_mean
from biam.datasets.synthetic import PAIR_MASKS, Split, make_planted_pairs

__all__ = ["PlantedProcess", "planted_process"]

Array = np.ndarray
Term = tuple[tuple[int, ...], Callable[..., Array]]

_NOISE = 0.1
# Pairs stand first: integrating both of their features out is what costs time.
_PAIRS: dict[str, tuple[Term, ...]] = {
    "regression": (
        ((4, 5), lambda a, b: 2 * a * b),
        ((6, 7), lambda a, b: 1.5 * np.sin(a * b)),
        ((8, 9), lambda a, b: 1.2 * np.tanh(a) * np.tanh(b)),
    ),
    "binary": (
        ((4, 5), lambda a, b: 1.6 * a * b),
        ((6, 7), lambda a, b: 1.3 * np.sin(a * b)),
    ),
}
_MAIN: dict[str, tuple[Term, ...]] = {
    "regression": (
        ((0,), lambda x: 1.5 * np.sin(x)),
        ((1,), lambda x: x**2 - 1),
        ((3,), lambda x: -1.2 * x),
    ),
    "binary": (
        ((0,), np.sin),
        ((2,), lambda x: 0.8 * np.tanh(x)),
        ((3,), lambda x: -0.9 * x),
    ),
}
_WIDTH = 0.05


@dataclass(frozen=True)
class PlantedProcess:
    """Test rows of `make_planted_pairs`: clean targets, gaps as in the training rows.

    Parameters
    ----------
    split : Split
    task : {"regression", "binary"}
    pairs : bool
    mechanism : {"mcar", "mar", "mnar"} or None
    x_centre, x_scale : ndarray, shape (10,)
    y_centre, y_scale : float
        Of the standardisation; 0 and 1 for classes.
    """

    split: Split
    task: str
    pairs: bool
    mechanism: str | None
    x_centre: Array
    x_scale: Array
    y_centre: float = 0.0
    y_scale: float = 1.0

    def draw(self, n: int, generator: np.random.Generator) -> tuple[Array, Array]:
        """As in `Process`."""
        x = generator.normal(size=(n, self.x_centre.size))
        signal, z = self.signal(x), (x - self.x_centre) / self.x_scale
        if self.task == "binary":
            y = (generator.uniform(size=n) < expit(signal)).astype(int)
        else:
            y = (signal + _NOISE * generator.normal(size=n) - self.y_centre) / self.y_scale
        if self.mechanism is None:
            return z, y
        gaps = PAIR_MASKS[self.mechanism](generator.uniform(size=x.shape), z)
        gaps[:, 0] = False
        return np.where(gaps, np.nan, z), y

    def signal(self, x: Array) -> Array:
        """Noise-free target or logit, shape (n,), of complete features in their raw units."""
        parts = [function(*x[:, list(features)].T) for features, function in self.terms]
        return sum(parts, np.zeros(len(x)))

    def posterior(self, X: Array) -> tuple[Array, Array]:
        """As in `Process`.

        In regression, means and variances of independent terms add up. For classes the sigmoid of
        their sum is averaged.
        """
        x = np.asarray(X, dtype=np.float64) * self.x_scale + self.x_centre
        mean, variance = np.empty(len(x)), np.empty(len(x))
        for rows in _alike(np.isnan(x)):
            laws = [self._law(features, function, x[rows]) for features, function in self.terms]
            if self.task == "binary":
                p = sigmoid_mean(laws)
                mean[rows], variance[rows] = p, p * (1 - p)
            else:
                means, variances = zip(*(law.moments(law.nodes) for law in laws), strict=True)
                mean[rows], variance[rows] = sum(means), _NOISE**2 + sum(variances)
        return (mean - self.y_centre) / self.y_scale, variance / self.y_scale**2

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Features and function of each term of the truth."""
        return (*(_PAIRS[self.task] if self.pairs else ()), *_MAIN[self.task])

    @cached_property
    def missing(self) -> tuple[Law, ...]:
        """Law of each feature where it is missing. MAR looks at a feature that is always seen."""
        if self.mechanism != "mnar":
            return (normal_law(),) * self.x_centre.size
        laws = []
        for centre, scale in zip(self.x_centre, self.x_scale, strict=True):
            # The chance has a kink where the standardised value is 0.
            prior = normal_law(float(centre))
            laws.append(prior.given(0.4 * expit(np.abs((prior.nodes - centre) / scale))))
        return tuple(laws)

    @cached_property
    def _gone(self) -> dict[tuple[int, ...], Law]:
        """Law of each term, nodes of shape (k, 1), where all of its features are missing."""
        laws = {}
        for features, function in self.terms:
            parts = [self.missing[j] for j in features]
            values = function(*np.ix_(*(part.nodes for part in parts)))
            weights = reduce(np.multiply.outer, [part.weights for part in parts])
            law = merged(values, weights, _WIDTH) if len(parts) > 1 else Law(values, weights)
            laws[features] = Law(law.nodes[:, None], law.weights)
        return laws

    def _law(self, features: tuple[int, ...], function: Callable[..., Array], x: Array) -> Law:
        """Law of a term on rows with the same gaps: nodes (k, n), or (k, 1) if all is missing."""
        gone = [j for j in features if np.isnan(x[0, j])]
        if len(gone) == len(features):
            return self._gone[features]
        if not gone:
            return Law(function(*x[:, list(features)].T)[None], np.ones(1))
        law = self.missing[gone[0]]
        inputs = [law.nodes[:, None] if j in gone else x[:, j] for j in features]
        return Law(function(*inputs), law.weights)


def planted_process(
    task: str = "regression",
    *,
    pairs: bool = True,
    corrupt: bool = False,
    mechanism: str | None = None,
    random_state: int = 42,
) -> PlantedProcess:
    """The process of a set of `make_planted_pairs`; the arguments are the same."""
    split = make_planted_pairs(
        task, pairs=pairs, corrupt=corrupt, mechanism=mechanism, random_state=random_state
    )
    block = "e7" if task == "binary" else "e6"
    g = np.random.default_rng(zlib.crc32(f"{block}-gen-{random_state}".encode()) + random_state)
    n, p = sum(len(part) for part in (split.y_train, split.y_meta, split.y_test)), 10
    x = g.normal(size=(n, p)).astype(np.float32)
    raw = PlantedProcess(split, task, pairs, mechanism, np.zeros(p), np.ones(p))
    # As many draws as the target took, so that the permutation is the maker's.
    errors = g.uniform(size=n) if task == "binary" else g.normal(size=n)
    rows = g.permutation(n)[: len(split.y_train)]
    constants = (x[rows].mean(0).astype(np.float64), x[rows].std(0).astype(np.float64))
    if task == "regression":
        y = (raw.signal(x) + _NOISE * errors)[rows]
        constants += (float(y.mean()), float(y.std()))
    return PlantedProcess(split, task, pairs, mechanism, *constants)


def _alike(gaps: Array) -> Iterator[Array]:
    """Positions of the rows with the same gaps, pattern by pattern."""
    _, which = np.unique(gaps, axis=0, return_inverse=True)
    order = np.argsort(which, kind="stable")
    yield from np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
