"""NAM: one small network per feature, all of them computed together.

f(x) = bias + sum_j net_j(x_j), each net 1-32-32-1 with ReLU (as in the published comparison).
Source: Agarwal et al. (2021), Neural additive models, with the sizes of the BIAM protocol.
"""

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.nn import functional

__all__ = ["NAMClassifier", "NAMRegressor"]

PATIENCE = 30


class _NAM(BaseEstimator):
    """Shared by the two estimators.

    Parameters
    ----------
    width : int
        Units of both hidden layers of each feature's network.
    epochs, batch_size, lr
        Adam's schedule.
    validation : float
        Share of the rows held out: the epoch of least loss on them is kept, and training stops
        after 30 epochs without a new least. 0: all epochs on all rows, as published.
    random_state : int
        Seeds its own generator; global seeds are left alone.
    """

    def __init__(
        self,
        *,
        width: int = 32,
        epochs: int = 300,
        batch_size: int = 256,
        lr: float = 1e-3,
        validation: float = 0.0,
        random_state: int = 0,
    ) -> None:
        self.width = width
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation = validation
        self.random_state = random_state

    def shapes(self, X: np.ndarray) -> np.ndarray:
        """Value of each feature's network; pass a grid to draw its curve.

        Parameters
        ----------
        X : ndarray, shape (n_rows, n_features)

        Returns
        -------
        ndarray, shape (n_rows, n_features, n_outputs)
            Uncentred; targets' units, or logits. Their sum and `bias_` are the model's output.
        """
        with torch.inference_mode():
            values = _nets(_split(self._theta, self._shapes), _columns(X))
        return values.permute(1, 0, 2).double().numpy()

    def _outputs(self, X: np.ndarray) -> np.ndarray:
        return self.bias_ + self.shapes(X).sum(1)

    def _train(self, X: np.ndarray, target: Tensor, n_outputs: int, weight: Any, codes: Any) -> Any:
        generator = torch.Generator().manual_seed(int(self.random_state))
        self._shapes = _layer_shapes(X.shape[1], self.width, n_outputs)
        theta = _initial(self._shapes, generator).requires_grad_(True)
        columns, weights = _columns(X), torch.ones(len(X))
        if weight is not None:
            weights = torch.as_tensor(weight / np.mean(weight), dtype=torch.float32)
        kept, held = self._parts(len(X), codes)
        optimizer = torch.optim.Adam([theta], lr=self.lr, fused=True)
        best, best_loss, waited = theta, np.inf, 0
        self.n_iter_ = 0
        while self.n_iter_ < self.epochs and waited < PATIENCE:
            order = kept[torch.randperm(len(kept), generator=generator)]
            for rows in order.split(self.batch_size):
                optimizer.zero_grad()
                loss = self._risk(theta, columns[:, rows], target[rows], weights[rows])
                loss.backward()
                optimizer.step()
            self.n_iter_ += 1
            if len(held):
                with torch.no_grad():
                    now = self._risk(theta, columns[:, held], target[held], weights[held]).item()
                waited += 1
                if now < best_loss:
                    best, best_loss, waited = theta.detach().clone(), now, 0
        self._theta = best.detach()
        self.bias_ = _split(self._theta, self._shapes)[-1].double().numpy()
        return self

    def _parts(self, n_rows: int, codes: Any) -> tuple[Tensor, Tensor]:
        if not self.validation:
            return torch.arange(n_rows), torch.arange(0)
        kept, held = train_test_split(
            np.arange(n_rows),
            test_size=self.validation,
            random_state=self.random_state,
            stratify=codes,
        )
        return torch.as_tensor(kept), torch.as_tensor(held)

    def _risk(self, theta: Tensor, columns: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        parts = _split(theta, self._shapes)
        outputs = parts[-1] + _nets(parts, columns).sum(0)
        return (weights * self._losses(outputs, target)).sum() / weights.sum()


class NAMRegressor(RegressorMixin, _NAM):
    """Neural additive model with squared loss."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "NAMRegressor":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        target = torch.as_tensor(np.asarray(y)[:, None], dtype=torch.float32)
        return self._train(X, target, 1, sample_weight, None)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predicted targets, shape (n_rows,)."""
        return self._outputs(X)[:, 0]

    @staticmethod
    def _losses(outputs: Tensor, target: Tensor) -> Tensor:
        return (outputs - target).square().squeeze(1)


class NAMClassifier(ClassifierMixin, _NAM):
    """Neural additive model with cross-entropy; one logit for two classes, else one per class."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: Any = None) -> "NAMClassifier":
        """Fit on complete numbers, shape (n_rows, n_features)."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        n_outputs = 1 if len(self.classes_) == 2 else len(self.classes_)
        return self._train(X, torch.as_tensor(codes), n_outputs, sample_weight, codes)

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Class probabilities, shape (n_rows, K)."""
        return torch.softmax(torch.as_tensor(_all_logits(self._outputs(X))), 1).numpy()

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Most probable class, shape (n_rows,)."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    @staticmethod
    def _losses(outputs: Tensor, target: Tensor) -> Tensor:
        if outputs.shape[1] > 1:
            return functional.cross_entropy(outputs, target, reduction="none")
        logits = outputs.squeeze(1)
        return functional.binary_cross_entropy_with_logits(
            logits, target.to(logits.dtype), reduction="none"
        )


def _all_logits(outputs: np.ndarray) -> np.ndarray:
    """One logit per class: the first of two is zero."""
    if outputs.shape[1] > 1:
        return outputs
    return np.concatenate([np.zeros_like(outputs), outputs], axis=1)


def _columns(X: np.ndarray) -> Tensor:
    """Features as a batch of one-column matrices, shape (p, n, 1)."""
    return torch.as_tensor(np.asarray(X), dtype=torch.float32).T[:, :, None].contiguous()


def _layer_shapes(p: int, width: int, d: int) -> list[tuple[int, ...]]:
    sizes = ((1, width), (width, width), (width, d))
    return [s for a, b in sizes for s in ((p, a, b), (p, 1, b))] + [(d,)]


def _initial(shapes: list[tuple[int, ...]], generator: torch.Generator) -> Tensor:
    """Uniform within 1 / sqrt(fan in), as a dense layer starts; the common bias is zero."""
    parts = []
    for k, shape in enumerate(shapes[:-1]):
        # A layer's bias follows its matrix and shares its fan-in.
        bound = shapes[k - k % 2][1] ** -0.5
        parts.append((2 * torch.rand(shape, generator=generator) - 1).mul(bound).flatten())
    return torch.cat([*parts, torch.zeros(shapes[-1])])


def _split(theta: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    # All networks live in one vector: one optimizer step moves them at once.
    sizes = [int(np.prod(shape)) for shape in shapes]
    return [part.view(s) for part, s in zip(theta.split(sizes), shapes, strict=True)]


def _nets(parts: list[Tensor], columns: Tensor) -> Tensor:
    """Networks of all features on their own column, shape (p, n, d)."""
    w1, b1, w2, b2, w3, b3 = parts[:6]
    # The first layer has one input: a product by broadcasting is faster than a matrix product.
    hidden = torch.relu(columns * w1 + b1)
    hidden = torch.relu(torch.baddbmm(b2, hidden, w2))
    return torch.baddbmm(b3, hidden, w3)
