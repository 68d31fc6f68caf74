"""The weighting network: hypergradients of re-solved optima, weights that tell wrong labels."""

import numpy as np
import pytest
import torch

from biam.datasets import load_digits, load_iris
from biam.datasets.synthetic import (
    add_label_noise,
    make_additive_regression,
    make_disc_classification,
)
from biam.solvers.network import NetworkSolver, weight_gradient
from biam.solvers.penalised import penalised_fit

CLASSES = {"regression": 0, "logistic": 2, "softmax": 3}
QUIET = {"progress": False}


def table(n_classes, *, n=60, seed=0):
    """Rows with gaps, and targets that depend on them."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    f = np.sin(2 * X[:, 0]) + X[:, 1] ** 2 + 0.3 * stream.normal(size=n)
    X[stream.uniform(size=X.shape) < 0.1] = np.nan
    y = np.digitize(f, np.quantile(f, np.linspace(0, 1, n_classes + 1)[1:-1])) if n_classes else f
    return X, y


def lower(n_classes, *, weight=None):
    """Lower data of 45 training and 15 meta rows, as the solver makes them."""
    from biam.basis import Basis

    X, y = table(n_classes)
    solver = NetworkSolver(n_knots=4, n_folds=3)
    basis = Basis.fit(X[:45], 4, dtype=torch.float64)
    fixed = np.ones(45) if weight is None else weight
    stream = torch.Generator().manual_seed(0)
    return solver._data(basis, (X[:45], y[:45], fixed), (X[45:], y[45:]), n_classes, stream)


def problem(data, v, ridge, fold):
    """Design, targets, weights, loss, penalty of the fit without one meta fold."""
    kept = torch.ones(len(data.y_meta), dtype=torch.float64)
    kept[fold] = 0
    A, y = torch.cat([data.A, data.A_meta]), torch.cat([data.y, data.y_meta])
    return A, y, torch.cat([v * data.fixed, kept]), data.loss, data.penalty(ridge)


def solved(data, v, ridge, fold):
    return penalised_fit(
        *problem(data, v, ridge, fold), n_outputs=data.n_outputs, tol=1e-20, max_iter=200
    )


def polished(data, v, ridge, fold, W):
    """The optimum near `W` to rounding error, by dense Newton steps through autograd."""
    A, y, weight, loss, penalty = problem(data, v, ridge, fold)

    def objective(flat):
        W = flat.view(len(penalty), -1)
        risk = (weight @ loss.value(A @ W, y)) / weight.sum()
        return risk + (penalty[:, None] * W.square()).sum()

    flat = W.reshape(-1)
    for _ in range(3):
        gradient = torch.func.grad(objective)
        hessian = torch.func.jacrev(gradient)(flat)
        # Free intercepts of a softmax may move together: the least-norm step leaves that alone.
        flat = flat - torch.linalg.pinv(hessian, rtol=1e-10) @ gradient(flat)
    return flat.view_as(W)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "sample_weight"])
@pytest.mark.parametrize("kind", CLASSES)
def test_weight_gradient_is_that_of_the_resolved_optimum(kind, weighted):
    weight = np.arange(45) % 3 + 0.5 if weighted else None
    data, ridge = lower(CLASSES[kind], weight=weight), 1e-2
    v = torch.linspace(0.2, 1, 45, dtype=torch.float64)
    fold, rows, h = data.folds[1], range(0, 45, 6), 1e-4
    fit = solved(data, v, ridge, fold)

    def upper(v):
        f = data.A_meta[fold] @ polished(data, v, ridge, fold, fit.W)
        return float(data.loss.value(f, data.y_meta[fold]).sum()) / len(data.y_meta)

    found = weight_gradient(data, fit, fold, v, ridge)
    moves = [torch.nn.functional.one_hot(torch.tensor(i), 45).double() * h for i in rows]
    expected = np.array([(upper(v + move) - upper(v - move)) / (2 * h) for move in moves])
    assert np.linalg.norm(expected) > 1e-3
    error = np.linalg.norm(found[list(rows)].numpy() - expected)
    assert error < 1e-5 * np.linalg.norm(expected)


def test_the_loop_agrees_with_the_resolved_optimum_at_its_own_tolerance():
    data, ridge = lower(2), 1e-3
    v = torch.full((45,), 0.7, dtype=torch.float64)
    _, fits = data.held_out(v, ridge)
    for fold, fit in zip(data.folds, fits, strict=True):
        rough = weight_gradient(data, fit, fold, v, ridge)
        fine = weight_gradient(data, solved(data, v, ridge, fold), fold, v, ridge)
        assert (rough - fine).norm() < 0.01 * fine.norm()


@pytest.mark.parametrize("meta", [True, False], ids=["meta", "no-meta"])
def test_outliers_in_a_third_of_the_labels_do_no_harm(meta):
    split = add_label_noise(make_additive_regression(random_state=42), "outlier30")
    clean = (split.X_meta, split.y_meta) if meta else (None, None)
    fitted = NetworkSolver(**QUIET).fit(split.X_train, split.y_train, *clean)
    f = fitted.model.outputs(fitted.w, fitted.model.basis.design(split.X_test))[:, 0].numpy()
    assert np.mean((f - split.y_test) ** 2) < 0.01
    assert 0 <= fitted.weights.min() <= fitted.weights.max() <= 1
    assert fitted.weights[split.mask].mean() < 0.1 * fitted.weights[~split.mask].mean()


def test_flipped_labels_get_less_weight():
    split = make_disc_classification(600, 4, noise_rate=0.3)
    fitted = NetworkSolver(**QUIET).fit(
        split.X_train, split.y_train, split.X_meta, split.y_meta, n_classes=2
    )
    assert 0 <= fitted.weights.min() <= fitted.weights.max() <= 1
    assert fitted.weights[split.mask].mean() < 0.5 * fitted.weights[~split.mask].mean()


def test_shifted_labels_with_gaps_get_less_weight():
    split = make_additive_regression(500, 4, noise_rate=0.3, missing_rate=0.1)
    fitted = NetworkSolver(**QUIET).fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    assert fitted.weights[split.mask].mean() < 0.8 * fitted.weights[~split.mask].mean()


@pytest.mark.parametrize("n_classes", [0, 2])
def test_clean_rows_give_nearly_the_plain_fit(n_classes):
    make = make_disc_classification if n_classes else make_additive_regression
    split = make(600, 4)
    X = np.concatenate([split.X_train, split.X_meta])
    y = np.concatenate([split.y_train, split.y_meta])
    learned = NetworkSolver(**QUIET).fit(
        split.X_train, split.y_train, split.X_meta, split.y_meta, n_classes=n_classes
    )
    plain = NetworkSolver(**QUIET).fit(X, y, None, None, n_classes=n_classes)
    f, g = (
        fitted.model.outputs(fitted.w, fitted.model.basis.design(split.X_test))[:, 0].numpy()
        for fitted in (learned, plain)
    )
    if n_classes:
        assert np.mean((f > 0) == (g > 0)) > 0.95
    assert np.corrcoef(f, g)[0, 1] > 0.995


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("n_meta", [1, 2, 3, 10])
def test_a_few_meta_rows_do_no_harm(kind, n_meta):
    X, y = table(CLASSES[kind], n=120)
    few, none = (
        NetworkSolver(epochs=5, n_knots=4, **QUIET).fit(
            X[10:], y[10:], X[:n], y[:n], n_classes=CLASSES[kind]
        )
        for n in (n_meta, 0)
    )
    assert few.status == "finished"
    assert 0 <= few.weights.min() <= few.weights.max() <= 1
    f, g = (m.model.outputs(m.w, m.model.basis.design(X)) for m in (few, none))
    # Outputs of one scale: few rows cannot have changed the model beyond recognition.
    assert np.corrcoef(f.numpy().ravel(), g.numpy().ravel())[0, 1] > 0.8
    assert 0.3 < f.std() / g.std() < 3


def informed(n, *, planted, seed=0):
    """x1 is a noisy copy of x0 and stands in for it where x0 is missing, if `planted`."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    if planted:
        X[:, 1] = X[:, 0] + 0.1 * stream.normal(size=n)
    y = 2 * X[:, 0] + X[:, 2] + 0.1 * stream.normal(size=n)
    X[stream.uniform(size=n) < 0.3, 0] = np.nan
    return X, y


@pytest.mark.parametrize("n_meta", [0, 120], ids=["no-meta", "meta"])
@pytest.mark.parametrize("planted", [True, False], ids=["planted", "independent"])
def test_missing_interactions_are_kept_where_features_inform_one_another(planted, n_meta):
    solver = NetworkSolver(epochs=5, n_knots=5, **QUIET)
    kept = []
    for seed in range(4):
        X, y = informed(400, planted=planted, seed=seed)
        meta = (X[:n_meta], y[:n_meta]) if n_meta else (None, None)
        kept.append(solver.fit(X[n_meta:], y[n_meta:], *meta).model.interactions)
    assert sum(kept) == 4 if planted else sum(kept) <= 1


def test_interactions_can_be_forced_and_forbidden():
    X, y = informed(500, planted=True)
    fresh, truth = informed(500, planted=True, seed=1)
    mse = {}
    for wanted in ("auto", True, False):
        fitted = NetworkSolver(interactions=wanted, **QUIET).fit(X, y, None, None)
        assert fitted.model.interactions == bool(wanted)
        f = fitted.model.outputs(fitted.w, fitted.model.basis.design(fresh))[:, 0].numpy()
        mse[wanted] = np.mean((f - truth) ** 2)
    assert mse["auto"] == mse[True] < 0.7 * mse[False]


def test_a_constant_column_has_a_zero_shape():
    X, y = table(0, n=120)
    X[:, 2] = 3.0
    fitted = NetworkSolver(**QUIET).fit(X, y, None, None)
    beta = fitted.model.coefficients(fitted.w)["beta"]
    constant = fitted.model.basis.slices[2]
    assert constant.stop - constant.start == 1
    assert not beta[constant.start - 1 : constant.stop - 1].any()
    assert beta.abs().max() > 0.1


@pytest.mark.parametrize(
    ("load", "n", "least"),
    [(load_iris, 150, 0.93), (load_digits, 400, 0.85)],
    ids=["iris", "digits"],
)
def test_many_classes(load, n, least):
    data = load()
    rows = np.random.default_rng(0).permutation(len(data.y))[:n]
    X, y = np.asarray(data.X, float)[rows], np.asarray(data.y)[rows]
    half, n_classes = n // 2, len(np.unique(y))
    solver = NetworkSolver(n_knots=4, **QUIET)
    fitted = solver.fit(X[:half], y[:half], None, None, n_classes=n_classes)
    f = fitted.model.outputs(fitted.w, fitted.model.basis.design(X[half:]))
    assert f.shape == (n - half, n_classes)
    assert np.mean(f.argmax(1).numpy() == y[half:]) > least


@pytest.mark.parametrize("kind", CLASSES)
def test_whole_sample_weights_equal_repeated_rows(kind):
    X, y = table(CLASSES[kind], n=90)
    times = np.random.default_rng(1).integers(0, 3, 90)
    rows = np.repeat(np.arange(90), times)
    settings = {"n_classes": CLASSES[kind]}
    solver = NetworkSolver(n_knots=5, **QUIET)
    weighted = solver.fit(X, y, None, None, sample_weight=times.astype(float), **settings)
    repeated = solver.fit(X[rows], y[rows], None, None, **settings)
    f, g = (m.model.outputs(m.w, m.model.basis.design(X)) for m in (weighted, repeated))
    torch.testing.assert_close(f, g, rtol=1e-6, atol=1e-6)
    plain = solver.fit(X, y, None, None, **settings)
    assert (f - plain.model.outputs(plain.w, plain.model.basis.design(X))).abs().max() > 0.01


def test_patience_stops_and_none_goes_on():
    split = make_additive_regression(300, 3, noise_rate=0.3)
    parts = (split.X_train, split.y_train, split.X_meta, split.y_meta)
    steps = [
        len(NetworkSolver(epochs=25, patience=patience, upper_lr=1.0, **QUIET).fit(*parts).history)
        for patience in (2, None)
    ]
    assert steps[0] < steps[1] == 25


def test_large_tables_learn_weights_on_a_sample():
    split = make_additive_regression(800, 3, noise_rate=0.3)
    parts = (split.X_train, split.y_train, split.X_meta, split.y_meta)
    whole = NetworkSolver(**QUIET).fit(*parts)
    sample = NetworkSolver(max_upper_rows=150, **QUIET).fit(*parts)
    assert sample.weights.shape == whole.weights.shape
    assert sample.weights[split.mask].mean() < 0.8 * sample.weights[~split.mask].mean()
    assert np.corrcoef(sample.weights, whole.weights)[0, 1] > 0.5


@pytest.mark.parametrize("n", [50, 100])
@pytest.mark.parametrize("shape", [lambda x: x, np.square, lambda x: np.sin(6 * x)])
def test_clean_labels_without_noise_are_all_kept(n, shape):
    x = np.linspace(0, 1, n)
    y = (shape(x) - shape(x).mean()) / shape(x).std()
    fitted = NetworkSolver(**QUIET).fit(x[:, None], y, None, None)
    f = fitted.model.outputs(fitted.w, fitted.model.basis.design(x[:, None]))[:, 0].numpy()
    assert np.mean(fitted.weights < 0.1) < 0.06
    assert np.sqrt(np.mean((f - y) ** 2)) < 0.05


@pytest.mark.parametrize("n_meta", [0, 20])
def test_global_streams_stay_where_they_are(n_meta):
    X, y = table(0)
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), repr(np.random.get_state())
    NetworkSolver(epochs=2, **QUIET).fit(X[n_meta:], y[n_meta:], X[:n_meta], y[:n_meta])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert repr(np.random.get_state()) == before[1]


def test_same_seed_same_numbers_other_seed_other_folds():
    X, y = table(0, n=120)
    first, again, other = (
        NetworkSolver(epochs=5, **QUIET).fit(X[30:], y[30:], X[:30], y[:30], seed=seed)
        for seed in (0, 0, 1)
    )
    assert torch.equal(first.w, again.w)
    assert np.array_equal(first.weights, again.weights)
    assert first.history == again.history
    assert first.history != other.history
