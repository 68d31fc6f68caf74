"""The paper's loop the straightforward way: autograd through the look-ahead, written to be read.

A second implementation of `solver="published"`, sharing no line with it: features are computed in
the forward pass, the look-ahead keeps its graph (`create_graph=True`) and the upper gradient goes
back through it twice. It is the rival of table `benchmark` and the witness of the tests.
Source: BIAM protocol, sections 1 to 3 (Zhou, Xu, Zhang 2025).
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from biam.datasets.synthetic import Split

__all__ = ["Trajectory", "double_backward"]

L2, L0, CLIP = 1e-3, 1e-4, 1.0


@dataclass
class Trajectory:
    """What a run went through.

    Parameters
    ----------
    parameters : list of dict of str to Tensor
        Copies after each epoch, the last one final: beta0 (d), beta (p, L, d), beta_miss (p, d)
        and alpha (p, p, L, d), the last but in BIAM-I.
    theta : list of list of Tensor
        The weighting network after each epoch.
    lower_losses, meta_losses : list of float
        Per step: weighted training loss, and validation loss at the look-ahead (not in BIAM-B).
    """

    parameters: list[dict[str, Tensor]] = field(default_factory=list)
    theta: list[list[Tensor]] = field(default_factory=list)
    lower_losses: list[float] = field(default_factory=list)
    meta_losses: list[float] = field(default_factory=list)

    def flat(self, epoch: int = -1) -> Tensor:
        """Parameters after an epoch, in the order of `biam.additive.AdditiveModel.w`."""
        parts = self.parameters[epoch]
        p, n_knots, d = parts["beta"].shape
        ones = torch.cat([parts["beta0"][None], parts["beta_miss"]])
        columns = parts["beta"].reshape(1, p * n_knots, d)
        if "alpha" not in parts:
            main = torch.cat([ones[:1], columns[0]])
            return torch.cat([main.flatten(), parts["beta_miss"].flatten()])
        columns = torch.cat([columns, parts["alpha"].reshape(p, p * n_knots, d)])
        return torch.cat([ones[None], columns.transpose(0, 1)]).flatten()


class _Model(nn.Module):
    """Eq. 1 without pairs; `forward` takes the parameters, so that a look-ahead can be given."""

    def __init__(self, knots: np.ndarray, n_features: int, n_outputs: int, variant: str) -> None:
        super().__init__()
        p, n_knots, d = n_features, len(knots), n_outputs
        self.register_buffer("knots", torch.tensor(knots, dtype=torch.float32))
        self.step_basis = variant == "BIAM-H"
        self.beta0 = nn.Parameter(torch.zeros(d))
        self.beta = nn.Parameter(0.01 * torch.randn(p, n_knots, d))
        self.beta_miss = nn.Parameter(torch.zeros(p, d))
        if variant != "BIAM-I":
            self.alpha = nn.Parameter(torch.zeros(p, p, n_knots, d))

    def forward(self, P: dict[str, Tensor], X: Tensor) -> Tensor:
        missing = X.isnan()
        distance = X.nan_to_num(0.0)[:, :, None] - self.knots
        h = (distance > 0).to(X) if self.step_basis else distance.relu()
        h = h * (~missing)[:, :, None]
        m = missing.to(X)
        f = P["beta0"] + torch.einsum("nkt,ktd->nd", h, P["beta"]) + m @ P["beta_miss"]
        if "alpha" in P:
            f = f + torch.einsum("nj,nkt,jktd->nd", m, h, P["alpha"])
        return f


def double_backward(
    split: Split,
    *,
    task: str = "regression",
    seed: int = 42,
    variant: str = "BIAM",
    epochs: int = 40,
    batch_size: int = 64,
    lower_lr: float = 0.05,
    upper_lr: float = 0.01,
    n_knots: int = 10,
) -> Trajectory:
    """Train on the rows of `split` with the random draws of the published code.

    Parameters
    ----------
    split : Split
        Training and meta rows.
    task : {"regression", "classification"}
    seed : int
    variant : {"BIAM", "BIAM-B", "BIAM-I", "BIAM-H"}
    epochs, batch_size, lower_lr, upper_lr, n_knots
        As in `biam.BIAMRegressor`.

    Returns
    -------
    Trajectory
    """
    target = torch.float32 if task == "regression" else torch.int64
    X, X_meta = (torch.tensor(x, dtype=torch.float32) for x in (split.X_train, split.X_meta))
    y, y_meta = (torch.tensor(t, dtype=target) for t in (split.y_train, split.y_meta))
    knots = np.nanquantile(split.X_train, np.linspace(0, 1, n_knots), axis=0).mean(axis=1)
    meta = list(zip(X_meta.split(batch_size), y_meta.split(batch_size), strict=True))
    trajectory = Trajectory()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = _Model(knots, X.shape[1], 1 if task == "regression" else 2, variant)
        _weighting_network()  # drawn and never used, as published
        network = _weighting_network()
        for _ in range(epochs):
            batches = _shuffled(len(X)).split(batch_size)
            for i, rows in enumerate(batches):
                batch, judge = (X[rows], y[rows]), meta[i % len(meta)]
                if variant == "BIAM-B":
                    trajectory.lower_losses.append(_lower_step(model, None, batch, lower_lr))
                    continue
                trajectory.lower_losses.append(_lower_step(model, network, batch, lower_lr))
                loss = _upper_step(model, network, batch, judge, lower_lr, upper_lr)
                trajectory.meta_losses.append(loss)
            copies = {name: p.detach().clone() for name, p in model.named_parameters()}
            trajectory.parameters.append(copies)
            trajectory.theta.append([p.detach().clone() for p in network.parameters()])
    return trajectory


def _lower_step(
    model: _Model, network: nn.Module | None, batch: tuple[Tensor, Tensor], lr: float
) -> float:
    """Clipped gradient step on the weighted risk, weights held fixed; the weighted loss."""
    P = dict(model.named_parameters())
    losses = _losses(model(P, batch[0]), batch[1])
    weights = torch.ones_like(losses) if network is None else _weights(network, losses).detach()
    risk = (weights * losses).mean()
    gradients = torch.autograd.grad(risk + _penalty(P), list(P.values()))
    _descend(P.values(), gradients, lr)
    return risk.item()


def _upper_step(
    model: _Model,
    network: nn.Module,
    batch: tuple[Tensor, Tensor],
    meta: tuple[Tensor, Tensor],
    lower_lr: float,
    upper_lr: float,
) -> float:
    """Validation loss of the look-ahead, and a clipped step of the network down its gradient."""
    P, theta = dict(model.named_parameters()), list(network.parameters())
    losses = _losses(model(P, batch[0]), batch[1])
    risk = (_weights(network, losses) * losses).mean() + _penalty(P)
    gradients = torch.autograd.grad(risk, list(P.values()), create_graph=True)
    ahead = {k: v - lower_lr * g for (k, v), g in zip(P.items(), gradients, strict=True)}
    meta_loss = _losses(model(ahead, meta[0]), meta[1]).mean()
    _descend(theta, torch.autograd.grad(meta_loss, theta), upper_lr)
    return meta_loss.item()


def _losses(f: Tensor, y: Tensor) -> Tensor:
    if y.dtype == torch.int64:
        return nn.functional.cross_entropy(f, y, reduction="none")
    return (f[:, 0] - y).square()


def _penalty(P: dict[str, Tensor]) -> Tensor:
    """l2 sum v^2 + l0 sum (1 - exp(-v^2)) over all but the missing effects."""
    squares = [v.square() for name, v in P.items() if name != "beta_miss"]
    return sum(L2 * s.sum() + L0 * (1 - torch.exp(-s)).sum() for s in squares)


def _weights(network: nn.Module, losses: Tensor) -> Tensor:
    """Network on the batch-standardised losses, divided by the batch mean."""
    z = losses.detach() - losses.detach().mean()
    if len(losses) > 1 and losses.std() > 1e-8:
        z = z / (losses.detach().std() + 1e-8)
    raw = network(z[:, None])[:, 0]
    return raw / (raw.mean() + 1e-8) if len(losses) > 1 else raw


def _descend(parameters, gradients: tuple[Tensor, ...], lr: float) -> None:
    """Plain gradient step, in place, with the whole gradient clipped to norm 1."""
    norm = torch.sqrt(sum(g.square().sum() for g in gradients))
    scale = min(1.0, CLIP / (norm.item() + 1e-6))
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= lr * scale * gradient


def _weighting_network() -> nn.Module:
    first, second = nn.Linear(1, 10), nn.Linear(10, 1)
    for layer in (first, second):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.ReLU(), second, nn.Sigmoid())


def _shuffled(n: int) -> Tensor:
    """Row order of an epoch, with the 64-bit draws that two torch data loaders make."""
    draws = [torch.empty((), dtype=torch.int64).random_() for _ in range(3)]
    return torch.randperm(n, generator=torch.Generator().manual_seed(int(draws[-1])))
