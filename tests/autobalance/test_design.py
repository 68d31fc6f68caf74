"""Hypergradients of the loss against optima that are found again."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from biam.autobalance.design import LossDesign, loss_hypergradient
from biam.autobalance.groups import Balanced, Blend, EqualOdds, WorstGroup
from biam.autobalance.parametric import ExpectedError, LossFamily, class_temperatures, plain
from biam.autobalance.search import Judge
from biam.hypergradient import Implicit
from biam.lower import ModuleProblem, Rows

G, K, P = 2, 3, 4
ALL = ("weight", "offset", "scale", "margin")
RIDGE = 0.02


def drawn(n, seed):
    """Rows of three overlapping classes in two groups."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), n, True, generator=generator)
    group = torch.randint(0, G, (n,), generator=generator)
    centres = torch.randn(K, P, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = torch.randn(n, P, generator=generator, dtype=torch.float64)
    return Rows(centres[label] + 0.3 * group[:, None] + noise, label + K * group)


@pytest.fixture(scope="module")
def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Linear(P, K).double()
    return ModuleProblem(module, plain(torch.ones(G, K)), lambda w: RIDGE * w.square().sum())


def solved(problem, w, rows):
    """Minimum of the lower risk, by Newton's method."""

    def risk(w):
        return (rows.weight * problem.losses(w, rows)).mean() + problem.penalty(w)

    for _ in range(40):
        slope = torch.func.grad(risk)(w)
        if slope.abs().max() < 1e-13:
            return w
        w = w - torch.linalg.solve(torch.func.jacrev(torch.func.grad(risk))(w), slope)
    raise AssertionError("Newton's method did not end")


CASES = {
    "balanced": (Balanced(), None, True),
    "odds": (Blend(Balanced(), EqualOdds(), 0.4), ExpectedError(K), False),
    "worst": (WorstGroup(5.0), None, True),
}


@pytest.mark.parametrize(("objective", "loss", "squash"), CASES.values(), ids=CASES)
def test_hypergradient_is_the_slope_of_optima_found_again(linear, objective, loss, squash):
    start = class_temperatures(torch.tensor([[60.0, 20, 8], [50, 15, 9]]).double())
    family = LossFamily(start, ALL, squash)
    rows = replace(drawn(80, 1), weight=torch.linspace(0.5, 1.5, 80).double())
    judge = Judge(linear, drawn(60, 2), (G, K), objective, loss)
    theta = family.init() + 0.1 * torch.linspace(-1, 1, 4 * G * K).double()

    def optimum(theta, w):
        return solved(replace(linear, loss=family.loss(theta)), w, rows)

    w = optimum(theta, linear.initial())
    value, upward = judge.gradient(w)
    assert value == pytest.approx(judge.value(w))
    eps, slopes = 1e-4, []
    # One direction in each part of theta, and one through all of them.
    parts = torch.block_diag(*torch.randn(4, 1, G * K, generator=torch.Generator().manual_seed(3)))
    directions = torch.cat([parts, parts.sum(0, keepdim=True)]).double()
    for step in eps * directions:
        ends = [judge.value(optimum(theta + sign * step, w)) for sign in (1, -1)]
        slopes.append((ends[0] - ends[1]) / (2 * eps))
    slopes = torch.tensor(slopes).double()
    assert slopes.abs().min() > 1e-4
    for solve in ("cg", "dense", "neumann"):
        implicit = Implicit(solve, 2000, 1e-10)
        found = loss_hypergradient(linear, family, theta, w, rows, upward, implicit)
        torch.testing.assert_close(directions @ found, slopes, rtol=1e-4, atol=1e-6)


def test_fewer_rows_for_the_hessian_change_the_system_only(linear):
    family, rows = LossFamily(plain(torch.ones(G, K).double())), drawn(50, 3)
    w, few = linear.initial(), rows.take(slice(20))
    upward = torch.linspace(-1, 1, len(w)).double()
    direct = Implicit(lambda g: g)
    whole, part = (
        loss_hypergradient(linear, family, family.init(), w, rows, upward, direct, curved=c)
        for c in (None, few)
    )
    assert torch.equal(whole, part)
    whole, part = (
        loss_hypergradient(linear, family, family.init(), w, rows, upward, Implicit(), curved=c)
        for c in (None, few)
    )
    assert not torch.allclose(whole, part)


def test_the_design_is_the_family(linear):
    family = LossFamily(class_temperatures(torch.tensor([9.0, 3, 1]).double()))
    design, rows = LossDesign(family), drawn(30, 4)
    theta = design.init() + torch.linspace(0, 1, 2 * K).double()
    made = design.problem(linear, theta)
    assert torch.equal(made.loss.offset, family.loss(theta).offset)
    assert made.module is linear.module
    assert design.batch(theta, rows, torch.Generator()) is rows
    assert torch.equal(design.settled(theta), family.recentred(theta))
