"""Numbers as labels: what a wrong one looks like, learned beside the additive model.

The error of a training row is drawn from one of a few normal components; meta rows draw from the
same components in shares of their own, which are those of right labels. A gap adds a variance of
its feature to every component: what the missing value would have explained. At outputs f the model
gives the precision and the residual of each row for a weighted least squares step (one EM step),
and the chance that a training label is right.
"""

import torch
from torch import Tensor

from biam.solvers.exact.labels import TINY, Judged, Labels
from biam.solvers.exact.rows import SINGLE_ROWS

__all__ = ["Mixture"]

# A component may be of wrong labels if it lies this many standard deviations of the first one away,
# or is this many times wider. Meta rows then say whether it is; without them it must stand apart:
# its bulk and that of the first component (two deviations each) must not meet.
FAR, WIDE = 3.0, 4.0
BULK, GROSS = 2.0, 10.0
# With meta rows, a component far away is of wrong labels if they have less than this part of its
# share; one that stands apart already below the second: a meta set may hold a few errors too.
RARE, FEWER = 0.25, 0.75
META_PRIOR = (5.0, 1e-3)
SHARE_PRIOR = 1e-3
LEAST_SCALE = 1e-4
# Variance of a gap before anything is known, in units of the first component's.
GAP_START = 0.1
ROUNDS = 3


class Mixture(Judged):
    """Errors from normal components; the first has mean zero and is the narrowest.

    Parameters
    ----------
    labels : Labels
    means, scales, shares : Tensor, shape (K,)
    hidden : Tensor, shape (g,), optional
        Variance that a gap in each feature adds.
    """

    inner = 1
    drift = 0.0
    spread_rows = float(SINGLE_ROWS)

    def __init__(
        self,
        labels: Labels,
        means: Tensor,
        scales: Tensor,
        shares: Tensor,
        hidden: Tensor | None = None,
    ) -> None:
        self.labels, self.means, self.scales, self.shares = labels, means, scales, shares
        start = GAP_START * scales[0].square()
        self.hidden = start.expand(labels.gaps.shape[1]) if hidden is None else hidden
        start = torch.full_like(shares, META_PRIOR[1])
        start[0] = 1.0
        self.meta_shares = start / start.sum()
        self.chances = shares.expand(len(labels.y), -1)

    @classmethod
    def plain(cls, labels: Labels, scale: float) -> "Mixture":
        """One component: ordinary least squares, its variance learned."""
        one = torch.ones(1, dtype=torch.float64, device=labels.y.device)
        return cls(labels, 0 * one, scale * one, one)

    @classmethod
    def start(
        cls, labels: Labels, f: Tensor, spread: Tensor, scale: float, n_wrong: int = 3
    ) -> "Mixture":
        """Components for wrong labels at the quantiles of the errors that are too large."""
        hidden = _hidden_variances(labels, labels.y - f, scale)
        error = (labels.y - f)[~labels.trusted]
        fixed = labels.fixed[~labels.trusted]
        wide = (
            scale**2 + _median(spread, labels.fixed) + labels.gaps[~labels.trusted] @ hidden
        ).sqrt()
        far = (error.abs() > 2 * wide) & (fixed > 0)
        share = float(fixed[far].sum() / fixed.sum())
        if share < 0.02:
            far, share = fixed > 0, 0.02
        order = error[far].argsort()
        e, v = error[far][order], fixed[far][order]
        # A heavy row may be in two parts, as the rows that it stands for would be.
        ends, bound = v.cumsum(0), torch.arange(n_wrong + 1).to(v) * v.sum() / n_wrong
        means, scales, shares = [0.0], [scale], [max(1 - share, 0.05)]
        for k in range(n_wrong):
            u = (ends.minimum(bound[k + 1]) - (ends - v).maximum(bound[k])).clamp_min(0)
            total = float(u.sum())
            mean = float((u * e).sum()) / total if total > 0 else 0.0
            variance = float((u * (e - mean).square()).sum()) / total if total > 0 else 0.0
            means.append(mean)
            scales.append(variance**0.5 + scale)
            shares.append((1 - shares[0]) * total / float(v.sum()))
        made = (
            torch.tensor(x, dtype=torch.float64, device=f.device) for x in (means, scales, shares)
        )
        noise = cls(labels, *made, hidden)
        noise._allot(labels.y - f, spread)
        return noise

    def on(self, labels: Labels) -> "Mixture":
        """The same components for other rows."""
        other = Mixture(labels, self.means, self.scales, self.shares, self.hidden)
        other.meta_shares = self.meta_shares
        return other

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, None]:
        """Expected precision, and the mean of y less its component's mean less f."""
        each = self.chances / self._variances()
        precision = each.sum(1).clamp_min(TINY)
        residual = self.labels.y - f - (each @ self.means) / precision
        return precision * self.labels.fixed, residual, None

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        """An EM step is taken whole."""
        return 1.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor, turn: Tensor | None = None) -> None:
        """EM steps on the components, the uncertainty `spread` of f taken into account."""
        error, labels = self.labels.y - f, self.labels
        train = labels.fixed * ~labels.trusted
        for _ in range(ROUNDS if len(self.means) > 1 else 1):
            self._allot(error, spread)
            of_train = self.chances * train[:, None]
            of_meta = self.chances * (labels.fixed * labels.trusted)[:, None]
            mass = of_train.sum(0)
            self.shares = (mass + SHARE_PRIOR) / (mass + SHARE_PRIOR).sum()
            prior = torch.full_like(mass, META_PRIOR[1])
            prior[0] = META_PRIOR[0]
            meta = of_meta.sum(0) + prior
            self.meta_shares = meta / meta.sum()
            self.means = (of_train * error[:, None]).sum(0) / (mass + TINY)
            self.means[0] = 0.0
            square = (error[:, None] - self.means).square() + spread[:, None]
            self._rescale(of_train + of_meta, square)

    def _rescale(self, mass: Tensor, square: Tensor) -> None:
        """One step to the fixed point of all variances, exact where no row has a gap."""
        total = self._variances()
        rooted, share = mass * square / total.square(), mass / total
        scales = self.scales.square() * (rooted.sum(0) + 1e-12) / (share.sum(0) + 1e-12)
        scales = scales.sqrt().clamp_min(LEAST_SCALE)
        if len(self.hidden):
            seen, wanted = self.labels.gaps.T @ rooted.sum(1), self.labels.gaps.T @ share.sum(1)
            least = (1e-3 * scales[0]) ** 2
            self.hidden = (self.hidden * (seen + 1e-12) / (wanted + 1e-12)).clamp_min(least)
        self.scales = torch.maximum(scales, scales[0])

    @property
    def apart(self) -> Tensor:
        """Which components stand apart from the first one, shape (K,) of bool."""
        distance, first = self.means.abs(), self.scales[0]
        apart = (distance - BULK * self.scales > BULK * first) | (self.scales > GROSS * first)
        apart[0] = False
        return apart

    @property
    def wrong(self) -> Tensor:
        """Which components no right label comes from, shape (K,) of bool.

        Without meta rows, all that stand apart. With meta rows, those that have next to nothing of
        them; and all that stand apart, if together they have fewer of them than of training rows.
        """
        wrong = self.apart
        if bool(self.labels.trusted.any()):
            fewer = self.meta_shares @ wrong.double() < FEWER * (self.shares @ wrong.double())
            far = (self.means.abs() > FAR * self.scales[0]) | (self.scales > WIDE * self.scales[0])
            wrong = (wrong & fewer) | (far & (self.meta_shares < RARE * self.shares))
        wrong[0] = False
        return wrong

    def right_shares(self) -> Tensor:
        """Shares of the components among right labels, shape (K,)."""
        shares = self.meta_shares if bool(self.labels.trusted.any()) else self.shares
        shares = torch.where(self.wrong, 0.0, shares)
        return shares / shares.sum()

    def offset(self) -> float:
        """Mean error of right labels: what a skewed but honest error adds to the prediction."""
        return float(self.right_shares() @ self.means)

    def weights(self, f: Tensor) -> Tensor:
        """Chance that each training label is right, shape (n_train,)."""
        right = self.right_shares()
        # The first component is all of right labels: its share says how many there are.
        share = float((self.shares[0] / right[0]).clamp_max(1.0))
        honest = (share * right / self.shares.clamp_min(TINY)).clamp_max(1.0)
        self._allot(self.labels.y - f, torch.zeros_like(f))
        return (self.chances @ honest)[~self.labels.trusted].clamp(0, 1)

    def losses(self, f: Tensor) -> Tensor:
        """Squared errors, shape (n,)."""
        return (self.labels.y - f).square()

    def left_out(self, f: Tensor, spread: Tensor) -> Tensor:
        """Squared errors of the rows under the fit without them, shape (n,)."""
        precision, residual, _ = self.working(f)
        h = (precision * spread).clamp_max(0.999)
        return self.losses(f + self.offset() - residual * h / (1 - h))

    def summary(self, unit: float = 1.0) -> dict[str, list[float]]:
        """Components as plain numbers, errors times `unit`, for `details_`."""
        parts = {"mean": self.means * unit, "scale": self.scales * unit, "share": self.shares}
        parts |= {"right_share": self.right_shares(), "gap_scale": self.hidden.sqrt() * unit}
        return {name: part.tolist() for name, part in parts.items()}

    def doubts(self, f: Tensor) -> Tensor:
        """Chance that each meta label stands apart from right ones, shape (n_meta,)."""
        self._allot(self.labels.y - f, torch.zeros_like(f))
        return (self.chances @ self.apart.double())[self.labels.trusted]

    def _variances(self) -> Tensor:
        """Of each row's error under each component, shape (n, K) or (1, K)."""
        square = self.scales.square()[None]
        return square + (self.labels.gaps @ self.hidden)[:, None] if len(self.hidden) else square

    def _allot(self, error: Tensor, spread: Tensor) -> None:
        share = torch.where(self.labels.trusted[:, None], self.meta_shares, self.shares)
        square = (error[:, None] - self.means).square() + spread[:, None]
        variance = self._variances()
        log = share.clamp_min(TINY).log() - 0.5 * (square / variance + variance.log())
        self.chances = log.softmax(1)


def _hidden_variances(labels: Labels, error: Tensor, scale: float) -> Tensor:
    """Robust excess of the squared errors of the rows with a gap in each feature, shape (g,)."""
    found = []
    for gap in labels.gaps.T:
        there = (gap > 0) & (labels.fixed > 0)
        typical = _median(error[there].abs(), labels.fixed[there]) if bool(there.any()) else 0.0
        wide = 1.4826 * typical
        found.append(max(wide**2 - scale**2, (GAP_START * scale) ** 2))
    return torch.tensor(found, dtype=torch.float64, device=error.device)


def _median(x: Tensor, weight: Tensor) -> float:
    """Smallest value that half of the weight does not exceed."""
    order = x.argsort()
    share = weight[order].cumsum(0)
    return float(x[order][int((share < share[-1] / 2).sum())])
