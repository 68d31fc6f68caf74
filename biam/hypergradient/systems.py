"""Linear systems H x = b with a symmetric H that is known by its products with vectors only."""

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["conjugate_gradients", "dense", "largest_eigenvalue", "neumann"]

Product = Callable[[Tensor], Tensor]

POWER_STEPS = 10
SLACK = 1e-9


def conjugate_gradients(product: Product, b: Tensor, n_steps: int, tol: float = 0.0) -> Tensor:
    """Conjugate gradients from zero: exact after as many steps as H has distinct eigenvalues.

    Source: Hestenes and Stiefel (1952). Stops early at a direction without positive curvature.

    Parameters
    ----------
    product : callable
        v -> H v.
    b : Tensor, shape (n,)
    n_steps : int
        Most products.
    tol : float
        Residual to stop at, relative to the norm of `b`.
    """
    x, residual, along = torch.zeros_like(b), b, b
    square = torch.dot(b, b).item()
    goal = tol**2 * square
    for _ in range(n_steps):
        if square <= goal:
            break
        image = product(along)
        curvature = torch.dot(along, image).item()
        if not curvature > 0:
            break
        length = square / curvature
        x = torch.add(x, along, alpha=length)
        residual = torch.sub(residual, image, alpha=length)
        before, square = square, torch.dot(residual, residual).item()
        along = torch.add(residual, along, alpha=square / before)
    return x


def neumann(
    product: Product, b: Tensor, n_terms: int, lr: float | None = None, tol: float = 0.0
) -> Tensor:
    """The sum lr (I - lr H)^k b over k < n_terms; its error falls like (1 - lr mu)^n_terms.

    mu is the smallest eigenvalue of H. The step is safe: a term that would be longer than the one
    before it halves `lr` from there on, which keeps H x + residual = b true. The sum ends at a
    direction without positive curvature. Source: Lorraine, Vicol and Duvenaud (2020).

    Parameters
    ----------
    product : callable
        v -> H v.
    b : Tensor, shape (n,)
    n_terms : int
        Most terms, each with one product.
    lr : float, optional
        Default one over `largest_eigenvalue`, which costs some products more.
    tol : float
        Residual to stop at, relative to the norm of `b`.
    """
    top = largest_eigenvalue(product, b) if lr is None else 1 / lr
    if not top > 0:
        return torch.zeros_like(b)
    x, residual, step = torch.zeros_like(b), b, 1 / top
    goal = tol**2 * torch.dot(b, b).item()
    for _ in range(n_terms):
        if torch.dot(residual, residual).item() <= goal:
            break
        image = product(residual)
        curvature, bend = torch.dot(residual, image).item(), torch.dot(image, image).item()
        if not curvature > 0:
            break
        # |r - s H r| <= |r| exactly when s <= 2 <r, H r> / |H r|^2.
        while step * bend > 2 * curvature * (1 + SLACK):
            step /= 2
        x = torch.add(x, residual, alpha=step)
        residual = torch.sub(residual, image, alpha=step)
    return x


def dense(product: Product, b: Tensor) -> Tensor:
    """Pseudo-inverse of H times `b`, from all n columns of H.

    Directions of no curvature (a parameter that no row sees) get nothing.

    Parameters
    ----------
    product : callable
        v -> H v.
    b : Tensor, shape (n,)
    """
    H = torch.stack([product(column) for column in torch.eye(len(b)).to(b)])
    return torch.linalg.pinv((H + H.T) / 2, hermitian=True) @ b


def largest_eigenvalue(product: Product, v: Tensor, n_steps: int = POWER_STEPS) -> float:
    """Largest eigenvalue of H met from `v`, by the power method: a bound from below.

    Parameters
    ----------
    product : callable
        v -> H v.
    v : Tensor, shape (n,)
    n_steps : int
        Products.
    """
    value = 0.0
    for _ in range(n_steps):
        norm = torch.linalg.vector_norm(v).item()
        if not norm > 0:
            break
        v = v / norm
        image = product(v)
        value, v = torch.dot(v, image).item(), image
    return value
