"""Two classes as labels: derivatives are derivatives, planted rates come back, no step goes up."""

import numpy as np
import pytest
import torch
from scipy import optimize, stats
from sklearn.metrics import roc_auc_score

from biam.solvers.exact.components import Components
from biam.solvers.exact.evidence import maximise
from biam.solvers.exact.flips import META_RATE, Flips
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import main_groups


def labels(y, *, n_meta=0, fixed=None):
    y = torch.as_tensor(np.asarray(y, float))
    fixed = torch.ones(len(y)).double() if fixed is None else torch.as_tensor(fixed)
    return Labels(
        y, torch.arange(len(y)) >= len(y) - n_meta, fixed, torch.zeros(len(y), 0).double()
    )


def flips(n=40, seed=0, *, n_meta=10, weighted=True, rates=(0.1, 0.25)):
    stream = np.random.default_rng(seed)
    fixed = stream.exponential(size=n) if weighted else None
    given = labels(stream.integers(0, 2, n), n_meta=n_meta, fixed=fixed)
    f = torch.as_tensor(stream.normal(size=n))
    return Flips(given, torch.tensor(rates, dtype=torch.float64)), f


def turned(noise, logits):
    return Flips(noise.labels, torch.sigmoid(logits))


def slope_of(function, x, h=1e-5):
    moves = h * torch.eye(len(x), dtype=torch.float64)
    found = [(function(x + m) - function(x - m)) / (2 * h) for m in moves]
    return torch.tensor(found, dtype=torch.float64)


def test_scores_are_derivatives_of_the_likelihood():
    noise, f = flips()
    precision, residual, directions = noise.working(f)
    score = precision * residual
    torch.testing.assert_close(score, -slope_of(noise.surprise, f), rtol=1e-6, atol=1e-8)
    logits = torch.logit(noise.rates)
    slope = -slope_of(lambda z: turned(noise, z).surprise(f), logits)
    torch.testing.assert_close(directions.T @ score, slope, rtol=1e-6, atol=1e-8)
    # Meta rows say nothing of the rates.
    assert not directions[noise.labels.trusted].any()


def test_precision_is_the_fisher_information():
    noise, f = flips(weighted=False)
    both = []
    for y in (0.0, 1.0):
        noise.labels.y = torch.full_like(f, y)
        precision, residual, directions = noise.working(f)
        chance = noise._mean(torch.sigmoid(f))
        score = (precision * residual)[:, None] * torch.cat([torch.ones(40, 1), directions], 1)
        chance = chance if y else 1 - chance
        both.append(chance[:, None, None] * score[:, :, None] * score[:, None, :])
    expected = sum(both)
    wide = torch.cat([torch.ones(40, 1), directions], 1)
    found = precision[:, None, None] * wide[:, :, None] * wide[:, None, :]
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_the_prior_of_the_rates_and_its_derivatives():
    noise, _ = flips()
    curvature, pull = noise.extra_prior()
    alpha, beta = noise.prior

    def prior(z):
        rate = torch.sigmoid(z)
        return -float((alpha * rate.log() + beta * (1 - rate).log()).sum())

    logits = torch.logit(noise.rates)
    torch.testing.assert_close(pull, slope_of(prior, logits), rtol=1e-6, atol=1e-8)
    bend = slope_of(lambda z: float(turned(noise, z).extra_prior()[1].sum()), logits)
    torch.testing.assert_close(curvature, bend, rtol=1e-6, atol=1e-8)


def test_the_prior_is_a_density_of_the_logits():
    noise, _ = flips()
    z = torch.linspace(-40, 40, 4001).double()
    # One logit at a time: the other rate is at its place, whose density is known.
    alpha, beta = noise.prior
    at = torch.stack([z, torch.full_like(z, -1.0)], 1)
    values = [Flips(noise.labels, torch.sigmoid(row)).log_prior() for row in at]
    other = stats.beta(alpha, beta).logpdf(float(torch.sigmoid(at[0, 1])))
    other += float(torch.log_softmax(torch.tensor([1.0, 0.0]), 0).sum())
    mass = np.trapezoid(np.exp(np.array(values) - other - np.log(2 * np.pi)), z.numpy())
    assert mass == pytest.approx(1, rel=1e-3)


def log_evidence(rows, noise, penalties):
    """Laplace's log p(labels), rates and penalties given, up to a constant; by Newton steps."""
    A = torch.cat([B for _, B in rows.blocks()])
    stiffness = torch.cat([torch.ones(1).double(), *(g.stiffness for g in rows.groups)])
    groups = torch.tensor([len(g) for g in rows.groups])
    S = stiffness * torch.cat([torch.tensor([1e-8]).double(), penalties.repeat_interleave(groups)])
    w = torch.zeros(A.shape[1]).double()
    for _ in range(200):
        precision, residual, _ = noise.working(A @ w)
        H = (A * precision[:, None]).T @ A + torch.diag(S)
        w = w + 0.5 * torch.linalg.solve(H, A.T @ (precision * residual) - S * w)
    precision, _, _ = noise.working(A @ w)
    H = (A * precision[:, None]).T @ A + torch.diag(S)
    return -noise.surprise(A @ w) - 0.5 * float(S @ w.square()) - 0.5 * float(torch.logdet(H))


def test_rates_maximise_the_marginal_likelihood():
    X, y, _, _ = two_classes(500, (0.1, 0.2))
    fit = fitted(X, y, max_iter=40)
    noise, alpha, beta = fit.noise, *fit.noise.prior

    def at(z):
        rate = torch.sigmoid(torch.as_tensor(z))
        prior = float((alpha * rate.log() + beta * (1 - rate).log()).sum())
        return log_evidence(fit.rows, turned(noise, torch.logit(rate)), fit.penalties) + prior

    found = torch.logit(noise.rates).numpy()
    best = optimize.minimize(lambda z: -at(z), found, method="Nelder-Mead", options={"xatol": 1e-2})
    assert -best.fun - at(found) < 0.05
    np.testing.assert_allclose(noise.rates, 1 / (1 + np.exp(-best.x)), atol=0.015)
    assert at(found + 0.5) < at(found) - 0.1 > at(found - 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_rates_of_many_weak_features_are_not_too_low(seed):
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(1500, 30))
    f = 2 * X @ np.full(30, 30**-0.5)
    clean = stream.uniform(size=1500) < 1 / (1 + np.exp(-f))
    y = np.where(stream.uniform(size=1500) < 0.3, ~clean, clean).astype(float)
    given = labels(y, n_meta=150)
    given.y[-150:] = torch.as_tensor(clean[-150:].astype(float))
    components = Components.fit(X, 2, None, np.ones(1500))
    rows = Rows(components, X, np.ones(1500, bool)).use(main_groups(components, ()))
    fit = maximise(rows, Flips.start(given, None, None))
    np.testing.assert_allclose(fit.noise.rates, 0.3, atol=0.1)


@pytest.mark.parametrize("length", [0.1, 10.0, 1e4])
def test_no_step_raises_the_objective(length):
    noise, f = flips()
    w, penalty = torch.zeros(1).double(), torch.ones(1).double()
    before = noise._objective(f, w, penalty)
    move = length * (noise.labels.y - 0.5)
    step = torch.tensor([0.0, length, -length]).double()
    taken, gain = noise.advance(f, move, w, step, penalty)
    after = noise._objective(f + taken * move, w, penalty)
    assert 0 <= taken <= 1
    assert gain == pytest.approx(before - after, abs=1e-12)
    assert gain >= -1e-9
    assert noise.rates.sum() < 0.98


def two_classes(n, rates, seed=0):
    """Two steep features; clean labels, and labels flipped at the rates."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 2))
    f = 3 * X[:, 0] + 3 * np.sin(2 * X[:, 1])
    clean = (stream.uniform(size=n) < 1 / (1 + np.exp(-f))).astype(float)
    flipped = stream.uniform(size=n) < np.where(clean > 0, rates[1], rates[0])
    return X, np.where(flipped, 1 - clean, clean), flipped, f


def fitted(X, y, noise=None, max_iter=25):
    components = Components.fit(X, 6, None, np.ones(len(X)))
    rows = Rows(components, X, np.ones(len(X), bool)).use(main_groups(components, ()))
    return maximise(rows, noise or Flips.start(labels(y), None, None), max_iter=max_iter)


@pytest.mark.parametrize("rates", [(0.05, 0.25), (0.2, 0.1), (0.0, 0.0)])
def test_planted_rates_come_back(rates):
    X, y, flipped, _ = two_classes(4000, rates)
    fit = fitted(X, y)
    np.testing.assert_allclose(fit.noise.rates, rates, atol=0.035)
    if not any(rates):
        assert (fit.noise.rates < 0.01).all()
        return
    weights = fit.noise.weights(fit.f).numpy()
    assert 0 <= weights.min() <= weights.max() <= 1
    assert roc_auc_score(~flipped, weights) > 0.8
    assert weights.mean() == pytest.approx(1 - flipped.mean(), abs=0.03)


def test_swapped_classes_swap_the_rates_and_nothing_else():
    X, y, _, _ = two_classes(800, (0.05, 0.25))
    fit, other = fitted(X, y), fitted(X, 1 - y)
    torch.testing.assert_close(other.noise.rates, fit.noise.rates.flip(0), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(other.f, -fit.f, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(other.noise.weights(other.f), fit.noise.weights(fit.f))


def test_true_outputs_start_at_the_true_rates():
    _, y, _, f = two_classes(4000, (0.05, 0.25))
    f = torch.as_tensor(f)
    noise = Flips.start(labels(y), f, torch.zeros_like(f))
    np.testing.assert_allclose(noise.rates, [0.05, 0.25], atol=0.03)


def test_plain_flips_are_logistic_regression():
    noise, f = flips(n_meta=0)
    plain = Flips.plain(noise.labels)
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    expected = float(loss(f, plain.labels.y, weight=plain.labels.fixed, reduction="sum"))
    assert plain.surprise(f) == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(plain.losses(f), loss(f, plain.labels.y, reduction="none"))
    precision, _, extra = plain.working(f)
    s = torch.sigmoid(f)
    torch.testing.assert_close(precision, plain.labels.fixed * s * (1 - s), rtol=1e-3, atol=0)
    assert extra is None
    assert plain.summary() == {"flip_rates": [0, 0]}
    assert plain.weights(f).min() > 0.999
    # Where every row is trusted there is nothing to learn.
    assert not Flips.start(labels([0.0, 1.0], n_meta=2), None, None).learned


def test_plain_flips_follow_labels_far_on_the_other_side():
    given = labels([1.0, 0.0])
    f = torch.tensor([-15.0, 15.0]).double()
    precision, residual, _ = Flips.plain(given).working(f)
    # The score of logistic regression is y - sigmoid(f): no flip takes the blame.
    np.testing.assert_allclose(precision * residual, [1, -1], rtol=0.01)


def test_wrong_meta_labels_cannot_pull_without_bound():
    given = labels([1.0, 1.0, 1.0], n_meta=1)
    f = torch.full((3,), -15.0).double()
    precision, residual, _ = Flips(given, torch.tensor([1e-6, 1e-6]).double()).working(f)
    trained, _, meta = (precision * residual).abs().tolist()
    # One label in a thousand may be wrong: at odds of e^15 it is.
    assert meta < np.exp(-15) / META_RATE < 0.1 < trained


def test_doubts_of_meta_rows_are_chances_by_bayes():
    noise, f = flips(n_meta=40)
    noise = Flips(noise.labels, noise.rates)
    assert not noise.learned
    s = torch.sigmoid(8 * f)
    p = torch.where(noise.labels.y > 0, s, 1 - s)
    expected = META_RATE * (1 - p) / (META_RATE * (1 - p) + (1 - META_RATE) * p)
    torch.testing.assert_close(noise.doubts(8 * f), expected, rtol=1e-6, atol=1e-9)
    assert 0 < expected.min() < 0.01 < 0.5 < expected.max() < 1


def test_left_out_log_losses_are_near_those_of_refits():
    X, y, _, _ = two_classes(60, (0, 0))
    fit = fitted(X, y, Flips.plain(labels(y)))
    rows, S = fit.rows, torch.cat([torch.full((1,), 1e-8).double(), fit.penalties[_owner(fit)]])
    stiffness = torch.cat([torch.ones(1).double(), *(g.stiffness for g in rows.groups)])
    A = torch.cat([B for _, B in rows.blocks()])
    w, V = _newton(A, torch.as_tensor(y), S * stiffness)
    noise = Flips.plain(labels(y))
    told = noise.left_out(A @ w, ((A @ V) * A).sum(1))
    exact = []
    for i in range(0, 60, 4):
        kept = torch.arange(60) != i
        without, _ = _newton(A[kept], torch.as_tensor(y)[kept], S * stiffness)
        exact.append(float(noise.losses(A @ without)[i]))
    told, plain = told[::4].numpy(), noise.losses(A @ w)[::4].numpy()
    assert np.abs(told - exact).max() < 0.25 * np.abs(plain - exact).max()
    assert told.mean() == pytest.approx(np.mean(exact), rel=0.05)


def _owner(fit):
    return torch.repeat_interleave(
        torch.arange(len(fit.rows.groups)), torch.tensor([len(g) for g in fit.rows.groups])
    )


def _newton(A, y, penalty):
    """Penalised logistic regression to rounding error, and the inverse of its curvature."""
    w = torch.zeros(A.shape[1]).double()
    for _ in range(50):
        s = torch.sigmoid(A @ w)
        H = (A * (s * (1 - s))[:, None]).T @ A + torch.diag(penalty)
        w = w + torch.linalg.solve(H, A.T @ (y - s) - penalty * w).clamp(-1, 1)
    return w, torch.linalg.inv(H)
