"""Encoder and decoder of pictures that share their weights over position.

What a stroke looks like where pixels are seen then says what one looks like where they are hidden:
a dense network learns each position by itself, and cannot. Latents are a small map, a few numbers
for every 4 x 4 pixels. Source: Ipsen, Mattei & Frellsen (2021), section 4.2, for convolutions.
"""

import torch
from torch import Tensor, nn

from biam.imputation.levels import Levels

__all__ = ["STRIDE", "PictureModel"]

STRIDE = 4
"""Pixels of a side that share one place of the latent map."""

_MAX_LOG_VARIANCE = 10.0
_N_STATES = 3


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())


class PictureModel(nn.Module):
    """q(z | x_o, s), p(x | z) and, with a mechanism, p(s | x).

    Parameters
    ----------
    levels : Levels
    channels : int
        Of the first layer; twice and four times as many at half and quarter size.
    latent_channels : int
        Numbers at each place of the latent map.
    """

    def __init__(self, levels: Levels, channels: int, latent_channels: int) -> None:
        super().__init__()
        c, d = channels, latent_channels
        self.levels, self.latent_channels = levels, d
        self.encoder = nn.Sequential(
            nn.Conv2d(_N_STATES, c, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c, 2 * c, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * c, 4 * c, 3, stride=2, padding=1),
            _Residual(4 * c),
            _Residual(4 * c),
            nn.ReLU(),
            nn.Conv2d(4 * c, 2 * d, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(d, 4 * c, 3, padding=1),
            _Residual(4 * c),
            nn.ReLU(),
            nn.Conv2d(4 * c, 8 * c, 3, padding=1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            nn.Conv2d(2 * c, 4 * c, 3, padding=1),
            nn.PixelShuffle(2),
            nn.ReLU(),
            nn.Conv2d(c, len(levels.centre), 3, padding=1),
        )

    def encode(self, x: Tensor, seen: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z | x_o, s), each (n, latent_channels, h / 4, w / 4)."""
        states = torch.stack([x * seen, seen, masked.expand_as(seen)], 1)
        mean, log_variance = self.encoder(states).chunk(2, 1)
        return mean, log_variance.clamp(-_MAX_LOG_VARIANCE, _MAX_LOG_VARIANCE)

    def log_levels(self, z: Tensor) -> Tensor:
        """log pi(z), shape (..., n_levels, h, w), from latents (..., latent_channels, h/4, w/4)."""
        logits = self.decoder(z.flatten(0, -4)).log_softmax(1)
        return logits.view(*z.shape[:-3], *logits.shape[1:])
