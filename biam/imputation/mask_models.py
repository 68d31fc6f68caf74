"""p(s | x): how the chance that a value is seen depends on the values, seen or not.

A model gives one logit of being observed for each column that has gaps in the training table; a
column that never has one teaches nothing about its mask. Source: Ipsen, Mattei & Frellsen (2021),
not-MIWAE, section 3 and appendix.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from biam.imputation.columns import Layout

__all__ = ["MASK_MODELS", "KnownMask", "LinearMask", "MaskModel", "NonlinearMask", "SelfMask"]

MASK_MODELS = (
    "self-masking-known",
    "self-masking",
    "agnostic",
    "agnostic-nonlinear",
    "mechanism",
)
"""Names, from most assumed about the sign to what is fully given."""

# softplus(_ONE) = 1.
_ONE = 0.5413248546129181


class MaskModel(nn.Module):
    """Independent Bernoulli masks given the completed row.

    Parameters
    ----------
    gaps : sequence of int
        Columns with gaps, in model order.
    """

    def __init__(self, gaps: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("gaps", torch.as_tensor(np.asarray(gaps, dtype=np.int64)))

    def logits(self, x: Tensor) -> Tensor:
        """Logit of being observed.

        Parameters
        ----------
        x : Tensor, shape (K, n, width)
            Completed rows.

        Returns
        -------
        Tensor, shape (K, n, n_gaps)
        """
        raise NotImplementedError

    def log_prob(self, x: Tensor, observed: Tensor) -> Tensor:
        """log p(s | x), shape (K, n); `observed` is 0 or 1, shape (n, p)."""
        seen = observed[..., self.gaps]
        return functional.logsigmoid((2 * seen - 1) * self.logits(x)).sum(-1)


class LinearMask(MaskModel):
    """Agnostic, linear: every logit is a linear function of all values."""

    def __init__(self, gaps: Sequence[int], layout: Layout) -> None:
        super().__init__(gaps)
        self.linear = nn.Linear(layout.width, len(gaps))

    def logits(self, x: Tensor) -> Tensor:
        """See `MaskModel.logits`."""
        return self.linear(x)


class NonlinearMask(MaskModel):
    """Agnostic, non-linear: one hidden layer of tanh units over all values."""

    def __init__(self, gaps: Sequence[int], layout: Layout, hidden: int) -> None:
        super().__init__(gaps)
        self.network = nn.Sequential(
            nn.Linear(layout.width, hidden), nn.Tanh(), nn.Linear(hidden, len(gaps))
        )

    def logits(self, x: Tensor) -> Tensor:
        """See `MaskModel.logits`."""
        return self.network(x)


class SelfMask(MaskModel):
    """Self-masking: logit_j = -W_j (x_j - b_j), each column by its own value alone.

    Parameters
    ----------
    gaps : sequence of int
    layout : Layout
    signs : ndarray, shape (p,), optional
        In model order: +1 where high values go missing, so that W_j = softplus(.) > 0, -1 where low
        ones do, 0 where the sign is free. None = free everywhere. Levels are always free.
    """

    def __init__(
        self, gaps: Sequence[int], layout: Layout, signs: np.ndarray | None = None
    ) -> None:
        super().__init__(gaps)
        owner = layout.owner
        own = np.flatnonzero(np.isin(owner, gaps))
        self.register_buffer("own", torch.as_tensor(own))
        column = {j: k for k, j in enumerate(gaps)}
        place = torch.tensor([column[owner[d]] for d in own], dtype=torch.long)
        one_each = bool((place == torch.arange(len(own))).all()) if len(own) == len(gaps) else False
        self.one_each = one_each
        self.register_buffer("collect", functional.one_hot(place, len(gaps)).float())
        discrete = np.isin(np.asarray(layout.kinds), ("bernoulli", "categorical"))
        wanted = np.zeros(len(layout.kinds)) if signs is None else np.where(discrete, 0, signs)
        self.register_buffer("sign", torch.as_tensor(wanted[owner[own]], dtype=torch.float32))
        self.raw_slope = nn.Parameter(torch.where(self.sign == 0, torch.zeros(()), _ONE).clone())
        # Logits rather than thresholds: with a slope of zero every threshold is the same.
        self.intercept = nn.Parameter(torch.zeros(len(gaps)))

    @property
    def slope(self) -> Tensor:
        """W, one per encoded column with gaps."""
        known = self.sign * functional.softplus(self.raw_slope)
        return torch.where(self.sign == 0, self.raw_slope, known)

    def logits(self, x: Tensor) -> Tensor:
        """See `MaskModel.logits`."""
        moved = -self.slope * x[..., self.own]
        return (moved if self.one_each else moved @ self.collect) + self.intercept


class KnownMask(MaskModel):
    """A fixed mechanism, given from outside: nothing is learned here.

    Parameters
    ----------
    gaps : sequence of int
    mechanism : callable
        Encoded rows (K, n, width) -> logits of being observed of all columns in model order,
        (K, n, p).
    """

    def __init__(self, gaps: Sequence[int], mechanism: Callable[[Tensor], Tensor]) -> None:
        super().__init__(gaps)
        self.mechanism = mechanism

    def logits(self, x: Tensor) -> Tensor:
        """See `MaskModel.logits`."""
        return self.mechanism(x)[..., self.gaps]
