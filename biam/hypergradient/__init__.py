"""Hypergradients: how the upper loss changes with the weights of the rows. One record per method.

The lower level minimises R(w) = mean(nu_i l_i(w)) + pen(w) by gradient steps or exactly, and the
upper risk L looks at where that ends. Every record has one method, `gradient`, and they are
interchangeable in `BilevelOptimizer`:

=================== ====================================================== ==================
record              dL / d theta through                                   exact for
=================== ====================================================== ==================
`OneStep`           one look-ahead step                                    that step
`Truncated`         the last K of the look-ahead steps, backwards          those K steps
`Unrolled`          all steps from a start, backwards                      these steps
`ForwardMode`       the same steps, forwards, one sweep per theta_j        these steps
`FiniteDifference`  the same steps, products or solutions by differences   these steps, O(eps^2)
`Implicit`          the stationary point: a system with the lower Hessian  the lower optimum
=================== ====================================================== ==================
"""

from biam.hypergradient.finite_difference import FiniteDifference
from biam.hypergradient.forward_mode import ForwardMode
from biam.hypergradient.implicit import Implicit
from biam.hypergradient.one_step import OneStep
from biam.hypergradient.risk import Hypergradient, LowerRisk, UpperRisk, weight_hypergradient
from biam.hypergradient.unrolled import Truncated, Unrolled

__all__ = [
    "FiniteDifference",
    "ForwardMode",
    "Hypergradient",
    "Implicit",
    "LowerRisk",
    "OneStep",
    "Truncated",
    "Unrolled",
    "UpperRisk",
    "weight_hypergradient",
]
