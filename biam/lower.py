"""What bilevel optimisation asks of a lower model, for `AdditiveModel` and for any torch module.

A `LowerProblem` is linearised once per batch; the `Linearisation` then gives the per-sample losses,
the gradient of the weighted risk, <grad l_i, v> for every row, and the Hessian of the weighted risk
times a vector: all that a hypergradient needs.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from biam.additive import AdditiveModel
from biam.basis import Design
from biam.losses import Logistic, Loss, SoftmaxCrossEntropy, SquaredError
from biam.penalties import CoefficientPenalty

__all__ = ["AdditiveProblem", "Linearisation", "LowerProblem", "ModuleProblem", "Rows"]


@dataclass(frozen=True)
class Rows:
    """Inputs and targets that are cut into batches together.

    Parameters
    ----------
    inputs : Tensor or Design
        First axis is the row.
    y : Tensor, shape (n,)
    weight : Tensor, shape (n,), optional
        Fixed sample weights that multiply the learned ones.
    """

    inputs: Tensor | Design
    y: Tensor
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Tensor | slice) -> "Rows":
        """Some of the rows."""
        inputs = self.inputs
        cut = inputs.take(rows) if isinstance(inputs, Design) else inputs[rows]
        return Rows(cut, self.y[rows], None if self.weight is None else self.weight[rows])

    def batches(self, size: int) -> list["Rows"]:
        """Consecutive cuts of `size` rows, the last one shorter."""
        inputs, y = self.inputs, self.y.split(size)
        cuts = inputs.batches(size) if isinstance(inputs, Design) else inputs.split(size)
        weights = [None] * len(y) if self.weight is None else self.weight.split(size)
        return [Rows(*parts) for parts in zip(cuts, y, weights, strict=True)]


class Linearisation(Protocol):
    """The lower problem near one parameter vector, on one batch of n rows."""

    losses: Tensor

    def gradient(self, weights: Tensor | None = None, *, penalised: bool = True) -> Tensor:
        """Gradient of mean(weights * losses) + penalty; flat, shape (n_parameters,)."""
        ...

    def directional(self, v: Tensor) -> Tensor:
        """<grad l_i, v> for every row, shape (n,)."""
        ...

    def hessian_vector(
        self, v: Tensor, weights: Tensor | None = None, *, penalised: bool = True
    ) -> Tensor:
        """Hessian of mean(weights * losses) + penalty, times `v`; flat, shape (n_parameters,)."""
        ...


class LowerProblem(Protocol):
    """A model with a loss and a penalty, seen through its flat parameter vector."""

    def linearise(self, w: Tensor, rows: Rows) -> Linearisation:
        """Losses and derivatives at `w`."""
        ...

    def at_epoch(self, epoch: int) -> "LowerProblem":
        """The problem as it stands in this epoch (schedules, warm-ups)."""
        ...


@dataclass(frozen=True)
class AdditiveProblem:
    """`AdditiveModel` with a loss and the coefficient penalty; every derivative is a closed form.

    Parameters
    ----------
    model : AdditiveModel
    loss : Loss
    penalty : CoefficientPenalty, optional
    warm_up : int
        Epochs during which the pair term is left out of the forward pass (BIAM2).
    pairs : bool
        Whether the pair term is in the forward pass now.
    """

    model: AdditiveModel
    loss: Loss
    penalty: CoefficientPenalty | None = None
    warm_up: int = 0
    pairs: bool = True

    def at_epoch(self, epoch: int) -> "AdditiveProblem":
        """Switch the pairs on when the warm-up is over."""
        pairs = epoch >= self.warm_up
        return self if pairs == self.pairs else replace(self, pairs=pairs)

    def linearise(self, w: Tensor, rows: Rows) -> "_AdditiveLinearisation":
        """Losses and derivatives at `w`, shape (layout.size,)."""
        f = self.model.outputs(w, rows.inputs, pairs=self.pairs)
        return _AdditiveLinearisation(self, w, rows, f, self.loss.value(f, rows.y))


class _AdditiveLinearisation:
    def __init__(
        self, problem: AdditiveProblem, w: Tensor, rows: Rows, f: Tensor, losses: Tensor
    ) -> None:
        self.problem, self.w, self.rows, self.losses, self.f = problem, w, rows, losses, f
        self.slope = problem.loss.gradient(f, rows.y)

    def gradient(self, weights: Tensor | None = None, *, penalised: bool = True) -> Tensor:
        slope = self.slope if weights is None else self.slope * weights[:, None]
        problem, n = self.problem, len(self.losses)
        g = problem.model.vjp(self.w, self.rows.inputs, slope, pairs=problem.pairs)
        if penalised and problem.penalty is not None:
            return problem.penalty.gradient(self.w).add_(g, alpha=1 / n)
        return g.mul_(1 / n)

    def directional(self, v: Tensor) -> Tensor:
        df = self.problem.model.jvp(self.w, self.rows.inputs, v, pairs=self.problem.pairs)
        return (self.slope * df).sum(1)

    def hessian_vector(
        self, v: Tensor, weights: Tensor | None = None, *, penalised: bool = True
    ) -> Tensor:
        problem, inputs, n = self.problem, self.rows.inputs, len(self.losses)
        model, pairs = problem.model, problem.pairs
        df = model.jvp(self.w, inputs, v, pairs=pairs)
        bend, slope = _loss_hessian(problem.loss, self.f, self.rows.y, df), self.slope
        if weights is not None:
            bend, slope = bend * weights[:, None], slope * weights[:, None]
        hv = model.vjp(self.w, inputs, bend, pairs=pairs)
        if model.n_ranks and pairs:
            # The pairs are products of parameters: the pullback of one slope changes with w.
            hv = hv + _push(lambda w: model.vjp(w, inputs, slope), self.w, v)
        hv = hv / n
        if penalised and problem.penalty is not None:
            hv = hv + problem.penalty.hessian_vector(self.w, v)
        return hv


@dataclass(frozen=True)
class ModuleProblem:
    """Any torch module as the lower model, through forward-mode and reverse-mode differentiation.

    Parameters
    ----------
    module : nn.Module
        Maps inputs, shape (n, ...), to outputs, shape (n, d). Never modified.
    loss : Loss
    penalty : callable, optional
        Flat parameters -> scalar, differentiable by torch.
    """

    module: nn.Module
    loss: Loss
    penalty: Callable[[Tensor], Tensor] | None = None

    def at_epoch(self, epoch: int) -> "ModuleProblem":
        """The same in every epoch."""
        return self

    def initial(self) -> Tensor:
        """The module's present parameters as one flat vector."""
        return torch.cat([p.detach().reshape(-1) for p in self.module.parameters()])

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """Cut a flat vector into the module's named parameters."""
        names, shapes = zip(*((n, p.shape) for n, p in self.module.named_parameters()), strict=True)
        parts = w.split([shape.numel() for shape in shapes])
        return {n: x.view(s) for n, x, s in zip(names, parts, shapes, strict=True)}

    def losses(self, w: Tensor, rows: Rows) -> Tensor:
        """Per-sample losses, shape (n,)."""
        # Copies, because a layer may write to its buffers (running means).
        buffers = {name: buffer.clone() for name, buffer in self.module.named_buffers()}
        f = torch.func.functional_call(self.module, self.named(w) | buffers, (rows.inputs,))
        return self.loss.value(f, rows.y)

    def linearise(self, w: Tensor, rows: Rows) -> "_ModuleLinearisation":
        """Losses and derivatives at `w`, shape (n_parameters,)."""
        return _ModuleLinearisation(self, w, rows)


class _ModuleLinearisation:
    def __init__(self, problem: ModuleProblem, w: Tensor, rows: Rows) -> None:
        self.problem, self.w, self.rows = problem, w, rows
        self.losses, self.pullback = torch.func.vjp(lambda v: problem.losses(v, rows), w)

    def gradient(self, weights: Tensor | None = None, *, penalised: bool = True) -> Tensor:
        n = len(self.losses)
        cotangent = torch.full_like(self.losses, 1 / n) if weights is None else weights / n
        (g,) = self.pullback(cotangent)
        if penalised and self.problem.penalty is not None:
            g = g + torch.func.grad(self.problem.penalty)(self.w)
        return g

    def directional(self, v: Tensor) -> Tensor:
        return _push(lambda w: self.problem.losses(w, self.rows), self.w, v)

    def hessian_vector(
        self, v: Tensor, weights: Tensor | None = None, *, penalised: bool = True
    ) -> Tensor:
        problem = self.problem

        def risk(w: Tensor) -> Tensor:
            losses = problem.losses(w, self.rows)
            risk = (losses if weights is None else weights * losses).mean()
            return risk + problem.penalty(w) if penalised and problem.penalty is not None else risk

        return _push(torch.func.grad(risk), self.w, v)


def _push(function: Callable[[Tensor], Tensor], w: Tensor, v: Tensor) -> Tensor:
    """Directional derivative of `function` at `w` along `v`, by forward-mode differentiation."""
    with warnings.catch_warnings():
        # On first use torch loads its forward-mode rules in a way it has itself deprecated.
        warnings.filterwarnings("ignore", ".*torch.jit.script", DeprecationWarning)
        return torch.func.jvp(function, (w,), (v,))[1]


def _loss_hessian(loss: Loss, f: Tensor, y: Tensor, v: Tensor) -> Tensor:
    """(d2l/df2) v row by row; `curvature` of other losses may be a bound only (Huber)."""
    if isinstance(loss, SquaredError | Logistic | SoftmaxCrossEntropy):
        return loss.curvature(f, y, v)
    return _push(lambda f: loss.gradient(f, y), f, v)
