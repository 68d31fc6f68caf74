"""Rows of a table as blocks of the design matrix: every pass is a sum over blocks.

Small designs are kept; of large ones no more than a block exists at a time.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy.linalg.blas import dsyrk, dtrmm, ssyrk, strmm
from torch import Tensor

from biam.solvers.exact.components import Components
from biam.solvers.exact.terms import Group, columns

__all__ = ["Rows"]

BLOCK = 16_384
# What may be kept of a large table: entries of the design, and of the components.
KEPT_ENTRIES, KEPT_VALUES = 100_000_000, 250_000_000
# From so many rows on, blocks are in single precision, and their sums in double: columns are
# orthonormal or nearly so, and an error of 1e-7 is far below what the rows leave open.
SINGLE_ROWS = 3_000


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

    def extend(self, new: Sequence[Group]) -> "Rows":
        """The same rows with more groups of columns."""
        other = self.use([*self.groups, *new])
        if self._columns is not None and len(self) * other.n_columns <= KEPT_ENTRIES:
            added = (A[:, 1:] for _, A in self.use(new)._made())
            both = zip(self._columns, added, strict=True)
            other._columns = [torch.cat([A.T, B.T]).T for A, B in both]
        return other

    def narrow(self, groups: Sequence[Group], columns: Tensor) -> "Rows":
        """The same rows with some of the groups, whose columns are said again."""
        other = self.use(groups)
        if self._columns is not None:
            other._columns = [A.T[columns].T for A in self._columns]
        return other

    def take(self, rows: np.ndarray) -> "Rows":
        """Some of the rows, the same groups."""
        other = Rows(self.components, self.X[rows], self.shift[rows], self.device)
        other.groups = self.groups
        return other

    @property
    def kind(self) -> torch.dtype:
        """Precision of a block."""
        return torch.float32 if len(self) >= SINGLE_ROWS else torch.float64

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
                to = {"device": self.device, "dtype": self.kind}
                yield place, [part.to(**to) for part in phi], M.to(**to)

    def blocks(self) -> Iterator[tuple[slice, Tensor]]:
        """The design matrix, block by block."""
        places = self._places()
        if self._columns is None and len(self) * self.n_columns <= KEPT_ENTRIES:
            self._columns = [A for _, A in self._made()]
        if self._columns is None:
            yield from self._made()
        else:
            yield from zip(places, self._columns, strict=True)

    def keep(self) -> None:
        """Hold on to the components, unless they are too many; `use` shares them."""
        n_values = sum(len(stiffness) for stiffness in self.components.stiffness)
        if self._values is None and len(self) * n_values <= KEPT_VALUES:
            self._values = [(phi, M) for _, phi, M in self.values()]

    def outputs(self, w: Tensor) -> Tensor:
        """A w, shape (n,), or (n, m) for m columns of coefficients."""
        w = w.to(self.kind)
        return torch.cat([(A @ w).double() for _, A in self.blocks()])

    def spread(self, V: Tensor) -> Tensor:
        """Variance of each row's output, a^T V a, shape (n,)."""
        V = V.to(self.kind)
        return torch.cat([((A @ V) * A).sum(1).double() for _, A in self.blocks()])

    def spread_under(self, root: Tensor) -> Tensor:
        """`spread` of V = root^T root, root lower triangular: at half the cost."""
        root = root.to(self.kind)
        return torch.cat([_squares(A, root).double() for _, A in self.blocks()])

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
        pull, root = (precision * residual).to(self.kind), precision.sqrt().to(self.kind)
        for place, A in self.blocks():
            if extra is not None:
                A = torch.cat([A.T, extra[place].T.to(self.kind)]).T
            slope += A.T @ pull[place]
            gram += _gram(A * root[place, None])
        return gram, slope

    def _made(self) -> Iterator[tuple[slice, Tensor]]:
        for place, phi, M in self.values():
            shift = torch.as_tensor(self.shift[place], dtype=self.kind, device=self.device)
            yield place, columns(phi, M, shift, self.groups)

    def _places(self) -> list[slice]:
        return [slice(i, min(i + BLOCK, len(self))) for i in range(0, len(self), BLOCK)]


def _squares(A: Tensor, root: Tensor) -> Tensor:
    """Squared length of root a for each row a of A."""
    if A.device.type != "cpu":
        return (A @ root.T).square().sum(1)
    trmm = strmm if A.dtype == torch.float32 else dtrmm
    made = trmm(1.0, root.numpy(), A.numpy(), side=1, lower=1, trans_a=1)
    return torch.from_numpy(np.einsum("ji,ji->i", made.T, made.T))


def _gram(A: Tensor) -> Tensor:
    """A^T A; on a processor, only its upper half is computed."""
    if A.device.type != "cpu":
        return A.T @ A
    syrk = ssyrk if A.dtype == torch.float32 else dsyrk
    upper = torch.from_numpy(syrk(1.0, A.numpy(), trans=1))
    return upper.triu() + upper.triu(1).T
