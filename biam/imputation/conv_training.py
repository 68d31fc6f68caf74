"""Train the networks of pictures: the bound, and lessons in holes whose content is known.

Where the mask hides both sides alike, the side of a hidden pixel can only be read off what is
around it. So holes of the same form are put elsewhere, over pixels that were seen, and the encoder
of the picture with the hole learns to say what it says without: E log q(z | with hole), z drawn
from q(z | without). In the limit it is the forward divergence of neural posterior estimation
(Le, Baydin & Wood, 2017, Inference compilation), which covers all answers instead of one.
No value that is missing in the table takes part. Pictures are also moved at random, by whole
pixels, with their masks; what comes in from outside is unseen.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from biam.exceptions import BIAMError
from biam.imputation.bound import bound, normalised
from biam.imputation.conv import PictureModel

__all__ = [
    "Lessons",
    "PictureDraws",
    "Pictures",
    "draw_pictures",
    "moved",
    "train_pictures",
    "with_holes",
]

_WINDOW = 50
_WARM_UP = 50
_COOL_DOWN = 0.3
_LOG_2PI = math.log(2 * math.pi)


class Pictures(NamedTuple):
    """Pictures and what is known of them.

    Parameters
    ----------
    x : Tensor, shape (n, h, w)
        Zero where unseen.
    seen : Tensor of float, shape (n, h, w)
    masked : Tensor of float, shape (n, h, w) or (1, h, w)
        One where gaps occur, and the mechanism holds.
    """

    x: Tensor
    seen: Tensor
    masked: Tensor


class PictureDraws(NamedTuple):
    """K importance samples: log-weights (K, n), latents, and log pi, (K, n, n_levels, h, w)."""

    log_weights: Tensor
    z: Tensor
    log_levels: Tensor


@dataclass(frozen=True)
class Lessons:
    """How to train; see `ConvMIWAEImputer` for the meaning."""

    n_samples: int
    lr: float
    batch_size: int
    max_steps: int
    max_shift: int
    hole_weight: float
    progress: bool


def draw_pictures(
    model: PictureModel,
    pictures: Pictures,
    n_samples: int,
    generator: torch.Generator,
    *,
    same_noise: bool = False,
) -> PictureDraws:
    """Sample latents and weigh them by p(s, x_o, z) / q(z | x_o, s).

    Hidden pixels are summed out (`Levels`), so a mechanism needs no draws of them. Gradients are
    doubly reparameterised, as in `biam.imputation.bound`.

    Parameters
    ----------
    model : PictureModel
    pictures : Pictures
    n_samples : int
        K.
    generator : torch.Generator
    same_noise : bool
        All pictures share their noise, so that none depends on those beside it.
    """
    mean, log_variance = model.encode(*pictures)
    n = 1 if same_noise else len(mean)
    noise = torch.randn((n_samples, n, *mean.shape[1:]), generator=generator, device=mean.device)
    deviation = (0.5 * log_variance).exp()
    z = mean + deviation * noise.to(mean.dtype)
    # The encoder learns through z alone.
    u = (z - mean.detach()) / deviation.detach()
    prior = 0.5 * (u * u - z * z + log_variance.detach()).flatten(2).sum(-1)
    log_levels = model.log_levels(z)
    terms = model.levels.log_terms(*pictures)
    log_w = prior + torch.logsumexp(log_levels + terms, 2).flatten(2).sum(-1)
    if z.requires_grad:
        alpha = normalised(log_w.detach())[..., None, None, None]
        z.register_hook(lambda gradient: gradient * alpha)
    return PictureDraws(log_w, z, log_levels)


def moved(x: Tensor, down: int, right: int) -> Tensor:
    """Pictures (..., h, w) moved by whole pixels; zeros come in."""
    out = torch.zeros_like(x)
    h, w = x.shape[-2:]
    to_y, from_y = _overlap(h, down)
    to_x, from_x = _overlap(w, right)
    out[..., to_y, to_x] = x[..., from_y, from_x]
    return out


def train_pictures(
    model: PictureModel, pictures: Pictures, lessons: Lessons, generator: torch.Generator
) -> list[dict[str, float]]:
    """Fit `model` in place by Adam; returns one record per 50 steps: "step", "bound", "holes".

    Parameters
    ----------
    model : PictureModel
    pictures : Pictures
    lessons : Lessons
    generator : torch.Generator

    Raises
    ------
    BIAMError
        The bound is no longer a finite number.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lessons.lr, fused=True)
    history: list[dict[str, float]] = []
    values: list[Tensor] = []
    hidden = None if lessons.progress else True
    for step in tqdm(range(1, lessons.max_steps + 1), unit="step", delay=2, disable=hidden):
        rate = min(1.0, step / _WARM_UP, (lessons.max_steps + 1 - step) / _cooling(lessons))
        optimizer.param_groups[0]["lr"] = lessons.lr * rate
        batch = _moved_batch(pictures, lessons, generator)
        draws = draw_pictures(model, batch, lessons.n_samples, generator)
        value = bound(draws.log_weights).mean()
        lesson = _log_q(model, with_holes(model, batch, pictures, generator), draws.z.detach())
        optimizer.zero_grad(set_to_none=True)
        (-value - lessons.hole_weight * lesson).backward()
        optimizer.step()
        values.append(torch.stack([value.detach(), lesson.detach()]))
        if step % _WINDOW == 0 or step == lessons.max_steps:
            history.append(_record(values, step, lessons.lr))
            values.clear()
    return history


def with_holes(
    model: PictureModel, batch: Pictures, pictures: Pictures, generator: torch.Generator
) -> Pictures:
    """One more hole in each picture: the region of the gaps, put elsewhere at random.

    With a mechanism it hides what that would hide; without, what is missing in another row.

    Parameters
    ----------
    model : PictureModel
    batch : Pictures
        To put holes into.
    pictures : Pictures
        All, unmoved: they know the region and the masks.
    generator : torch.Generator
    """
    h, w = batch.x.shape[-2:]
    by = [(_offset(2 * h // 5, generator), _offset(2 * w // 5, generator)) for _ in batch.x]
    region = torch.stack([moved(pictures.masked[0], *b) for b in by])
    if model.levels.mechanism is None:
        donors = 1 - pictures.seen[_rows(pictures, len(by), generator)]
        hidden = torch.stack([moved(d, *b) for d, b in zip(donors, by, strict=True)])
    else:
        chance = torch.sigmoid(-model.levels.mechanism(batch.x))
        drawn = torch.rand(chance.shape, generator=generator, device=chance.device)
        hidden = (drawn < chance).to(region.dtype)
    seen = batch.seen * (1 - hidden * region)
    return Pictures(batch.x * seen, seen, torch.maximum(batch.masked, region))


def _cooling(lessons: Lessons) -> float:
    return max(1.0, _COOL_DOWN * lessons.max_steps)


def _overlap(size: int, by: int) -> tuple[slice, slice]:
    """Places of a side of `size` that are filled, and those they are filled from."""
    n = max(size - abs(by), 0)
    late, early = slice(size - n, size), slice(0, n)
    return (late, early) if by >= 0 else (early, late)


def _offset(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(-high, high + 1, (), generator=generator, device=generator.device))


def _rows(pictures: Pictures, n: int, generator: torch.Generator) -> Tensor:
    return torch.randint(len(pictures.x), (n,), generator=generator, device=pictures.x.device)


def _moved_batch(pictures: Pictures, lessons: Lessons, generator: torch.Generator) -> Pictures:
    n = min(lessons.batch_size, len(pictures.x))
    rows = _rows(pictures, n, generator)
    by = _offset(lessons.max_shift, generator), _offset(lessons.max_shift, generator)
    x, seen, masked = pictures.x[rows], pictures.seen[rows], pictures.masked
    return Pictures(moved(x, *by), moved(seen, *by), moved(masked, *by).expand_as(x))


def _log_q(model: PictureModel, pictures: Pictures, z: Tensor) -> Tensor:
    """Mean log q(z | x_o, s) of latents (K, n, ...) drawn elsewhere."""
    mean, log_variance = model.encode(*pictures)
    density = -0.5 * ((z - mean) ** 2 * (-log_variance).exp() + log_variance + _LOG_2PI)
    return density.flatten(2).sum(-1).mean()


def _record(values: list[Tensor], step: int, lr: float) -> dict[str, float]:
    value, lesson = np.mean([v.cpu().numpy() for v in values], 0, dtype=np.float64)
    if not (math.isfinite(value) and math.isfinite(lesson)):
        raise BIAMError(
            f"the bound became {value} by step {step}: try a smaller lr (it is {lr:g}) or a "
            "larger min_scale."
        )
    return {"step": float(step), "bound": float(value), "holes": float(lesson)}
