"""A line through the logits of the meta rows: what noise has done to all probabilities alike.

Where labels are flipped and the fit takes them for right, its logits are too small by a factor, and
moved. Meta rows that were left out can tell by how much (Platt 1999).
"""

import math
from dataclasses import dataclass

import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

__all__ = ["Line", "fit_line"]

# Deviations of the prior: of the shift at the mean logit, and of the log of the slope.
PRIOR = (1.0, 0.5)
# What the gain in log likelihood has to pay for: one for each of the two numbers (AIC).
PRICE = 2.0


@dataclass(frozen=True)
class Line:
    """Logits to logits of calibrated probabilities: shift + slope * f.

    Parameters
    ----------
    shift, slope : float
    """

    shift: float = 0.0
    slope: float = 1.0

    def __call__(self, f: Tensor) -> Tensor:
        return self.shift + self.slope * f


def fit_line(f: Tensor, y: Tensor, weight: Tensor) -> Line:
    """A line through the labels, as far as it is likelier than the line that changes nothing.

    The most probable one, by a normal prior about no change, goes back towards no change by the
    weight of each (Akaike weights: Burnham and Anderson 2002, section 2.9).

    Parameters
    ----------
    f : Tensor, shape (n,)
        Logits, each of a fit without its row.
    y : Tensor, shape (n,)
        Labels 0 and 1.
    weight : Tensor, shape (n,)

    Returns
    -------
    Line
    """
    if not float(weight.sum()):
        return Line()
    mean = float((weight @ f) / weight.sum())
    sign = torch.where(y > 0, 1.0, -1.0).to(f)
    scale = torch.tensor(PRIOR, dtype=f.dtype, device=f.device)

    def loss(theta: list[float]) -> tuple[float, list[float]]:
        at = torch.tensor(theta, dtype=f.dtype, device=f.device, requires_grad=True)
        z = sign * (mean + at[0] + at[1].exp() * (f - mean))
        value = -(weight @ torch.nn.functional.logsigmoid(z)) + 0.5 * (at / scale).square().sum()
        value.backward()
        return float(value.detach()), at.grad.tolist()

    best = minimize(loss, [0.0, 0.0], jac=True, method="BFGS")
    shift, log_slope = best.x * expit(loss([0.0, 0.0])[0] - best.fun - PRICE)
    slope = math.exp(log_slope)
    return Line(float(mean + shift - slope * mean), slope)
