"""What fitted networks of pictures say about gaps: posterior means and draws.

Source: Ipsen, Mattei & Frellsen (2021), equations 12 and 13; hidden pixels are summed out.
"""

import torch
from torch import Tensor

from biam.imputation.bound import normalised
from biam.imputation.conv_training import PictureDraws, Pictures
from biam.imputation.levels import Levels

__all__ = ["drawn_pictures", "mean_pictures"]


@torch.no_grad()
def mean_pictures(levels: Levels, pictures: Pictures, draws: PictureDraws) -> Tensor:
    """sum_k alpha_k E[x | z_k, s] of each pixel as if it were missing, shape (n, h, w).

    Parameters
    ----------
    levels : Levels
    pictures : Pictures
    draws : PictureDraws
        Of those pictures.
    """
    alpha = normalised(draws.log_weights)
    given = (draws.log_levels + levels.log_terms(*pictures)).softmax(2)
    means = torch.einsum("knlhw,l->knhw", given, levels.hidden_mean())
    # Where nothing is ever missing, the mask says nothing.
    free = torch.einsum("knlhw,l->knhw", draws.log_levels.exp(), levels.centre)
    return (alpha[..., None, None] * torch.where(pictures.masked > 0, means, free)).sum(0)


@torch.no_grad()
def drawn_pictures(
    levels: Levels,
    pictures: Pictures,
    draws: PictureDraws,
    n_draws: int,
    generator: torch.Generator,
) -> Tensor:
    """Hidden pixels from p(x_m | x_o, s), by sampling-importance-resampling of the latents.

    Parameters
    ----------
    levels, pictures, draws
        As in `mean_pictures`.
    n_draws : int
    generator : torch.Generator

    Returns
    -------
    Tensor, shape (n_draws, n, h, w)
        Of use where pixels are hidden only.
    """
    alpha = normalised(draws.log_weights).T
    chosen = torch.multinomial(alpha, n_draws, replacement=True, generator=generator)
    rows = torch.arange(len(chosen), device=chosen.device)[:, None]
    terms = levels.log_terms(*pictures)[:, None]
    given = (draws.log_levels[chosen, rows] + terms).softmax(2).movedim(2, -1)
    level = torch.multinomial(given.flatten(0, -2), 1, generator=generator)[:, 0]
    return levels.draw(level.view(given.shape[:-1]), generator).transpose(0, 1)
