"""Training: a late small step, rows made anew every epoch, settings that cannot be."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from biam.autobalance.lower import Training
from biam.exceptions import InvalidInputError
from biam.losses import SoftmaxCrossEntropy
from biam.lower import ModuleProblem, Rows


@pytest.fixture(scope="module")
def case():
    """A linear problem, its rows, and where it starts."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(100, 4, generator=generator)
    rows = Rows(X, X[:, :3].argmax(1))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        problem = ModuleProblem(nn.Linear(4, 3), SoftmaxCrossEntropy())
    return problem, rows, problem.initial()


def stream():
    return torch.Generator().manual_seed(1)


def test_training_is_a_run_with_a_late_small_step(case):
    problem, rows, w = case
    whole = Training(4, 0.2, 32, drop=0.5)
    state = whole.optimizer(problem).init(w, stream())
    for epoch, lr in ((2, 0.2), (4, 0.02)):
        optimizer = replace(whole.optimizer(problem), lower_lr=lr)
        state = optimizer.run(state, rows, None, epoch).state
    assert torch.equal(whole.run(problem, rows, w, stream()), state.lower)


def test_rows_are_made_anew_every_epoch(case):
    problem, rows, w = case
    seen = []

    def redraw(whole):
        seen.append(whole is rows)
        return whole.take(slice(20 * len(seen)))

    end = Training(3, 0.2, 32).run(problem, rows, w, stream(), redraw=redraw)
    assert seen == [True] * 3
    assert not torch.equal(end, Training(3, 0.2, 32).run(problem, rows, w, stream()))


def test_it_learns(case):
    problem, rows, w = case
    end = Training(30, 0.5, 20).run(problem, rows, w, stream())
    before, after = (problem.losses(x, rows).mean() for x in (w, end))
    assert after < before / 2


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"lower_lr": 0.0}, {"batch_size": 0}, {"clip": 0.0}, {"drop": 1.5}]
)
def test_wrong_settings_are_said(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        Training(**wrong)
