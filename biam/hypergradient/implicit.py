"""`Implicit`: through the stationary point of the lower risk, by one linear system.

Where grad R(w*) = 0 the implicit function theorem gives dL / d nu_i = -(1/n) <grad l_i(w*), q> with
H q = grad L(w*), H the Hessian of R. Source: Pedregosa (2016); Lorraine, Vicol and Duvenaud (2020).
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.hypergradient.risk import LowerRisk, UpperRisk, weight_hypergradient
from biam.hypergradient.systems import conjugate_gradients, dense, neumann
from biam.lower import Linearisation
from biam.validation import check_choice, check_integer, check_number

__all__ = ["Implicit"]


@dataclass(frozen=True)
class Implicit:
    """Implicit differentiation at a lower optimum: (H + damping I) q = grad L(w).

    Parameters
    ----------
    solve : {"cg", "neumann", "dense"} or callable
        How the system is solved, H being known by its products with vectors only:
        conjugate gradients; the Neumann series; all columns of H and its pseudo-inverse, at the
        cost of as many products as there are parameters. A callable is given the right-hand side
        and solves a system of its own.
    n_steps : int
        Most products of "cg", most terms of "neumann".
    tol : float
        Both stop at this residual, relative to the right-hand side.
    damping : float
        Added to the diagonal of H: for lower models that are not convex, or not solved.
    lr : float, optional
        Step of "neumann"; default one over the largest eigenvalue, estimated. Halved when too long.
    """

    solve: str | Callable[[Tensor], Tensor] = "cg"
    n_steps: int = 100
    tol: float = 1e-10
    damping: float = 0.0
    lr: float | None = None

    def __post_init__(self) -> None:
        """Refuse settings out of range."""
        if not callable(self.solve):
            check_choice("solve", self.solve, ("cg", "neumann", "dense"))
        check_integer("n_steps", self.n_steps, low=1)
        check_number("tol", self.tol, low=0.0)
        check_number("damping", self.damping, low=0.0)
        if self.lr is not None:
            check_number("lr", self.lr, low=0.0, open_low=True)

    def point(self, w: Tensor, lower_gradient: Tensor) -> Tensor:
        """The lower optimum itself."""
        return w

    def adjoint(
        self, upper_gradient: Tensor, product: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """Solution q of the adjoint system.

        Parameters
        ----------
        upper_gradient : Tensor, shape (n_parameters,)
        product : callable, optional
            v -> H v; not used when `solve` is callable.

        Raises
        ------
        InvalidInputError
            `solve` is a name and there is no product.
        """
        if callable(self.solve):
            return self.solve(upper_gradient)
        if product is None:
            raise InvalidInputError(
                f"solve={self.solve!r} needs the Hessian: pass product, or a callable as solve."
            )

        def damped(v: Tensor) -> Tensor:
            return product(v) + self.damping * v

        if self.solve == "cg":
            return conjugate_gradients(damped, upper_gradient, self.n_steps, self.tol)
        if self.solve == "neumann":
            return neumann(damped, upper_gradient, self.n_steps, self.lr, self.tol)
        return dense(damped, upper_gradient)

    def gradient(self, lower: LowerRisk, upper: UpperRisk) -> tuple[Tensor, Linearisation]:
        """See `Hypergradient`."""
        here, judged = lower.here, upper.judge(lower.w)
        adjoint = self.adjoint(
            upper.gradient(judged), lambda v: here.hessian_vector(v, lower.weights)
        )
        return lower.pull(weight_hypergradient(here, adjoint)), judged
