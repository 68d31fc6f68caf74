"""What the fitted model says about gaps: posterior means, draws, bounds, effective sample sizes.

Source: Ipsen, Mattei & Frellsen (2021), equations 12 and 13; Mattei & Frellsen (2019), section 3.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from biam.imputation.bound import Draws, bound, draw, effective_sample_size, normalised
from biam.imputation.networks import LatentModel

__all__ = ["ESTIMATES", "bounds", "draws_of_gaps", "posterior_means"]

ESTIMATES = ("posterior", "decoder")
"""How a not-MIWAE imputes: from its draws of the gaps, or from the decoder's means."""

# Numbers in one tensor: fits the cache, and bounds memory whatever the table.
_CHUNK = 2_000_000


@torch.no_grad()
def posterior_means(
    model: LatentModel, x: Tensor, observed: Tensor, n_samples: int, seed: int, estimate: str
) -> np.ndarray:
    """Weighted mean of the gaps, sum_k alpha_k v_k; shape (n, width), observed places included.

    Parameters
    ----------
    model : LatentModel
    x : Tensor, shape (n, width)
    observed : Tensor of float, shape (n, p)
    n_samples : int
    seed : int
    estimate : {"posterior", "decoder"}
        What is averaged with a mask model. "posterior": the draws x_mk, whose weights hold
        p(s | x_o, x_mk); this converges to E[x_m | x_o, s]. "decoder": E[x_m | z_k], as published,
        which forgets that given z the mask still says something about x_m. Without a mask model
        both have the same limit, and E[x_m | z_k] has less variance.
    """
    by_decoder = model.mask_model is None or estimate == "decoder"

    def average(draws: Draws) -> Tensor:
        alpha = normalised(draws.log_weights)
        values = model.likelihood.mean(draws.outputs) if by_decoder else draws.completed
        return (alpha[..., None] * values).sum(0)

    # Small results kept between large draws would hold the heap apart: they go where they belong.
    means, first = torch.empty_like(x), 0
    for rows in _chunks(model, x, observed, n_samples):
        draws = draw(model, *rows, n_samples, _generator(model, seed), same_noise=True)
        means[first : first + len(rows[0])] = average(draws)
        first += len(rows[0])
    return means.cpu().numpy()


@torch.no_grad()
def draws_of_gaps(
    model: LatentModel, x: Tensor, observed: Tensor, n_draws: int, n_samples: int, seed: int
) -> np.ndarray:
    """Draws from p(x_m | x_o, s) by sampling-importance-resampling; shape (n_draws, n, width).

    Parameters
    ----------
    model, x, observed, seed
        As in `posterior_means`.
    n_draws : int
    n_samples : int
        Proposals per row, of which `n_draws` are kept by their weights, with replacement.
    """
    generator, parts = _generator(model, seed), []
    for rows in _chunks(model, x, observed, n_samples):
        draws = draw(model, *rows, n_samples, generator, complete=True)
        alpha = normalised(draws.log_weights).T
        chosen = torch.multinomial(alpha, n_draws, replacement=True, generator=generator)
        places = torch.arange(alpha.shape[0], device=alpha.device)[:, None]
        parts.append(draws.completed[chosen, places].transpose(0, 1))
    return torch.cat(parts, 1).cpu().numpy()


@torch.no_grad()
def bounds(
    model: LatentModel, x: Tensor, observed: Tensor, n_samples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Bound on log p(x_o, s) and effective sample size of each row, both shape (n,)."""
    generator, parts = _generator(model, seed), []
    for rows in _chunks(model, x, observed, n_samples):
        log_w = draw(model, *rows, n_samples, generator).log_weights
        parts.append(torch.stack([bound(log_w), effective_sample_size(log_w)]))
    values, sizes = torch.cat(parts, 1).cpu().numpy()
    return values, sizes


def _chunks(
    model: LatentModel, x: Tensor, observed: Tensor, n_samples: int
) -> Iterator[tuple[Tensor, Tensor]]:
    size = max(1, _CHUNK // (n_samples * x.shape[1]))
    return zip(x.split(size), observed.split(size), strict=True)


def _generator(model: LatentModel, seed: int) -> torch.Generator:
    device = next(model.parameters()).device
    return torch.Generator(device).manual_seed(seed)
