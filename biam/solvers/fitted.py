"""What every solver gives back to the estimator."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biam.additive import AdditiveModel

__all__ = ["Fitted", "one_thread"]


@dataclass
class Fitted:
    """A trained additive model.

    Parameters
    ----------
    model : AdditiveModel
        Structure and basis.
    w : Tensor, shape (model.layout.size,)
        Trained parameters.
    weights : ndarray, shape (n_train,)
        Learned weight of each training row.
    history : list of dict
        One record per epoch or upper step.
    status : str
        "finished", "stopped" or "diverged".
    details : dict
        What the solver found besides: penalties, theta, decisions.
    """

    model: AdditiveModel
    w: Tensor
    weights: np.ndarray
    history: list[dict[str, float]]
    status: str = "finished"
    details: dict[str, Any] = field(default_factory=dict)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small tensors on one thread: two can be ten times slower; the old setting comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
