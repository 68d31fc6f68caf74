"""BIAM-X: robust where labels are wrong, plain where they are right, free of units and of order."""

import numpy as np
import pytest
import torch
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from biam.datasets.synthetic import (
    add_label_noise,
    make_additive_regression,
    make_disc_classification,
)
from biam.solvers.exact import rows as rows_module

CLASSES = {"regression": 0, "logistic": 2}


def parts(split):
    return split.X_train, split.y_train, split.X_meta, split.y_meta


@pytest.mark.parametrize("meta", [True, False], ids=["meta", "no-meta"])
def test_outliers_in_a_third_of_the_labels_do_no_harm(exact, meta):
    split = add_label_noise(make_additive_regression(random_state=42), "outlier30")
    fitted = exact.fit(*parts(split)[: 4 if meta else 2], n_knots=10)
    assert np.mean((exact.outputs(fitted, split.X_test) - split.y_test) ** 2) < 0.01
    assert fitted.details["weighting"] == "posterior"
    assert 0 <= fitted.weights.min() <= fitted.weights.max() <= 1
    assert roc_auc_score(~split.mask, fitted.weights) > 0.95


def test_flipped_labels_get_less_weight(exact):
    split = make_disc_classification(600, 4, noise_rate=0.3)
    fitted = exact.fit(*parts(split), n_classes=2, n_levels=None)
    assert fitted.weights[split.mask].mean() < 0.5 * fitted.weights[~split.mask].mean()
    rates = fitted.details["noise"]["flip_rates"]
    assert all(0.1 < rate < 0.5 for rate in rates)


def test_shifted_labels_with_gaps_get_less_weight(exact):
    split = make_additive_regression(500, 4, noise_rate=0.3, missing_rate=0.1)
    fitted = exact.fit(*parts(split), n_levels=None)
    assert fitted.weights[split.mask].mean() < 0.5 * fitted.weights[~split.mask].mean()


@pytest.mark.parametrize("kind", CLASSES)
def test_clean_labels_all_count_alike(exact, kind):
    fitted = exact.fit(*exact.table(CLASSES[kind], n=400, pair=0, gaps=0), n_classes=CLASSES[kind])
    assert fitted.details["weighting"] == "equal"
    assert (fitted.weights == 1).all()
    assert fitted.details["meta_losses"] == {}


@pytest.mark.parametrize("n_classes", [0, 2])
def test_clean_rows_give_nearly_the_plain_fit(exact, n_classes):
    make = make_disc_classification if n_classes else make_additive_regression
    split = make(600, 4)
    X = np.concatenate([split.X_train, split.X_meta])
    y = np.concatenate([split.y_train, split.y_meta])
    options = {"n_classes": n_classes, "n_levels": None}
    learned, plain = exact.fit(*parts(split), **options), exact.fit(X, y, **options)
    f, g = exact.outputs(learned, split.X_test), exact.outputs(plain, split.X_test)
    assert np.corrcoef(f, g)[0, 1] > 0.99
    assert learned.weights.mean() > 0.9


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("n_meta", [1, 2, 10])
def test_a_few_meta_rows_do_no_harm(exact, kind, n_meta):
    X, y = exact.table(CLASSES[kind], n=260)
    few, none = (
        exact.fit(X[10:], y[10:], X[:n], y[:n], n_classes=CLASSES[kind]) for n in (n_meta, 0)
    )
    assert few.status == "finished"
    f, g = exact.outputs(few, X), exact.outputs(none, X)
    assert np.corrcoef(f, g)[0, 1] > 0.95
    assert 0.5 < f.std() / g.std() < 2


@pytest.mark.parametrize("n", [50, 100])
@pytest.mark.parametrize("shape", [lambda x: x, np.square, lambda x: np.sin(6 * x)])
def test_clean_labels_without_noise_are_all_kept(exact, n, shape):
    x = np.linspace(0, 1, n)[:, None]
    y = (shape(x[:, 0]) - shape(x).mean()) / shape(x).std()
    fitted = exact.fit(x, y, n_knots=10)
    assert np.mean(fitted.weights < 0.1) < 0.06
    assert np.sqrt(np.mean((exact.outputs(fitted, x) - y) ** 2)) < 0.05


# Invariances


@pytest.mark.parametrize("kind", CLASSES)
def test_whole_sample_weights_equal_repeated_rows(exact, kind):
    X, y = exact.table(CLASSES[kind])
    times = np.random.default_rng(1).integers(0, 3, 200)
    rows = np.repeat(np.arange(200), times)
    options = {"n_classes": CLASSES[kind]}
    weighted = exact.outputs(exact.fit(X, y, sample_weight=times.astype(float), **options), X)
    repeated = exact.outputs(exact.fit(X[rows], y[rows], **options), X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-5, atol=1e-5)
    assert np.abs(weighted - exact.outputs(exact.fit(X, y, **options), X)).max() > 0.01


@pytest.mark.parametrize("meta", [False, True], ids=["no-meta", "meta"])
@pytest.mark.parametrize("kind", CLASSES)
def test_the_order_of_rows_says_nothing(exact, kind, meta):
    X, y = exact.spoiled(CLASSES[kind])
    order = np.random.default_rng(2).permutation(200)
    options = {"n_classes": CLASSES[kind]}
    clean = (X[200:], y[200:]) if meta else ()
    first = exact.fit(X[:200], y[:200], *clean, **options)
    second = exact.fit(X[order], y[order], *clean, **options)
    np.testing.assert_allclose(
        exact.outputs(second, X), exact.outputs(first, X), rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(second.weights, first.weights[order], atol=1e-5)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_order_of_features_says_nothing(exact, kind):
    X, y = exact.spoiled(CLASSES[kind])
    order = [3, 1, 0, 2]
    options = {"n_classes": CLASSES[kind]}
    first = exact.fit(X[:200], y[:200], X[200:], y[200:], **options)
    turned = X[:, order]
    second = exact.fit(
        turned[:200], y[:200], turned[200:], y[200:], n_levels=[3, 0, 0, 0], **options
    )
    np.testing.assert_allclose(
        exact.outputs(second, turned), exact.outputs(first, X), rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(second.weights, first.weights, atol=1e-4)


@pytest.mark.parametrize("meta", [False, True], ids=["no-meta", "meta"])
@pytest.mark.parametrize(("a", "b"), [(3.0, 50.0), (-40.0, -0.02), (1e3, 1e6)])
def test_the_unit_of_the_target_says_nothing(exact, meta, a, b):
    X, y = exact.spoiled(0)
    clean = (X[200:], y[200:]) if meta else ()
    moved = (X[200:], a + b * y[200:]) if meta else ()
    first, second = exact.fit(X[:200], y[:200], *clean), exact.fit(X[:200], a + b * y[:200], *moved)
    told = (exact.outputs(second, X) - a) / b
    near = 1e-4
    np.testing.assert_allclose(told, exact.outputs(first, X), rtol=near, atol=near)
    np.testing.assert_allclose(second.weights, first.weights, atol=near)
    scale = b**2 * first.details["covariance"]
    scale_of = np.sqrt(np.diag(scale))[:, None] * np.sqrt(np.diag(scale)) + 1e-30
    assert (np.abs(second.details["covariance"] - scale) / scale_of).max() < 50 * near


@pytest.mark.parametrize("kind", CLASSES)
def test_the_units_of_features_say_nothing(exact, kind):
    X, y = exact.spoiled(CLASSES[kind])
    options = {"n_classes": CLASSES[kind]}
    moved = X * [1e3, -2.0, 1e-3, 1.0] + [5.0, 0.0, -70.0, 0.0]
    first = exact.fit(X[:200], y[:200], X[200:], y[200:], **options)
    second = exact.fit(moved[:200], y[:200], moved[200:], y[200:], **options)
    # Hinges bend the other way round on a turned axis: a column may gain or lose the knot at its
    # end, where nothing is; curves of the middle are the same.
    f, g = exact.outputs(first, X), exact.outputs(second, moved)
    assert np.sqrt(np.mean((f - g) ** 2)) < 0.02 * f.std()


@pytest.mark.parametrize("kind", CLASSES)
def test_a_fit_is_determined_by_its_seed(exact, kind):
    X, y = exact.spoiled(CLASSES[kind])
    options = {"n_classes": CLASSES[kind], "max_upper_rows": 100}
    given = X[:200], y[:200], X[200:], y[200:]
    first, again, other = (exact.fit(*given, seed=seed, **options) for seed in (0, 0, 1))
    assert torch.equal(first.w, again.w)
    assert np.array_equal(first.weights, again.weights)
    assert first.history == again.history
    assert not torch.equal(first.w, other.w), "another sample"


@pytest.mark.parametrize("n_meta", [0, 60])
def test_global_streams_stay_where_they_are(exact, n_meta):
    X, y = exact.table()
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), repr(np.random.get_state())
    exact.fit(X[n_meta:], y[n_meta:], X[:n_meta], y[:n_meta], max_upper_rows=50)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert repr(np.random.get_state()) == before[1]


# Large tables


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("meta", [False, True], ids=["no-meta", "meta"])
def test_a_sample_teaches_nearly_what_all_rows_do(exact, kind, meta):
    make = make_disc_classification if CLASSES[kind] else make_additive_regression
    split = make(2400, 4, noise_rate=0.2)
    given, options = parts(split)[: 4 if meta else 2], {"n_classes": CLASSES[kind]}
    whole, sample = (
        exact.fit(*given, max_upper_rows=most, n_levels=None, **options) for most in (4000, 800)
    )
    f, g = exact.outputs(whole, split.X_test), exact.outputs(sample, split.X_test)
    if kind == "logistic":
        # Far out logits are as large as the penalty lets them be; chances are what counts.
        f, g = expit(f), expit(g)
    assert np.corrcoef(f, g)[0, 1] > 0.98
    assert sample.weights.shape == whole.weights.shape == split.y_train.shape
    # Without meta rows the sample may be too small to tell flips: then all its weights are one.
    if np.ptp(sample.weights) > 0:
        assert np.corrcoef(sample.weights, whole.weights)[0, 1] > 0.95
    assert not np.array_equal(f, g)


def test_rows_in_blocks_and_in_single_precision_give_the_same_fit(exact, monkeypatch):
    X, y = exact.spoiled(0)
    given = X[:200], y[:200], X[200:], y[200:]
    plain = exact.fit(*given)
    monkeypatch.setattr(rows_module, "BLOCK", 64)
    monkeypatch.setattr(rows_module, "KEPT_ENTRIES", 0)
    blocks = exact.fit(*given)
    monkeypatch.setattr(rows_module, "SINGLE_ROWS", 1)
    single = exact.fit(*given)
    np.testing.assert_allclose(
        exact.outputs(blocks, X), exact.outputs(plain, X), rtol=1e-6, atol=1e-6
    )
    np.testing.assert_allclose(
        exact.outputs(single, X), exact.outputs(plain, X), rtol=1e-3, atol=1e-3
    )
