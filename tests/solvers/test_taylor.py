"""Training BATM: normalisations, stopping, folds, and CAT where nothing is weighed."""

import numpy as np
import pytest
import torch

from biam.corruption import flip_labels
from biam.losses import Logistic
from biam.lower import Rows
from biam.solvers.taylor import NORMALISATIONS, TaylorSolver

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
    fitted = fit(meta=meta, epochs=60, patience=3, lower_lr=0.1, meta_folds=1)
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


def test_every_row_is_held_out_by_one_model_and_trains_the_others():
    (X, y), meta = table(), table(30, seed=1)
    own = solver(meta_folds=4, meta_weight=5.0)
    rows, trusted = (Rows(torch.tensor(a), torch.tensor(b).float()) for a, b in ((X, y), meta))
    *folds, result = own._crossed(rows, trusted, torch.zeros(7), 2, 0)
    assert len(folds) == 4 and result.judge is None and result.held is None
    assert (result.fixed[:120] == 1).all() and (result.fixed[120:] == 5).all()
    for member in folds:
        out = member.fixed == 0
        assert torch.equal(rows.take(out[:120]).inputs, member.held.inputs)
        assert torch.equal(trusted.take(out[120:]).inputs, member.judge.inputs)
        assert torch.equal(member.fixed[~out], result.fixed[~out])
    times = torch.stack([member.fixed == 0 for member in folds]).sum(0)
    assert (times == 1).all()


def test_trusted_rows_train_the_result():
    """With the others of no weight, the meta rows are all there is to learn from."""
    X, y = table()
    meta = table(200, seed=1)
    own = solver(epochs=40, lower_lr=0.05, hidden=(8,), weighting="equal", batch_size=400)
    fitted = own.fit(X, 1 - y, *meta, GROUPS, n_classes=2, sample_weight=np.r_[1.0, np.zeros(119)])
    f = fitted.model.trace(fitted.w, torch.tensor(X)).f[:, 0]
    assert ((f > 0).numpy() == y).mean() > 0.75


def test_right_labels_are_counted_and_wrong_ones_weigh_less():
    """Of 1,200 rows 40 % have flipped labels; the models start from nothing."""
    X, y = table(1200)
    labels, wrong = flip_labels(y, 0.4, random_state=0)
    own = solver(epochs=25, warm_up=20, hidden=(8,), lower_lr=0.03, batch_size=200, meta_folds=2)
    fitted = own.fit(X, labels, *table(200, seed=1), GROUPS, n_classes=2)
    assert fitted.details["kept"] == pytest.approx(0.2, abs=0.1)
    assert fitted.weights[wrong].mean() < 0.5 * fitted.weights[~wrong].mean()


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
