"""`FiniteDifference`: through K lower steps by central differences instead of derivatives."""

from dataclasses import dataclass

import torch
from torch import Tensor

from biam.hypergradient.risk import LowerRisk, UpperRisk
from biam.hypergradient.unrolled import Point, descend, sweep_back
from biam.lower import Linearisation
from biam.validation import check_choice, check_integer, check_number

__all__ = ["FiniteDifference"]


@dataclass(frozen=True)
class FiniteDifference:
    """Central differences with an error of O(eps^2); it asks the lower model for gradients only.

    Parameters
    ----------
    n_steps : int
        K, at least 1.
    lr : float
    eps : float
        Half the width of the difference: of q, relative to its norm, or of theta_j.
    of : {"product", "solution"}
        "product": backwards as `Unrolled`, each product with a second derivative by two looks
        along q, (l(w + r q) - l(w - r q)) / (2 r) with r = eps / norm(q). With one step this is
        the update of DARTS. Source: Liu, Simonyan and Yang (2019), section 2.3.
        "solution": the K steps run again twice per parameter of the upper learner.
    start : Tensor, shape (n_parameters,), optional
        Where the steps begin; default the present parameters.
    """

    n_steps: int = 1
    lr: float = 0.05
    eps: float = 1e-3
    of: str = "product"
    start: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        check_integer("n_steps", self.n_steps, low=1)
        check_number("lr", self.lr, low=0.0)
        check_number("eps", self.eps, low=0.0, open_low=True)
        check_choice("of", self.of, ("product", "solution"))

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        w = lower.w if self.start is None else self.start
        path, end = descend(lower, w, self.n_steps, self.lr)
        judged = upper.judge(end)
        if self.of == "solution":
            return self._of_solution(lower, upper, w), judged
        cotangent = sweep_back(
            path,
            upper.gradient(judged),
            self.lr,
            along=lambda point, q: self._difference(lower, point, q, losses=True),
            curve=lambda point, q: self._difference(lower, point, q, losses=False),
        )
        return lower.pull(cotangent), judged

    def _of_solution(self, lower: LowerRisk, upper: UpperRisk, w: Tensor) -> Tensor:
        slopes = []
        for nu in lower.directions():
            ends = (
                descend(lower, w, self.n_steps, self.lr, lower.weights + sign * self.eps * nu)[1]
                for sign in (1, -1)
            )
            above, below = (upper.value(upper.judge(end)) for end in ends)
            slopes.append((above - below) / (2 * self.eps))
        return torch.tensor(slopes, dtype=w.dtype, device=w.device)

    def _difference(self, lower: LowerRisk, point: Point, q: Tensor, *, losses: bool) -> Tensor:
        norm = torch.linalg.vector_norm(q).item()
        r = self.eps / norm if norm else 1.0
        looks = [lower.at(torch.add(point[0], q, alpha=r * sign)) for sign in (1, -1)]
        above, below = (x.losses if losses else x.gradient(lower.weights) for x in looks)
        return (above - below) / (2 * r)
