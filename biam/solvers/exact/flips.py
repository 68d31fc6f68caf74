"""Two classes as labels: a training label is the true one, flipped at a rate of each class.

At outputs f the model gives the precision and the residual of each row for a step of Fisher
scoring, and the chance that a training label is right.
"""

import math

import torch
from torch import Tensor

from biam.solvers.exact.calibration import Line, fit_line
from biam.solvers.exact.labels import TINY, Judged, Labels

__all__ = ["Flips"]

# Rate at which labels of meta rows are flipped.
META_RATE = 1e-3
# Rates still move if one changes by more than a tenth of this in a step.
DRIFT = 0.03
# A tilt that turns back takes shorter steps from then on.
TURNED, SHORTEST = 0.5, 0.2


class Flips(Judged):
    """Labels 0 and 1; of the training labels, true zeros and ones are flipped at two rates.

    P(label 1) = a + (1 - a - b) sigmoid(f), with Beta priors on the rates a and b. Labels of meta
    rows are trusted but for one in a thousand: a wrong one cannot pull without bound.

    Parameters
    ----------
    labels : Labels
    rates : Tensor, shape (2,)
        a and b.
    learned : bool
        Whether the rates are estimated.
    tilt : Tensor, shape (2,), optional
        Change of half the log determinant of the Hessian with the logit of each rate. Rates that
        maximise the likelihood at the best outputs alone are too low: outputs that few rows pin
        down have room to grow with them.
    """

    inner = 3
    prior = (1.0, 4.0)

    def __init__(
        self, labels: Labels, rates: Tensor, learned: bool = True, tilt: Tensor | None = None
    ) -> None:
        self.labels, self.rates, self.drift = labels, rates, 0.0
        self.learned = learned and not bool(labels.trusted.all())
        self.spread_rows = float("inf") if self.learned else 0.0
        self.tilt = torch.zeros_like(rates) if tilt is None else tilt
        self.move, self.share = torch.zeros_like(rates), 1.0

    @classmethod
    def plain(cls, labels: Labels) -> "Flips":
        """No label is wrong: logistic regression."""
        rates = torch.full((2,), 1e-9, dtype=torch.float64, device=labels.y.device)
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
        return Flips(labels, self.rates, self.learned, self.tilt)

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Fisher information, score over information, and the directions of the two rates."""
        s, _, mean, slope = self._link(f)
        residual = (self.labels.y - mean) / slope
        precision = slope.square() / (mean * (1 - mean)) * self.labels.fixed
        if not self.learned:
            return precision, residual, None
        turn = self.rates * (1 - self.rates)
        train = (~self.labels.trusted).double()[:, None]
        directions = torch.stack([1 - s, -s], 1) * turn * train / slope[:, None]
        return precision, residual, directions

    def extra_prior(self) -> tuple[Tensor, Tensor]:
        """Curvature and slope of minus the log prior of the logits of the rates, with the tilt."""
        alpha, beta = self.prior
        slope = beta * self.rates - alpha * (1 - self.rates)
        return (alpha + beta) * self.rates * (1 - self.rates), slope + self.tilt

    def log_prior(self) -> float:
        """Log density of the logits of the rates, and what integrating over them adds."""
        alpha, beta = self.prior
        known = math.lgamma(alpha + beta) - math.lgamma(alpha) - math.lgamma(beta)
        return float(self._log_density().sum()) + 2 * known + math.log(2 * math.pi)

    def _log_density(self) -> Tensor:
        """Of the logit of each rate, up to a constant; shape (2,)."""
        alpha, beta = self.prior
        return alpha * self.rates.log() + beta * (1 - self.rates).log()

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

    def refresh(self, f: Tensor, spread: Tensor, turn: Tensor | None = None) -> None:
        """The tilt, where `turn`, shape (n, 2), says how outputs follow the logit of each rate.

        The rates themselves move with the coefficients.
        """
        if turn is None:
            return
        s, left, mean, slope = self._link(f)
        odds = (1 - 2 * mean) / (mean * (1 - mean))
        doubt = 0.5 * spread * self.labels.fixed * slope.square() / (mean * (1 - mean))
        free = (~self.labels.trusted).double() * doubt
        along = doubt * (2 * (1 - 2 * s) - odds * slope)
        own = torch.stack([free @ (-2 / left - odds * (1 - s)), free @ (-2 / left + odds * s)])
        tilt = own * self.rates * (1 - self.rates) + along @ turn
        # Higher rates make the tilt smaller, which makes them lower: shorter steps settle it.
        move = tilt - self.tilt
        if float(move @ self.move) < 0:
            self.share = max(TURNED * self.share, SHORTEST)
        self.tilt, self.move = self.tilt + self.share * move, move

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

    def doubts(self, f: Tensor) -> Tensor:
        """Chance that each meta label is wrong, shape (n_meta,)."""
        signed = torch.where(self.labels.y > 0, f, -f)[self.labels.trusted]
        right = (1 - META_RATE) * torch.sigmoid(signed)
        wrong = META_RATE * torch.sigmoid(-signed)
        return wrong / (right + wrong)

    def losses(self, f: Tensor) -> Tensor:
        """Log-losses of the labels as they are, shape (n,)."""
        return -torch.nn.functional.logsigmoid(torch.where(self.labels.y > 0, f, -f))

    def left_out(self, f: Tensor, spread: Tensor) -> Tensor:
        """Log-losses of the rows under the fit without them, approximately; shape (n,)."""
        return self.losses(self.outputs_left_out(f, spread))

    def outputs_left_out(self, f: Tensor, spread: Tensor) -> Tensor:
        """Outputs for the rows of the fit without them, approximately; shape (n,)."""
        precision, residual, _ = self.working(f)
        h = (precision * spread).clamp_max(0.999)
        return f - residual * h / (1 - h)

    def line(self, f: Tensor, spread: Tensor) -> Line:
        """Calibration of the outputs by the meta rows left out; none without meta rows."""
        trusted = self.labels.trusted
        if not bool(trusted.any()):
            return Line()
        at = self.outputs_left_out(f, spread)[trusted]
        return fit_line(at, self.labels.y[trusted], self.labels.fixed[trusted])

    def judged(self, f: Tensor, spread: Tensor) -> Tensor:
        """`left_out`, calibrated."""
        return self.losses(self.line(f, spread)(self.outputs_left_out(f, spread)))

    def summary(self, unit: float = 1.0) -> dict[str, list[float]]:
        """The two rates, for `details_`."""
        return {"flip_rates": self.rates.tolist() if self.learned else [0.0, 0.0]}

    def _rates(self) -> tuple[Tensor, Tensor]:
        few = META_RATE if self.learned else 0.0
        a, b = (torch.where(self.labels.trusted, few, rate) for rate in self.rates)
        return a, b

    def _link(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """sigmoid(f), 1 - a - b, the chance of a label 1, and its slope in f; shape (n,) each."""
        s = torch.sigmoid(f)
        a, b = self._rates()
        left = 1 - a - b
        return s, left, self._mean(s), (left * s * (1 - s)).clamp_min(1e-12)

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
            value += float((self.tilt * torch.logit(self.rates) - self._log_density()).sum())
        return value
