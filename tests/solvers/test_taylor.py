"""The loop of BATM: three moves, normalisations, stopping, and CAT where nothing is weighed."""

import numpy as np
import pytest
import torch

from biam.hypergradient import LowerRisk, OneStep, UpperRisk
from biam.losses import Logistic
from biam.lower import Rows
from biam.solvers.taylor import NORMALISATIONS, TaylorSolver, _Run
from biam.solvers.taylor_problem import TaylorProblem
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


def fit(n=120, *, meta=True, seed=0, **options):
    X, y = table(n)
    given = table(30, seed=1) if meta else (None, None)
    return solver(**options).fit(X, y, *given, GROUPS, n_classes=2, seed=seed)


def test_one_step_is_look_ahead_then_weights_then_model():
    """Every move written out once more, with torch's own optimizers."""
    own = solver(
        group_penalty=0.2,
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
    run = _Run(own, problem, rows, meta, stream)
    w, theta = run.w.clone(), run.theta.clone()
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
        run.step(rows, meta)
    torch.testing.assert_close(run.theta, upper.detach())
    torch.testing.assert_close(run.w, model.shrink(lower.detach(), 0.2 * 0.05))


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalisations(name):
    fitted = fit(normalise=name)
    one = fitted.weights.mean() == pytest.approx(1, abs=1e-4)
    assert one == NORMALISATIONS[name][1]
    assert name != "rows" or (fitted.weights < 1).all()


def test_normalisation_matters_in_each_step():
    ends = [fit(normalise=name).w for name in NORMALISATIONS]
    assert not any(torch.equal(a, b) for a, b in zip(ends, [*ends[1:], ends[0]], strict=True))


def test_without_meta_rows_all_weigh_the_same():
    fitted = fit(meta=False)
    assert (fitted.weights == 1).all() and "meta_loss" not in fitted.history[0]


def test_same_seed_same_numbers_other_seed_others():
    first, again, other = fit(seed=3), fit(seed=3), fit(seed=4)
    assert torch.equal(first.w, again.w) and (first.weights == again.weights).all()
    assert not torch.equal(first.w, other.w)


def test_global_stream_is_left_alone():
    before = torch.get_rng_state()
    fit()
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("meta", [True, False])
def test_the_best_epoch_is_kept(meta):
    fitted = fit(meta=meta, epochs=60, patience=3, lower_lr=0.1, meta_share=0.0)
    losses = [record["verdict"] for record in fitted.history]
    assert fitted.status == "stopped" and len(losses) < 60
    assert len(losses) - 1 - int(np.argmin(losses)) == 3
    if meta:
        X, y = table(30, seed=1)
        f = fitted.model.trace(fitted.w, torch.tensor(X)).f
        wrong = (f[:, 0] > 0).numpy() != y
        balanced = np.mean([wrong[y == c].mean() for c in (0, 1)])
        loss = Logistic().value(f, torch.tensor(y)).mean().item()
        assert min(losses) == pytest.approx(balanced + 0.1 * loss, abs=1e-5)


def test_no_patience_runs_all_epochs_on_all_rows():
    fitted = fit(meta=False, epochs=4, patience=None)
    assert len(fitted.history) == 4 and "verdict" not in fitted.history[0]
    assert fitted.status == "finished"


def test_rows_of_weight_zero_do_not_count():
    X, y = table()
    spoiled = y.copy()
    spoiled[:20] = 1 - y[:20]
    weight = np.ones(120)
    weight[:20] = 0
    ends = [
        solver(patience=None)
        .fit(X, labels, None, None, GROUPS, n_classes=2, sample_weight=weight)
        .w
        for labels in (y, spoiled)
    ]
    assert torch.equal(*ends)


def test_heavy_penalty_drops_every_concept():
    fitted = fit(meta=False, epochs=30, group_penalty=5.0, patience=None)
    assert not fitted.model.layout.split(fitted.w)["inputs"].any()


def test_trusted_rows_train_too_and_are_not_judged():
    """With the others of no weight, the share of the meta rows is all there is to learn from."""
    (X, y), meta = table(), table(30, seed=1)
    own = solver(epochs=40, meta_share=0.5, meta_weight=5.0)
    rows = Rows(torch.tensor(X), torch.tensor(y).float(), torch.zeros(120))
    kept, judge = own._with_meta(rows, Rows(*(torch.tensor(part) for part in meta)), 2, 0)
    assert len(kept) == 135 and len(judge) == 15
    assert kept.weight[:120].sum() == 0 and (kept.weight[120:] == 5).all()
    both = torch.cat([kept.inputs[120:], judge.inputs])
    assert torch.equal(both.sort(0).values, torch.tensor(meta[0]).sort(0).values)
    assert judge.y.long().bincount().min() >= 5
    ends = [
        solver(meta_share=share).fit(X, y, *meta, GROUPS, n_classes=2, learn=False).w
        for share in (0.0, 0.5)
    ]
    assert not torch.equal(*ends)


@pytest.mark.parametrize("shift", [0.0, 3.0])
def test_by_class_a_rare_class_of_high_loss_looks_like_the_other(shift):
    run = _Run(
        solver(), TaylorProblem(TaylorModel(GROUPS), Logistic()), None, None, torch.Generator()
    )
    losses = torch.rand(40, generator=torch.Generator().manual_seed(0))
    y = (torch.arange(40) < 6).float()
    seen = run._seen(losses + shift * y, y)
    torch.testing.assert_close(seen, run._seen(losses, y), rtol=1e-4, atol=1e-4)
    for c in (0, 1):
        assert seen[y == c].mean().abs() < 1e-5 and seen[y == c].std() == pytest.approx(1, abs=1e-4)


def test_a_product_of_concepts_is_learned():
    def accuracy(order):
        X, y = table(600)
        fitted = solver(order=order, epochs=60, hidden=(8,), lower_lr=0.02).fit(
            X, y, None, None, GROUPS, n_classes=2
        )
        X, y = table(500, seed=5)
        return ((fitted.model.trace(fitted.w, torch.tensor(X)).f[:, 0] > 0).numpy() == y).mean()

    assert accuracy(2) > 0.85 > 0.6 > accuracy(1)


def test_step_too_long_is_called_diverged():
    stream = np.random.default_rng(0)
    X = stream.normal(size=(60, 3)) * 1e20
    fitted = solver(patience=None).fit(X, X[:, 0], None, None, GROUPS)
    assert fitted.status == "diverged"
