"""Adversarial training: FGSM and PGD, with entries that are never perturbed."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from biam.exceptions import InvalidInputError
from biam.losses import Loss
from biam.mitigation.training import Batch
from biam.validation import check_choice, check_integer, check_number, check_rate

__all__ = ["AdversarialTraining", "Attack", "fgsm", "pgd"]

NORMS = ("sign", "l2", "raw")


@dataclass(frozen=True, eq=False)
class Attack:
    """How far an input may be moved, and where.

    Parameters
    ----------
    eps : float
        Radius.
    norm : {"sign", "l2", "raw"}
        Step from the gradient g of a row's loss: eps sign(g), which is the steepest in the largest
        entry (Goodfellow, Shlens & Szegedy 2015); eps g over its length, the steepest in length;
        eps g, as the lecture writes it, which has no radius.
    low, high : float, optional
        Box that the inputs stay in.
    fixed : Tensor of bool, optional
        Entries that are never moved, of a shape that broadcasts to a row or to the batch: the
        indicators of missing values, and what stands in for these. NaN is never moved either.
    """

    eps: float
    norm: str = "sign"
    low: float | None = None
    high: float | None = None
    fixed: Tensor | None = None

    def __post_init__(self) -> None:
        check_number("eps", self.eps, low=0.0)
        check_choice("norm", self.norm, NORMS)

    def direction(self, gradient: Tensor) -> Tensor:
        """The step of size 1 along `gradient`, row by row, zero at the fixed entries."""
        gradient = torch.nan_to_num(gradient)
        if self.fixed is not None:
            gradient = gradient.masked_fill(self.fixed, 0.0)
        if self.norm == "sign":
            return gradient.sign()
        if self.norm == "raw":
            return gradient
        length = gradient.flatten(1).norm(dim=1).clamp_min(torch.finfo(gradient.dtype).tiny)
        return gradient / length.reshape(-1, *[1] * (gradient.ndim - 1))

    def inside(self, moved: Tensor, x: Tensor) -> Tensor:
        """`moved` put back into the box; fixed entries of `x` keep their value, whatever it is."""
        if self.low is not None or self.high is not None:
            moved = moved.clamp(self.low, self.high)
        kept = torch.isnan(x) if self.fixed is None else self.fixed | torch.isnan(x)
        return torch.where(kept, x, moved)

    def project(self, shift: Tensor) -> Tensor:
        """`shift` put back into the ball of radius eps of this norm ("raw" has none)."""
        if self.norm == "sign":
            return shift.clamp(-self.eps, self.eps)
        if self.norm == "raw":
            return shift
        length = shift.nan_to_num().flatten(1).norm(dim=1).clamp_min(1e-30)
        factor = (self.eps / length).clamp_max(1.0)
        return shift * factor.reshape(-1, *[1] * (shift.ndim - 1))


def fgsm(model: nn.Module, loss: Loss, x: Tensor, y: Tensor, attack: Attack) -> Tensor:
    """One step of size eps up the loss of every row.

    For a linear model the "sign" step takes exactly eps sum abs(w) off the margin.

    Parameters
    ----------
    model : nn.Module
        Its mode (training, evaluation) and its gradients are left alone.
    loss : Loss
    x, y : Tensor
    attack : Attack

    Returns
    -------
    Tensor
        Like `x`, without a graph.
    """
    step = attack.direction(_gradient(model, loss, x, y))
    return attack.inside(x + attack.eps * step, x).detach()


def pgd(
    model: nn.Module,
    loss: Loss,
    x: Tensor,
    y: Tensor,
    attack: Attack,
    *,
    steps: int = 10,
    step_size: float | None = None,
    seed: int | None = None,
) -> Tensor:
    """Several smaller steps, each put back into ball and box.

    Source: Madry, Makelov, Schmidt, Tsipras & Vladu (2018).

    Parameters
    ----------
    model, loss, x, y, attack :
        As in `fgsm`; the norm is "sign" or "l2".
    steps : int
    step_size : float, optional
        Default 2.5 eps / steps.
    seed : int, optional
        Start at random in the ball; None starts at `x`.
    """
    check_integer("steps", steps, low=1)
    if attack.norm == "raw":
        raise InvalidInputError("pgd needs norm 'sign' or 'l2', got 'raw': it has no ball.")
    size = 2.5 * attack.eps / steps if step_size is None else step_size
    moved = x
    if seed is not None:
        stream = torch.Generator().manual_seed(seed)
        noise = torch.rand(x.shape, generator=stream, dtype=x.dtype) * 2 - 1
        moved = attack.inside(x + attack.project(attack.eps * noise), x)
    for _ in range(steps):
        step = attack.direction(_gradient(model, loss, moved, y))
        moved = attack.inside(x + attack.project(moved + size * step - x), x)
    return moved.detach()


@dataclass(frozen=True, eq=False)
class AdversarialTraining:
    """share x mean l(clean) + (1 - share) x mean l(attacked).

    Parameters
    ----------
    loss : Loss
    attack : Attack
    clean_share : float
        0 = attacked rows only, as in the lecture; 0.5 = Goodfellow et al. (2015).
    steps : int
        1 = `fgsm`, more = `pgd` from the clean row.
    """

    loss: Loss
    attack: Attack
    clean_share: float = 0.5
    steps: int = 1

    def __post_init__(self) -> None:
        check_rate("clean_share", self.clean_share)
        check_integer("steps", self.steps, low=1)

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mixed mean loss; the attack itself is not differentiated."""
        if self.steps == 1:
            moved = fgsm(model, self.loss, batch.x, batch.y, self.attack)
        else:
            moved = pgd(model, self.loss, batch.x, batch.y, self.attack, steps=self.steps)
        total = (1 - self.clean_share) * self.loss.value(model(moved), batch.y).mean()
        if self.clean_share:
            total = total + self.clean_share * self.loss.value(model(batch.x), batch.y).mean()
        return total


def _gradient(model: nn.Module, loss: Loss, x: Tensor, y: Tensor) -> Tensor:
    """d l_i / d x_i, row by row; the parameters collect nothing."""
    x = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(loss.value(model(x), y).sum(), x)
    return gradient
