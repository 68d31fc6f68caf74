"""What BIAM-X tells: details, bands, histories, terms asked for or found, and saved fits."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from biam import BIAMClassifier, BIAMRegressor, load
from biam.datasets import load_iris
from biam.solvers.exact import WEIGHTINGS
from biam.solvers.network import NetworkSolver

QUIET = {"progress": False, "n_knots": 6}
CLASSES = {"regression": 0, "logistic": 2}


@pytest.mark.parametrize("meta", [False, True], ids=["no-meta", "meta"])
@pytest.mark.parametrize("kind", CLASSES)
def test_details_say_what_was_found(exact, kind, meta):
    X, y = exact.spoiled(CLASSES[kind])
    clean = (X[200:], y[200:]) if meta else ()
    fitted = exact.fit(X[:200], y[:200], *clean, n_classes=CLASSES[kind])
    details = fitted.details
    told = {"weighting", "noise", "meta_losses", "meta_doubts", "edf", "losses", "terms"}
    told |= {"calibration"} if CLASSES[kind] else set()
    assert details.keys() == told | {"pair_evidence", "covariance"}
    assert details["weighting"] in ("posterior", "equal", "meta-only")
    names = {"posterior", "equal", "meta-only"}
    assert set(details["meta_losses"]) == (names if meta else set())
    noise = (
        {"flip_rates"} if CLASSES[kind] else {"mean", "scale", "share", "right_share", "gap_scale"}
    )
    assert set(details["noise"]) == noise
    doubts = details["meta_doubts"]
    assert doubts.shape == ((60,) if meta else (0,))
    assert ((doubts >= 0) & (doubts <= 1)).all()
    for term in details["terms"]:
        assert set(term) == {"kind", "features", "penalty", "edf"}
    total = 1 + sum(term["edf"] for term in details["terms"])
    assert details["edf"] == pytest.approx(total)
    f = exact.outputs(fitted, X[:200])
    losses = np.logaddexp(0, np.where(y[:200] > 0, -f, f)) if CLASSES[kind] else (y[:200] - f) ** 2
    if not (meta and CLASSES[kind]):  # there training rows have an offset of their own
        np.testing.assert_allclose(details["losses"], losses, rtol=1e-6, atol=1e-9)
    evidence = details["pair_evidence"]
    assert evidence.shape == (4, 4)
    np.testing.assert_array_equal(evidence, evidence.T)
    assert (evidence >= 0).all()


@pytest.mark.parametrize("kind", CLASSES)
def test_the_covariance_is_one(exact, kind):
    X, y = exact.spoiled(CLASSES[kind])
    fitted = exact.fit(X[:200], y[:200], X[200:], y[200:], n_classes=CLASSES[kind])
    V = fitted.details["covariance"]
    assert V.shape == (fitted.model.layout.size,) * 2
    np.testing.assert_allclose(V, V.T, atol=1e-9 * np.abs(V).max())
    assert np.linalg.eigvalsh((V + V.T) / 2).min() > -1e-8 * np.abs(V).max()


def test_curves_keep_their_bands_where_pairs_are_too_many_for_theirs(monkeypatch):
    X = np.random.default_rng(0).uniform(-2, 2, size=(300, 4))
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2])
    whole = BIAMRegressor(pairs=[(0, 1)], **QUIET).fit(X, y)
    monkeypatch.setattr("biam.solvers.exact.solver.MOST_COVARIANCE", 60)
    part = BIAMRegressor(pairs=[(0, 1)], **QUIET).fit(X, y)
    assert len(whole.details_["covariance"]) > 60 >= len(part.details_["covariance"])
    pd.testing.assert_frame_equal(part.shape_functions_, whole.shape_functions_)
    pd.testing.assert_frame_equal(part.missing_effects_, whole.missing_effects_)
    pairs = whole.pair_effects_
    assert {"lower", "upper"} <= set(pairs) and (pairs["lower"] < pairs["upper"]).any()
    pd.testing.assert_frame_equal(part.pair_effects_, pairs.drop(columns=["lower", "upper"]))


def test_standard_errors_cover_the_truth_across_the_table(exact):
    stream = np.random.default_rng(0)
    squares = []
    for _ in range(12):
        X, fresh = stream.uniform(-2, 2, size=(300, 2)), stream.uniform(-2, 2, size=(100, 2))
        y = X[:, 0] + np.sin(X[:, 1]) + 0.5 * stream.normal(size=300)
        fitted = exact.fit(X, y, n_knots=10, pairs=False, interactions=False)
        design = fitted.model.basis.design(fresh)
        A = torch.cat([design.H, design.M[:, 1:]], 1).numpy()
        variance = np.einsum("ni,ij,nj->n", A, fitted.details["covariance"], A)
        error = exact.outputs(fitted, fresh) - fresh[:, 0] - np.sin(fresh[:, 1])
        squares.append(np.mean(error**2 / variance))
    # Squared errors in units of their told variance: one on average (Nychka 1988).
    assert 0.6 < np.mean(squares) < 1.4


def test_history_counts_its_steps(exact):
    X, y = exact.spoiled(0)
    fitted = exact.fit(X[:200], y[:200], X[200:], y[200:], epochs=7)
    steps = [told["epoch"] for told in fitted.history]
    assert steps == list(range(1, len(steps) + 1))
    assert len(steps) <= 7
    assert fitted.history[-1].keys() == {"epoch", "lower_loss", "meta_loss", "edf"}
    assert all(a["edf"] > 0 and b["edf"] > 0 for a, b in pairwise(fitted.history))


# Terms and choices


def found_pairs(exact, **settings):
    # On a square: at the ends of a normal distribution a curved pair is hard to tell from noise.
    stream = np.random.default_rng(0)
    X = stream.uniform(-1, 1, size=(400, 3))
    y = X[:, 0] + 2 * X[:, 0] * X[:, 1] + 0.3 * stream.normal(size=400)
    return list(exact.fit(X, y, **settings).model.pairs)


def test_pairs_can_be_found_counted_named_and_forbidden(exact):
    assert found_pairs(exact) == [(0, 1)]
    assert found_pairs(exact, pairs=True) == [(0, 1)]
    assert found_pairs(exact, pairs=1) == [(0, 1)]
    assert found_pairs(exact, pairs=0) == found_pairs(exact, pairs=False) == []
    assert found_pairs(exact, pairs=[(1, 2), (0, 1)]) == [(0, 1), (1, 2)]


def test_pairs_may_be_column_names_or_positions(exact):
    import pandas as pd

    X, y = exact.table(n=300)
    frame = pd.DataFrame(X[:, :3], columns=["a", "b", "c"])
    named, placed, mixed = (
        BIAMRegressor(pairs=pairs, n_knots=5, random_state=0).fit(frame, y)
        for pairs in ([("b", "a")], [(0, 1)], [("a", 1)])
    )
    assert named.model_.pairs == placed.model_.pairs == mixed.model_.pairs == ((0, 1),)
    assert np.array_equal(named.predict(frame), placed.predict(frame))
    assert np.array_equal(named.predict(frame), mixed.predict(frame))


def informed(n, *, planted, seed=0, sd=0.1):
    """x1 is a noisy copy of x0 and stands in for it where x0 is missing, if `planted`."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    if planted:
        X[:, 1] = X[:, 0] + 0.1 * stream.normal(size=n)
    y = 2 * X[:, 0] + X[:, 2] + sd * stream.normal(size=n)
    X[stream.uniform(size=n) < 0.3, 0] = np.nan
    return X, y


@pytest.mark.parametrize("n_meta", [0, 120], ids=["no-meta", "meta"])
@pytest.mark.parametrize("planted", [True, False], ids=["planted", "independent"])
def test_missing_interactions_are_kept_where_features_inform_one_another(exact, planted, n_meta):
    kept = []
    for seed in range(4):
        X, y = informed(400, planted=planted, seed=seed, sd=0.1 if planted else 1.0)
        meta = (X[:n_meta], y[:n_meta]) if n_meta else ()
        fitted = exact.fit(X[n_meta:], y[n_meta:], *meta, pairs=False)
        found = {
            tuple(t["features"]) for t in fitted.details["terms"] if t["kind"] == "interaction"
        }
        kept.append((0, 1) in found)
        assert fitted.model.interactions == bool(found)
    assert sum(kept) == 4 if planted else sum(kept) <= 1


def test_interactions_can_be_forced_and_forbidden(exact):
    X, y = informed(500, planted=True)
    fresh, truth = informed(500, planted=True, seed=1)
    mse = {}
    for wanted in ("auto", True, False):
        fitted = exact.fit(X, y, interactions=wanted, pairs=False)
        assert fitted.model.interactions == bool(wanted)
        mse[wanted] = np.mean((exact.outputs(fitted, fresh) - truth) ** 2)
    assert max(mse["auto"], mse[True]) < 0.6 * mse[False]
    assert mse["auto"] == pytest.approx(mse[True], rel=0.1)


def test_a_constant_column_has_a_zero_shape(exact):
    X, y = exact.table()
    X[:, 2] = 3.0
    fitted = exact.fit(X, y)
    beta = fitted.model.coefficients(fitted.w)["beta"]
    constant = fitted.model.basis.slices[2]
    assert not beta[constant.start - 1 : constant.stop - 1].any()
    assert beta.abs().max() > 0.1


def test_equal_weights_can_be_asked_for(exact):
    X, y = exact.spoiled(0)
    fitted = exact.fit(X[:200], y[:200], X[200:], y[200:], weighting="equal")
    assert (fitted.weights == 1).all()
    assert fitted.details["weighting"] == "equal"
    robust = exact.fit(X[:200], y[:200], X[200:], y[200:])
    truth = exact.table(n=260)[1]
    errors = [np.mean((exact.outputs(f, X) - truth) ** 2) for f in (fitted, robust)]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("kind", CLASSES)
def test_the_network_is_another_solver(exact, kind):
    X, y = exact.spoiled(CLASSES[kind])
    given, options = (X[:200], y[:200], X[200:], y[200:]), {"n_classes": CLASSES[kind]}
    asked = exact.fit(*given, weighting="network", epochs=6, patience=3, upper_lr=0.2, **options)
    solver = NetworkSolver(epochs=6, patience=3, upper_lr=0.2, **QUIET)
    own = solver.fit(*given, n_levels=[0, 0, 0, 3], **options)
    assert torch.equal(asked.w, own.w)
    assert np.array_equal(asked.weights, own.weights)
    assert asked.history == own.history
    assert set(WEIGHTINGS) == {"posterior", "network", "equal"}


def test_more_than_two_classes_have_the_network(exact):
    data = load_iris()
    X, y = np.array(data.X, float), np.array(data.y)
    asked = exact.fit(X, y, n_classes=3, n_levels=None)
    own = NetworkSolver(**QUIET).fit(X, y, None, None, n_classes=3)
    assert torch.equal(asked.w, own.w)


@pytest.mark.parametrize("kind", CLASSES)
def test_saved_and_read_predicts_the_same_bits(exact, kind, tmp_path):
    X, y = exact.spoiled(CLASSES[kind])
    est = (BIAMClassifier if CLASSES[kind] else BIAMRegressor)(n_knots=6, random_state=0)
    est.fit(X[:200], y[:200], X[200:], y[200:]).save(tmp_path / "est")
    back = load(tmp_path / "est")
    for ask in ("predict_proba", "predict") if CLASSES[kind] else ("predict",):
        assert np.array_equal(getattr(back, ask)(X), getattr(est, ask)(X))
    np.testing.assert_array_equal(back.weights_, est.weights_)
    np.testing.assert_array_equal(back.details_["covariance"], est.details_["covariance"])
    np.testing.assert_array_equal(back.details_["pair_evidence"], est.details_["pair_evidence"])
    for name in ("weighting", "noise", "meta_losses", "terms"):
        assert back.details_[name] == est.details_[name]
