"""The mitigation strategies by name: from plain settings to a sampler and an objective."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from biam.losses import Logistic, Loss
from biam.mitigation.adversarial import AdversarialTraining, Attack
from biam.mitigation.batches import QuotaBatches, WeightedDraws
from biam.mitigation.dann import DomainAdversarial
from biam.mitigation.group_dro import GroupDRO
from biam.mitigation.invariant import InvariantRisk
from biam.mitigation.mining import HardExamples
from biam.mitigation.occam import OccamPenalty
from biam.mitigation.occamnet import OccamLoss
from biam.mitigation.resampling import EvenEpochs
from biam.mitigation.reweighting import Weighted, class_balanced, inverse_frequency
from biam.mitigation.spectral import SpectralDecoupling
from biam.mitigation.training import Average, Batch, Objective, Sampler, Shuffled
from biam.validation import check_choice

__all__ = ["STRATEGIES", "build"]

Pair = tuple[Sampler, Objective]
Options = Mapping[str, Any]


def build(
    name: str, table: Batch, loss: Loss, batch_size: int, steps: int, options: Options
) -> Pair:
    """A new sampler and a new objective of a strategy.

    Parameters
    ----------
    name : str
        Key of `STRATEGIES`.
    table : Batch
        The training rows.
    loss : Loss
    batch_size, steps : int
    options : mapping
        Of the strategy; unknown ones are an error of its class.

    Raises
    ------
    UnknownNameError
        No such strategy.
    """
    maker = STRATEGIES[check_choice("strategy", name, STRATEGIES)]
    return maker(table, loss, batch_size, steps, dict(options))


def _objective(make: Callable[..., Objective]) -> Callable[..., Pair]:
    """A strategy that changes the objective alone: ``make(loss, **options)``."""

    def maker(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
        return Shuffled(len(table.y), size), make(loss, **options)

    return maker


def _weighted(rule: Callable[..., torch.Tensor]) -> Callable[..., Pair]:
    def maker(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
        weights = rule(table.groups, **options)
        return Shuffled(len(table.y), size), Weighted(loss, weights)

    return maker


def _even(mode: str) -> Callable[..., Pair]:
    def maker(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
        return EvenEpochs(table.groups, mode, size), Average(loss)

    return maker


def even_quotas(groups: torch.Tensor, size: int) -> dict[int, int]:
    """Equal shares of a batch of about `size` rows for every group that has rows."""
    present = groups.unique().tolist()
    return {int(group): max(1, size // len(present)) for group in present}


def _quotas(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    return QuotaBatches(table.groups, even_quotas(table.groups, size)), Average(loss)


def _draws(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    weights = inverse_frequency(table.groups)[table.groups]
    return WeightedDraws(weights, size), Average(loss)


def _dro(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    """With batches in which all groups are alike, as published."""
    sampler = QuotaBatches(table.groups, even_quotas(table.groups, size))
    return sampler, GroupDRO.of(loss, table.groups, **options)


def _attacked(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    options = dict(options)
    kept = {key: options.pop(key) for key in ("clean_share", "steps") if key in options}
    return Shuffled(len(table.y), size), AdversarialTraining(loss, Attack(**options), **kept)


def _occam_net(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    return Shuffled(len(table.y), size), OccamLoss(len(table.y), **options)


def _dann(table: Batch, loss: Loss, size: int, steps: int, options: Options) -> Pair:
    """Half of each batch from either domain, as published."""
    sampler = QuotaBatches(table.groups, even_quotas(table.groups, size))
    return sampler, DomainAdversarial(loss, Logistic(), steps, **options)


STRATEGIES: dict[str, Callable[..., Pair]] = {
    "erm": _objective(Average),
    "inverse-frequency": _weighted(inverse_frequency),
    "class-balanced": _weighted(class_balanced),
    "over-sampling": _even("over"),
    "under-sampling": _even("under"),
    "quotas": _quotas,
    "weighted-draws": _draws,
    "hard-examples": _objective(HardExamples),
    "group-dro": _dro,
    "spectral": _objective(SpectralDecoupling),
    "invariant": _objective(InvariantRisk),
    "occam": _objective(OccamPenalty),
    "occam-net": _occam_net,
    "adversarial": _attacked,
    "dann": _dann,
}
"""All strategies by name; SMOTE changes the rows before training, see `biam.mitigation.smote`."""
