"""Models side by side: means, weights of a batch, what held-out rows say, folds."""

import pytest
import torch

from biam.losses import Logistic, SquaredError
from biam.lower import Rows
from biam.solvers.taylor import TaylorSolver
from biam.solvers.taylor_members import Member, Scattered, look, stratified_folds
from biam.solvers.taylor_problem import TaylorProblem
from biam.taylor import TaylorModel
from biam.weighting import RowWeights, WeightingNetwork


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_mean_forgets_the_start():
    member = Member(TaylorSolver(averaging=0.5), torch.full((3,), 100.0), torch.ones(4))
    for value in [1.0] * 60:
        member.w.fill_(value)
        member.remember()
    torch.testing.assert_close(member.mean, torch.ones(3))
    member.w.fill_(3.0)
    member.remember()
    torch.testing.assert_close(member.mean, torch.full((3,), 2.0))


def test_no_memory_is_the_present():
    member = Member(TaylorSolver(averaging=0.0), torch.zeros(3), torch.ones(4))
    member.w.fill_(3.0)
    member.remember()
    assert torch.equal(member.mean, member.w)


def test_one_step_is_that_of_adamw():
    own = TaylorSolver(lower_lr=0.1, weight_decay=0.3)
    member, w = Member(own, normal(5), torch.ones(1)), normal(5).requires_grad_()
    w.grad = normal(5, seed=1)
    torch.optim.AdamW([w], lr=0.1, weight_decay=0.3).step()
    with torch.no_grad():
        member.advance(normal(5, seed=1))
    torch.testing.assert_close(member.w, w.detach())


def test_weights_over_their_mean_are_those_of_the_network():
    losses, theta = normal(7).abs(), normal(31, seed=2)
    plain, scaled = (
        WeightingNetwork(10, standardise=False, normalise=n).linearise(theta, losses)
        for n in (False, True)
    )
    got = Scattered(plain, torch.ones(7) > 0, torch.ones(7).double())
    torch.testing.assert_close(got.weights, scaled.weights)
    cotangent = normal(7, seed=1)
    torch.testing.assert_close(got.vjp(cotangent), scaled.vjp(cotangent))


@pytest.mark.parametrize("scaled", [True, False])
def test_trusted_rows_weigh_one_before_the_mean(scaled):
    """The way back against autograd, with trusted rows, and rows that are held out."""
    free = torch.tensor([True, False, True, True, False, True])
    fixed = torch.tensor([1.0, 5.0, 0.0, 2.0, 0.0, 1.0]).double()
    raw = torch.linspace(0.1, 0.9, 4).double().requires_grad_()
    full = torch.ones(6).double().masked_scatter(free, raw)
    full = full / ((fixed * full).sum() / fixed.sum()) if scaled else full
    got = Scattered(RowWeights(raw.detach()), free, fixed if scaled else None)
    torch.testing.assert_close(got.weights, full.detach())
    cotangent = normal(6) * fixed
    (expected,) = torch.autograd.grad(full @ cotangent, raw)
    torch.testing.assert_close(got.vjp(cotangent), expected)


def judged(f, y, n_classes):
    """`look` at a model whose outputs are the inputs, on rows cut into two parts."""
    d = 1 if n_classes <= 2 else n_classes
    loss = SquaredError() if n_classes == 0 else Logistic()
    head = TaylorModel([(0,)], d, encoder="none", order=1, n_ranks=1)
    w = torch.zeros(head.layout.size, dtype=torch.float64)
    for part in head.layout.split(w).values():
        part.fill_(1.0)
    head.layout.split(w)["bias"].zero_()
    rows = Rows(f[:, None], y)
    parts = [(w, rows.take(slice(0, 3))), (w, rows.take(slice(3, None)))]
    return look(TaylorProblem(head, loss), parts, n_classes)


def test_signal_is_the_balanced_accuracy_above_guessing():
    f = torch.tensor([2.0, -1.0, 3.0, 1.0, -2.0, -1.0]).double()
    y = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]).double()
    seen = judged(f, y, 2)
    assert seen.signal == pytest.approx(2 * ((3 / 4 + 1) / 2 - 1 / 2))
    # Four and two rows; rates by the rule of succession.
    variance = (4 / 6 * 2 / 6 / 4 + 3 / 4 * 1 / 4 / 2) / 4 * 4
    assert seen.variance == pytest.approx(variance)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(f, y)
    assert seen.loss == pytest.approx(loss.item())


def test_a_class_that_is_not_there_does_not_count():
    seen = judged(torch.tensor([2.0, 1.0, 3.0, -1.0]).double(), torch.ones(4).double(), 2)
    assert seen.signal == pytest.approx(2 * (3 / 4 - 1 / 2))


def test_numbers_have_a_loss_only():
    seen = judged(torch.zeros(5).double(), torch.full((5,), 2.0).double(), 0)
    assert seen.loss == pytest.approx(4) and seen.signal != seen.signal


def test_folds_have_classes_in_even_shares():
    y = torch.tensor([0] * 31 + [1] * 10 + [2] * 2)
    folds = stratified_folds(y, 3, 3, 0)
    for c in range(3):
        sizes = folds[y == c].bincount(minlength=3)
        assert sizes.max() - sizes.min() <= 1
    assert folds.bincount().max() - folds.bincount().min() <= 1
    assert torch.equal(folds, stratified_folds(y, 3, 3, 0))
    assert not torch.equal(folds, stratified_folds(y, 3, 3, 1))
