"""Rare target ranges in regression: rows count by the inverse density of their target.

A squared error averaged over rows is that of the common targets. Weighted by the inverse of the
smoothed target density, every range of targets counts by its width instead.
Sources: label distribution smoothing, Yang et al. (2021), Delving into Deep Imbalanced Regression,
section 3.1; DenseWeight, Steininger et al. (2021), Density-based weighting for imbalanced
regression, section 3.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from biam.exceptions import InvalidInputError

__all__ = ["relevance"]

BINS = 512
# Targets further out than so many robust deviations are no range of interest of their own.
REACH = 10.0
# No row counts more than so many times the most common one.
MOST = 20.0


def relevance(
    y: np.ndarray, like: np.ndarray | None = None, weight: np.ndarray | None = None
) -> np.ndarray:
    """Weights of rows by the inverse smoothed density of their targets.

    The density is a kernel estimate with Silverman's bandwidth on a grid, mirrored at both ends, so
    that evenly spread targets count alike up to their ends.

    Parameters
    ----------
    y : ndarray, shape (n,)
        Targets of the rows.
    like : ndarray, shape (m,), optional
        Targets whose density counts, where those of `y` are not to be trusted.
    weight : ndarray, shape (m,), optional
        How many rows each of these stands for.

    Returns
    -------
    ndarray, shape (n,)
        Between that of the most common target and 20 times as much; the mean over `like` is one.

    Raises
    ------
    InvalidInputError
        No target of positive weight.
    """
    like = np.asarray(y if like is None else like, dtype=float)
    weight = np.ones(len(like)) if weight is None else np.asarray(weight, dtype=float)
    like, weight = like[weight > 0], weight[weight > 0]
    if not len(like):
        raise InvalidInputError("like has no target of positive weight: pass at least one.")
    low, high, width = _range(like, weight)
    if width <= 0:
        return np.ones(len(y))
    counts, edges = np.histogram(np.clip(like, low, high), BINS, (low, high), weights=weight)
    density = gaussian_filter1d(counts, width * BINS / (high - low), mode="reflect")
    each = 1 / np.maximum(density, density.max() / MOST)
    each /= np.average(each[_bins(like, edges)], weights=weight)
    return each[_bins(y, edges)]


def _bins(y: np.ndarray, edges: np.ndarray) -> np.ndarray:
    return np.clip(np.searchsorted(edges, y, side="right") - 1, 0, len(edges) - 2)


def _range(y: np.ndarray, weight: np.ndarray) -> tuple[float, float, float]:
    """Both ends of the grid, and the bandwidth; zero where nearly all targets are equal."""
    first, middle, last = (
        float(np.quantile(y, q, weights=weight, method="inverted_cdf")) for q in (0.25, 0.5, 0.75)
    )
    robust = (last - first) / 1.349
    spread = float(np.sqrt(np.cov(y, aweights=weight, ddof=0)))
    scale = min(robust, spread) if robust > 0 else spread
    low = max(float(y.min()), middle - REACH * scale)
    high = min(float(y.max()), middle + REACH * scale)
    return low, high, 0.9 * scale * float(weight.sum()) ** -0.2
