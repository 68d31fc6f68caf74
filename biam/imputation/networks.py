"""Encoder, decoder and the latent-variable model they make, with or without a mask model.

Source: Mattei & Frellsen (2019), MIWAE; Ipsen, Mattei & Frellsen (2021), not-MIWAE.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from biam.imputation.likelihoods import Likelihood
from biam.imputation.mask_models import MaskModel

__all__ = ["DECODERS", "LatentModel", "mlp"]

DECODERS = ("mlp", "linear")
"""Two tanh layers, or one affine map: with a shared scale that is probabilistic PCA."""

_MAX_LOG_VARIANCE = 10.0


def mlp(n_in: int, hidden: Sequence[int], n_out: int) -> nn.Sequential:
    """Tanh layers of the sizes `hidden`, then an affine map."""
    sizes = [n_in, *hidden]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], n_out))


class LatentModel(nn.Module):
    """q(z | x_o), p(x | z) and, for data missing not at random, p(s | x).

    Parameters
    ----------
    likelihood : Likelihood
    latent_size : int
    hidden : sequence of int
        Layers of the encoder, and of the decoder unless it is linear.
    decoder : {"mlp", "linear"}
    mask_model : MaskModel, optional
        None = MIWAE: gaps are taken as missing at random.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        latent_size: int,
        hidden: Sequence[int],
        decoder: str,
        mask_model: MaskModel | None = None,
    ) -> None:
        super().__init__()
        width = likelihood.layout.width
        self.latent_size = latent_size
        self.likelihood, self.mask_model = likelihood, mask_model
        self.encoder = mlp(width, hidden, 2 * latent_size)
        n_outputs = width + likelihood.n_extra
        layers = () if decoder == "linear" else tuple(hidden)
        self.decoder = mlp(latent_size, layers, n_outputs)
        # The block each encoded column belongs to: a mask of columns becomes one of the block.
        self.register_buffer("owner", torch.as_tensor(likelihood.layout.owner))

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x_o), each (n, latent_size); `x` is zero where missing."""
        mean, log_variance = self.encoder(x).chunk(2, -1)
        return mean, log_variance.clamp(-_MAX_LOG_VARIANCE, _MAX_LOG_VARIANCE)
