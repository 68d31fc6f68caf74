"""`WeightingNetwork` in NumPy: the weights of one batch, and their pullback."""

from math import sqrt

import numpy as np

from biam.weighting import WeightingNetwork

__all__ = ["NetworkPass"]

Array = np.ndarray


class NetworkPass:
    """The network on one batch.

    Parameters
    ----------
    network : WeightingNetwork
    theta : ndarray, shape (3 n_hidden + 1,)
    losses : ndarray, shape (n,)

    Attributes
    ----------
    weights : ndarray, shape (n,)
    """

    def __init__(self, network: WeightingNetwork, theta: Array, losses: Array) -> None:
        h, n = network.n_hidden, len(losses)
        self.h, z = h, losses
        if network.standardise:
            z = losses - np.add.reduce(losses) / n
            spread = sqrt(float(z @ z) / (n - 1)) if n > 1 else 0.0
            if spread > 1e-8:
                z /= spread + 1e-8
        self.z, self.second = z, theta[2 * h : 3 * h]
        self.hidden = np.maximum(np.outer(z, theta[:h]) + theta[h : 2 * h], 0)
        self.raw = _sigmoid(self.hidden @ self.second + theta[-1])
        self.normalised = network.normalise and n > 1
        self.scale = float(np.add.reduce(self.raw)) / n + 1e-8 if self.normalised else 1.0
        self.weights = self.raw / self.scale

    def vjp(self, cotangent: Array) -> Array:
        """sum_i cotangent_i d weight_i / d theta, shape (3 n_hidden + 1,)."""
        raw, n, h = self.raw, len(self.raw), self.h
        if self.normalised:
            cotangent = cotangent - (cotangent @ self.weights) / n
        slope = cotangent * raw * (1 - raw) / self.scale
        back = (slope[:, None] * self.second) * (self.hidden > 0)
        gradient = np.empty(3 * h + 1, dtype=raw.dtype)
        gradient[:h] = self.z @ back
        gradient[h : 2 * h] = np.add.reduce(back)
        gradient[2 * h : 3 * h] = slope @ self.hidden
        gradient[-1] = np.add.reduce(slope)
        return gradient


def _sigmoid(x: Array) -> Array:
    # exp of the negative magnitude only: no overflow at either end.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)
