"""The loop of BATM: its three moves, what the network sees, offsets that held-out rows set."""

import numpy as np
import pytest
import torch

from biam.flip_weights import FlipWeights, flip_offset
from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import Logistic, SquaredError
from biam.lower import Rows
from biam.solvers.taylor import TaylorSolver
from biam.solvers.taylor_members import Member, Scattered, Seen
from biam.solvers.taylor_problem import TaylorProblem
from biam.solvers.taylor_training import Training
from biam.taylor import TaylorModel
from biam.weighting import WeightingNetwork

GROUPS = ((0, 1), (2,))


def table(n=120, *, seed=0):
    """Two classes that a product of the two concepts tells apart."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    return X, (X[:, 0] * X[:, 2] > 0).astype(int)


def solver(**options):
    settings = {"hidden": (4,), "n_ranks": 3, "epochs": 3, "batch_size": 32, "progress": False}
    return TaylorSolver(**settings | options)


def test_one_step_is_look_ahead_then_weights_then_model():
    """Every move written out once more, with torch's own optimizers."""
    own = solver(
        group_penalty=0.2,
        weighting="network",
        normalise="mixed",
        standardise_losses="batch",
        lower_lr=0.05,
        upper_lr=0.02,
    )
    stream = torch.Generator().manual_seed(0)
    model = TaylorModel(GROUPS, 1, hidden=(4,), n_ranks=3, generator=stream)
    problem = TaylorProblem(model, Logistic(), 0.1)
    (X, y), (X_meta, y_meta) = table(16), table(8, seed=1)
    rows, meta = (
        Rows(torch.tensor(a).float(), torch.tensor(b).float())
        for a, b in ((X, y), (X_meta, y_meta))
    )
    member = Member(own, model.w.detach(), torch.ones(16), meta)
    run = Training(own, problem, rows, 0, [member], 2, True, stream)
    w, theta = member.w.clone(), run.theta.clone()
    here = problem.linearise(w, rows)
    plain = WeightingNetwork(100, normalise=False).linearise(theta, here.losses)
    gradient, _ = OneStep(0.05).gradient(
        LowerRisk(problem, rows, plain, w, here), UpperRisk(problem, meta)
    )
    upper = theta.clone().requires_grad_()
    upper.grad = gradient
    torch.optim.Adam([upper], lr=0.02).step()
    weights = WeightingNetwork(100, normalise=True).weights(upper.detach(), here.losses)
    assert weights.mean().item() == pytest.approx(1, abs=1e-5)
    lower = w.clone().requires_grad_()
    lower.grad = here.gradient(weights)
    torch.optim.AdamW([lower], lr=0.05, weight_decay=own.weight_decay).step()
    with torch.no_grad():
        run.step(torch.arange(16))
    torch.testing.assert_close(run.theta, upper.detach())
    torch.testing.assert_close(member.w, model.shrink(lower.detach(), 0.2 * 0.05))


def two_models(**options):
    """A model that holds out the second half of everything, and the result."""
    own = solver(**options)
    stream = torch.Generator().manual_seed(0)
    model = TaylorModel(GROUPS, 1, hidden=(4,), n_ranks=3, generator=stream)
    X, y = table(24)
    rows = Rows(torch.tensor(X).float(), torch.tensor(y).float())
    fixed = torch.ones(24)
    halved = fixed * (torch.arange(24) % 2 == 0)
    start, odd = model.w.detach(), torch.arange(16, 24)
    judge = rows.take(odd[odd % 2 == 1])
    members = [Member(own, start, halved, judge, rows.take(slice(1, 16, 2)))]
    members.append(Member(own, start, fixed))
    problem = TaylorProblem(model, Logistic())
    return Training(own, problem, rows, 8, members, 2, True, stream), rows, halved


def test_theta_moves_by_the_model_that_holds_out_and_trusted_rows_weigh_one():
    run, rows, halved = two_models(upper_lr=0.02, lower_lr=0.05)
    w, theta, start = run.members[0].w.clone(), run.theta.clone(), run.members[1].w.clone()
    here = run.problem.linearise(w, rows)
    free = torch.arange(24) < 16
    learned = FlipWeights(2).linearise(theta, here.losses[:16], rows.y[:16].long())
    lower = LowerRisk(
        run.problem, Rows(rows.inputs, rows.y, halved), Scattered(learned, free, halved), w, here
    )
    gradient, _ = OneStep(0.05).gradient(lower, UpperRisk(run.problem, run.members[0].judge))
    upper = theta.clone().requires_grad_()
    upper.grad = gradient
    torch.optim.Adam([upper], lr=0.02).step()
    with torch.no_grad():
        run.step(torch.arange(24))
    torch.testing.assert_close(run.theta, upper.detach())
    weights = torch.ones(24)
    weights[:16] = FlipWeights(2).linearise(run.theta, here.losses[:16], rows.y[:16].long()).weights
    expected = Member(run.solver, start, torch.ones(24))
    with torch.no_grad():
        expected.advance(here.gradient(weights / weights.mean()))
    moved = run.problem.model.shrink(expected.w, 1e-5 * 0.05)
    torch.testing.assert_close(run.members[1].w, moved)


def test_what_a_model_holds_out_does_not_move_it():
    ends = []
    for change in (0.0, 3.0):
        run, rows, halved = two_models(weighting="equal")
        rows.inputs[halved == 0] += change
        run.learn = False
        run.step(torch.arange(24))
        ends.append(run.members[0].w)
    assert torch.equal(*ends)


def test_while_warming_up_held_out_rows_set_the_offsets():
    run, _, _ = two_models(warm_up=2)
    with torch.no_grad():
        record = run._judged(1)
    assert set(record) == {"kept"} and 0 < record["kept"] < 1
    assert run.theta[:2].tolist() == pytest.approx([flip_offset(record["kept"], 2)] * 2)
    with torch.no_grad():
        assert set(run._judged(3)) == {"verdict"}


def test_signs_of_the_error_are_the_kinds_of_numbers():
    run, rows, _ = two_models()
    run.problem = TaylorProblem(run.problem.model, SquaredError())
    run.n_classes, run.theta = 0, torch.tensor([-30.0, 30.0, 0.0, 0.0])
    here = run.problem.linearise(run.members[0].w, rows)
    weights = run._learned(here, rows).weights
    assert torch.equal(weights > 0.5, rows.y > here.trace.f[:, 0])


def test_verdict_counts_both_kinds_of_rows_by_their_precision():
    run, _, _ = two_models()
    run.left = 0.5
    clean, noisy = Seen(2.0, 0.6, 0.01), Seen(9.0, 0.2, 0.01)
    signal = (0.6 / 0.01 + 0.4 / 0.04) / (1 / 0.01 + 1 / 0.04)
    assert run._verdict(clean, noisy) == pytest.approx((1 - signal) / 2 + 0.1 * 2.0)
    assert run._verdict(clean) == pytest.approx(0.2 + 0.1 * 2.0)
    run.left = 0.001
    assert run._verdict(clean, noisy) == run._verdict(clean)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_by_class_a_rare_class_of_high_loss_looks_like_the_other(shift):
    problem = TaylorProblem(TaylorModel(GROUPS), Logistic())
    run = Training(
        TaylorSolver(),
        problem,
        Rows(torch.ones(4), torch.ones(4)),
        0,
        [],
        2,
        True,
        torch.Generator(),
    )
    losses = torch.rand(40, generator=torch.Generator().manual_seed(0))
    y = (torch.arange(40) < 6).float()
    seen = run._seen(losses + shift * y, y)
    torch.testing.assert_close(seen, run._seen(losses, y), rtol=1e-4, atol=1e-4)
    for c in (0, 1):
        assert seen[y == c].mean().abs() < 1e-5 and seen[y == c].std() == pytest.approx(1, abs=1e-4)
