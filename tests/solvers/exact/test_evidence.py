"""The fit solves its ridge system, and its penalties are stationary points of the evidence."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from biam.solvers.exact.components import Components
from biam.solvers.exact.evidence import (
    FEW,
    INTERCEPT,
    LITTLE,
    MOST,
    SHARED,
    START,
    _common,
    _factor,
    maximise,
)
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.terms import main_groups, pair_group


class Known:
    """Normal errors whose precision is known row by row: all is in closed form."""

    inner, drift, spread_rows = 1, 0.0, float("inf")

    def __init__(self, y, precision):
        self.y, self.precision = y, precision

    def working(self, f):
        return self.precision, self.y - f, None

    def advance(self, f, move, w, step, penalty):
        return 1.0, 0.0

    def refresh(self, f, spread, turn=None):
        pass

    def progress(self, f, spread):
        return {}


def table(n=120, seed=0):
    """Three features, of which the target uses two; the third is noise."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    y = np.sin(2 * X[:, 0]) + 0.5 * X[:, 1] + 0.3 * stream.normal(size=n)
    components = Components.fit(X, 7, None, np.ones(n))
    rows = Rows(components, X, np.ones(n, bool)).use(main_groups(components, ()))
    return rows, torch.as_tensor(y)


def labels(y):
    return Labels(
        y,
        torch.zeros(len(y), dtype=torch.bool),
        torch.ones(len(y)).double(),
        torch.zeros(len(y), 0).double(),
    )


def dense(rows):
    return torch.cat([A for _, A in rows.blocks()]).numpy()


def parts(rows):
    """Group of each column but the intercept, and its stiffness."""
    owner = np.repeat(np.arange(len(rows.groups)), [len(g) for g in rows.groups])
    return owner, torch.cat([g.stiffness for g in rows.groups]).numpy()


def diagonal(rows, penalties):
    owner, stiffness = parts(rows)
    return np.r_[INTERCEPT, np.asarray(penalties)[owner] * stiffness]


def log_evidence(rows, y, precision, penalties):
    """log N(y; 0, P^-1 + A S^-1 A^T), up to a constant; by Woodbury, for the intercept is free."""
    A, y, p, S = dense(rows), np.asarray(y), np.asarray(precision), diagonal(rows, penalties)
    H, pull = (A * p[:, None]).T @ A + np.diag(S), A.T @ (p * y)
    logs = np.log(S).sum() + np.log(p).sum() - np.linalg.slogdet(H)[1]
    return 0.5 * (logs - y @ (p * y) + pull @ np.linalg.solve(H, pull))


def slopes(function, logs, h=1e-4):
    """Central differences of a function of log penalties."""
    moves = h * np.eye(len(logs))
    return np.array(
        [(function(np.exp(logs + m)) - function(np.exp(logs - m))) / (2 * h) for m in moves]
    )


def test_the_evidence_of_these_tests_is_that_of_the_normal_distribution():
    rows, y = table(40)
    y = y - 1.0
    p, penalties = np.full(40, 4.0), np.full(len(rows.groups), 0.7)
    A = dense(rows)
    C = np.diag(1 / p) + (A / diagonal(rows, penalties)) @ A.T
    direct = -0.5 * (np.linalg.slogdet(C)[1] + y.numpy() @ np.linalg.solve(C, y.numpy()))
    assert log_evidence(rows, y, p, penalties) == pytest.approx(direct, abs=1e-3)


def test_one_step_solves_the_ridge_system():
    rows, y = table()
    stream = np.random.default_rng(1)
    precision = torch.as_tensor(stream.exponential(size=len(y)))
    penalties = torch.as_tensor(stream.exponential(size=len(rows.groups)))
    fit = maximise(rows, Known(y, precision), None, penalties, max_iter=1)
    A, p, S = dense(rows), precision.numpy(), np.diag(diagonal(rows, penalties))
    H = (A * p[:, None]).T @ A + S
    np.testing.assert_allclose(fit.w, np.linalg.solve(H, A.T @ (p * y.numpy())), rtol=1e-8)
    np.testing.assert_allclose(fit.V, np.linalg.inv(H), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(fit.f, A @ fit.w.numpy(), rtol=1e-10)
    spread = ((A @ np.linalg.inv(H)) * A).sum(1)
    np.testing.assert_allclose(fit.spread, spread, rtol=1e-7)
    # Degrees of freedom: the trace of each group's block of (A^T P A + S)^-1 A^T P A.
    trace = np.diag(np.linalg.solve(H, H - S))[1:]
    np.testing.assert_allclose(fit.edf, np.bincount(parts(rows)[0], trace), rtol=1e-6)


def test_the_start_does_not_matter_to_a_ridge_step():
    rows, y = table()
    w = torch.as_tensor(np.random.default_rng(2).normal(size=rows.n_columns))
    noise = Known(y, torch.full_like(y, 10.0))
    cold, warm = (maximise(rows, noise, start, max_iter=1).w for start in (None, w))
    torch.testing.assert_close(cold, warm, rtol=1e-8, atol=1e-10)


def live(fit):
    """Groups whose penalty is a number, neither nothing nor everything."""
    return (fit.edf > LITTLE).numpy()


def with_prior(fit, square):
    """Degrees of freedom and squares of the groups with those of the gamma priors of their kinds.

    And the log density of these over the log penalties, their means held.
    """
    kinds, edf = np.array([g.kind for g in fit.rows.groups]), fit.edf.numpy()
    told, common = np.zeros(len(kinds)), np.ones(len(kinds))
    for kind, most in SHARED.items():
        here = (kinds == kind) & ~shed(fit)
        others = here.sum() - 1
        if others > 0:
            told[here] = most * others**2 / (others**2 + FEW**2)
            common[here] = _common(edf[here], square[here], told[here][0])

    def prior(logs):
        return (told / 2 * (logs - np.exp(logs) / common)).sum()

    return edf + told, square + told / common, prior


def shed(fit):
    """Groups that were left out on the way."""
    return ((fit.penalties == MOST) & (fit.edf == 0)).numpy()


@pytest.mark.parametrize("told", [0.1, 3.0, 1e4])
def test_a_common_penalty_is_the_mean_of_those_told_about_it(told):
    stream = np.random.default_rng(5)
    edf, square = stream.uniform(0.1, 6, 9), np.exp(stream.normal(size=9))
    common = _common(edf, square, told)
    own = (told + edf) / (told / common + square)
    assert own.mean() == pytest.approx(common, rel=1e-5)
    # One strong group does not set the measure for the weak ones, unless all have to be the same.
    square[0] = 1e6
    assert (_common(edf, square, told) > 0.5 * common) == (told < 10)
    # A lonely one has its own.
    assert _common(edf[:1], square[:1], told) == pytest.approx(edf[0] / square[0])


def test_many_weak_effects_stay_and_are_alike():
    stream = np.random.default_rng(6)
    X = stream.normal(size=(400, 20))
    y = torch.as_tensor(X @ np.full(20, 0.1) + stream.normal(size=400))
    components = Components.fit(X, 2, None, np.ones(400))
    rows = Rows(components, X, np.ones(400, bool)).use(main_groups(components, ()))
    fit = maximise(rows, Known(y, torch.ones_like(y)))
    assert float(fit.edf.min()) > 0.5
    assert float(fit.penalties.log().std()) < 0.3


def test_penalties_are_at_the_fixed_point_and_stationary_in_the_evidence():
    rows, y = table()
    noise = Known(y, torch.full_like(y, 1 / 0.09))
    fit = maximise(rows, noise, max_iter=500, tol=1e-9)
    assert fit.converged
    owner, stiffness = parts(rows)
    square = np.bincount(owner, fit.w[1:].numpy() ** 2 * stiffness)
    alive = live(fit)
    assert alive[:3].all()
    told, length, prior = with_prior(fit, square)
    np.testing.assert_allclose(fit.penalties[alive], told[alive] / length[alive], rtol=1e-6)
    logs = np.log(fit.penalties.numpy())

    def at(x):
        return log_evidence(rows, y, noise.precision, x) + prior(np.log(x))

    slope, away = slopes(at, logs), slopes(at, logs + 1)
    assert np.abs(slope[alive]).max() < 1e-4 < 1e-2 < np.abs(away[alive]).min()
    # Those pushed out do not want to come back.
    assert (slope[~alive] > -1e-3).all()


def test_volume_and_likelihood_are_the_marginal_likelihood():
    rows, y = table()
    precision = torch.full_like(y, 1 / 0.09)
    values = []
    for c in (1.0, 30.0):
        penalties = torch.full((len(rows.groups),), c, dtype=torch.float64)
        fit = maximise(rows, Known(y, precision), None, penalties, max_iter=1)
        likelihood = -0.5 * float(precision @ (y - fit.f).square())
        both = likelihood + fit.volume, log_evidence(rows, y, precision, penalties.numpy())
        values.append(both)
    # Up to a constant that is the same for all penalties.
    told, exact = np.subtract(values[1], values[0])
    assert told == pytest.approx(exact, rel=1e-8) and abs(exact) > 1


def test_the_noise_is_stationary_in_the_evidence_too():
    rows, y = table()
    fit = maximise(rows, Mixture.plain(labels(y), 1.0), max_iter=500, tol=1e-9)
    one, scale = np.ones(len(y)), float(fit.noise.scales[0])

    def at(s):
        return log_evidence(rows, y, one / s**2, fit.penalties.numpy())

    h = 1e-4
    slope = (at(scale * (1 + h)) - at(scale * (1 - h))) / (2 * h)
    assert abs(slope) < 1e-2 < 1 < abs(at(1.1 * scale) - at(scale)) / 0.1
    # What least squares says, degrees of freedom counted.
    A = dense(rows)
    left = y.numpy() - A @ np.linalg.lstsq(A, y.numpy(), rcond=None)[0]
    honest = np.sqrt(left @ left / (len(y) - A.shape[1]))
    assert scale == pytest.approx(honest, rel=0.05)


def test_two_classes_are_at_the_mode_and_the_fixed_point():
    rows, y = table(300)
    chance = torch.sigmoid(2 * y).numpy()
    y = torch.as_tensor(np.random.default_rng(4).uniform(size=300) < chance).double()
    fit = maximise(rows, Flips.plain(labels(y)), max_iter=500, tol=1e-9)
    A, S = dense(rows), diagonal(rows, fit.penalties)
    s = 1 / (1 + np.exp(-fit.f.numpy()))
    owner, stiffness = parts(rows)
    alive = live(fit)
    column = np.r_[True, alive[owner]]
    gradient = A.T @ (y.numpy() - s) - S * fit.w.numpy()
    assert np.abs(gradient[column]).max() < 0.01 < 10 < np.abs(A.T @ (y.numpy() - 0.5)).max()
    square = np.bincount(owner, fit.w[1:].numpy() ** 2 * stiffness)
    told, length, _ = with_prior(fit, square)
    np.testing.assert_allclose(fit.penalties[alive], told[alive] / length[alive], rtol=1e-4)


def test_dead_groups_leave_the_fit_as_if_they_had_never_been():
    rows, y = table(400, seed=2)
    pairs = [pair_group(rows.components, j, k) for j, k in ((0, 1), (0, 2), (1, 2))]
    rows = rows.use([*rows.groups, *pairs])
    noise = Known(y, torch.ones_like(y))
    fit = maximise(rows, noise, max_iter=300, tol=1e-8)
    dead = (fit.penalties == MOST) & (fit.edf == 0)
    assert dead.any() and not dead.all()
    kept = [g for g, out in zip(rows.groups, dead.tolist(), strict=True) if not out]
    without = maximise(rows.use(kept), noise, max_iter=300, tol=1e-8)
    torch.testing.assert_close(without.f, fit.f, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(without.edf, fit.edf[~dead], rtol=1e-2, atol=1e-3)
    # Their places are still there, and empty.
    owner = torch.as_tensor(np.r_[-1, parts(rows)[0]])
    gone = torch.isin(owner, torch.nonzero(dead)[:, 0])
    assert fit.w.shape == (rows.n_columns,)
    assert not fit.w[gone].any() and not fit.V[gone].any() and not fit.V[:, gone].any()
    assert fit.w[~gone].all()


def test_a_group_of_noise_keeps_less_than_one_that_counts():
    rows, y = table(400)
    fit = maximise(rows, Mixture.plain(labels(y), 1.0))
    edf = {(g.kind, g.key): float(e) for g, e in zip(rows.groups, fit.edf, strict=True)}
    assert edf["shape", (2,)] < 0.6 < 3 < edf["shape", (0,)]
    assert edf["line", (2,)] < edf["line", (1,)] > 0.95
    assert edf["shape", (1,)] < 1


def test_starting_penalties_are_never_so_high_that_a_group_stays_dead():
    rows, y = table(400)
    shut = torch.full((len(rows.groups),), MOST, dtype=torch.float64)
    noise = Known(y, torch.full_like(y, 1 / 0.09))
    fit = maximise(rows, noise, None, shut, max_iter=300, tol=1e-6)
    fresh = maximise(rows, noise, max_iter=300, tol=1e-6)
    assert START < MOST
    torch.testing.assert_close(fit.f, fresh.f, rtol=1e-3, atol=1e-3)


def test_steps_are_counted_told_and_bounded():
    rows, y = table()
    ticks = []
    noise = Mixture.plain(labels(y), 1.0)
    fit = maximise(rows, noise, max_iter=4, tol=0.0, tick=lambda: ticks.append(1))
    assert fit.n_iter == len(ticks) == len(fit.history) == 4
    assert not fit.converged
    assert [told["epoch"] for told in fit.history] == [1, 2, 3, 4]
    losses = [told["lower_loss"] for told in fit.history]
    assert losses[-1] == pytest.approx(float((y - fit.f).square().mean()))
    assert fit.history[-1]["edf"] == pytest.approx(1 + float(fit.edf.sum()))
    assert maximise(rows, noise, max_iter=100).converged


def test_without_leverage_outputs_are_taken_for_certain():
    rows, y = table()
    loose = maximise(rows, Mixture.plain(labels(y), 1.0), leverage=False)
    proper = maximise(rows, Mixture.plain(labels(y), 1.0))
    assert not loose.spread.any()
    assert (proper.spread > 0).all()
    assert float(loose.noise.scales[0]) < float(proper.noise.scales[0])


def test_no_groups_leave_the_mean():
    rows, y = table()
    fit = maximise(rows.use([]), Mixture.plain(labels(y), 1.0))
    torch.testing.assert_close(fit.f, torch.full_like(y, float(y.mean())), rtol=1e-8, atol=1e-8)
    assert fit.edf.shape == (0,)


def test_a_pair_is_learned_where_there_is_one():
    rows, _ = table(400)
    X = torch.as_tensor(rows.X)
    y = X[:, 0] * X[:, 2] + 0.1 * torch.as_tensor(np.random.default_rng(3).normal(size=400))
    wide = rows.use([*rows.groups, pair_group(rows.components, 0, 2)])
    fit = maximise(wide, Mixture.plain(labels(y), 1.0))
    assert float((y - fit.f).square().mean()) < 0.05 < 0.5 < float(y.var())
    assert fit.edf[-1] > 1


def test_the_factor_of_an_indefinite_matrix_is_that_of_one_nearby():
    A = np.random.default_rng(0).normal(size=(5, 3))
    gram = torch.as_tensor(A @ A.T) - 1e-12 * torch.eye(5).double()
    L = _factor(gram)
    torch.testing.assert_close(L @ L.T, gram, rtol=1e-6, atol=1e-8)


def test_a_fit_is_a_value():
    rows, y = table()
    fit = maximise(rows, Mixture.plain(labels(y), 1.0), max_iter=2)
    assert fit.pair_evidence is None
    assert replace(fit, n_iter=9).n_iter == 9
