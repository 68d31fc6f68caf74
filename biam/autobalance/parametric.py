"""Cross-entropy with a weight, an offset, a scale and a margin for every class, or class and group.

    l(f, y) = w_y log sum_k exp(z_k - z_y),   z_k = s_k f_k + l_k - [k = y] m_y

`ParametricCrossEntropy` is the loss; `plain`, `weighted`, ... make the known special cases from the
sizes of the classes; `LossFamily` says which of its parameters are learned, and differentiates in
them. Source: Li et al. (2021), AutoBalance; Kini et al. (2021), the vector-scaling loss.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_number

__all__ = [
    "STARTS",
    "ExpectedError",
    "LossFamily",
    "ParametricCrossEntropy",
    "class_balanced",
    "class_temperatures",
    "clustered",
    "interpolated",
    "label_margins",
    "logit_adjusted",
    "plain",
    "weighted",
]

PARTS = ("weight", "offset", "scale", "margin")
# sigmoid(Delta) of a scale of one is at infinity; this close to one it is at 6.9.
LARGEST_SCALE = 0.999


@dataclass(frozen=True)
class ParametricCrossEntropy:
    """The loss of this module, with the parameters of every class k in every group g.

    A row's code is its class plus K times its group; one group needs no codes but the classes.

    Parameters
    ----------
    weight : Tensor, shape (G, K)
        w of a row of class k and group g, at least 0.
    offset : Tensor, shape (G, K)
        l, added to the logits of the rows of group g.
    scale : Tensor, shape (G, K)
        s, multiplies them.
    margin : Tensor, shape (G, K)
        m, taken from the logit of the row's own class.
    """

    weight: Tensor
    offset: Tensor
    scale: Tensor
    margin: Tensor

    def __post_init__(self) -> None:
        """Refuse parameters that do not belong together."""
        shapes = {part: tuple(getattr(self, part).shape) for part in PARTS}
        if len(set(shapes.values())) > 1 or self.weight.ndim != 2:
            raise InvalidInputError(
                f"all parameters must have one shape (groups, classes), got {shapes}."
            )

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,); `f` has shape (n, K)."""
        z, weight, _, label = self._logits(f, y)
        return weight * (z.logsumexp(1) - z.gather(1, label[:, None])[:, 0])

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """w s (softmax(z) - onehot(y)), shape (n, K)."""
        z, weight, scale, label = self._logits(f, y)
        slope = z.softmax(1).scatter_add(1, label[:, None], -torch.ones_like(z[:, :1]))
        return weight[:, None] * scale * slope

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """w s (diag(p) - p p') s v, p = softmax(z)."""
        z, weight, scale, _ = self._logits(f, y)
        p = z.softmax(1)
        pv = p * scale * v
        return weight[:, None] * scale * (pv - p * pv.sum(1, keepdim=True))

    def _logits(self, f: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        group, label = _cells(y, self.weight.shape[1])
        scale = self.scale[group]
        own = torch.nn.functional.one_hot(label, f.shape[1]).to(f)
        z = scale * f + self.offset[group] - own * self.margin[group]
        return z, self.weight[group, label], scale, label


@dataclass(frozen=True)
class ExpectedError:
    """l = 1 - softmax(f)_y: the chance to be wrong when the class is drawn from the model.

    Parameters
    ----------
    n_classes : int
        K; codes of class and group are read as in `ParametricCrossEntropy`.
    """

    n_classes: int

    def value(self, f: Tensor, y: Tensor) -> Tensor:
        """Losses, shape (n,)."""
        return 1 - self._own(f, y)[1]

    def gradient(self, f: Tensor, y: Tensor) -> Tensor:
        """p_y (p - onehot(y)), shape (n, K)."""
        p, chance, own = self._own(f, y)
        return chance[:, None] * (p - own)

    def curvature(self, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """p_y ((diag(p) - p p') v - (p - onehot(y)) <p - onehot(y), v>)."""
        p, chance, own = self._own(f, y)
        pv, slope = p * v, p - own
        bend = pv - p * pv.sum(1, keepdim=True) - slope * (slope * v).sum(1, keepdim=True)
        return chance[:, None] * bend

    def _own(self, f: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        p = f.softmax(1)
        own = torch.nn.functional.one_hot(y % self.n_classes, self.n_classes).to(f)
        return p, (p * own).sum(1), own


@dataclass(frozen=True)
class LossFamily:
    """Parametric cross-entropies that differ in the parameters to be learned, theta.

    theta is one flat vector, part after part. "offset" and "margin" are theta itself; "weight" is
    exp(theta); "scale" is sigmoid(theta) as in the authors' implementation, or theta itself, as
    their paper writes it.

    Parameters
    ----------
    start : ParametricCrossEntropy
        Where theta starts, and what is not learned.
    learn : tuple of {"weight", "offset", "scale", "margin"}
    squash : bool
        Whether "scale" is a sigmoid. A start of one is then read as .999.
    spread : Tensor, shape (G K, n_free), optional
        Turns the free numbers of a part into one for each class and group: `clustered` or
        `interpolated`. None: one free number for each.
    """

    start: ParametricCrossEntropy
    learn: tuple[str, ...] = ("offset", "scale")
    squash: bool = True
    spread: Tensor | None = None

    def __post_init__(self) -> None:
        """Refuse unknown parts, none, one twice, or a spread for other classes."""
        for part in self.learn:
            check_choice("part of the loss", part, PARTS)
        if not self.learn or len(set(self.learn)) < len(self.learn):
            raise InvalidInputError(f"learn must name parts once, got {self.learn!r}.")
        size = self.start.weight.numel()
        if self.spread is not None and self.spread.shape[0] != size:
            raise InvalidInputError(
                f"spread must have {size} rows, one per class and group, got "
                f"{tuple(self.spread.shape)}."
            )

    @property
    def n_free(self) -> int:
        """Free numbers of one part."""
        return self.start.weight.numel() if self.spread is None else self.spread.shape[1]

    def init(self) -> Tensor:
        """theta of the start, shape (n_parts * n_free,): its least-squares fit under `spread`."""
        parts = []
        for part in self.learn:
            value = getattr(self.start, part).reshape(-1)
            if part == "weight":
                value = value.log()
            elif part == "scale" and self.squash:
                value = value.clamp(1 - LARGEST_SCALE, LARGEST_SCALE).logit()
            parts.append(value if self.spread is None else torch.linalg.pinv(self.spread) @ value)
        return torch.cat(parts)

    def loss(self, theta: Tensor) -> ParametricCrossEntropy:
        """The member of the family at `theta`; differentiable by torch."""
        made = {}
        for part, free in zip(self.learn, theta.split(self.n_free), strict=True):
            value = (free if self.spread is None else self.spread @ free).view_as(self.start.weight)
            if part == "weight":
                value = value.exp()
            elif part == "scale" and self.squash:
                value = value.sigmoid()
            made[part] = value
        return replace(self.start, **made)

    def pull(
        self, theta: Tensor, f: Tensor, y: Tensor, df: Tensor, weights: Tensor | None = None
    ) -> Tensor:
        """d/d theta of mean_i(weights_i <dl/df (f_i, y_i; theta), df_i>), shape of `theta`.

        Parameters
        ----------
        f, df : Tensor, shape (n, K)
            Outputs, and their change along a direction of the model's parameters.
        weights : Tensor, shape (n,), optional
            Fixed weights of the rows.
        """

        def slope(theta: Tensor) -> Tensor:
            along = (self.loss(theta).gradient(f, y) * df).sum(1)
            return (along if weights is None else weights * along).mean()

        return torch.func.grad(slope)(theta)

    def recentred(self, theta: Tensor) -> Tensor:
        """The same losses up to a factor: offsets of mean zero in each group, weights of mean one.

        What no model can tell apart then does not drift. Offsets that are spread are left alone.
        """
        parts = dict(zip(self.learn, theta.split(self.n_free), strict=True))
        if self.spread is None and "offset" in parts:
            rows = parts["offset"].view_as(self.start.offset)
            parts["offset"] = (rows - rows.mean(1, keepdim=True)).reshape(-1)
        if "weight" in parts:
            parts["weight"] = parts["weight"] - parts["weight"].exp().mean().log()
        return torch.cat(list(parts.values()))


def plain(counts: Tensor) -> ParametricCrossEntropy:
    """Ordinary cross-entropy.

    Parameters
    ----------
    counts : Tensor, shape (K,) or (G, K)
        Rows of each class, or class and group, all above zero; so in all functions below.
    """
    counts = _checked(counts)
    one, zero = torch.ones_like(counts), torch.zeros_like(counts)
    return ParametricCrossEntropy(one, zero, one.clone(), zero.clone())


def weighted(counts: Tensor) -> ParametricCrossEntropy:
    """w = n / (G K n_k): the inverse of the frequency, of mean one over the rows."""
    counts = _checked(counts)
    return replace(plain(counts), weight=counts.sum() / (counts.numel() * counts))


def class_balanced(counts: Tensor, beta: float = 0.9999) -> ParametricCrossEntropy:
    """w proportional to (1 - beta) / (1 - beta^n_k), of mean one over the rows.

    beta = 0 is `plain`, beta towards one `weighted`. Source: Cui et al. (2019).
    """
    counts = _checked(counts)
    check_number("beta", beta, low=0.0, high=1.0)
    if beta == 1:
        return weighted(counts)
    weight = (1 - beta) / (1 - beta**counts)
    return replace(plain(counts), weight=weight * counts.sum() / (weight * counts).sum())


def logit_adjusted(counts: Tensor, tau: float = 1.0) -> ParametricCrossEntropy:
    """l = tau log pi, pi the share of the class in its group. Source: Menon et al. (2021)."""
    counts = _checked(counts)
    return replace(plain(counts), offset=tau * (counts / counts.sum(1, keepdim=True)).log())


def class_temperatures(counts: Tensor, gamma: float = 0.2) -> ParametricCrossEntropy:
    """s = (n_k / n_max)^gamma, class-dependent temperatures. Source: Ye et al. (2020)."""
    counts = _checked(counts)
    return replace(plain(counts), scale=(counts / counts.max()) ** gamma)


def label_margins(counts: Tensor, largest: float = 0.5) -> ParametricCrossEntropy:
    """m proportional to n_k^(-1/4), `largest` for the rarest class. Source: Cao et al. (2019)."""
    counts = _checked(counts)
    return replace(plain(counts), margin=largest * (counts / counts.min()) ** -0.25)


STARTS: dict[str, Callable[..., ParametricCrossEntropy]] = {
    "CE": plain,
    "weighted": weighted,
    "class-balanced": class_balanced,
    "LA": logit_adjusted,
    "CDT": class_temperatures,
    "LDAM": label_margins,
}
"""Special cases by the names they have in tables: functions of the sizes of the classes."""


def clustered(counts: Tensor, size: int) -> Tensor:
    """Classes sorted from common to rare, `size` neighbours sharing one number; (G K, n_free)."""
    place = _places(counts) // size
    return torch.nn.functional.one_hot(place).to(_checked(counts))


def interpolated(counts: Tensor, size: int) -> Tensor:
    """Straight lines between the middles of the clusters of `clustered`; (G K, n_free).

    What is learned by clusters becomes one number per class, without steps between them.
    """
    place = _places(counts).to(_checked(counts))
    n_free = -(-len(place) // size)
    at = ((place - (size - 1) / 2) / size).clamp(0, n_free - 1)
    knots = torch.arange(n_free).to(at)
    return (1 - (at[:, None] - knots).abs()).clamp_min(0)


def _places(counts: Tensor) -> Tensor:
    """Place of each class and group in the order from common to rare, shape (G K,)."""
    return torch.argsort(torch.argsort(_checked(counts).reshape(-1), descending=True, stable=True))


def _cells(y: Tensor, n_classes: int) -> tuple[Tensor, Tensor]:
    """Group and class of each code."""
    return torch.div(y, n_classes, rounding_mode="floor"), y % n_classes


def _checked(counts: Tensor) -> Tensor:
    counts = torch.atleast_2d(torch.as_tensor(counts))
    counts = counts if counts.is_floating_point() else counts.to(torch.get_default_dtype())
    if counts.ndim != 2 or not bool((counts > 0).all()):
        raise InvalidInputError(
            f"counts must be sizes above zero, shape (classes,) or (groups, classes), got {counts}."
        )
    return counts
