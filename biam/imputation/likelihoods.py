"""What the decoder's outputs mean: p(x | z), column by column, as in a generalised linear model.

Every method takes locations of shape (K, n, width): means of continuous columns, logits of
discrete ones. Densities are on the scale of the encoded block.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from biam.imputation.columns import Layout

__all__ = ["SCALES", "Likelihood"]

SCALES = ("shared", "column", "row")
"""One scale for all continuous columns (PPCA), one each, or one that depends on z."""

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
# softplus(_ONE) = 1: scales begin at one standard deviation.
_ONE = math.log(math.e - 1)
_START_DF = 5.0
_MIN_DF = 2.0
# Straight-through gradients of discrete draws: the usual compromise of bias and variance.
_TEMPERATURE = 0.5
_SMALLEST = 1e-7


class Likelihood(nn.Module):
    """Product of independent columns given z.

    Parameters
    ----------
    layout : Layout
    scale : {"shared", "column", "row"}
        Standard deviations of the continuous columns; "row" takes them from the decoder.
    min_scale : float
        Floor: without one a column's scale can run to zero and its density to infinity.
    """

    def __init__(self, layout: Layout, scale: str, min_scale: float) -> None:
        super().__init__()
        self.layout, self.scale, self.min_scale = layout, scale, min_scale
        self.n_gaussian, self.n_student = layout.count("gaussian"), layout.count("student")
        self.n_bernoulli = layout.count("bernoulli")
        self.n_continuous = self.n_gaussian + self.n_student
        if scale != "row" and self.n_continuous:
            size = 1 if scale == "shared" else self.n_continuous
            self.raw_scale = nn.Parameter(torch.full((size,), _ONE))
        if self.n_student:
            self.raw_df = nn.Parameter(torch.full((self.n_student,), _START_DF - _MIN_DF))

    @property
    def n_extra(self) -> int:
        """Outputs the decoder owes beside the locations."""
        return self.n_continuous if self.scale == "row" else 0

    def log_prob(self, outputs: Tensor, x: Tensor, observed: Tensor) -> Tensor:
        """log p(x_o | z), shape (K, n).

        Parameters
        ----------
        outputs : Tensor, shape (K, n, width + n_extra)
        x : Tensor, shape (n, width)
        observed : Tensor of float, shape (n, p)
            One where a value counts.
        """
        total, c, g = 0.0, self.n_continuous, self.n_gaussian
        scales = self._scales(outputs)
        if g:
            seen, s = observed[..., :g], scales[..., :g]
            # One factor per row and column, not per sample: this is the dearest line of a step.
            r = (x[..., :g] - outputs[..., :g]) * (seen / s)
            total = total - 0.5 * (r * r).sum(-1) - (seen * (s.log() + _HALF_LOG_2PI)).sum(-1)
        if self.n_student:
            r = (x[..., g:c] - outputs[..., g:c]) / scales[..., g:]
            total = total + (observed[..., g:c] * self._student(r, scales[..., g:])).sum(-1)
        if self.n_bernoulli:
            part = slice(c, c + self.n_bernoulli)
            logits = outputs[..., part]
            log_p = x[..., part] * logits - functional.softplus(logits)
            total = total + (observed[..., part] * log_p).sum(-1)
        # One-hot rows are zero where missing, so no mask is needed.
        for start, stop in self._categorical():
            log_p = functional.log_softmax(outputs[..., start:stop], -1)
            total = total + (x[..., start:stop] * log_p).sum(-1)
        return total

    def mean(self, outputs: Tensor) -> Tensor:
        """E[x | z]: means, and probabilities of levels; shape (K, n, width)."""
        c = self.n_continuous
        parts = [outputs[..., :c], torch.sigmoid(outputs[..., c : c + self.n_bernoulli])]
        parts += [outputs[..., a:b].softmax(-1) for a, b in self._categorical()]
        return torch.cat([part for part in parts if part.shape[-1]], -1)

    def draw(
        self, outputs: Tensor, generator: torch.Generator, *, same_noise: bool = False
    ) -> Tensor:
        """x ~ p(x | z), shape (K, n, width); gradients flow, straight through for levels.

        With `same_noise` all rows share the noise of their K draws.
        """
        size = (outputs.shape[0], 1 if same_noise else outputs.shape[1])
        c, parts = self.n_continuous, []
        if c:
            noise = self._noise(size, generator)
            parts.append(outputs[..., :c] + self._scales(outputs) * noise)
        if self.n_bernoulli:
            logits = outputs[..., c : c + self.n_bernoulli]
            pair = torch.stack([torch.zeros_like(logits), logits], -1)
            parts.append(_gumbel(pair, size, generator)[..., 1])
        parts += [_gumbel(outputs[..., a:b], size, generator) for a, b in self._categorical()]
        return torch.cat(parts, -1) if len(parts) > 1 else parts[0]

    def degrees_of_freedom(self) -> Tensor:
        """Of the Student-t columns, above two, so that variances exist."""
        return _MIN_DF + functional.softplus(self.raw_df)

    def _scales(self, outputs: Tensor) -> Tensor:
        if not self.n_continuous:
            return outputs.new_ones(1)
        raw = outputs[..., self.layout.width :] if self.scale == "row" else self.raw_scale
        if raw.shape[-1] == 1:
            raw = raw.expand(*raw.shape[:-1], self.n_continuous)
        return self.min_scale + functional.softplus(raw)

    def _student(self, r: Tensor, s: Tensor) -> Tensor:
        df = self.degrees_of_freedom()
        constant = torch.lgamma((df + 1) / 2) - torch.lgamma(df / 2) - 0.5 * torch.log(df * math.pi)
        return constant - s.log() - (df + 1) / 2 * torch.log1p(r * r / df)

    def _noise(self, size: tuple[int, int], generator: torch.Generator) -> Tensor:
        device = generator.device
        normal = torch.randn((*size, self.n_gaussian), generator=generator, device=device)
        if not self.n_student:
            return normal
        u, v = torch.rand((2, *size, self.n_student), generator=generator, device=device)
        # Bailey (1994): a t variate from two uniforms, smooth in its degrees of freedom.
        df = self.degrees_of_freedom()
        radius = (df * (u.clamp(min=_SMALLEST) ** (-2 / df) - 1)).clamp(min=0).sqrt()
        return torch.cat([normal, radius * torch.cos(2 * math.pi * v)], -1)

    def _categorical(self) -> list[tuple[int, int]]:
        start, found = self.n_continuous + self.n_bernoulli, []
        for kind, size in zip(self.layout.kinds, self.layout.sizes, strict=True):
            if kind == "categorical":
                found.append((start, start + size))
                start += size
        return found


def _gumbel(logits: Tensor, size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """One-hot draw of a level; its gradient is that of a softened draw."""
    shape = (*size, *logits.shape[2:])
    u = torch.rand(shape, generator=generator, device=logits.device)
    noise = -torch.log(-torch.log(u.clamp(_SMALLEST, 1 - _SMALLEST)))
    soft = ((logits + noise) / _TEMPERATURE).softmax(-1)
    hard = functional.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft.dtype)
    return hard + (soft - soft.detach())
