"""Weights of the form that wrong labels ask for: one sigmoid of the loss per kind of row.

Say that label c is seen at x with the chance r_c + g_c p_c(x): right with some chance, else handed
out regardless of x. The gradient of its negative log-likelihood is then

    -grad log(r_c + g_c p_c) = sigmoid(log(g_c / r_c) - l) grad l,        l = -log p_c,

so a weight that depends on the loss and the class alone makes the weighted step climb the
likelihood of the labels as they are, and one number a class, a_c = log(g_c / r_c), is left to
learn. Two classes: r_c is the share of the other class that is called c, and g_c = 1 - r_1 - r_2.
K classes that take each other's names evenly at the rate q: r = q / (K - 1), g = 1 - q - r.
Numbers with normal errors, some of them spread out: the same with l = error^2 and a slope of
1 / (2 variance) in front of it. The likelihood is that of Patrini et al. (2017), "forward".
"""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor

__all__ = ["FlipWeights", "flip_offset", "kept_share", "signal_left"]

# Values of g that are tried, and the most that is believed.
GRID, MOST = 199, 0.995


@dataclass(frozen=True)
class FlipWeights:
    """nu(l, c) = sigmoid(a_c - exp(s_c) l), theta = (a_1, .., a_K, s_1, .., s_K).

    Parameters
    ----------
    n_kinds : int
        K: classes; signs of the error where the target is a number.
    start : float
        All a_c at the start.
    """

    n_kinds: int
    start: float = 1.0

    def init(self, generator: torch.Generator | None = None) -> Tensor:
        """Initial flat parameters, shape (2 n_kinds,); nothing is drawn."""
        return torch.cat([torch.full((self.n_kinds,), self.start), torch.zeros(self.n_kinds)])

    def linearise(self, theta: Tensor, losses: Tensor, kinds: Tensor) -> "_FlipWeights":
        """Weights of the rows and the way back.

        Parameters
        ----------
        theta : Tensor, shape (2 n_kinds,)
        losses : Tensor, shape (n,)
        kinds : Tensor of int, shape (n,)
        """
        return _FlipWeights(theta.view(2, -1), losses, kinds)


class _FlipWeights:
    def __init__(self, theta: Tensor, losses: Tensor, kinds: Tensor) -> None:
        self.kinds, self.n_kinds = kinds, theta.shape[1]
        self.steep = losses * theta[1].exp()[kinds]
        self.weights = torch.sigmoid(theta[0][kinds] - self.steep)

    def vjp(self, cotangent: Tensor) -> Tensor:
        slope = self.weights * (1 - self.weights) * cotangent
        found = slope.new_zeros((2, self.n_kinds))
        found[0].index_add_(0, self.kinds, slope)
        found[1].index_add_(0, self.kinds, -slope * self.steep)
        return found.view(-1)

    def jacobian(self) -> Tensor:
        slope = (self.weights * (1 - self.weights))[:, None]
        own = torch.nn.functional.one_hot(self.kinds, self.n_kinds).to(slope) * slope
        return torch.cat([own, -own * self.steep[:, None]], 1)


def flip_offset(kept: float, n_classes: int) -> float:
    """a = log(g / r) where labels are kept at the share g, else drawn evenly from all classes.

    Parameters
    ----------
    kept : float
        g: 1 - q K / (K - 1) where a label is wrong at the rate q.
    n_classes : int
        K; r = (1 - g) / K.
    """
    kept = min(max(kept, 1 - MOST), MOST)
    return log(n_classes * kept / (1 - kept))


def signal_left(kept: Tensor, shares: Tensor) -> Tensor:
    """Share of a classifier's signal that is left when it is judged by wrong labels.

    Its signal is its mean recall on a scale where guessing is 0 and all is 1. With labels kept at
    the share g and else drawn evenly, the recall among rows labelled c falls to a mixture, by the
    chance that the label is right, (r + g) p_c / q_c, where q_c is the share of the label c and
    p_c = (q_c - r) / g that of the class.

    Parameters
    ----------
    kept : Tensor, shape (m,)
        g.
    shares : Tensor, shape (K,)
        q_c.
    """
    K = len(shares)
    r = (1 - kept) / K
    right = (r + kept) / kept * (K - r * (1 / shares).sum())
    return (right - 1) / (K - 1)


def kept_share(
    clean: tuple[float, float], noisy: tuple[float, float], shares: Tensor
) -> tuple[float, float]:
    """How many labels are kept, from the signal of one classifier on clean and on noisy rows.

    The mean of g, all values being as likely beforehand, given that noisy - left(g) clean is normal
    around 0. No classifier has to be good for it: a poor one only tells less.

    Parameters
    ----------
    clean, noisy : (float, float)
        Signal and its variance, on rows that the classifier has not seen.
    shares : Tensor, shape (K,)
        Share of each label among the noisy rows.

    Returns
    -------
    kept, left : float
        g, and the share of the signal that is left with it.
    """
    grid = torch.linspace(0, 1, GRID + 2, dtype=torch.float64)[1:-1]
    # No class can have given away more rows than carry its label.
    grid = grid[(1 - grid) / len(shares) < shares.min()]
    left = signal_left(grid, shares.double())
    variance = noisy[1] + left.square() * clean[1]
    chance = torch.exp(-((noisy[0] - left * clean[0]) ** 2) / (2 * variance)) / variance.sqrt()
    kept = float((chance * grid).sum() / chance.sum())
    return kept, float(signal_left(torch.tensor([kept]).double(), shares.double()))
