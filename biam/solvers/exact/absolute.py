"""Least absolute errors: the label model from which a fit begins that outliers do not reach."""

from scipy.stats import norm
from torch import Tensor

from biam.solvers.exact.labels import Labels

__all__ = ["Absolute", "robust_scale", "weighted_quantile"]

# Where half of the labels or more are wrong, the errors of the others are still among the smallest.
NARROW = 0.3
LEAST_SCALE = 1e-6


class Absolute:
    """Least absolute errors as reweighted least squares.

    Parameters
    ----------
    labels : Labels
    """

    inner, drift = 1, 0.0
    spread_rows = 0.0

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._measure(labels.y - weighted_quantile(labels.y, labels.fixed))

    def working(self, f: Tensor) -> tuple[Tensor, Tensor, None]:
        """Precision 1 / (scale |error|), bounded near zero, and the residual."""
        precision = 1 / (self.error.abs().clamp_min(0.1 * self.scale) * self.scale)
        return precision * self.labels.fixed, self.labels.y - f, None

    def advance(
        self, f: Tensor, move: Tensor, w: Tensor, step: Tensor, penalty: Tensor
    ) -> tuple[float, float]:
        """A step is taken whole."""
        return 1.0, 0.0

    def refresh(self, f: Tensor, spread: Tensor, turn: Tensor | None = None) -> None:
        """Measure the errors anew."""
        self._measure(self.labels.y - f)

    def progress(self, f: Tensor, spread: Tensor) -> dict[str, float]:
        """The scale of the errors."""
        return {"scale": self.scale}

    def narrow(self, edf: float) -> float:
        """Scale of the smallest errors but for `edf` of them, which the fit has made zero."""
        spent = min(edf / float(self.labels.fixed.sum()), 0.9)
        share = spent + NARROW * (1 - spent)
        size = weighted_quantile(self.error.abs(), self.labels.fixed, share)
        return max(size / normal_quantile(NARROW), LEAST_SCALE)

    def _measure(self, error: Tensor) -> None:
        self.error = error
        self.scale = max(robust_scale(error, self.labels.fixed), LEAST_SCALE)


def robust_scale(error: Tensor, weight: Tensor, share: float = 0.5) -> float:
    """Weighted quantile of the absolute errors, in units of a normal deviation."""
    return weighted_quantile(error.abs(), weight, share) / normal_quantile(share)


def normal_quantile(share: float) -> float:
    """What `share` of the absolute values of a normal variable are below, in deviations."""
    return float(norm.ppf(0.5 + share / 2))


def weighted_quantile(x: Tensor, weight: Tensor, share: float = 0.5) -> float:
    """Value with `share` of the weight below it; between two such values, their mean."""
    x, weight = x[weight > 0], weight[weight > 0]
    order = x.argsort()
    below = weight[order].cumsum(0) / weight.sum()
    first, last = int((below < share - 1e-12).sum()), int((below <= share + 1e-12).sum())
    values = x[order]
    return float(values[min(first, len(x) - 1)] + values[min(last, len(x) - 1)]) / 2
