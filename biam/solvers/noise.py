"""Models of the labels: what a wrong label looks like, learned beside the additive model.

`Mixture` (numbers): the error of a training row is drawn from one of a few normal components; meta
rows draw from the same components in shares of their own, which are those of right labels.
`Flips` (two classes): a training label is the true one, flipped at a rate of each class.
Both give, at outputs f, the precision and the residual of each row for a weighted least squares
step (one EM step; one step of Fisher scoring), and the chance that a training label is right.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Flips", "Mixture"]

TINY = 1e-300
# A component may be of wrong labels if it lies this many standard deviations of the first one away,
# or is this many times wider. Meta rows then say whether it is; without them it must stand apart:
# its bulk and that of the first component (two deviations each) must not meet.
FAR, WIDE = 3.0, 4.0
BULK, GROSS = 2.0, 10.0
META_PRIOR = (5.0, 1e-3)
SHARE_PRIOR = 1e-3
LEAST_SCALE = 1e-4
ROUNDS = 3
# Rates still move if one changes by more than a tenth of this in a step.
DRIFT = 0.01


@dataclass
class Labels:
    """Targets of the rows, and which of them are trusted.

    Parameters
    ----------
    y : Tensor, shape (n,)
    trusted : Tensor of bool, shape (n,)
        Meta rows.
    fixed : Tensor, shape (n,)
        Fixed sample weights.
    """

    y: Tensor
    trusted: Tensor
    fixed: Tensor

    def take(self, rows: Tensor) -> "Labels":
        """Some of the rows."""
        return Labels(self.y[rows], self.trusted[rows], self.fixed[rows])


class _Judged:
    """Losses of the meta rows, for models with `labels`, `losses` and `left_out`."""

    def progress(self, f: Tensor, spread: Tensor) -> dict[str, float]:
        """Mean loss of the training rows, and of the meta rows left out, if any."""
        trusted = self.labels.trusted
        told = {}
        if not bool(trusted.all()):
            told["lower_loss"] = float(self.losses(f)[~trusted].mean())
        if bool(trusted.any()):
            told["meta_loss"] = float(self.left_out(f, spread)[trusted].mean())
        return told


class Mixture(_Judged):
    """Errors from normal components; the first has mean zero and is the narrowest.

    Parameters
    ----------
    labels : Labels
    means, scales, shares : Tensor, shape (K,)
    """

    inner = 1
    drift = 0.0

    def __init__(self, labels: Labels, means: Tensor, scales: Tensor, shares: Tensor) -> None:
        self.labels, self.means, self.scales, self.shares = labels, means, scales, shares
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
        error = (labels.y - f)[~labels.trusted]
        fixed = labels.fixed[~labels.trusted]
        wide = float((scale**2 + spread.median()) ** 0.5)
        far = (error.abs() > 2 * wide) & (fixed > 0)
        share = float(fixed[far].sum() / fixed.sum())
        if share < 0.02:
            far, share = fixed > 0, 0.02
        order = error[far].argsort()
        e, v = error[far][order], fixed[far][order]
        part = ((v.cumsum(0) - v / 2) / v.sum() * n_wrong).long().clamp(0, n_wrong - 1)
        means, scales, shares = [0.0], [scale], [max(1 - share, 0.05)]
        for k in range(n_wrong):
            u, x = v[part == k], e[part == k]
            total = float(u.sum())
            mean = float((u * x).sum()) / total if total > 0 else 0.0
            variance = float((u * (x - mean).square()).sum()) / total if total > 0 else 0.0
            means.append(mean)
            scales.append(variance**0.5 + scale)
            shares.append((1 - shares[0]) * total / float(v.sum()))
        made = (
            torch.tensor(x, dtype=torch.float64, device=f.device) for x in (means, scales, shares)
        )
        noise = cls(labels, *made)
        noise._allot(labels.y - f, spread)
        return noise

    def on(self, labels: Labels) -> "Mixture":
        """The same components for other rows."""
        other = Mixture(labels, self.means, self.scales, self.shares)
        other.meta_shares = self.meta_shares
        return other

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, None]:
        """Expected precision, and the mean of y less its component's mean less f."""
        each = self.chances / self.scales.square()
        precision = each.sum(1).clamp_min(TINY)
        residual = self.labels.y - f - (each @ self.means) / precision
        return precision * self.labels.fixed, residual, None

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        """An EM step is taken whole."""
        return 1.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor) -> None:
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
            of_all = of_train + of_meta
            square = (error[:, None] - self.means).square() + spread[:, None]
            scales = ((of_all * square).sum(0) + 1e-12) / (of_all.sum(0) + 1e-9)
            scales = scales.sqrt().clamp_min(LEAST_SCALE)
            self.scales = torch.maximum(scales, scales[0])

    @property
    def wrong(self) -> Tensor:
        """Which components no right label comes from, shape (K,) of bool.

        With meta rows, those of which they show next to nothing; without, those that stand apart.
        """
        distance, first = self.means.abs(), self.scales[0]
        if bool(self.labels.trusted.any()):
            far = (distance > FAR * first) | (self.scales > WIDE * first)
            wrong = far & (self.meta_shares < 0.25 * self.shares)
        else:
            apart = distance - BULK * self.scales > BULK * first
            wrong = apart | (self.scales > GROSS * first)
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
        parts |= {"right_share": self.right_shares()}
        return {name: part.tolist() for name, part in parts.items()}

    def _allot(self, error: Tensor, spread: Tensor) -> None:
        share = torch.where(self.labels.trusted[:, None], self.meta_shares, self.shares)
        square = (error[:, None] - self.means).square() + spread[:, None]
        log = -0.5 * square / self.scales.square() - self.scales.log() + share.clamp_min(TINY).log()
        self.chances = log.softmax(1)


class Flips(_Judged):
    """Labels 0 and 1; of the training labels, true zeros and ones are flipped at two rates.

    P(label 1) = a + (1 - a - b) sigmoid(f), with Beta priors on the rates a and b; a label of a
    meta row is trusted but for one in a thousand.

    Parameters
    ----------
    labels : Labels
    rates : Tensor, shape (2,)
        a and b.
    learned : bool
        Whether the rates are estimated.
    """

    inner = 3
    prior = (1.0, 4.0)
    meta_rate = 1e-3

    def __init__(self, labels: Labels, rates: Tensor, learned: bool = True) -> None:
        self.labels, self.rates, self.drift = labels, rates, 0.0
        self.learned = learned and not bool(labels.trusted.all())

    @classmethod
    def plain(cls, labels: Labels) -> "Flips":
        """No label is wrong: logistic regression."""
        rates = torch.full((2,), 1e-5, dtype=torch.float64, device=labels.y.device)
        return cls(labels, rates, learned=False)

    @classmethod
    def start(cls, labels: Labels, f: Tensor | None, spread: Tensor | None) -> "Flips":
        """Rates that fit the training labels to the chances sigmoid(f), their doubt included."""
        rates = torch.full((2,), 0.05, dtype=torch.float64, device=labels.y.device)
        if f is not None and spread is not None:
            train = ~labels.trusted
            s = torch.sigmoid(f / (1 + torch.pi * spread / 8).sqrt())[train]
            y, v = labels.y[train], labels.fixed[train]
            for _ in range(20):
                one = torch.where(y > 0, (1 - rates[1]) * s, rates[1] * s)
                zero = torch.where(y > 0, rates[0] * (1 - s), (1 - rates[0]) * (1 - s))
                q = v * one / (one + zero).clamp_min(TINY)
                up = (y * (v - q)).sum() / (v - q).sum().clamp_min(TINY)
                down = ((1 - y) * q).sum() / q.sum().clamp_min(TINY)
                rates = torch.stack([up, down]).clamp(1e-3, 0.45)
        return cls(labels, rates)

    def on(self, labels: Labels) -> "Flips":
        """The same rates for other rows."""
        return Flips(labels, self.rates, self.learned)

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Fisher information, score over information, and the directions of the two rates."""
        s = torch.sigmoid(f)
        a, b = self._rates()
        mean = self._mean(s)
        slope = ((1 - a - b) * s * (1 - s)).clamp_min(1e-12)
        residual = (self.labels.y - mean) / slope
        precision = slope.square() / (mean * (1 - mean)) * self.labels.fixed
        if not self.learned:
            return precision, residual, None
        turn = self.rates * (1 - self.rates)
        train = (~self.labels.trusted).double()[:, None]
        directions = torch.stack([1 - s, -s], 1) * turn * train / slope[:, None]
        return precision, residual, directions

    def extra_prior(self) -> tuple[Tensor, Tensor]:
        """Curvature and slope of minus the log prior of the logits of the rates."""
        alpha, beta = self.prior
        return (alpha + beta) * self.rates * (1 - self.rates), beta * self.rates - alpha * (
            1 - self.rates
        )

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        """Halve the step until the penalised likelihood does not fall; returns length and gain."""
        c, rates = len(w), self.rates
        before, length = self._objective(f, w, penalty), 1.0
        for _ in range(14):
            if self.learned:
                turned = torch.logit(rates) + (length * step[c:]).clamp(-3, 3)
                self.rates = torch.sigmoid(turned).clamp(1e-5, 1 - 1e-5)
            if float(self.rates.sum()) < 0.98:
                after = self._objective(f + length * move, w + length * step[:c], penalty)
                if after <= before + 1e-9:
                    self.drift = float((self.rates - rates).abs().max()) / DRIFT
                    return length, before - after
            length /= 2
        self.rates, self.drift = rates, 0.0
        return 0.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor) -> None:
        """Nothing: the rates move with the coefficients."""

    def offset(self) -> float:
        """Zero."""
        return 0.0

    def weights(self, f: Tensor) -> Tensor:
        """Chance that each training label is the true one, shape (n_train,)."""
        s = torch.sigmoid(f)
        a, b = self._rates()
        y = self.labels.y
        right = torch.where(y > 0, (1 - b) * s, (1 - a) * (1 - s))
        wrong = torch.where(y > 0, a * (1 - s), b * s)
        return (right / (right + wrong).clamp_min(TINY))[~self.labels.trusted]

    def losses(self, f: Tensor) -> Tensor:
        """Log-losses of the labels as they are, shape (n,)."""
        return -torch.nn.functional.logsigmoid(torch.where(self.labels.y > 0, f, -f))

    def left_out(self, f: Tensor, spread: Tensor) -> Tensor:
        """Log-losses of the rows under the fit without them, approximately; shape (n,)."""
        precision, residual, _ = self.working(f)
        h = (precision * spread).clamp_max(0.999)
        return self.losses(f - residual * h / (1 - h))

    def summary(self, unit: float = 1.0) -> dict[str, list[float]]:
        """The two rates, for `details_`."""
        return {"flip_rates": self.rates.tolist() if self.learned else [0.0, 0.0]}

    def _rates(self) -> tuple[Tensor, Tensor]:
        few = self.meta_rate if self.learned else 0.0
        a, b = (torch.where(self.labels.trusted, few, rate) for rate in self.rates)
        return a, b

    def _mean(self, s: Tensor) -> Tensor:
        a, b = self._rates()
        return (a + (1 - a - b) * s).clamp(1e-9, 1 - 1e-9)

    def surprise(self, f: Tensor) -> float:
        """Minus the log likelihood of the labels."""
        mean = self._mean(torch.sigmoid(f))
        chance = torch.where(self.labels.y > 0, mean, 1 - mean)
        return -float((self.labels.fixed * chance.log()).sum())

    def _objective(self, f: Tensor, w: Tensor, penalty: Tensor) -> float:
        value = self.surprise(f) + 0.5 * float((penalty * w * w).sum())
        if self.learned:
            alpha, beta = self.prior
            prior = alpha * self.rates.log() + beta * (1 - self.rates).log()
            value -= float(prior.sum())
        return value
