"""The importance-weighted bound of MIWAE and not-MIWAE, and what its weights are good for.

L_K = E log (1/K) sum_k w_k with w_k = p(s | x_o, x_mk) p(x_o | z_k) p(z_k) / q(z_k | x_o), z_k from
q(z | x_o), x_mk from p(x_m | z_k). L_K grows with K and never exceeds log p(x_o, s). MIWAE leaves
the mask factor out. Source: Ipsen, Mattei & Frellsen (2021), equations 5 to 11.

Gradients are doubly reparameterised (Tucker, Lawson, Gu & Maddison, 2019, equation 8): the same in
expectation as those of the bound, and without noise where the encoder is right.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from biam.imputation.networks import LatentModel

__all__ = ["Draws", "bound", "draw", "effective_sample_size", "normalised"]


class Draws(NamedTuple):
    """K importance samples for each of n rows.

    Parameters
    ----------
    log_weights : Tensor, shape (K, n)
    outputs : Tensor, shape (K, n, width + n_extra)
        Of the decoder.
    completed : Tensor or None, shape (K, n, width)
        Rows with their gaps drawn; None if nobody asked.
    """

    log_weights: Tensor
    outputs: Tensor
    completed: Tensor | None


def draw(
    model: LatentModel,
    x: Tensor,
    observed: Tensor,
    n_samples: int,
    generator: torch.Generator,
    *,
    complete: bool = False,
    same_noise: bool = False,
    with_mask: bool = True,
) -> Draws:
    """Sample z, and the gaps where they are needed, and weigh the samples.

    Parameters
    ----------
    model : LatentModel
    x : Tensor, shape (n, width)
        Zero where missing.
    observed : Tensor of float, shape (n, p)
    n_samples : int
        K.
    generator : torch.Generator
    complete : bool
        Draw the gaps even without a mask model.
    same_noise : bool
        Every row uses the same K standard normal draws, so that its result does not depend on the
        rows beside it.
    with_mask : bool
        Weigh by the mask, too, if the model has a mask model.

    Returns
    -------
    Draws
    """
    mean, log_variance = model.encode(x)
    n = 1 if same_noise else len(x)
    shape = (n_samples, n, model.latent_size)
    noise = torch.randn(shape, generator=generator, device=x.device)
    deviation = (0.5 * log_variance).exp()
    z = mean + deviation * noise
    # The encoder learns through z alone.
    u = (z - mean.detach()) / deviation.detach() if z.requires_grad else noise
    # log p(z) - log q(z | x): the constants cancel.
    log_w = 0.5 * ((u * u).sum(-1) - (z * z).sum(-1) + log_variance.detach().sum(-1))
    outputs = model.decoder(z)
    log_w = log_w + model.likelihood.log_prob(outputs, x, observed)
    completed = None
    mask_model = model.mask_model if with_mask else None
    if complete or mask_model is not None:
        completed = _completed(model, x, observed, outputs, generator, same_noise)
    if mask_model is not None:
        log_w = log_w + mask_model.log_prob(completed, observed)
    if z.requires_grad:
        # A sample counts by alpha for the decoder and the mask, by alpha squared for the encoder.
        alpha = normalised(log_w.detach())[..., None]
        z.register_hook(lambda gradient: gradient * alpha)
    return Draws(log_w, outputs, completed)


def bound(log_weights: Tensor) -> Tensor:
    """log (1/K) sum_k w_k of each row, shape (n,), from log-weights of shape (K, n)."""
    return torch.logsumexp(log_weights, 0) - math.log(len(log_weights))


def normalised(log_weights: Tensor) -> Tensor:
    """Self-normalised weights alpha_k = w_k / sum w, shape (K, n); each row's sum to one."""
    return torch.softmax(log_weights, 0)


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """1 / sum alpha_k^2 of each row, shape (n,): from 1, one sample rules, to K, all count."""
    alpha = normalised(log_weights)
    return 1 / (alpha * alpha).sum(0)


def _completed(
    model: LatentModel,
    x: Tensor,
    observed: Tensor,
    outputs: Tensor,
    generator: torch.Generator,
    same_noise: bool,
) -> Tensor:
    """Rows with their gaps filled from p(x_m | z)."""
    seen = observed if len(model.owner) == observed.shape[-1] else observed[..., model.owner]
    drawn = model.likelihood.draw(outputs, generator, same_noise=same_noise)
    return torch.lerp(drawn, x.expand_as(drawn), seen.expand_as(drawn))
