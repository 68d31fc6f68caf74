"""A quadratic bilevel problem with everything in closed form, and lower optima solved again.

Lower: mean nu_i (x_i w - y_i)^2 + ridge |w|^2, whose Hessian has the eigenvalues asked for when all
nu_i are 1. Upper: mean (x w - y)^2 on meta rows. Then w* = H^-1 (2/n) X' (nu y), and
dL / d nu_i = -(2/n) (x_i w* - y_i) x_i H^-1 g.
"""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from biam.hypergradient import LowerRisk, UpperRisk
from biam.losses import SquaredError
from biam.lower import ModuleProblem, Rows
from biam.weighting import RowWeights

N, N_META = 12, 9


def draw(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Quadratic:
    """The problem for one spectrum; `nu` are the weights of the rows."""

    def __init__(self, eigenvalues, seed=0, nu=None, ridge=0.05, learned=None):
        eigenvalues = torch.as_tensor(eigenvalues, dtype=torch.float64)
        p = len(eigenvalues)
        U = torch.linalg.qr(draw((N, p), seed))[0]
        V = torch.linalg.qr(draw((p, p), seed + 1))[0]
        self.X = U * (N * (eigenvalues - 2 * ridge) / 2).sqrt() @ V.T
        self.y, self.X_meta, self.y_meta = (
            draw(shape, seed + 2 + i) for i, shape in enumerate([N, (N_META, p), N_META])
        )
        self.nu = torch.ones(N, dtype=torch.float64) if nu is None else nu
        self.ridge = ridge
        module = nn.Linear(p, 1, bias=False).double()
        self.problem = ModuleProblem(module, SquaredError(), lambda w: ridge * w.square().sum())
        self.learned = RowWeights(self.nu) if learned is None else learned
        self.upper = UpperRisk(self.problem, Rows(self.X_meta, self.y_meta))
        self.hessian = self.hessian_at(self.nu)
        self.optimum = self.optimum_at(self.nu)
        values = torch.linalg.eigvalsh(self.hessian)
        self.mu, self.top = values[0].item(), values[-1].item()
        self.upper_hessian = 2 * self.X_meta.T @ self.X_meta / N_META

    def hessian_at(self, nu):
        eye = torch.eye(self.X.shape[1], dtype=torch.float64)
        return 2 * (self.X.T @ (nu[:, None] * self.X) / N + self.ridge * eye)

    def optimum_at(self, nu):
        return torch.linalg.solve(self.hessian_at(nu), 2 * self.X.T @ (nu * self.y) / N)

    def lower(self, w=None, fixed=None):
        """The lower risk seen from `w`, by default from its minimum."""
        w = self.optimum if w is None else w
        return LowerRisk(self.problem, Rows(self.X, self.y, fixed), self.learned, w)

    def upper_gradient(self, w):
        return 2 * self.X_meta.T @ (self.X_meta @ w - self.y_meta) / N_META

    def row_slopes(self, w):
        """grad l_i(w), shape (n, p)."""
        return 2 * (self.X @ w - self.y)[:, None] * self.X

    def exact(self):
        """dL(w*(nu)) / d nu."""
        q = torch.linalg.solve(self.hessian, self.upper_gradient(self.optimum))
        return -self.row_slopes(self.optimum) @ q / N

    def path(self, w, n_steps, lr):
        """w_0 .. w_K of gradient descent."""
        path = [w]
        for _ in range(n_steps):
            slope = self.hessian @ path[-1] - 2 * self.X.T @ (self.nu * self.y) / N
            path.append(path[-1] - lr * slope)
        return path

    def unrolled(self, w, n_steps, lr):
        """dL(w_K) / d nu by the product of the Jacobians of all steps, written out."""
        path = self.path(w, n_steps, lr)
        step = torch.eye(len(w), dtype=torch.float64) - lr * self.hessian
        jacobian = torch.zeros(len(w), N, dtype=torch.float64)
        for point in path[:-1]:
            jacobian = step @ jacobian - lr * self.row_slopes(point).T / N
        return self.upper_gradient(path[-1]) @ jacobian


@pytest.fixture(scope="session")
def quadratic():
    """Class of the problem."""
    return Quadratic


def newton(problem, w, rows, weights, n_steps=30):
    """Stationary point of the lower risk near `w`."""
    for _ in range(n_steps):
        here = problem.linearise(w, rows)
        slope = here.gradient(weights)
        if slope.abs().max() < 1e-13:
            break
        eye = torch.eye(len(w), dtype=w.dtype)
        H = torch.stack([here.hessian_vector(column, weights) for column in eye])
        w = w - torch.linalg.solve(H, slope)
    return w


def solved_again(problem, w, rows, meta, weights, eps=1e-4):
    """dL(w*(nu)) / d nu by central differences of the optimum, each time solved anew."""
    slopes = []
    for i in range(len(rows)):
        values = []
        for sign in (1, -1):
            moved = weights.clone()
            moved[i] += sign * eps
            there = newton(problem, w, rows, moved)
            values.append(problem.linearise(there, meta).losses.mean().item())
        slopes.append((values[0] - values[1]) / (2 * eps))
    return torch.tensor(slopes, dtype=torch.float64)


@pytest.fixture(scope="session")
def solving():
    """Newton's method, and the slope of the upper risk at optima solved again."""
    return SimpleNamespace(newton=newton, solved_again=solved_again)
