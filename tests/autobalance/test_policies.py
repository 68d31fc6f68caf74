"""Policies: operations, weights of copies and their derivatives, optima found again."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.autobalance.lower import Training
from biam.autobalance.policies import OPERATIONS, ClassPolicies, PolicyDesign, augmented, drawn
from biam.autobalance.search import AutoBalance, Judge
from biam.exceptions import InvalidInputError
from biam.hypergradient import Implicit
from biam.losses import SoftmaxCrossEntropy
from biam.lower import ModuleProblem, Rows

SIDE, K = (3, 4), 3
NAMES = ("none", "left", "mirror")
POLICIES = ClassPolicies(K, NAMES, SIDE)
RIDGE = 0.05


def pictures(n, seed, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, K, (n,), generator=generator)
    means = torch.randn(K, 12, generator=torch.Generator().manual_seed(9), dtype=dtype)
    return Rows(means[y] + torch.randn(n, 12, generator=generator, dtype=dtype), y)


def theta_of(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(K * len(NAMES), generator=generator, dtype=torch.float64)


def test_operations_do_what_they_are_called():
    x = torch.arange(1.0, 13).view(1, *SIDE)
    moves = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    for name, (down, right) in moves.items():
        moved = OPERATIONS[name](x)[0]
        for i in range(SIDE[0]):
            for j in range(SIDE[1]):
                inside = 0 <= i - down < SIDE[0] and 0 <= j - right < SIDE[1]
                # What comes in from outside is the darkest grey of the picture.
                assert moved[i, j] == (x[0, i - down, j - right] if inside else 1.0), name
    assert torch.equal(OPERATIONS["mirror"](OPERATIONS["mirror"](x)), x)
    assert torch.equal(OPERATIONS["mirror"](x)[0, :, 0], x[0, :, -1])
    assert torch.equal(OPERATIONS["none"](x), x)
    torch.testing.assert_close(
        OPERATIONS["smooth"](torch.full((2, 5, 5), 3.0)), torch.full((2, 5, 5), 3.0)
    )
    torch.testing.assert_close(OPERATIONS["smooth"](x)[0, 1, 1], x[0, :3, :3].mean())


@given(seed=st.integers(0, 30))
def test_copies_of_a_row_weigh_one_on_average(seed):
    label = torch.randint(0, K, (8,), generator=torch.Generator().manual_seed(seed))
    weights = POLICIES.linearise(theta_of(seed), label).weights.view(len(NAMES), -1)
    torch.testing.assert_close(weights.mean(0), torch.ones(8).double())
    assert (weights > 0).all()


def test_the_way_back_is_the_derivative():
    label, theta = torch.tensor([0, 2, 2, 1]), theta_of()
    there = torch.func.jacrev(lambda t: POLICIES.linearise(t, label).weights)(theta)
    made = POLICIES.linearise(theta, label)
    torch.testing.assert_close(made.jacobian(), there)
    cotangent = torch.linspace(-1, 1, len(there)).double()
    torch.testing.assert_close(made.vjp(cotangent), cotangent @ there)


def test_copies_lie_operation_by_operation():
    rows = pictures(5, 0)
    copies = augmented(POLICIES, rows)
    assert torch.equal(copies.inputs[:5], rows.inputs)
    mirrored = OPERATIONS["mirror"](rows.inputs.view(5, *SIDE)).reshape(5, -1)
    assert torch.equal(copies.inputs[10:], mirrored)
    assert torch.equal(copies.y, rows.y.repeat(3))


def test_draws_follow_the_policy_of_the_class():
    rows = Rows(torch.arange(12.0).repeat(3000, 1), torch.arange(3000) % K)
    theta = theta_of(2)
    seen = drawn(POLICIES, theta, rows, torch.Generator().manual_seed(0))
    policy = POLICIES.policy(theta)
    copies = augmented(POLICIES, rows.take(slice(1))).inputs
    for label in range(K):
        own = seen.inputs[rows.y == label]
        share = torch.stack([(own == copy).all(1).double().mean() for copy in copies])
        torch.testing.assert_close(share, policy[label], rtol=0, atol=0.05)


@pytest.fixture(scope="module")
def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Linear(12, K).double()
    return ModuleProblem(module, SoftmaxCrossEntropy(), lambda w: RIDGE * w.square().sum())


def test_hypergradient_is_the_slope_of_optima_found_again(linear):
    design, rows, theta = PolicyDesign(POLICIES), pictures(40, 1), theta_of(3)
    judge = Judge(linear, pictures(30, 2), (1, K))
    copies = augmented(POLICIES, rows)

    def optimum(theta, w):
        weights = POLICIES.linearise(theta, rows.y).weights

        def risk(w):
            return (weights * linear.losses(w, copies)).mean() + linear.penalty(w)

        for _ in range(30):
            slope = torch.func.grad(risk)(w)
            if slope.abs().max() < 1e-13:
                return w
            w = w - torch.linalg.solve(torch.func.jacrev(torch.func.grad(risk))(w), slope)
        raise AssertionError("Newton's method did not end")

    w = optimum(theta, linear.initial())
    found = design.hypergradient(
        linear, theta, w, rows, rows, judge.gradient(w)[1], Implicit("cg", 500, 1e-12)
    )
    eps, slopes = 1e-4, []
    for step in eps * torch.eye(len(theta), dtype=torch.float64):
        ends = [judge.value(optimum(theta + sign * step, w)) for sign in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * eps))
    slopes = torch.tensor(slopes).double()
    assert slopes.abs().max() > 1e-4
    torch.testing.assert_close(found, slopes, rtol=1e-4, atol=1e-7)


def test_the_search_leaves_an_operation_that_spoils_a_class():
    """Mirrored, the two classes are each other: a policy that mirrors cannot be right."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (600,), generator=generator)
    x = 0.3 * torch.randn(600, *SIDE, generator=generator)
    x[torch.arange(600), :, (SIDE[1] - 1) * y] += 1.0
    rows = Rows(x.view(600, -1), y)
    design = PolicyDesign(ClassPolicies(2, ("none", "mirror"), SIDE))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        problem = ModuleProblem(nn.Linear(12, 2), SoftmaxCrossEntropy())
    judge = Judge(problem, rows.take(slice(200)), (1, 2))
    search = AutoBalance(design, Training(10, 0.5, 50), upper_lr=0.2, warm_up=1, every=2)
    found = search.search(judge, rows.take(slice(200, None)), problem.initial(), generator)
    assert (design.policies.policy(found.theta)[:, 0] > 0.8).all()
    torch.testing.assert_close(design.settled(found.theta), found.theta)


def test_wrong_names_are_said():
    with pytest.raises(InvalidInputError, match="mirror"):
        ClassPolicies(2, ("none", "miror"), SIDE)
    with pytest.raises(InvalidInputError, match="two or more"):
        ClassPolicies(2, ("none",), SIDE)
