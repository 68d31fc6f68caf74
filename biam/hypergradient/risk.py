"""The two risks that every hypergradient is given, and what it gives back."""

from typing import Protocol

from torch import Tensor

from biam.lower import Linearisation, LowerProblem, Rows
from biam.weighting import Weights

__all__ = ["Hypergradient", "LowerRisk", "UpperRisk", "weight_hypergradient"]


class LowerRisk:
    """R(w) = mean(nu_i l_i(w)) + pen(w) on one batch, its weights nu held fixed, seen from w.

    Parameters
    ----------
    problem : LowerProblem
    rows : Rows
        Their fixed weights, if any, multiply the learned ones.
    learned : Weights
        The learned weights and their way back to theta.
    w : Tensor, shape (n_parameters,)
    here : Linearisation, optional
        At `w` and `rows`, if it is there already.

    Attributes
    ----------
    weights : Tensor, shape (n,)
        nu: learned times fixed.
    """

    def __init__(
        self,
        problem: LowerProblem,
        rows: Rows,
        learned: Weights,
        w: Tensor,
        here: Linearisation | None = None,
    ) -> None:
        self.problem, self.rows, self.learned, self.w = problem, rows, learned, w
        self.here = problem.linearise(w, rows) if here is None else here
        self.weights = self._fixed(learned.weights)

    def at(self, w: Tensor) -> Linearisation:
        """Linearisation of the batch at other parameters."""
        return self.here if w is self.w else self.problem.linearise(w, self.rows)

    def pull(self, cotangent: Tensor) -> Tensor:
        """From dL / d nu, shape (n,), to dL / d theta, shape (n_upper,)."""
        return self.learned.vjp(self._fixed(cotangent))

    def directions(self) -> Tensor:
        """Change of nu with each parameter of the upper learner, shape (n_upper, n)."""
        return self._fixed(self.learned.jacobian().T)

    def _fixed(self, learned: Tensor) -> Tensor:
        return learned if self.rows.weight is None else learned * self.rows.weight


class UpperRisk:
    """L(w), the mean loss on the meta rows, without the penalty of the lower level.

    Parameters
    ----------
    problem : LowerProblem
    rows : Rows
        The meta rows.
    """

    def __init__(self, problem: LowerProblem, rows: Rows) -> None:
        self.problem, self.rows = problem, rows

    def judge(self, w: Tensor) -> Linearisation:
        """Linearisation of the meta rows at `w`."""
        return self.problem.linearise(w, self.rows)

    def gradient(self, judged: Linearisation) -> Tensor:
        """grad L where the rows were judged, shape (n_parameters,)."""
        return judged.gradient(self.rows.weight, penalised=False)

    def value(self, judged: Linearisation) -> float:
        """L where the rows were judged."""
        losses, weight = judged.losses, self.rows.weight
        return (losses.sum() if weight is None else weight @ losses).item() / len(self.rows)


class Hypergradient(Protocol):
    """A way to differentiate the upper risk through the lower level."""

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """Derivative of the upper risk in theta, and the meta rows where they were judged.

        Parameters
        ----------
        lower : LowerRisk
            At the present parameters w.
        upper : UpperRisk

        Returns
        -------
        Tensor, shape (n_upper,)
        Linearisation
            Of the meta rows at the parameters that the method looks at.
        """
        ...


def weight_hypergradient(lower: Linearisation, adjoint: Tensor) -> Tensor:
    """dL / d nu_i = -(1 / n) <grad l_i(w), q>, shape (n,), from the adjoint vector q.

    One directional derivative of the losses gives all rows at once; there is no double backward.

    Parameters
    ----------
    lower : Linearisation
        At the parameters and rows of the lower step.
    adjoint : Tensor, shape (n_parameters,)
    """
    return lower.directional(adjoint).mul_(-1 / len(lower.losses))
