"""Domain-adversarial training: features from which the domain cannot be told."""

from dataclasses import dataclass
from math import exp
from typing import Any

import torch
from torch import Tensor, nn

from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_integer, check_number

__all__ = [
    "DomainAdversarial",
    "DomainNet",
    "learning_rate",
    "proxy_a_distance",
    "reversal_strength",
    "reverse_gradient",
]


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(z: Tensor, strength: float = 1.0) -> Tensor:
    """Identity forward, ``-strength`` times the gradient backward.

    Source: Ganin, Ustinova, Ajakan, Germain, Larochelle, Laviolette, Marchand & Lempitsky (2016).
    """
    return _Reversal.apply(z, strength)


def reversal_strength(progress: float) -> float:
    """lambda_p = 2 / (1 + exp(-10 p)) - 1: from 0 at the start to 1, p the share of steps done."""
    return 2 / (1 + exp(-10 * progress)) - 1


def learning_rate(progress: float) -> float:
    """Factor (1 + 10 p)^{-0.75} of the learning rate (0.01 in the paper, momentum 0.9)."""
    return (1 + 10 * progress) ** -0.75


def proxy_a_distance(error: float) -> float:
    """2 (1 - 2 error) for the error of a classifier of the domains: 0 = not to be told, 2 = all."""
    check_number("error", error, low=0.0, high=1.0)
    return 2 * (1 - 2 * error)


class DomainNet(nn.Module):
    """Extractor, label head and domain head; called, it gives the labels' outputs.

    Parameters
    ----------
    extractor : nn.Module
        Inputs to features (n, k).
    label_head : nn.Module
        Features to outputs (n, d).
    domain_head : nn.Module
        Features to one output (n, 1), positive for the target domain.
    """

    def __init__(self, extractor: nn.Module, label_head: nn.Module, domain_head: nn.Module) -> None:
        super().__init__()
        self.extractor = extractor
        self.label_head = label_head
        self.domain_head = domain_head

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of the label head, shape (n, d)."""
        return self.label_head(self.extractor(x))


@dataclass
class DomainAdversarial:
    """Label loss of the source rows, and the domain loss through a reversed gradient.

    The saddle point of E = mean L_y - lambda (mean L_d over source + mean L_d over target): the
    heads descend their own losses, the extractor descends L_y and climbs L_d. One backward pass
    does both, because the reversal stands between extractor and domain head. Two passes over one
    graph, or a domain loss of detached features, are common in copies of this method: the first
    stops with an error, the second leaves the extractor untouched.

    Parameters
    ----------
    loss : Loss
        Of the labels; labels of target rows are not read.
    domain_loss : Loss
        Of the domains, with one output: `biam.losses.Logistic`.
    steps : int
        Length of the training, for the schedule.
    strength : float
        Largest lambda.
    scheduled : bool
        lambda grows as `reversal_strength`; False: constant.
    all_labelled : bool
        Read the labels of both domains: for fairness, where the domain is a group of people.
    """

    loss: Loss
    domain_loss: Loss
    steps: int
    strength: float = 1.0
    scheduled: bool = True
    all_labelled: bool = False
    done: int = 0

    def __post_init__(self) -> None:
        check_integer("steps", self.steps, low=1)
        check_number("strength", self.strength, low=0.0)

    def __call__(self, model: DomainNet, batch: Batch) -> Tensor:
        """`batch.groups` is the domain: 0 source, with labels, 1 target, without."""
        progress = min(self.done / self.steps, 1.0)
        self.done += 1
        factor = reversal_strength(progress) if self.scheduled else 1.0
        z = model.extractor(batch.x)
        source = (batch.groups == 0) | self.all_labelled
        labels = self.loss.value(model.label_head(z[source]), batch.y[source]).mean()
        told = model.domain_head(reverse_gradient(z, self.strength * factor))
        domains = self.domain_loss.value(told, batch.groups.to(told.dtype))
        parts = [domains[batch.groups == d].mean() for d in batch.groups.unique()]
        return labels + torch.stack(parts).sum()
