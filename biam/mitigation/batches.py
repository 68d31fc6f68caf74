"""Batch-level sampling: every mini-batch has the wanted distribution."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.mitigation.training import group_sizes
from biam.validation import check_integer

__all__ = ["QuotaBatches", "WeightedDraws"]


@dataclass(frozen=True, eq=False)
class QuotaBatches:
    """Batches with a fixed number of rows from each group.

    Each group is dealt from a shuffled deck of its rows, shuffled again when it is used up: within
    a run no row of a group is used twice more often than another of that group, give or take one.

    Parameters
    ----------
    groups : Tensor of int64, shape (n,)
    quotas : mapping of int to int
        Rows per batch of each group.
    """

    groups: Tensor
    quotas: Mapping[int, int]

    def __post_init__(self) -> None:
        sizes = group_sizes(self.groups)
        for group, quota in self.quotas.items():
            check_integer(f"quota of group {group}", quota, low=1)
            if not 0 <= group < len(sizes) or sizes[group] == 0:
                raise InvalidInputError(
                    f"quotas must name groups that have rows, got group {group} and sizes "
                    f"{sizes.tolist()}."
                )
        if not self.quotas:
            raise InvalidInputError("quotas must name at least one group, got none.")

    def epoch(self, stream: torch.Generator) -> Iterator[Tensor]:
        """As many batches as the table has rows for, rounded up."""
        n_batches = ceil(len(self.groups) / sum(self.quotas.values()))
        decks = [
            _deal(torch.nonzero(self.groups == group)[:, 0], quota * n_batches, stream)
            for group, quota in self.quotas.items()
        ]
        cuts = [deck.reshape(n_batches, -1) for deck in decks]
        yield from torch.cat(cuts, dim=1)


@dataclass(frozen=True, eq=False)
class WeightedDraws:
    """Batches drawn with replacement, a row with a chance proportional to its weight.

    Parameters
    ----------
    weights : Tensor, shape (n,)
        Not negative, with a positive sum.
    batch_size : int
    """

    weights: Tensor
    batch_size: int

    def __post_init__(self) -> None:
        check_integer("batch_size", self.batch_size, low=1)
        w = self.weights
        if w.ndim != 1 or not torch.isfinite(w).all() or (w < 0).any() or not w.sum() > 0:
            raise InvalidInputError(
                "weights must be a vector of finite numbers of at least 0 with a positive sum, "
                f"got shape {tuple(w.shape)}, least {w.min().item() if len(w) else None}."
            )

    def epoch(self, stream: torch.Generator) -> Iterator[Tensor]:
        """Batches of equal size, enough to draw each row once on average."""
        for _ in range(ceil(len(self.weights) / self.batch_size)):
            yield torch.multinomial(
                self.weights.double(), self.batch_size, replacement=True, generator=stream
            )


def _deal(places: Tensor, wanted: int, stream: torch.Generator) -> Tensor:
    """The first `wanted` cards of as many shuffled decks as that takes."""
    decks = [
        places[torch.randperm(len(places), generator=stream)]
        for _ in range(ceil(wanted / len(places)))
    ]
    return torch.cat(decks)[:wanted]
