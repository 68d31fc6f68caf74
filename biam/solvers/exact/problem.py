"""The rows that BIAM-X fits: training rows, then meta rows, targets in robust units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from biam.solvers.exact.absolute import robust_scale, weighted_quantile
from biam.solvers.exact.components import Components
from biam.solvers.exact.cubic import cubic_components
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import Group, main_groups

__all__ = ["BASES", "Problem"]

BASES = ("hinge", "cubic")

LEAST_GAPS = 3
# A sample saves nothing unless it leaves out a good part of the rows.
WORTH_SAMPLING = 1.25


@dataclass(frozen=True)
class Problem:
    """Rows, labels and main groups of columns.

    Parameters
    ----------
    rows : Rows
    labels : Labels
    gaps : tuple of int
        Features with enough missing values to speak of.
    n_train : int
        Training rows; the meta rows follow them.
    centre, scale : float
        What was taken from numeric targets.
    binary : bool
    """

    rows: Rows
    labels: Labels
    gaps: tuple[int, ...]
    n_train: int
    centre: float
    scale: float
    binary: bool

    @classmethod
    def make(
        cls,
        train: tuple[np.ndarray, np.ndarray, np.ndarray],
        meta: tuple[np.ndarray | None, np.ndarray | None],
        n_classes: int,
        n_knots: int,
        n_levels: list[int] | None,
        device: str,
        basis: str = "hinge",
    ) -> "Problem":
        """From arrays: (X, y, fixed weights) of the training rows, (X, y) of the meta rows."""
        (X, y, fixed), (X_meta, y_meta) = train, meta
        trusted = np.zeros(len(y), bool)
        if X_meta is not None:
            X, y = np.concatenate([X, X_meta]), np.concatenate([y, y_meta])
            trusted = np.arange(len(y)) >= len(fixed)
            fixed = np.concatenate([fixed, np.ones(len(y_meta))])
        y, centre, scale = np.asarray(y, float), 0.0, 1.0
        if not n_classes:
            centre, scale = _robust_units(y, fixed)
        components = Components.fit(X, n_knots, n_levels, fixed)
        if basis == "cubic":
            components = cubic_components(components, X, fixed)
        gaps = tuple(np.flatnonzero(np.isnan(X[fixed > 0]).sum(0) >= LEAST_GAPS).tolist())
        groups = main_groups(components, gaps)
        if n_classes and trusted.any():
            # Training rows may hold the classes in other proportions than the meta rows.
            groups.append(Group("shift", (), ((0,),), torch.ones(1, dtype=torch.float64)))
        rows = Rows(components, X, ~trusted, device).use(groups)
        labels = _labels(X, (y - centre) / scale, trusted, fixed, gaps, device)
        n_train = int((~trusted).sum())
        return cls(rows, labels, gaps, n_train, centre, scale, bool(n_classes))

    @property
    def meta(self) -> np.ndarray:
        """Positions of the meta rows."""
        return np.arange(self.n_train, len(self.rows))

    def sample(self, most: int, seed: int) -> "Problem":
        """All of a small problem; of a large one, `most` training rows and as many meta rows."""
        if self.n_train <= WORTH_SAMPLING * most:
            return self
        stream = np.random.default_rng(seed)
        usable = np.flatnonzero(self.labels.fixed[: self.n_train].cpu().numpy() > 0)
        train = np.sort(stream.permutation(usable)[:most])
        return self.take(np.concatenate([train, np.sort(stream.permutation(self.meta)[:most])]))

    def take(self, kept: np.ndarray) -> "Problem":
        """Some of the rows."""
        labels = self.labels.take(torch.as_tensor(kept, device=self.labels.y.device))
        n_train = int((~labels.trusted).sum())
        return replace(self, rows=self.rows.take(kept), labels=labels, n_train=n_train)

    def of(self, X: np.ndarray, y: np.ndarray, fixed: np.ndarray) -> "Problem":
        """The same meta rows, columns and units, with other training rows."""
        rows, meta = self.rows, self.meta
        X = np.concatenate([X, rows.X[meta]])
        y = (np.asarray(y, float) - self.centre) / self.scale
        y = np.concatenate([y, self.labels.y.cpu().numpy()[meta]])
        trusted = np.arange(len(y)) >= len(fixed)
        fixed = np.concatenate([fixed, self.labels.fixed.cpu().numpy()[meta]])
        labels = _labels(X, y, trusted, fixed, self.gaps, rows.device)
        other = Rows(rows.components, X, ~trusted, rows.device).use(rows.groups)
        return replace(self, rows=other, labels=labels, n_train=int((~trusted).sum()))

    def use(self, groups: Sequence[Group]) -> "Problem":
        """The same rows with these groups of columns."""
        return replace(self, rows=self.rows.use(groups))

    def plain(self, scale: float = 1.0) -> Mixture | Flips:
        """The noise model without wrong labels."""
        return Flips.plain(self.labels) if self.binary else Mixture.plain(self.labels, scale)


def _labels(
    X: np.ndarray,
    y: np.ndarray,
    trusted: np.ndarray,
    fixed: np.ndarray,
    gaps: Sequence[int],
    device: str,
) -> Labels:
    parts = (y, trusted, fixed, np.isnan(X[:, gaps]).astype(float))
    return Labels(*(torch.as_tensor(part, device=device) for part in parts))


def _robust_units(y: np.ndarray, fixed: np.ndarray) -> tuple[float, float]:
    """Weighted median, and the median distance from it in units of a normal deviation."""
    values, weight = torch.as_tensor(y), torch.as_tensor(fixed)
    centre = weighted_quantile(values, weight)
    scale = robust_scale(values - centre, weight)
    if scale <= 0:
        scale = float((weight * (values - centre).square()).sum() / weight.sum()) ** 0.5
    return centre, scale if scale > 0 else 1.0
