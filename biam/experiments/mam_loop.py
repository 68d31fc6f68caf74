"""The training loop of the Meta Additive Model (MAM) and of its uniform-weight twin, in NumPy.

The lower model is linear in whitened Bernstein polynomials of each feature, with a group lasso over
the coefficients of one feature and one output; the upper model weighs rows by their raw loss. One
mini-batch: a proximal look-ahead step, an Adam step of the weighting network on the loss of a meta
batch at the look-ahead, the real proximal step with the new weights. Closed forms, no double
backward; NumPy because on 200 rows calls into the tensor library cost more than the arithmetic.
Source: Zhang, Liu, Wu, Chen, arXiv 2604.20111, and the public MAM repository.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.special import comb, expit

__all__ = [
    "MAM",
    "BernsteinDesign",
    "Epoch",
    "group_prox",
    "group_prox_vjp",
    "mean_loss",
    "shuffled_batches",
]

Array = np.ndarray


@dataclass(frozen=True)
class BernsteinDesign:
    """Bernstein polynomials of each feature on its training range, whitened block by block.

    A block B of the training rows is replaced by B V diag(1 / s) sqrt(n), from its singular values
    s and vectors V: orthogonal columns of mean square one. The blocks are not centred: each spans
    the constant. Outside the training range all columns are zero, as published.

    Parameters
    ----------
    low, high : ndarray, shape (n_features,)
        Training range.
    maps : ndarray, shape (n_features, degree + 1, degree + 1)
        Whitening of each block.
    """

    low: np.ndarray
    high: np.ndarray
    maps: np.ndarray

    @classmethod
    def fit(cls, X: np.ndarray, degree: int) -> "BernsteinDesign":
        """Ranges and whitening of the training rows, shape (n, n_features)."""
        raw = cls(X.min(0), X.max(0), np.tile(np.eye(degree + 1), (X.shape[1], 1, 1)))
        blocks = raw(X).reshape(len(X), X.shape[1], degree + 1).transpose(1, 0, 2)
        _, s, Vt = np.linalg.svd(blocks, full_matrices=False)
        alive = s > 1e-10 * s[:, :1]
        inverse = np.where(alive, 1 / np.where(alive, s, 1), 0) * np.sqrt(len(X))
        return cls(raw.low, raw.high, Vt.transpose(0, 2, 1) * inverse[:, None, :])

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Columns, feature by feature; shape (n, n_features * (degree + 1))."""
        degree = self.maps.shape[1] - 1
        k = np.arange(degree + 1)
        inside = (self.low <= X) & (self.high >= X)
        width = np.where(self.high > self.low, self.high - self.low, 1)
        t = np.where(inside, (X - self.low) / width, 0)[..., None]
        B = comb(degree, k) * t**k * (1 - t) ** (degree - k) * inside[..., None]
        return np.einsum("npk,pkm->npm", B, self.maps).reshape(len(X), -1)


def group_prox(W: Array, step: float) -> Array:
    """Shrink the norm of each group by `step`, to zero where it is smaller.

    Parameters
    ----------
    W : ndarray, shape (n_outputs, n_features, n_columns)
        The last axis is the group.
    step : float
        Step size times penalty.
    """
    return W * np.maximum(1 - step / (_norms(W) + 1e-12), 0)


def group_prox_vjp(W: Array, step: float, v: Array) -> Array:
    """Product of the (symmetric) Jacobian of `group_prox` at `W` with `v`, both shaped like `W`.

    With u = w / |w|: (1 - step / |w|) v + (step / |w|) <u, v> u, and zero for a dropped group.
    """
    norm = _norms(W) + 1e-12
    share = step / norm
    unit = W / norm
    along = np.einsum("kpr,kpr->kp", unit, v)[..., None] * unit
    return np.where(share < 1, (1 - share) * v + share * along, 0)


def _norms(W: Array) -> Array:
    return np.sqrt(np.einsum("kpr,kpr->kp", W, W))[..., None]


def shuffled_batches(stream: torch.Generator, n: int, size: int) -> Iterator[Array]:
    """Rows of the batches of one epoch, drawn like a shuffling torch loader with this generator.

    The loader draws one integer that it does not use, the permutation, and one more permutation
    when it finds the rows used up: on filling a short last batch, else when asked for another.
    """
    torch.empty((), dtype=torch.int64).random_(generator=stream)
    order = torch.randperm(n, generator=stream).numpy()
    yield from (order[start : start + size] for start in range(0, n - size + 1, size))
    torch.randperm(n, generator=stream)
    if n % size:
        yield order[n - n % size :]


def _endless_batches(stream: torch.Generator, n: int, size: int) -> Iterator[Array]:
    while True:
        yield from shuffled_batches(stream, n, size)


class Epoch(NamedTuple):
    """The model after one epoch.

    Parameters
    ----------
    number : int
        From 1.
    C : ndarray, shape (n_outputs, n_columns + 1)
        Coefficients, the intercept last.
    theta : ndarray
        Parameters of the weighting network.
    """

    number: int
    C: Array
    theta: Array


@dataclass(frozen=True)
class MAM:
    """Settings of the public runs.

    Parameters
    ----------
    epochs : int
    degree : int
        Of the polynomials: published 2 for regression and 4 for classification.
    lower_lr, upper_lr : float
        Plain proximal gradient below, Adam above. `lower_lr` falls tenfold after half and after
        four fifths of the epochs.
    penalty : float
        Group lasso.
    warm_up : int
        First epochs with weight one and no upper step.
    uniform : bool
        Weight one throughout (ERM).
    batch_size : int
    n_hidden : int
        Width of the weighting network.
    clip : float
        Largest norm of the real lower gradient, and of the upper gradient.
    weight_decay : float
        Of the weighting network.
    """

    epochs: int = 1000
    degree: int = 2
    lower_lr: float = 0.05
    upper_lr: float = 1e-3
    penalty: float = 1e-3
    warm_up: int = 1
    uniform: bool = False
    batch_size: int = 200
    n_hidden: int = 100
    clip: float = 5.0
    weight_decay: float = 1e-4

    def fit(self, Z: Array, y: Array, Z_meta: Array, y_meta: Array, seed: int) -> Iterator[Epoch]:
        """Train, epoch by epoch, in the precision of the designs.

        Parameters
        ----------
        Z, Z_meta : ndarray, shape (n, n_columns + 1), (n_meta, n_columns + 1)
            Designs with a last column of ones.
        y, y_meta : ndarray, shape (n,), (n_meta,)
            Numbers, or classes 0 and 1 as integers.
        seed : int

        Yields
        ------
        Epoch
        """
        C, theta = self.initial(Z.shape[1] - 1, regression=y.dtype.kind == "f", seed=seed)
        C, theta = C.astype(Z.dtype), theta.astype(Z.dtype)
        adam = _Adam(self.upper_lr, self.weight_decay)
        stream, meta_stream = (torch.Generator().manual_seed(seed) for _ in range(2))
        # The published baseline is trained after MAM, by the same loader.
        for _ in range(self.epochs if self.uniform else 0):
            list(shuffled_batches(stream, len(y), self.batch_size))
        for epoch in range(self.epochs):
            lr = self.lower_lr * 0.1 ** sum(epoch >= int(f * self.epochs) for f in (0.5, 0.8))
            learn = epoch >= self.warm_up and not self.uniform
            judges = _endless_batches(meta_stream, len(y_meta), self.batch_size)
            for rows in shuffled_batches(stream, len(y), self.batch_size):
                judge = next(judges)
                lower, weights = _Batch(C, Z[rows], y[rows]), None
                if learn:
                    g = self.upper_gradient(lower, theta, Z_meta[judge], y_meta[judge], lr)
                    theta = adam.step(theta, _clipped(g, self.clip))
                    weights = _Weights(theta, lower.losses).values
                C = self.prox(C - lr * _clipped(lower.gradient(weights), self.clip), lr)
            yield Epoch(epoch + 1, C, theta)

    def initial(self, n_columns: int, *, regression: bool, seed: int) -> tuple[Array, Array]:
        """First coefficients and theta: what three linear layers of torch draw, one by one."""
        stream = torch.Generator().manual_seed(seed)
        n_outputs, h = (1 if regression else 2), self.n_hidden
        C = [_uniform((n_outputs, n_columns), n_columns, stream)]
        C.append(_uniform((n_outputs, 1), n_columns, stream))
        shapes = ((h, 1), (h, 1), (h, h), (1, h))
        theta = [_uniform((size,), fan_in, stream) for size, fan_in in shapes]
        return np.concatenate(C, 1), np.concatenate(theta)

    def prox(self, C: Array, lr: float) -> Array:
        """Proximal step of the group lasso; the intercept is free."""
        return _joined(group_prox(self.groups(C), lr * self.penalty), C)

    def groups(self, C: Array) -> Array:
        """Coefficients without the intercept, shape (n_outputs, n_features, degree + 1)."""
        return C[:, :-1].reshape(len(C), -1, self.degree + 1)

    def upper_gradient(
        self, lower: "_Batch", theta: Array, Z_meta: Array, y_meta: Array, lr: float
    ) -> Array:
        """Gradient in theta of the meta loss after one proximal step of the weighted batch.

        The weights nu enter through that step alone, so that dL/d nu_i is - lr / n times the inner
        product of grad l_i with J g: g the gradient at the look-ahead, J the Jacobian of the prox.

        Parameters
        ----------
        lower : batch at the present coefficients
        theta : ndarray
        Z_meta, y_meta : ndarray
            Meta batch.
        lr : float
            Step size of the look-ahead, whose gradient is not clipped.

        Returns
        -------
        ndarray, shaped like `theta`
        """
        learned = _Weights(theta, lower.losses)
        before = lower.C - lr * lower.gradient(learned.values)
        g = _Batch(self.prox(before, lr), Z_meta, y_meta).gradient()
        adjoint = group_prox_vjp(self.groups(before), lr * self.penalty, self.groups(g))
        inner = np.einsum("nk,nk->n", lower.slope, lower.Z @ _joined(adjoint, g).T)
        return learned.vjp(inner * (-lr / len(inner)))


def mean_loss(C: Array, Z: Array, y: Array) -> float:
    """Mean loss of coefficients on some rows, as in `MAM.fit`."""
    return float(_Batch(C, Z, y).losses.mean())


class _Batch:
    """Losses and slopes of some rows at coefficients C."""

    def __init__(self, C: Array, Z: Array, y: Array) -> None:
        self.C, self.Z = C, Z
        self.losses, self.slope = (_squared if y.dtype.kind == "f" else _softmax)(Z @ C.T, y)

    def gradient(self, weights: Array | None = None) -> Array:
        """Of the weighted mean loss, shape (n_outputs, n_columns + 1)."""
        slope = self.slope if weights is None else self.slope * weights[:, None]
        return slope.T @ self.Z * (1 / len(slope))


def _squared(f: Array, y: Array) -> tuple[Array, Array]:
    r = f - y[:, None]
    return np.square(r[:, 0]), r + r


def _softmax(f: Array, y: Array) -> tuple[Array, Array]:
    # Two classes: the cross-entropy is log(1 + e^-margin) of the true class over the other.
    sign = 1 - 2 * y.astype(f.dtype)
    margin = sign * (f[:, 0] - f[:, 1])
    slope = sign * (expit(margin) - 1)
    return np.logaddexp(0, -margin), np.stack([slope, -slope], 1)


class _Weights:
    """sigmoid(W2 relu(W1 l + b1) + b2) for raw losses l, and the pullback to theta."""

    def __init__(self, theta: Array, losses: Array) -> None:
        self.h = h = len(theta) // 3
        self.losses, self.second = losses, theta[2 * h : 3 * h]
        self.hidden = np.outer(losses, theta[:h])
        self.hidden += theta[h : 2 * h]
        np.maximum(self.hidden, 0, out=self.hidden)
        self.values = expit(self.hidden @ self.second + theta[-1])

    def vjp(self, cotangent: Array) -> Array:
        """sum_i cotangent_i d value_i / d theta."""
        slope = cotangent * self.values * (1 - self.values)
        active = (self.hidden > 0).astype(slope.dtype)
        into = np.stack([slope * self.losses, slope]) @ active * self.second
        return np.concatenate([into.ravel(), slope @ self.hidden, slope.sum(keepdims=True)])


class _Adam:
    """Adam with decay in the gradient and the usual constants (Kingma and Ba 2015)."""

    def __init__(self, lr: float, decay: float) -> None:
        self.lr, self.decay, self.t = lr, decay, 0
        self.mean = self.square = 0.0

    def step(self, theta: Array, gradient: Array) -> Array:
        """The new theta."""
        self.t += 1
        gradient = gradient + self.decay * theta
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * np.square(gradient)
        scale = np.sqrt(self.square) * (1 - 0.999**self.t) ** -0.5 + 1e-8
        return theta - (self.lr / (1 - 0.9**self.t)) * self.mean / scale


def _joined(W: Array, C: Array) -> Array:
    """Groups and the intercept of C as one matrix."""
    return np.concatenate([W.reshape(len(W), -1), C[:, -1:]], 1)


def _uniform(shape: tuple[int, ...], fan_in: int, stream: torch.Generator) -> Array:
    return torch.empty(shape).uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=stream).numpy()


def _clipped(gradient: Array, norm: float) -> Array:
    return gradient * min(1.0, norm / (float(np.sqrt(np.vdot(gradient, gradient))) + 1e-6))
