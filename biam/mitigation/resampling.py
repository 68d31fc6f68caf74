"""Epoch-level sampling: the rows of an epoch are chosen when it begins, equally many per group."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from biam.mitigation.training import group_sizes
from biam.validation import check_choice, check_integer

__all__ = ["EvenEpochs"]


@dataclass(frozen=True, eq=False)
class EvenEpochs:
    """Epochs in which every group has as many rows.

    Parameters
    ----------
    groups : Tensor of int64, shape (n,)
    mode : {"over", "under"}
        "over": as many as the largest group, every row at least once, the others drawn with
        replacement. "under": as many as the smallest, drawn afresh each epoch, no row twice.
    batch_size : int
    """

    groups: Tensor
    mode: str
    batch_size: int

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, ("over", "under"))
        check_integer("batch_size", self.batch_size, low=1)
        group_sizes(self.groups)

    def epoch(self, stream: torch.Generator) -> Iterator[Tensor]:
        """Cuts of the shuffled choice; G times the size of the largest or smallest group."""
        members = [torch.nonzero(self.groups == g)[:, 0] for g in self.groups.unique()]
        sizes = [len(places) for places in members]
        wanted = max(sizes) if self.mode == "over" else min(sizes)
        chosen = torch.cat([_draw(places, wanted, stream) for places in members])
        order = torch.randperm(len(chosen), generator=stream)
        yield from chosen[order].split(self.batch_size)


def _draw(places: Tensor, wanted: int, stream: torch.Generator) -> Tensor:
    """`wanted` of the places: a subset, or all of them and some again."""
    if wanted <= len(places):
        return places[torch.randperm(len(places), generator=stream)[:wanted]]
    again = torch.randint(len(places), (wanted - len(places),), generator=stream)
    return torch.cat([places, places[again]])
