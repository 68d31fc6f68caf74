"""Rows of a table as blocks of the design matrix: every pass is a sum over blocks.

Small designs are kept; of large ones no more than a block exists at a time.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from biam.solvers.terms import Components, Group, columns

__all__ = ["Rows"]

BLOCK = 16_384
KEPT_ENTRIES = 20_000_000
# From so many rows on the Gram matrix is summed in single precision: its columns are orthonormal
# or nearly so, and it only steers Newton's steps; gradients stay in double precision.
SINGLE_ROWS = 10_000


class Rows:
    """A table seen through its components, with the groups of columns in use.

    Parameters
    ----------
    components : Components
    X : ndarray, shape (n, p)
        NaN where missing.
    shift : ndarray of bool, shape (n,)
        Rows that the "shift" group speaks of: the training rows.
    device : str
    """

    def __init__(
        self, components: Components, X: np.ndarray, shift: np.ndarray, device: str = "cpu"
    ) -> None:
        self.components, self.X, self.shift, self.device = components, X, shift, device
        self.groups: tuple[Group, ...] = ()
        self._values: list[tuple[list[Tensor], Tensor]] | None = None
        self._columns: list[Tensor] | None = None

    def __len__(self) -> int:
        return len(self.X)

    def use(self, groups: Sequence[Group]) -> "Rows":
        """The same rows with these groups of columns."""
        other = Rows(self.components, self.X, self.shift, self.device)
        other.groups, other._values = tuple(groups), self._values
        return other

    def take(self, rows: np.ndarray) -> "Rows":
        """Some of the rows, the same groups."""
        other = Rows(self.components, self.X[rows], self.shift[rows], self.device)
        other.groups = self.groups
        return other

    @property
    def n_columns(self) -> int:
        """Columns of the design, the intercept included."""
        return 1 + sum(len(group) for group in self.groups)

    def values(self) -> Iterator[tuple[slice, list[Tensor], Tensor]]:
        """Components and missing mask, block by block."""
        for b, place in enumerate(self._places()):
            if self._values is not None:
                yield place, *self._values[b]
            else:
                phi, M = self.components.values(self.X[place])
                yield place, [part.to(self.device) for part in phi], M.to(self.device)

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """The design matrix, block by block."""
        places = self._places()
        if self._columns is None and len(self) * self.n_columns <= KEPT_ENTRIES:
            self.keep()
            self._columns = [A for _, A in self._made()]
        if self._columns is None:
            yield from self._made()
        else:
            yield from zip(places, self._columns, strict=True)

    def keep(self) -> None:
        """Hold on to the components, for those who share them through `use`."""
        if self._values is None:
            self._values = [(phi, M) for _, phi, M in self.values()]

    def outputs(self, w: Tensor) -> Tensor:
        """A w, shape (n,)."""
        return torch.cat([A @ w for _, A in self.blocks()])

    def spread(self, V: Tensor) -> Tensor:
        """Variance of each row's output, a^T V a, shape (n,)."""
        return torch.cat([((A @ V) * A).sum(1) for _, A in self.blocks()])

    def normal(
        self, precision: Tensor, residual: Tensor, extra: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Gram matrix A^T diag(precision) A and A^T (precision * residual).

        Parameters
        ----------
        precision, residual : Tensor, shape (n,)
        extra : Tensor, shape (n, e), optional
            More columns, to the right of the design's.

        Returns
        -------
        gram : Tensor, shape (c + e, c + e)
        slope : Tensor, shape (c + e,)
        """
        c = self.n_columns + (0 if extra is None else extra.shape[1])
        gram, slope = precision.new_zeros(c, c), precision.new_zeros(c)
        single = len(self) >= SINGLE_ROWS
        pull = precision * residual
        for place, A in self.blocks():
            if extra is not None:
                A = torch.cat([A, extra[place]], 1)
            slope += A.T @ pull[place]
            rooted = A * precision[place].sqrt()[:, None]
            rooted = rooted.float() if single else rooted
            gram += rooted.T @ rooted
        return gram, slope

    def _made(self) -> Iterator[tuple[slice, Tensor]]:
        for place, phi, M in self.values():
            shift = torch.as_tensor(self.shift[place], dtype=torch.float64, device=self.device)
            yield place, columns(phi, M, shift, self.groups)

    def _places(self) -> list[slice]:
        return [slice(i, min(i + BLOCK, len(self))) for i in range(0, len(self), BLOCK)]
