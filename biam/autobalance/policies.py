"""Augmentation policies, one per class: how often each operation is done to rows of the class.

The expected loss of a row of class k is sum_j pi_kj l(f(A_j x), y), linear in the policy
pi_k = softmax(theta_k). A policy is thus a weight of every copy of a row, and `Implicit` gives its
hypergradient as it does for any other weights. Source: Li et al. (2021), AutoBalance, section 3.3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.hypergradient import Implicit, LowerRisk, weight_hypergradient
from biam.lower import ModuleProblem, Rows
from biam.validation import check_integer

__all__ = [
    "OPERATIONS",
    "ClassPolicies",
    "Operation",
    "PolicyDesign",
    "PolicyWeights",
    "augmented",
    "drawn",
]

Operation = Callable[[Tensor], Tensor]
"""Pictures, shape (n, h, w), to pictures of the same shape."""


def _moved(down: int, right: int) -> Operation:
    def move(pictures: Tensor) -> Tensor:
        blank = pictures.amin((1, 2), keepdim=True).expand_as(pictures)
        moved = torch.roll(pictures, (down, right), (1, 2))
        rows, columns = (
            torch.arange(n) - by for n, by in zip(pictures.shape[1:], (down, right), strict=True)
        )
        inside_rows = (rows >= 0) & (rows < pictures.shape[1])
        inside_columns = (columns >= 0) & (columns < pictures.shape[2])
        return torch.where(inside_rows[:, None] & inside_columns, moved, blank)

    return move


def _smoothed(pictures: Tensor) -> Tensor:
    """Mean of the nine pixels around, the border repeated."""
    padded = torch.nn.functional.pad(pictures[:, None], (1, 1, 1, 1), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 3, stride=1)[:, 0]


def _mirrored(pictures: Tensor) -> Tensor:
    """Left and right changed: seven is no seven any more, a policy should learn to leave it."""
    return pictures.flip(2)


OPERATIONS: Mapping[str, Operation] = {
    "none": lambda pictures: pictures,
    "up": _moved(-1, 0),
    "down": _moved(1, 0),
    "left": _moved(0, -1),
    "right": _moved(0, 1),
    "smooth": _smoothed,
    "mirror": _mirrored,
}
"""Operations on pictures by name; the first leaves them as they are."""


@dataclass(frozen=True)
class PolicyWeights:
    """Weights of all copies, J pi_kj for operation j of a row of class k, and the way back.

    Parameters
    ----------
    policy : Tensor, shape (K, J)
        pi; rows add up to one.
    label : Tensor, shape (n,)
        Class of each row; its copies follow operation by operation, as `augmented` lays them out.
    """

    policy: Tensor
    label: Tensor

    @property
    def weights(self) -> Tensor:
        """Shape (J n,); of mean one over the copies of each row."""
        return self.policy.shape[1] * self.policy[self.label].T.reshape(-1)

    def vjp(self, cotangent: Tensor) -> Tensor:
        """sum over the copies of cotangent d weight / d theta, shape (K J,)."""
        n_operations = self.policy.shape[1]
        per_row = n_operations * cotangent.view(n_operations, -1).T
        per_class = torch.zeros_like(self.policy).index_add(0, self.label, per_row)
        mean = (self.policy * per_class).sum(1, keepdim=True)
        return (self.policy * (per_class - mean)).view(-1)

    def jacobian(self) -> Tensor:
        """d weight_i / d theta_j, shape (J n, K J)."""
        n = len(self.label) * self.policy.shape[1]
        return torch.stack([self.vjp(row) for row in torch.eye(n).to(self.policy)])


@dataclass(frozen=True)
class ClassPolicies:
    """Softmax policies of K classes over named operations; theta is flat, class by class.

    Parameters
    ----------
    n_classes : int
    names : tuple of str
        Keys of `OPERATIONS`.
    side : tuple of int
        Height and width of a picture, which is one flat row of inputs.
    """

    n_classes: int
    names: tuple[str, ...]
    side: tuple[int, int]

    def __post_init__(self) -> None:
        """Refuse names that are not known, or fewer than two."""
        check_integer("n_classes", self.n_classes, low=1)
        unknown = [name for name in self.names if name not in OPERATIONS]
        if unknown or len(self.names) < 2:
            raise InvalidInputError(
                f"names must be two or more of {', '.join(OPERATIONS)}, got {self.names!r}."
            )

    def init(self) -> Tensor:
        """Zeros: every operation as often as any other."""
        return torch.zeros(self.n_classes * len(self.names))

    def policy(self, theta: Tensor) -> Tensor:
        """pi, shape (K, J)."""
        return theta.view(self.n_classes, len(self.names)).softmax(1)

    def linearise(self, theta: Tensor, label: Tensor) -> PolicyWeights:
        """Weights of the copies of rows of these classes."""
        return PolicyWeights(self.policy(theta), label)


@dataclass(frozen=True)
class PolicyDesign:
    """Search for the policies, the loss staying as it is; see `biam.autobalance.search.Design`.

    Parameters
    ----------
    policies : ClassPolicies
    """

    policies: ClassPolicies

    def init(self) -> Tensor:
        """Even policies."""
        return self.policies.init()

    def problem(self, problem: ModuleProblem, theta: Tensor) -> ModuleProblem:
        """The problem itself."""
        return problem

    def batch(self, theta: Tensor, rows: Rows, generator: torch.Generator) -> Rows:
        """Each row under an operation of its own."""
        return drawn(self.policies, theta, rows, generator)

    def hypergradient(
        self,
        problem: ModuleProblem,
        theta: Tensor,
        w: Tensor,
        rows: Rows,
        curved: Rows,
        upper_gradient: Tensor,
        implicit: Implicit,
    ) -> Tensor:
        """dL / d theta at the optimum of the expected loss, both sums over all copies."""
        bent, risk = (self._risk(problem, theta, w, part) for part in (curved, rows))
        adjoint = implicit.adjoint(
            upper_gradient, lambda v: bent.here.hessian_vector(v, bent.weights)
        )
        return risk.pull(weight_hypergradient(risk.here, adjoint))

    def settled(self, theta: Tensor) -> Tensor:
        """theta of mean zero in every class."""
        rows = theta.view(self.policies.n_classes, -1)
        return (rows - rows.mean(1, keepdim=True)).view(-1)

    def _risk(self, problem: ModuleProblem, theta: Tensor, w: Tensor, rows: Rows) -> LowerRisk:
        learned = self.policies.linearise(theta, rows.y % self.policies.n_classes)
        return LowerRisk(problem, augmented(self.policies, rows), learned, w)


def augmented(policies: ClassPolicies, rows: Rows) -> Rows:
    """All copies of all rows: n rows under the first operation, then n under the second, ...

    Parameters
    ----------
    policies : ClassPolicies
    rows : Rows
        Inputs of shape (n, h w).
    """
    copies = [_done(rows.inputs, name, policies.side) for name in policies.names]
    times = len(copies)
    weight = None if rows.weight is None else rows.weight.repeat(times)
    return Rows(torch.cat(copies), rows.y.repeat(times), weight)


def drawn(policies: ClassPolicies, theta: Tensor, rows: Rows, generator: torch.Generator) -> Rows:
    """Each row under one operation, drawn from the policy of its class."""
    chance = policies.policy(theta)[rows.y % policies.n_classes]
    chosen = torch.multinomial(chance, 1, generator=generator)[:, 0]
    inputs = rows.inputs.clone()
    for j, name in enumerate(policies.names):
        own = chosen == j
        inputs[own] = _done(rows.inputs[own], name, policies.side)
    return replace(rows, inputs=inputs)


def _done(inputs: Tensor, name: str, side: tuple[int, int]) -> Tensor:
    return OPERATIONS[name](inputs.view(len(inputs), *side)).reshape(inputs.shape)
