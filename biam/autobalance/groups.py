"""What to ask of a validation set: one number from the mean loss of every class in every group.

An objective maps the table of mean losses, shape (G, K), NaN where a class has no rows in a group,
to a scalar that torch can differentiate; `row_weights` turns that into weights of the rows, which
is all that an upper risk needs. Source: Li et al. (2021), AutoBalance, sections 2 and 4.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.validation import check_number

__all__ = [
    "Balanced",
    "Blend",
    "EqualOdds",
    "Objective",
    "Plain",
    "WorstGroup",
    "cell_means",
    "row_weights",
]

Objective = Callable[[Tensor, Tensor], Tensor]
"""Mean losses and numbers of rows, both of shape (G, K) -> scalar."""


@dataclass(frozen=True)
class Plain:
    """The mean over all rows."""

    def __call__(self, means: Tensor, counts: Tensor) -> Tensor:
        """sum_gk n_gk c_gk / n."""
        return (means.nan_to_num() * counts).sum() / counts.sum()


@dataclass(frozen=True)
class Balanced:
    """The mean over the classes, whatever their sizes; groups are not told apart.

    Parameters
    ----------
    by_group : bool
        The mean over all cells of class and group instead.
    """

    by_group: bool = False

    def __call__(self, means: Tensor, counts: Tensor) -> Tensor:
        """Mean of the means."""
        if self.by_group:
            return means.nanmean()
        rows = counts.sum(0)
        classes = (means.nan_to_num() * counts).sum(0) / rows.clamp_min(1)
        return classes.sum() / (rows > 0).sum()


@dataclass(frozen=True)
class EqualOdds:
    """DEO, the difference of equal opportunity: abs(c_1k - c_2k), added up over the classes k.

    With more than two groups it is the largest minus the smallest mean of each class.
    """

    def __call__(self, means: Tensor, counts: Tensor) -> Tensor:
        """Sum of the ranges; a class seen in fewer than two groups has none."""
        high = means.nan_to_num(nan=-torch.inf).amax(0)
        low = means.nan_to_num(nan=torch.inf).amin(0)
        return torch.where((high - low).isfinite(), high - low, 0).sum()


@dataclass(frozen=True)
class WorstGroup:
    """The largest mean over the groups, softly: a mean weighted by softmax(sharpness * mean).

    Parameters
    ----------
    sharpness : float
        0 is the mean over the groups, infinity the largest.
    """

    sharpness: float = 20.0

    def __post_init__(self) -> None:
        """Refuse a sharpness below zero."""
        check_number("sharpness", self.sharpness, low=0.0)

    def __call__(self, means: Tensor, counts: Tensor) -> Tensor:
        """Soft maximum; a group's mean is the mean over its classes."""
        groups = means.nanmean(1)
        groups = groups[~groups.isnan()]
        return (groups * (self.sharpness * groups).softmax(0)).sum()


@dataclass(frozen=True)
class Blend:
    """(1 - share) first + share second, such as balanced error and DEO.

    Parameters
    ----------
    first, second : objective
    share : float
        In [0, 1].
    """

    first: Objective
    second: Objective
    share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse a share outside [0, 1]."""
        check_number("share", self.share, low=0.0, high=1.0)

    def __call__(self, means: Tensor, counts: Tensor) -> Tensor:
        """The weighted sum."""
        first, second = self.first(means, counts), self.second(means, counts)
        return (1 - self.share) * first + self.share * second


def cell_means(losses: Tensor, y: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Mean loss and number of rows of every cell, both of shape (G, K); NaN where there are none.

    Parameters
    ----------
    losses : Tensor, shape (n,)
    y : Tensor, shape (n,)
        Codes, class + K times group.
    shape : (G, K)

    Raises
    ------
    InvalidInputError
        A code out of range.
    """
    size = shape[0] * shape[1]
    if len(y) and (int(y.min()) < 0 or int(y.max()) >= size):
        raise InvalidInputError(
            f"y must hold codes in 0 .. {size - 1}, class + {shape[1]} * group, got "
            f"{int(y.min())} .. {int(y.max())}."
        )
    counts = torch.bincount(y, minlength=size).to(losses)
    sums = torch.zeros(size).to(losses).index_add(0, y, losses)
    return (sums / counts).view(shape), counts.view(shape)


def row_weights(
    objective: Objective,
    losses: Tensor,
    y: Tensor,
    shape: tuple[int, int],
    sizes: Tensor | None = None,
) -> tuple[float, Tensor]:
    """Value of an objective, and weights a with grad = mean_i(a_i grad l_i).

    Parameters
    ----------
    objective : callable
    losses, y, shape :
        As in `cell_means`.
    sizes : Tensor, shape (G, K), optional
        What the objective is told of the numbers of rows, where the rows were drawn cell by cell.

    Returns
    -------
    float
    Tensor, shape (n,)
        n d objective / d l_i; may be below zero.
    """
    means, counts = cell_means(losses, y, shape)
    told = counts if sizes is None else sizes
    slopes, value = torch.func.grad_and_value(lambda c: objective(c, told))(means)
    per_row = torch.where(counts > 0, slopes / counts, 0).view(-1)
    return value.item(), len(y) * per_row[y]
