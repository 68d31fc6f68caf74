"""The lower problem's parts: columns with support, penalties, folds held out, criteria, export."""

import numpy as np
import pytest
import torch

from biam.basis import Basis
from biam.losses import Logistic, SoftmaxCrossEntropy, SquaredError
from biam.solvers.lower_data import (
    RIDGES,
    LowerData,
    interaction_columns,
    is_knot_column,
    main_columns,
)

LOSSES = {"regression": (SquaredError(), 0), "logistic": (Logistic(), 2)}
LOSSES["softmax"] = (SoftmaxCrossEntropy(), 3)
every_loss = pytest.mark.parametrize("kind", LOSSES)


def make(kind="regression", *, n=120, n_meta=30, n_folds=3, weight=None):
    """Two numbers (gaps in the first) and a category; the last number is constant."""
    loss, n_classes = LOSSES[kind]
    stream = np.random.default_rng(0)
    X = stream.normal(size=(n + n_meta, 4))
    X[:, 2] = stream.integers(0, 3, n + n_meta)
    X[:, 3] = 1.0
    f = np.sin(2 * X[:, 0]) + X[:, 1] + 0.2 * X[:, 2] + 0.3 * stream.normal(size=n + n_meta)
    y = np.digitize(f, np.quantile(f, np.linspace(0, 1, n_classes + 1)[1:-1])) if n_classes else f
    X[::4, 0] = np.nan
    basis = Basis.fit(X[:n], 5, n_levels=[0, 0, 3, 0], dtype=torch.float64)
    dtype = torch.int64 if n_classes > 2 else torch.float64
    data = LowerData(
        design=basis.design(X[:n]),
        y=torch.as_tensor(y[:n]).to(dtype),
        fixed=torch.ones(n).double() if weight is None else weight,
        meta=basis.design(X[n:]),
        y_meta=torch.as_tensor(y[n:]).to(dtype),
        folds=tuple(torch.arange(n_meta).tensor_split(n_folds)) if n_meta else (),
        loss=loss,
        n_outputs=n_classes if n_classes > 2 else 1,
        is_knot=is_knot_column(basis),
    )
    return data.with_columns(main_columns(data)), basis


def test_columns_are_those_with_something_to_learn_from():
    data, basis = make()
    a, b = data.columns.T
    assert basis.n_columns == 5 + 5 + 3 + 1
    # The last knots are the greatest values: zero on all training rows, but not on all meta rows.
    used = {int(c) for c in a[b == 0]}
    assert 0 in used
    assert basis.slices[3].start not in used, "a constant column's hinge is zero everywhere"
    assert set(range(11, 14)) <= used
    assert b[b > 0].tolist() == [1]
    assert a[b > 0].tolist() == [0]


def test_design_is_the_product_of_basis_and_mask():
    data, _ = make()
    wide = data.with_columns(torch.cat([data.columns, interaction_columns(data)]))
    for c, (a, b) in enumerate(wide.columns.tolist()):
        torch.testing.assert_close(wide.A[:, c], data.design.H[:, a] * data.design.M[:, b])
    assert wide.A.shape[1] > data.A.shape[1]


def test_interactions_need_rows_and_another_feature():
    data, basis = make()
    extra = interaction_columns(data)
    gaps = set(extra[:, 1].tolist())
    assert gaps == {1}
    own = range(basis.slices[0].start, basis.slices[0].stop)
    assert not set(extra[:, 0].tolist()) & set(own)
    few, _ = make(n=60, n_meta=0)
    assert len(interaction_columns(few)) == 0


def test_penalties_are_a_ridge_on_knots_and_a_prior_on_levels_and_gaps():
    data, _ = make()
    a, b = data.columns.T
    penalty = data.penalty(0.5)
    knots = data.is_knot[a]
    assert penalty[0] == 0
    assert (penalty[knots & (b == 0)] == 0.5).all()
    torch.testing.assert_close(penalty[~knots][1:], torch.full((4,), 1 / 150).double())
    wide = data.with_columns(torch.cat([data.columns, interaction_columns(data)]))
    crossed = (wide.columns > 0).all(1) & wide.is_knot[wide.columns[:, 0]]
    assert (wide.penalty(0.5)[crossed] == 5).all()
    assert crossed.any()


@every_loss
def test_a_meta_fold_is_judged_by_a_fit_that_did_not_see_it(kind):
    data, _ = make(kind)
    v = torch.ones(120).double()
    losses, fits = data.held_out(v, 1e-2)
    fold = data.folds[1]
    scrambled = data.y_meta.clone()
    scrambled[fold] = 1 - scrambled[fold] if kind != "softmax" else 0
    blind = LowerData(**{**vars(data), "y_meta": scrambled}).held_out(v, 1e-2)[1]
    torch.testing.assert_close(blind[1].W, fits[1].W, rtol=1e-3, atol=1e-3)
    assert (blind[0].W - fits[0].W).abs().max() > 0.01
    expected = data.loss.value(data.A_meta[fold] @ fits[1].W, data.y_meta[fold])
    torch.testing.assert_close(losses[fold], expected)


@every_loss
def test_losses_are_those_of_the_training_rows(kind):
    data, _ = make(kind)
    fit = data.fit(torch.ones(120).double(), 1e-2)
    torch.testing.assert_close(data.losses(fit), data.loss.value(data.A @ fit.W, data.y))


@pytest.mark.parametrize("n_meta", [0, 30], ids=["no-meta", "meta"])
@every_loss
def test_best_ridge_is_at_the_least_criterion(kind, n_meta):
    data, _ = make(kind, n_meta=n_meta)
    v = torch.ones(120).double()
    values = {ridge: data.criterion(v, ridge)[0] for ridge in RIDGES}
    best = data.best_ridge(v)
    assert values[best] <= min(values.values()) * 1.001
    assert values[best] < max(values.values())
    near = data.best_ridge(v, near=1.0)
    assert near in (1.0, 0.1)
    assert values[near] == pytest.approx(min(values[r] for r in (0.1, 1.0)), rel=1e-3)


@pytest.mark.parametrize("n_meta", [0, 30], ids=["no-meta", "meta"])
@every_loss
def test_the_criterion_predicts_fresh_rows(kind, n_meta):
    """Leaving one row out says what the fit does on rows it has not seen."""
    data, _ = make(kind, n=150, n_meta=n_meta)
    half = torch.randperm(150, generator=torch.Generator().manual_seed(0)) % 2
    fit = data.fit(half.double(), 1e-3)
    value = data.criterion(half.double(), 1e-3)[0]
    fresh = float(data.losses(fit)[half == 0].mean())
    seen = float(data.losses(fit)[half == 1].mean())
    assert seen < value
    assert value == pytest.approx(fresh, rel=0.4)


@every_loss
def test_the_model_says_what_the_fit_says(kind):
    data, basis = make(kind)
    v = torch.ones(120).double()
    for part in (data, data.with_columns(torch.cat([data.columns, interaction_columns(data)]))):
        fit = part.fit(v, 1e-2)
        model, w = part.as_model(basis, fit.W)
        assert model.interactions == (part is not data)
        torch.testing.assert_close(model.outputs(w, data.design), fit.outputs[:120])


def test_a_sample_keeps_rows_together():
    data, _ = make(weight=torch.arange(120.0).double())
    small = data.subsample(40, torch.Generator().manual_seed(0))
    rows = small.fixed.long()
    assert len(rows.unique()) == 40
    assert torch.equal(small.y, data.y[rows])
    assert torch.equal(small.A, data.A[rows])
    assert torch.equal(small.design.H, data.design.H[rows])
    assert torch.equal(small.A_meta, data.A_meta)
    assert data.subsample(120, torch.Generator()) is data
