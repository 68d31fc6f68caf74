"""The lower level solved, not stepped: weighted penalised fit by Newton's method.

Minimises  sum_i v_i l(a_i^T W, y_i) / sum_i v_i + sum_c ridge_c |W_c|^2  for any loss of
`biam.losses`. The Newton systems are solved by conjugate gradients, preconditioned with the
Cholesky factor of a weighted Gram matrix: the one expensive product, which neighbouring fits lend
each other. The same solve gives the adjoint of the implicit hypergradient.
"""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from biam.losses import Loss

__all__ = ["PenalisedFit", "conjugate_gradient", "penalised_fit"]

# A Newton step solved to two digits costs a few products with A and loses nothing in the end.
NEWTON_TOL, MAX_INNER = 1e-2, 4
SMALL, STUCK = 1e-4, 1e-6
CHUNK = 50_000


class PenalisedFit:
    """A solved lower problem.

    What costs a product with the whole design (`gram`, `edf`, `left_out`) waits until asked.

    Attributes
    ----------
    W : Tensor, shape (n_columns, d)
        The minimiser.
    outputs : Tensor, shape (n, d)
    converged : bool
    """

    def __init__(
        self, problem: "_Problem", W: Tensor, outputs: Tensor, near: Tensor, converged: bool
    ) -> None:
        self.W, self.outputs, self.converged = W, outputs, converged
        self._problem, self._near = problem, near

    @cached_property
    def losses(self) -> Tensor:
        """Per-sample losses, shape (n,)."""
        return self._problem.loss.value(self.outputs, self._problem.y)

    @cached_property
    def gram(self) -> Tensor:
        """Weighted Gram matrix at the solution, shape (n_columns, n_columns)."""
        return self._problem.gram(self.outputs)

    @cached_property
    def factor(self) -> Tensor:
        """Cholesky factor of the Gram matrix plus the penalty's Hessian."""
        return self._problem.factor(self.gram)

    @property
    def nearby_gram(self) -> Tensor:
        """A Gram matrix good enough to precondition with: the exact one if it is known."""
        return self.__dict__.get("gram", self._near)

    @cached_property
    def edf(self) -> float:
        """Effective degrees of freedom of one output, trace(Hessian^-1 Gram)."""
        return float(torch.cholesky_solve(self.gram, self.factor).diagonal().sum())

    @cached_property
    def left_out(self) -> Tensor:
        """Outputs of each row under the fit without it, approximately; shape (n, d)."""
        return self._problem.left_out(self.outputs, self.factor)

    def solve(self, R: Tensor) -> Tensor:
        """Solve the system of the Hessian at `W`; right-hand sides shaped like `W`."""
        inverse = _inverse(self._problem.factor(self.nearby_gram))
        return conjugate_gradient(self._problem.hessian(self.outputs), R, inverse, tol=1e-8)[0]


def conjugate_gradient(
    apply: Callable[[Tensor], Tensor],
    b: Tensor,
    precondition: Callable[[Tensor], Tensor],
    *,
    tol: float = 1e-10,
    max_iter: int = 200,
) -> tuple[Tensor, bool]:
    """Solve a symmetric positive definite system.

    Parameters
    ----------
    apply, precondition : callable
        The matrix, and an approximation of its inverse, as maps of tensors shaped like `b`.
    b : Tensor
    tol : float
        Relative residual, in the norm of the preconditioner.
    max_iter : int

    Returns
    -------
    x : Tensor
        Shaped like `b`; exact after as many steps as there are distinct eigenvalues.
    slow : bool
        True when the tolerance was not met.
    """
    x, r = torch.zeros_like(b), b
    z = precondition(r)
    p, rz = z, (r * z).sum()
    target = tol**2 * rz
    for _ in range(max_iter):
        if rz <= target:
            return x, False
        q = apply(p)
        step = rz / (p * q).sum()
        x, r = x + step * p, r - step * q
        z = precondition(r)
        rz, before = (r * z).sum(), rz
        p = z + (rz / before) * p
    return x, bool(rz > target)


class _Problem:
    def __init__(self, A: Tensor, y: Tensor, v: Tensor, loss: Loss, ridge: Tensor) -> None:
        self.A, self.y, self.v, self.loss = A, y, v, loss
        self.n = float(v.sum().clamp_min(torch.finfo(v.dtype).tiny))
        self.ridge = ridge[:, None]

    def value(self, f: Tensor, W: Tensor) -> float:
        risk = torch.dot(self.v, self.loss.value(f, self.y)) / self.n
        return float(risk + (self.ridge * W * W).sum())

    def gradient(self, f: Tensor, W: Tensor) -> Tensor:
        slope = self.v[:, None] * self.loss.gradient(f, self.y)
        return self.A.T @ slope / self.n + 2 * self.ridge * W

    def hessian(self, f: Tensor) -> Callable[[Tensor], Tensor]:
        def apply(P: Tensor) -> Tensor:
            bent = self.v[:, None] * self.loss.curvature(f, self.y, self.A @ P)
            return self.A.T @ bent / self.n + 2 * self.ridge * P

        return apply

    def gram(self, f: Tensor) -> Tensor:
        """A^T diag(v b) A / sum v, b the mean diagonal curvature over the outputs."""
        eye = torch.eye(f.shape[1], dtype=f.dtype, device=f.device)
        bends = [self.loss.curvature(f, self.y, e.expand_as(f))[:, c] for c, e in enumerate(eye)]
        bend = self.v * torch.stack(bends).mean(0).clamp_min(1e-10)
        return self.A.T @ (self.A * bend[:, None]) / self.n

    def left_out(self, f: Tensor, factor: Tensor) -> Tensor:
        """f + g h / (1 - b h): one Newton step back from losing the row.

        h is the row's leverage, g and b its loss's slope and diagonal curvature. Exact for the
        squared error; for other losses the approximate leave-one-out of Rad and Maleki (2020).
        A row of weight above one loses one unit of it, one below one all of it.
        """
        lost = self.v.clamp_max(1.0)
        blocks = self.A.split(CHUNK)
        rooted = (torch.linalg.solve_triangular(factor, A.T, upper=False) for A in blocks)
        h = torch.cat([r.square().sum(0) for r in rooted]) * lost / self.n
        left = torch.empty_like(f)
        g = self.loss.gradient(f, self.y)
        for c, unit in enumerate(torch.eye(f.shape[1], dtype=f.dtype, device=f.device)):
            b = self.loss.curvature(f, self.y, unit.expand_as(f))[:, c]
            left[:, c] = f[:, c] + g[:, c] * h / (1 - b * h).clamp_min(1e-3)
        return left

    def factor(self, gram: Tensor) -> Tensor:
        """Cholesky factor of the Gram matrix plus the penalty's Hessian."""
        hessian = gram + 2 * torch.diag(self.ridge[:, 0])
        # A relative jitter: rows of equal columns make the Gram matrix singular to rounding.
        hessian.diagonal().add_(1e-12 * float(hessian.diagonal().max()) + 1e-300)
        return torch.linalg.cholesky(hessian)


def penalised_fit(
    A: Tensor,
    y: Tensor,
    v: Tensor,
    loss: Loss,
    ridge: Tensor,
    *,
    n_outputs: int = 1,
    start: PenalisedFit | None = None,
    tol: float = 1e-8,
    max_iter: int = 50,
) -> PenalisedFit:
    """Fit by inexact Newton steps from a warm start.

    Parameters
    ----------
    A : Tensor, shape (n, n_columns)
        float64 design.
    y : Tensor, shape (n,)
    v : Tensor, shape (n,)
        Weights of the rows, not negative.
    loss : Loss
    ridge : Tensor, shape (n_columns,)
        Penalty per column.
    n_outputs : int
        d.
    start : PenalisedFit, optional
        A fit of a similar problem with the same columns: its solution is the start, and its Gram
        matrix preconditions until the conjugate gradients grow slow.
    tol : float
        Newton decrement (squared, relative to the objective) at which to stop.
    max_iter : int

    Returns
    -------
    PenalisedFit
    """
    problem = _Problem(A, y, v, loss, ridge)
    W = A.new_zeros(A.shape[1], n_outputs) if start is None else start.W
    f = A @ W
    gram = problem.gram(f) if start is None else start.nearby_gram
    factor, value, converged = problem.factor(gram), problem.value(f, W), False
    for _ in range(max_iter):
        gradient, apply = problem.gradient(f, W), problem.hessian(f)
        step, slow = conjugate_gradient(
            apply, -gradient, _inverse(factor), tol=NEWTON_TOL, max_iter=MAX_INNER * n_outputs
        )
        decrement = float(-(gradient * step).sum())
        # Separable classes have no least value but zero: below SMALL, closer is no better.
        if decrement <= tol * max(abs(value), SMALL):
            converged = True
            break
        before = value
        W, f, value = _line_search(problem, W, f, value, step, decrement)
        if value == before and not slow:
            break
        if slow:
            gram = problem.gram(f)
            factor = problem.factor(gram)
    if not converged and start is not None and decrement > STUCK * abs(value):
        # A far start, where probabilities are 0 or 1 and the curvature says nothing.
        return penalised_fit(A, y, v, loss, ridge, n_outputs=n_outputs, tol=tol, max_iter=max_iter)
    return PenalisedFit(problem, W, f, gram, converged)


def _inverse(factor: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda R: torch.cholesky_solve(R, factor)


def _line_search(
    problem: _Problem, W: Tensor, f: Tensor, value: float, step: Tensor, decrement: float
) -> tuple[Tensor, Tensor, float]:
    move, length = problem.A @ step, 1.0
    for _ in range(20):
        tried_W, tried_f = W + length * step, f + length * move
        tried = problem.value(tried_f, tried_W)
        if tried <= value - 1e-4 * length * decrement:
            return tried_W, tried_f, tried
        length /= 2
    return W, f, value
