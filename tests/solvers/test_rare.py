"""Rare targets: their risk falls on fresh rows, labels are judged as before, weights are rows."""

import numpy as np
import pytest

from biam import BIAMRegressor, load
from biam.exceptions import InvalidInputError
from biam.relevance import relevance

N, FRESH = 600, 2000
PLAIN = {"pairs": False, "random_state": 0}


@pytest.fixture(scope="module", name="skewed", params=[101, 102])
def skewed_fixture(request):
    """A product that curves alone cannot follow: most targets are small, a few are large."""
    rng = np.random.default_rng(request.param)
    X = rng.uniform(-1, 1, (N + FRESH, 4))
    return X, np.exp(1.2 * X[:, 0] + X[:, 1] + 0.8 * X[:, 2]) + 0.3 * rng.normal(size=len(X))


def errors(est, X, y):
    """Risk with rare targets counted for what they lack in number, and that of the rarest."""
    loss = (est.predict(X[N:]) - y[N:]) ** 2
    top = y[N:] > np.quantile(y[:N], 0.95)
    return (relevance(y[N:], y[:N]) * loss).mean(), loss[top].mean(), loss.mean()


@pytest.fixture(scope="module", name="both")
def both_fixture(skewed):
    X, y = skewed
    return {o: BIAMRegressor(objective=o, **PLAIN).fit(X[:N], y[:N]) for o in ("mse", "rare")}


def test_risk_of_rare_targets_falls_on_fresh_rows(skewed, both):
    plain, rare = (errors(both[objective], *skewed) for objective in ("mse", "rare"))
    assert rare[0] < 0.75 * plain[0]
    assert rare[1] < 0.5 * plain[1]
    assert rare[2] > plain[2]  # what it costs


def test_labels_are_judged_as_without(skewed):
    X, y = skewed
    rng = np.random.default_rng(0)
    bad = rng.random(N) < 0.2
    spoilt = y[:N] + np.where(bad, rng.normal(0, 30, N), 0)
    plain = BIAMRegressor(**PLAIN).fit(X[:N], spoilt)
    rare = BIAMRegressor(objective="rare", **PLAIN).fit(X[:N], spoilt)
    assert np.array_equal(rare.weights_, plain.weights_)
    assert rare.details_["noise"] == plain.details_["noise"]
    assert rare.weights_[bad].mean() < 0.3
    assert errors(rare, X, y)[0] < 0.75 * errors(plain, X, y)[0]


def test_meta_rows_count_as_rows(skewed):
    X, y = (part[:N] for part in skewed)
    est = BIAMRegressor(objective="rare", weighting="equal", **PLAIN)
    together = est.fit(X, y).predict(X)
    apart = est.fit(X[100:], y[100:], X[:100], y[:100]).predict(X)
    assert apart == pytest.approx(together, rel=1e-6, abs=1e-6)
    assert len(est.weights_) == len(est.details_["losses"]) == N - 100
    assert len(est.details_["relevance"]) == N - 100 == len(y) - len(est.details_["meta_doubts"])


def test_evenly_spread_targets_change_next_to_nothing():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (N, 2))
    y = np.argsort(np.argsort(np.exp(X[:, 0]) + X[:, 1] + 0.2 * rng.normal(size=N))) / N
    plain, rare = (BIAMRegressor(objective=o, **PLAIN).fit(X, y) for o in ("mse", "rare"))
    gap = rare.predict(X) - plain.predict(X)
    assert np.abs(gap).max() < 0.02 * np.ptp(y)


def test_sample_weights_are_repeated_rows(skewed):
    X, y = (part[:300] for part in skewed)
    times = np.random.default_rng(3).integers(0, 3, len(y))
    est = BIAMRegressor(objective="rare", weighting="equal", **PLAIN)
    weighted = est.fit(X, y, sample_weight=times).predict(X)
    repeated = est.fit(np.repeat(X, times, 0), np.repeat(y, times)).predict(X)
    assert weighted == pytest.approx(repeated, abs=0.005)


def test_saved_and_read(both, skewed, tmp_path):
    both["rare"].save(tmp_path / "est.biam")
    again = load(tmp_path / "est.biam")
    X, _ = skewed
    assert np.array_equal(again.predict(X[:50]), both["rare"].predict(X[:50]))
    assert again.objective == "rare"


@pytest.mark.parametrize("options", [{"solver": "published"}, {"weighting": "network"}])
def test_needs_the_exact_solver(skewed, options):
    X, y = skewed
    with pytest.raises(InvalidInputError, match="objective='rare' needs solver='exact'"):
        BIAMRegressor(objective="rare", **options).fit(X[:50], y[:50], X[50:60], y[50:60])
