"""Gates: the evidence of a set of terms, the best independent gates, planted terms found."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from biam import BIAMClassifier, BIAMRegressor
from biam.solvers.exact.gates import PRIOR, PRIOR_LOGIT, GateSearch

SIGMA = 0.7


def problem(A, y, owner, penalty, price):
    """The ridge problem of errors with deviation SIGMA, its gates, and what there is to compare."""
    A, y = torch.as_tensor(A), torch.as_tensor(y)
    diagonal = torch.full((A.shape[1],), penalty, dtype=torch.float64)
    gram, slope = A.T @ A / SIGMA**2, A.T @ y / SIGMA**2
    price = torch.tensor(price, dtype=torch.float64)
    return GateSearch(gram, slope, diagonal, torch.tensor(owner), price)


@pytest.fixture(name="mixed")
def mixed_fixture():
    """Four terms of six columns that overlap, and one column that is always on."""
    stream = np.random.default_rng(0)
    A = stream.normal(size=(40, 7))
    A[:, 3] += A[:, 1]
    y = A @ [0.3, 0.5, 0.0, 0.2, 0.25, 0.0, 0.0] + SIGMA * stream.normal(size=40)
    owner, price = [-1, 0, 0, 1, 2, 3, 3], [0.0, 0.5, 0.2, 1.0]
    return A, y, owner, price, problem(A, y, owner, 2.0, price)


def structures(n):
    return torch.tensor(list(product([0.0, 1.0], repeat=n)), dtype=torch.float64)


def test_evidence_is_the_normal_likelihood_of_the_targets(mixed):
    A, y, owner, price, gates = mixed
    z, expected = structures(4), []
    for row in z.numpy():
        on = A[:, [k < 0 or row[k] > 0 for k in owner]]
        law = multivariate_normal(np.zeros(40), on @ on.T / 2.0 + SIGMA**2 * np.eye(40))
        expected.append(law.logpdf(y) - row @ price)
    found = gates.log_evidence(z).numpy()
    assert found - found[0] == pytest.approx(np.array(expected) - expected[0], abs=1e-9)


def test_orthogonal_terms_have_the_exact_posterior():
    stream = np.random.default_rng(1)
    A = np.linalg.qr(stream.normal(size=(50, 8)))[0] * 5
    y = A @ [0.6, 0.0, 0.2, 0.0, 0.0, 0.3, 0.1, 0.0] + SIGMA * stream.normal(size=50)
    price = np.linspace(0, 1, 4)
    gates = problem(A, y, np.repeat(range(4), 2), 1.0, price)
    on = gates.log_evidence(torch.eye(4).double()) - gates.log_evidence(torch.zeros(1, 4).double())
    expected = (PRIOR_LOGIT + on).clamp(-30, 30)
    assert torch.allclose(gates.run(0), expected, atol=1e-8)
    assert expected.min() < -1 and expected.max() > 1


def bound(gates, phi):
    """E_q[log p(y, z)] - E_q[log q], all structures counted."""
    z, q = structures(len(phi)), torch.sigmoid(phi)
    chance = torch.where(z > 0, q, 1 - q).prod(1)
    prior = torch.where(z > 0, PRIOR, 1 - PRIOR).double().prod(1)
    return float(chance @ (gates.log_evidence(z) + prior.log() - chance.log()))


@pytest.mark.parametrize("seed", range(3))
def test_no_gate_can_be_moved_to_a_better_bound(mixed, seed):
    gates = mixed[-1]
    phi = gates.run(seed)
    best = bound(gates, phi)
    for g, step in product(range(4), (-2.0, 2.0)):
        moved = phi.clone()
        moved[g] += step
        assert bound(gates, moved) < best + 0.02
    z = structures(4)
    posterior = (gates.log_evidence(z) + PRIOR_LOGIT * z.sum(1)).softmax(0) @ z
    assert torch.sigmoid(phi).numpy() == pytest.approx(posterior.numpy(), abs=0.2)
    assert best <= float((gates.log_evidence(z) + PRIOR_LOGIT * z.sum(1)).logsumexp(0))


def planted(seed, n=500, binary=False):
    """Curves of x0 and x1, a gap of x0 that counts, x2 times x3, and two features for nothing."""
    stream = np.random.default_rng(seed)
    X = stream.uniform(-1, 1, (n, 6))
    # A product of numbers off their means would hold a little of both alone.
    X -= X.mean(0)
    gap = stream.random(n) < 0.15
    f = 2 * X[:, 0] * ~gap + np.sin(5 * X[:, 1]) + 3 * X[:, 2] * X[:, 3] + 2.5 * gap
    X[gap, 0] = np.nan
    X[stream.random(n) < 0.15, 4] = np.nan
    if binary:
        return X, (stream.random(n) < 1 / (1 + np.exp(-2 * f))).astype(int)
    return X, f + 0.3 * stream.normal(size=n)


PLANTED = {("curve", (0,)), ("curve", (1,)), ("missing", (0,)), ("pair", (2, 3))}


def opened(est):
    return {
        (gate["kind"], tuple(gate["features"]))
        for gate in est.details_["gates"]
        if gate["probability"] >= 0.5
    }


@pytest.mark.parametrize("seed", [101, 102])
def test_planted_terms_are_in_and_no_other(seed):
    X, y = planted(seed)
    est = BIAMRegressor(selection="gates", random_state=0).fit(X, y)
    assert opened(est) == PLANTED
    kept = est.shape_functions_.groupby("feature")["effect"].agg(np.ptp)
    assert (kept[["x2", "x3", "x4", "x5"]] == 0).all() and (kept[["x0", "x1"]] > 1).all()
    effects = est.missing_effects_.set_index("feature")["effect"]
    assert effects["x4"] == 0 and effects["x0"] > 1
    all_in = BIAMRegressor(random_state=0).fit(X, y)
    assert "gates" not in all_in.details_
    assert (all_in.shape_functions_.groupby("feature")["effect"].agg(np.ptp) > 0).sum() > 2


def test_wrong_labels_and_meta_rows():
    X, y = planted(104, 800)
    spoilt = y + np.where(np.random.default_rng(0).random(800) < 0.3, 8.0, 0.0)
    est = BIAMRegressor(selection="gates", random_state=0)
    est.fit(X[:700], spoilt[:700], X[700:], y[700:])
    assert opened(est) == PLANTED
    assert est.details_["weighting"] == "posterior"


def test_two_classes():
    X, y = planted(105, 1200, binary=True)
    est = BIAMClassifier(selection="gates", random_state=0).fit(X, y)
    assert opened(est) == PLANTED


def test_pairs_are_those_that_may_be():
    X, y = planted(101, 300)
    for pairs, allowed in ((False, set()), ([(0, 1)], {(0, 1)}), (1, {(2, 3)})):
        est = BIAMRegressor(selection="gates", pairs=pairs, random_state=0).fit(X, y)
        tried = {tuple(g["features"]) for g in est.details_["gates"] if g["kind"] == "pair"}
        assert tried == allowed


def test_terms_chosen_on_a_sample_are_those_of_all_rows():
    X, y = planted(102, 1000)
    options = {"max_upper_rows": 500}
    est = BIAMRegressor(selection="gates", solver_options=options, random_state=0).fit(X, y)
    assert opened(est) == PLANTED
    left = {tuple(t["features"]) for t in est.details_["terms"] if t["kind"] in ("shape", "pair")}
    assert left <= {(0,), (1,), (2, 3)}


def test_nothing_to_find_leaves_the_mean():
    stream = np.random.default_rng(0)
    X, y = stream.normal(size=(300, 4)), stream.normal(size=300)
    est = BIAMRegressor(selection="gates", random_state=0).fit(X, y)
    assert opened(est) == set()
    assert np.ptp(est.predict(X)) == 0
    assert est.predict(X[:1])[0] == pytest.approx(y.mean(), abs=0.01)
