"""Loss reweighting: rare groups or classes count more in the mean loss.

It needs to be known which group a row is in. A model that can fit all rows ignores the weights in
the end: any positive weights have the same interpolating solutions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biam.exceptions import InvalidInputError
from biam.losses import Loss
from biam.mitigation.training import Batch, group_sizes
from biam.validation import check_number

__all__ = ["Weighted", "class_balanced", "inverse_frequency"]


def inverse_frequency(groups: Tensor) -> Tensor:
    """w_g = n / (G n_g): every group has the same total weight, the rows a mean weight of 1.

    Parameters
    ----------
    groups : Tensor of int64, shape (n,)
        Every group from 0 to the largest has a row.

    Returns
    -------
    Tensor, shape (G,)
    """
    return _mean_one(1.0 / _present(groups).double(), groups)


def class_balanced(groups: Tensor, beta: float = 0.9999) -> Tensor:
    """w_g = (1 - beta) / (1 - beta^{n_g}), scaled to a mean of 1 over the rows.

    1 / w_g is the "effective number" of rows: beta = 0 gives equal weights, beta to 1 those of
    `inverse_frequency`. Source: Cui, Jia, Lin, Song & Belongie (2019), Eq. 2.

    Parameters
    ----------
    groups : Tensor of int64, shape (n,)
    beta : float
        In [0, 1).
    """
    check_number("beta", beta, low=0.0, high=1.0 - 1e-12)
    effective = 1 - torch.as_tensor(beta, dtype=torch.float64) ** _present(groups)
    return _mean_one((1 - beta) / effective, groups)


@dataclass(frozen=True)
class Weighted:
    """The mean over the batch of w_g l_i, g the group of row i.

    Parameters
    ----------
    loss : Loss
    weights : Tensor, shape (G,)
    """

    loss: Loss
    weights: Tensor

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Weighted mean loss."""
        losses = self.loss.value(model(batch.x), batch.y)
        return (self.weights.to(losses.dtype)[batch.groups] * losses).mean()


def _present(groups: Tensor) -> Tensor:
    sizes = group_sizes(groups)
    if (sizes == 0).any():
        raise InvalidInputError(
            f"each of the groups 0 .. {len(sizes) - 1} must have a row, got sizes "
            f"{sizes.tolist()}: number the groups that there are."
        )
    return sizes


def _mean_one(weights: Tensor, groups: Tensor) -> Tensor:
    return weights / weights[groups].mean()
