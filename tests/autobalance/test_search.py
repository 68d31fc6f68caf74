"""AutoBalance: the search finds what is known to work, and does it the same way twice."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from biam.autobalance.design import LossDesign
from biam.autobalance.groups import Balanced, Plain
from biam.autobalance.lower import Training
from biam.autobalance.parametric import (
    LossFamily,
    logit_adjusted,
    plain,
)
from biam.autobalance.search import AutoBalance, Judge
from biam.exceptions import InvalidInputError
from biam.lower import ModuleProblem, Rows

K, P = 3, 4


def drawn(n, seed, sizes=(0.7, 0.2, 0.1)):
    """Rows of three overlapping classes."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.multinomial(torch.tensor(sizes), n, True, generator=generator)
    centres = torch.randn(K, P, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    noise = torch.randn(n, P, generator=generator, dtype=torch.float64)
    return Rows(centres[label] + noise, label)


@pytest.fixture(scope="module")
def linear():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Linear(P, K).double()
    return ModuleProblem(module, plain(torch.ones(1, K)))


def balanced_error(problem, w, rows):
    with torch.inference_mode():
        f = torch.func.functional_call(problem.module, problem.named(w), (rows.inputs,))
    wrong = (f.argmax(1) != rows.y).double()
    return torch.stack([wrong[rows.y == c].mean() for c in range(K)]).mean().item()


SIZES = (0.88, 0.09, 0.03)
SHORT = Training(epochs=10, lower_lr=0.5, batch_size=50)


@pytest.fixture(scope="module")
def tail(linear):
    """Training and validation rows with a long tail, even test rows, and the search with each."""
    rows, checked = drawn(1500, 4, SIZES), drawn(600, 5, SIZES)
    test = drawn(3000, 6, (1.0, 1.0, 1.0))
    counts = torch.bincount(rows.y).double()
    w = linear.initial()

    def search(family, seed=0, **settings):
        settings = {"upper_lr": 0.1, "warm_up": 2, "every": 10, **settings}
        judge = Judge(linear, checked, (1, K))
        search = AutoBalance(LossDesign(family(counts)), SHORT, **settings)
        return search.search(judge, rows, w, torch.Generator().manual_seed(seed))

    def retrained(loss):
        made = replace(linear, loss=loss)
        w_end = SHORT.run(made, rows, w, torch.Generator().manual_seed(1))
        return balanced_error(linear, w_end, test)

    return counts, search, retrained


def test_the_search_finds_an_adjustment_as_good_as_the_known_one(tail):
    counts, search, retrained = tail
    found = search(lambda n: LossFamily(plain(n), ("offset",)))
    loss = LossFamily(plain(counts), ("offset",)).loss(found.theta)
    # Rare classes are to be feared in training: the offset falls with the size, as log pi does.
    assert (loss.offset[0].diff() < 0).all()
    known, ordinary = retrained(logit_adjusted(counts)), retrained(plain(counts))
    assert known < ordinary - 0.05
    assert retrained(loss) < known + 0.02


def test_the_objective_falls_while_theta_is_searched(tail):
    _, search, _ = tail
    history = search(lambda n: LossFamily(plain(n), ("offset", "scale"))).history
    values = [step["objective"] for step in history]
    assert sum(values[-5:]) < 0.9 * sum(values[:5])


def test_no_upper_step_length_leaves_the_start(tail):
    counts, search, _ = tail
    found = search(lambda n: LossFamily(logit_adjusted(n), ("offset",)), upper_lr=0.0)
    offset = LossFamily(plain(counts), ("offset",)).loss(found.theta).offset
    wanted = logit_adjusted(counts).offset
    torch.testing.assert_close(offset, wanted - wanted.mean())


def test_one_seed_one_search_and_no_global_stream(tail):
    _, search, _ = tail
    family = lambda n: LossFamily(plain(n), ("offset",))  # noqa: E731
    state = torch.get_rng_state()
    first, again, other = (search(family, seed) for seed in (0, 0, 1))
    assert torch.equal(first.theta, again.theta) and torch.equal(first.w, again.w)
    assert not torch.equal(first.theta, other.theta)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_judge_of_fewer_rows_keeps_those_of_rare_classes(linear):
    judge = Judge(linear, drawn(900, 7, SIZES), (1, K))
    few = judge.drawn(150, torch.Generator().manual_seed(0))
    n = torch.bincount(judge.rows.y)
    assert torch.bincount(few.rows.y).tolist() == n.clamp_max(50).tolist()
    assert torch.equal(few.sizes[0], n.double())
    rare = judge.rows.inputs[judge.rows.y == K - 1]
    assert torch.equal(few.rows.inputs[few.rows.y == K - 1].sort(0).values, rare.sort(0).values)
    assert judge.drawn(900, torch.Generator()) is judge


@pytest.mark.parametrize("objective", [Plain(), Balanced()])
def test_gradients_of_fewer_rows_are_right_on_average(linear, objective):
    judge, w = Judge(linear, drawn(300, 8, SIZES), (1, K), objective), linear.initial()
    stream = torch.Generator().manual_seed(0)
    drawn_ones = [judge.drawn(60, stream).gradient(w) for _ in range(400)]
    value, slope = judge.gradient(w)
    assert sum(v for v, _ in drawn_ones) / 400 == pytest.approx(value, rel=0.01)
    mean = torch.stack([g for _, g in drawn_ones]).mean(0)
    torch.testing.assert_close(mean, slope, rtol=0.1, atol=0.02)


def test_wrong_settings_are_said(linear):
    design = LossDesign(LossFamily(plain(torch.ones(1, K).double())))
    judge = Judge(linear, drawn(20, 0), (1, K))
    with pytest.raises(InvalidInputError, match="warm_up"):
        AutoBalance(design, SHORT, warm_up=12)
    with pytest.raises(InvalidInputError, match="upper step"):
        slow = AutoBalance(design, SHORT, every=1000)
        slow.search(judge, drawn(20, 1), linear.initial(), torch.Generator())
