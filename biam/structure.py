"""Bernoulli gates over groups of terms: which terms a model has, learned as a distribution.

A structure z in {0, 1}^G keeps group g with probability sigmoid(phi_g), independently. The gradient
of the expected risk in phi is estimated from sampled structures alone (score function), so the risk
need not be differentiable in z. Source: BIAM protocol, section 6; Williams (1992).
"""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.validation import check_integer, check_number

__all__ = ["GroupGates", "leave_pair_out"]


def leave_pair_out(risks: Tensor) -> Tensor:
    """Mean risk of all samples but a sample's own antithetic pair.

    The baseline of a sample must not depend on that sample, nor on its partner, which is a function
    of the same draw; so both are left out and the gradient stays unbiased.

    Parameters
    ----------
    risks : Tensor, shape (n,)
        Even n of at least 4; samples i and i + n / 2 are a pair.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    InvalidInputError
        n is odd or less than 4.
    """
    n = len(risks)
    if n < 4 or n % 2:
        raise InvalidInputError(f"risks must hold an even number of at least 4 samples, got {n}.")
    pairs = risks.view(2, -1).sum(0)
    return ((pairs.sum() - pairs) / (n - 2)).repeat(2)


@dataclass(frozen=True)
class GroupGates:
    """Independent Bernoulli gates with logits phi, shape (n_groups,).

    Parameters
    ----------
    prior : float
        Probability of a gate under the prior, in (0, 1).
    count_weight : float
        Price of one expected group.
    kl_weight : float
        Price of one nat of divergence from the prior.
    """

    prior: float = 0.1
    count_weight: float = 5e-4
    kl_weight: float = 1e-4

    def __post_init__(self) -> None:
        check_number("prior", self.prior, low=0.0, high=1.0 - 1e-12, open_low=True)
        check_number("count_weight", self.count_weight, low=0.0)
        check_number("kl_weight", self.kl_weight, low=0.0)

    def sample(self, phi: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Antithetic structures: sample i draws u, sample i + n / 2 uses 1 - u.

        Parameters
        ----------
        phi : Tensor, shape (n_groups,)
        n : int
            Even, at least 4.

        Returns
        -------
        Tensor, shape (n, n_groups)
            0 or 1 in the precision of `phi`; each sample alone is an exact draw.

        Raises
        ------
        InvalidInputError
            `n` is odd or less than 4.
        """
        check_integer("n", n, low=4)
        if n % 2:
            raise InvalidInputError(f"n must be even (antithetic pairs), got {n}.")
        u = torch.rand(n // 2, len(phi), generator=generator, dtype=phi.dtype)
        return (torch.cat([u, 1 - u]) < torch.sigmoid(phi)).to(phi.dtype)

    def score_gradient(self, phi: Tensor, z: Tensor, risks: Tensor) -> Tensor:
        """Unbiased gradient in phi of the expected risk, from the risks of sampled structures.

        (1/n) sum_i (risk_i - baseline_i) (z_i - sigmoid(phi)), baseline by `leave_pair_out`.

        Parameters
        ----------
        phi : Tensor, shape (n_groups,)
        z : Tensor, shape (n, n_groups)
            As `sample` orders them.
        risks : Tensor, shape (n,)
        """
        return (risks - leave_pair_out(risks)) @ (z - torch.sigmoid(phi)) / len(z)

    def expected_count(self, phi: Tensor) -> Tensor:
        """Expected number of groups, sum_g sigmoid(phi_g)."""
        return torch.sigmoid(phi).sum()

    def kl(self, phi: Tensor) -> Tensor:
        """KL(gates || prior) in nats, summed over the groups.

        Per gate p log(p / prior) + (1 - p) log((1 - p) / (1 - prior)), p = sigmoid(phi), written
        with log sigmoid so that saturated gates stay finite.
        """
        p = torch.sigmoid(phi)
        keep = torch.nn.functional.logsigmoid(phi) - log(self.prior)
        drop = torch.nn.functional.logsigmoid(-phi) - log(1 - self.prior)
        return (p * keep + (1 - p) * drop).sum()

    def penalty(self, phi: Tensor) -> Tensor:
        """count_weight * expected count + kl_weight * KL."""
        return self.count_weight * self.expected_count(phi) + self.kl_weight * self.kl(phi)

    def penalty_gradient(self, phi: Tensor) -> Tensor:
        """Gradient of `penalty`: p (1 - p) (count_weight + kl_weight (phi - logit(prior)))."""
        p = torch.sigmoid(phi)
        excess = phi - log(self.prior / (1 - self.prior))
        return p * (1 - p) * (self.count_weight + self.kl_weight * excess)

    def keep(self, phi: Tensor) -> Tensor:
        """Groups with probability of at least one half, bool, shape (n_groups,)."""
        return phi >= 0
