"""The paper's loop through the estimators: published numbers, streams, variants, misuse."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from biam import BIAMClassifier, BIAMRegressor
from biam.datasets.synthetic import (
    make_additive_regression,
    make_disc_classification,
    make_domain_shift,
)
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.blocks import make_noisy_regression
from biam.kernel import EpochKernel
from biam.solvers.published import GATE_SCHEDULES, VARIANTS, PublishedSolver

SMALL = {"n_samples": 800, "n_features": 8}
# Method, seed, settings, mean squared and mean absolute error as published.
REGRESSION = {
    "gaps": ("BIAM", 7, {"noise_rate": 0.3, "missing_rate": 0.2}, 0.4416, 0.5229),
    "uniform": ("BIAM-B", 42, {}, 0.1137, 0.2813),
    "mnar": (
        "BIAM-I",
        42,
        {"noise_rate": 0.2, "missing_rate": 0.25, "mechanism": "mnar"},
        0.2805,
        None,
    ),
}
CLASSIFICATION = {"BIAM": (0.5386, 0.7688), "BIAM-B": (0.5176, 0.7625)}
SHIFT = {("BIAM", 42): 0.0300, ("BIAM-H", 7): 3.7470}


def solver(**settings):
    return PublishedSolver(**({"epochs": 2, "progress": False} | settings))


def rows(**settings):
    split = make_additive_regression(200, 3, **settings)
    return split.X_train, split.y_train, split.X_meta, split.y_meta


@pytest.mark.parametrize(
    ("variant", "seed", "data", "mse", "mae"), REGRESSION.values(), ids=REGRESSION
)
def test_published_regression(variant, seed, data, mse, mae):
    split = make_additive_regression(**SMALL, **data, random_state=seed)
    est = BIAMRegressor(solver="published", variant=variant, epochs=40, random_state=seed)
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    error = est.predict(split.X_test) - split.y_test
    assert round(float(np.mean(error**2)), 4) == mse
    assert mae is None or round(float(np.mean(np.abs(error))), 4) == mae


@pytest.mark.parametrize(("variant", "expected"), CLASSIFICATION.items(), ids=CLASSIFICATION)
def test_published_classification(variant, expected):
    damage = {"noise_rate": 0.1, "imbalance": 0.1, "missing_rate": 0.1}
    split = make_disc_classification(**SMALL, **damage)
    est = BIAMClassifier(solver="published", variant=variant, epochs=40, random_state=42)
    found = est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta).predict(split.X_test)
    f1 = f1_score(split.y_test, found, average="macro")
    scores = round(float(f1), 4), round(accuracy_score(split.y_test, found), 4)
    assert scores == expected


@pytest.mark.parametrize(("variant", "seed"), SHIFT, ids=str)
def test_published_shift(variant, seed):
    split = make_domain_shift(random_state=seed)
    est = BIAMRegressor(
        solver="published", variant=variant, epochs=80, n_knots=6, random_state=seed
    ).fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    mse = np.mean((est.predict(split.X_test) - split.y_test) ** 2)
    assert round(float(mse), 4) == SHIFT[variant, seed]


def test_same_seed_same_numbers_in_another_process():
    code = """
import json
from biam.datasets.synthetic import make_additive_regression
from biam.solvers.published import PublishedSolver
split = make_additive_regression(200, 3, missing_rate=0.1)
parts = split.X_train, split.y_train, split.X_meta, split.y_meta
fitted = PublishedSolver(epochs=2, progress=False).fit(*parts, seed=3)
print(json.dumps([fitted.w.tolist(), fitted.weights.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parts = rows(missing_rate=0.1)
    here, other = (solver().fit(*parts, seed=seed) for seed in (3, 4))
    assert json.loads(done.stdout) == [here.w.tolist(), here.weights.tolist()]
    assert not torch.equal(here.w, other.w)


def test_global_streams_and_threads_stay_as_they_are():
    parts = rows()
    torch.manual_seed(5)
    np.random.seed(5)
    before = torch.get_rng_state(), repr(np.random.get_state()), torch.get_num_threads()
    est = BIAMRegressor(solver="published", epochs=2, random_state=0).fit(*parts)
    est.predict(parts[0])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (repr(np.random.get_state()), torch.get_num_threads()) == before[1:]
    assert torch.get_default_dtype() == torch.float32


def test_threads_are_given_back_when_training_fails(monkeypatch):
    monkeypatch.setattr("biam.bilevel.BilevelOptimizer.run", lambda *args, **kwargs: 1 / 0)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(ZeroDivisionError):
            solver().fit(*rows())
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_classes", [0, 3])
def test_variants_have_the_parts_they_are_named_for(variant, n_classes):
    X, y, X_meta, y_meta = rows(missing_rate=0.1)
    if n_classes:
        y, y_meta = (np.digitize(part, [-0.5, 0.5]) for part in (y, y_meta))
    fitted = solver(variant=variant, epochs=12).fit(X, y, X_meta, y_meta, n_classes=n_classes)
    named = fitted.model.coefficients(fitted.w)
    assert ("alpha" in named) == (variant != "BIAM-I")
    assert ("gates" in named) == (variant == "BIAM2")
    assert {f.kind for f in fitted.model.basis.features} == {
        "step" if variant == "BIAM-H" else "hinge"
    }
    assert (np.ptp(fitted.weights) == 0) == (variant == "BIAM-B")
    assert ("meta_loss" in fitted.history[0]) == (variant != "BIAM-B")
    assert all(part.any() for part in named.values()), "every part has moved"
    assert fitted.w.isfinite().all()


def test_knots_are_shared_as_published():
    X, y, X_meta, y_meta = rows()
    X = X * np.array([1.0, 2.0, 3.0])
    knots = [f.knots for f in solver().fit(X, y, X_meta, y_meta).model.basis.features]
    assert all(torch.equal(knots[0], other) for other in knots)
    assert len(knots[0]) == 10


def test_knots_may_belong_to_each_feature():
    X, y, X_meta, y_meta = rows()
    X = X * np.array([1.0, 2.0, 3.0])
    basis = solver(shared_knots=False).fit(X, y, X_meta, y_meta).model.basis
    for j, feature in enumerate(basis.features):
        expected = np.quantile(X[:, j], np.linspace(0, 1, 10))
        np.testing.assert_allclose(feature.knots, expected, rtol=1e-6)


def test_weights_may_keep_the_scale_of_the_network():
    parts = rows(noise_rate=0.3)
    free = solver(normalise=False).fit(*parts, seed=1)
    assert 0 < free.weights.min() < free.weights.max() < 1, "plain sigmoids"
    assert abs(free.weights.mean() - 1) > 0.1
    assert not torch.equal(free.w, solver().fit(*parts, seed=1).w)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("n_classes", [0, 3])
def test_double_precision_starts_from_the_same_draws(variant, n_classes):
    X, y, X_meta, y_meta = rows(missing_rate=0.1)
    if n_classes:
        y, y_meta = (np.digitize(part, [-0.5, 0.5]) for part in (y, y_meta))
    settings = {"variant": variant, "gates": "discovery", "epochs": 3, "upper_lr": 0.1}
    single, double = (
        solver(dtype=dtype, **settings).fit(X, y, X_meta, y_meta, n_classes=n_classes, seed=1)
        for dtype in ("float32", "float64")
    )
    torch.testing.assert_close(double.w, single.w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(double.weights, single.weights, rtol=1e-3)
    assert not torch.equal(double.w, double.w.float().double()), "trained in double precision"
    assert torch.equal(single.w, single.w.float().double())
    assert double.details["theta"].dtype == torch.float64
    knots = (fit.model.basis.features[0].knots for fit in (single, double))
    assert not torch.equal(*knots), "knots in double precision too"


def test_double_precision_agrees_where_the_loop_is_stable():
    split = make_noisy_regression("outlier10")
    mse = []
    for dtype in ("float32", "float64"):
        est = BIAMRegressor(
            solver="published", random_state=42, solver_options={"dtype": dtype}, progress=False
        ).fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
        mse.append(np.mean((est.predict(split.X_test) - split.y_test) ** 2))
    # Block E1, outlier10, BIAM, seed 42 of an independent run of the published loop.
    assert mse == pytest.approx([0.147426] * 2, abs=5e-4)
    assert mse[0] == pytest.approx(mse[1], rel=1e-5)


@pytest.mark.parametrize("gates", GATE_SCHEDULES)
@pytest.mark.parametrize("n_classes", [0, 2])
@pytest.mark.parametrize("missing_rate", [0, 0.2])
def test_pairs_train_the_same_by_the_kernel_and_by_torch(
    monkeypatch, gates, n_classes, missing_rate
):
    X, y, X_meta, y_meta = rows(missing_rate=missing_rate, noise_rate=0.3)
    if n_classes:
        y, y_meta = ((part > 0).astype(int) for part in (y, y_meta))
    own = solver(variant="BIAM2", gates=gates, epochs=15, dtype="float64", upper_lr=0.1)
    fast = own.fit(X, y, X_meta, y_meta, n_classes=n_classes, seed=1)
    monkeypatch.setattr(EpochKernel, "applies", staticmethod(lambda *_: False))
    slow = own.fit(X, y, X_meta, y_meta, n_classes=n_classes, seed=1)
    torch.testing.assert_close(fast.w, slow.w, rtol=0, atol=1e-9)
    theta = (fit.details["theta"] for fit in (fast, slow))
    torch.testing.assert_close(*theta, rtol=0, atol=1e-9)
    assert fast.model.coefficients(fast.w)["gates"].abs().max() > 1e-4


def test_learned_weights_have_mean_one_and_follow_the_losses():
    fitted = solver(epochs=20).fit(*rows(noise_rate=0.3))
    assert fitted.weights.mean() == pytest.approx(1, abs=1e-4)
    assert fitted.weights.min() >= 0
    order = np.argsort(fitted.details["losses"])
    steps = np.diff(fitted.weights[order])
    assert (steps <= 1e-6).mean() > 0.9 or (steps >= -1e-6).mean() > 0.9


def test_gate_schedules_hold_pairs_back_by_different_amounts():
    parts = rows()
    gates = {
        name: solver(variant="BIAM2", epochs=12, gates=name).fit(*parts, seed=1)
        for name in GATE_SCHEDULES
    }
    size = {n: float(f.model.coefficients(f.w)["gates"].abs().sum()) for n, f in gates.items()}
    assert 0 < size["robust"] < size["discovery"]
    waiting = solver(variant="BIAM2", epochs=GATE_SCHEDULES["robust"].warm_up).fit(*parts, seed=1)
    assert not waiting.model.coefficients(waiting.w)["gates"].any()


def test_sample_weights_matter_and_their_scale_does_not():
    X, y, X_meta, y_meta = rows()
    weight = np.where(X[:, 0] > 0, 1.0, 3.0)
    plain, one, five = (
        solver(epochs=5).fit(X, y, X_meta, y_meta, sample_weight=w, seed=1)
        for w in (None, weight, 5 * weight)
    )
    torch.testing.assert_close(one.w, five.w, rtol=1e-4, atol=1e-5)
    assert (one.w - plain.w).abs().max() > 1e-3
    ones = solver(epochs=5).fit(X, y, X_meta, y_meta, sample_weight=np.ones(len(y)), seed=1)
    torch.testing.assert_close(ones.w, plain.w, rtol=1e-4, atol=1e-5)


def test_patience_stops_early():
    parts = rows(noise_rate=0.3)
    fitted = solver(epochs=60, patience=2, upper_lr=0.5, lower_lr=0.2).fit(*parts)
    losses = [record["meta_loss"] for record in fitted.history]
    assert len(losses) < 60
    assert fitted.status == "stopped"
    assert min(losses[-2:]) >= min(losses[:-2])


def test_divergence_is_a_status_not_a_crash():
    X, y, X_meta, y_meta = rows()
    fitted = solver(lower_lr=1e20, epochs=5).fit(X, y, X_meta, y_meta)
    assert fitted.status == "diverged"


@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "BIAM-B"])
def test_learning_weights_needs_meta_rows(variant):
    X, y, _, _ = rows()
    with pytest.raises(InvalidInputError, match="pass X_meta and y_meta, or use variant='BIAM-B'"):
        solver(variant=variant).fit(X, y, None, None)
    assert solver(variant="BIAM-B").fit(X, y, None, None).weights.tolist() == [1.0] * len(y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "BIAM-X"}, "unknown variant 'BIAM-X': did you mean 'BIAM"),
        ({"gates": "robst"}, "unknown gates 'robst': did you mean 'robust'?"),
        ({"dtype": "float46"}, "unknown dtype 'float46': did you mean 'float64'"),
    ],
    ids=["variant", "gates", "dtype"],
)
def test_unknown_names_are_refused(settings, message):
    with pytest.raises(UnknownNameError, match=message):
        solver(**settings).fit(*rows())
