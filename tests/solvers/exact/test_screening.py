"""Score tests: chi-squared where there is nothing, and a planted term is found where there is."""

import numpy as np
import pytest
import torch
from scipy import stats

from biam.solvers.exact import rows as rows_module
from biam.solvers.exact.components import Components
from biam.solvers.exact.evidence import maximise
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.screening import (
    FALSE_PAIRS,
    LEAST_ROWS,
    SCREEN_DEGREE,
    find_interactions,
    find_pairs,
    scores,
)
from biam.solvers.exact.terms import all_pairs, columns, main_groups, pair_group, reaction_group


def rows_of(X, n_levels=None, gaps=()):
    components = Components.fit(X, 6, n_levels, np.ones(len(X)))
    return Rows(components, X, np.ones(len(X), bool)).use(main_groups(components, gaps))


def fitted(X, y, *, classes=False, n_levels=None, extra=()):
    gaps = tuple(np.flatnonzero(np.isnan(X).any(0)).tolist())
    rows = rows_of(X, n_levels, gaps)
    rows = rows.use([*rows.groups, *(pair_group(rows.components, *pair) for pair in extra)])
    y = torch.as_tensor(np.asarray(y, float))
    none, ones = torch.zeros(len(y), dtype=torch.bool), torch.ones(len(y)).double()
    given = Labels(y, none, ones, torch.as_tensor(np.isnan(X[:, gaps]).astype(float)))
    noise = Flips.plain(given) if classes else Mixture.plain(given, 1.0)
    return maximise(rows, noise, max_iter=20)


def pairs_of(rows, degree=SCREEN_DEGREE):
    p = rows.components.basis.n_features
    return [pair_group(rows.components, j, k, degree) for j, k in all_pairs(p)]


def dense(rows, group):
    phi, M = rows.components.values(rows.X)
    return columns(phi, M, torch.zeros(len(rows)).double(), [group])[:, 1:].numpy()


def statistics(C, precision, residual):
    """Score statistic by the variance that the precisions tell, and by that of the errors."""
    slope, p = C.T @ (precision * residual), precision * residual
    variances = (C.T * precision) @ C, (C.T * p**2) @ C
    eye = np.eye(C.shape[1])
    near = [V + (1e-6 * np.trace(V) / len(V) + 1e-12) * eye for V in variances]
    return [slope @ np.linalg.solve(V, slope) for V in near]


def interactions_of(components, gaps):
    p = components.basis.n_features
    made = [reaction_group(components, j, k) for j in gaps for k in range(p) if j != k]
    return [group for group in made if group is not None]


def uneven(X, power=1, seed=0):
    """Precisions, and errors that do not keep to them: wide where features are large, or narrow."""
    stream = np.random.default_rng(seed)
    p = stream.exponential(size=len(X))
    wide = (0.5 + np.nansum(X**2, 1)) ** power
    e = wide / np.sqrt(np.mean(wide**2)) * stream.choice([-1.0, 1.0], len(X))
    return p, e / np.sqrt(p)


@pytest.mark.parametrize("kind", ["pairs", "interactions"])
@pytest.mark.parametrize("power", [1, -1], ids=["wide", "narrow"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "made-anew"])
def test_scores_are_those_of_dense_columns(mixed, monkeypatch, kind, power, kept):
    monkeypatch.setattr(rows_module, "BLOCK", 40)
    rows = Rows(mixed.components, mixed.X, np.ones(300, bool)).use(mixed.groups[:3])
    if kept:
        rows.keep()
    groups = pairs_of(rows) if kind == "pairs" else interactions_of(mixed.components, (0, 1, 2))
    p, r = uneven(mixed.X, power)
    found, support = scores(rows, groups, torch.as_tensor(p), torch.as_tensor(r))
    assert len(groups) == (6 if kind == "pairs" else 9)
    sandwich = 0
    for group, value, n in zip(groups, found, support, strict=True):
        both = statistics(dense(rows, group), p, r)
        assert value == pytest.approx(min(both), rel=1e-7)
        sandwich += both[1] < both[0]
        j, k = group.key
        gone, seen = np.isnan(mixed.X[:, j]), ~np.isnan(mixed.X[:, k])
        assert n == np.sum((~gone if kind == "pairs" else gone) & seen)
    # Errors that are wide where columns are large make the variance of the model too small.
    if kind == "pairs":
        assert sandwich > len(groups) / 2 if power > 0 else sandwich <= len(groups) / 2


def test_scores_of_many_rows_are_nearly_those_in_double_precision(mixed, monkeypatch):
    p, r = (torch.as_tensor(part) for part in uneven(mixed.X))
    rows = Rows(mixed.components, mixed.X, np.ones(300, bool))
    for groups in (pairs_of(rows), interactions_of(mixed.components, (0, 1, 2))):
        exact, support = scores(rows, groups, p, r)
        with monkeypatch.context() as patch:
            patch.setattr(rows_module, "SINGLE_ROWS", 1)
            single, same = scores(rows.use([]), groups, p, r)
        assert single != exact
        np.testing.assert_allclose(single, exact, rtol=1e-3)
        assert same == support


def test_the_score_is_the_sum_of_squares_that_the_columns_explain():
    stream = np.random.default_rng(0)
    rows = rows_of(stream.normal(size=(150, 3)))
    p = stream.exponential(size=150)
    # Errors exactly as large as their precisions say: both variances are the same.
    r = stream.choice([-1.0, 1.0], 150) / np.sqrt(p)
    found, support = scores(rows, pairs_of(rows), torch.as_tensor(p), torch.as_tensor(r))
    for group, value in zip(pairs_of(rows), found, strict=True):
        C = dense(rows, group) * np.sqrt(p)[:, None]
        left = np.sqrt(p) * r - C @ np.linalg.lstsq(C, np.sqrt(p) * r, rcond=None)[0]
        assert value == pytest.approx((p * r) @ r - left @ left, rel=1e-4)
    assert support == [150] * 3


def drawn_scores(draw, n_draws=60):
    """Scores of pairs that share no feature: nearly independent."""
    stream = np.random.default_rng(0)
    rows = rows_of(stream.normal(size=(400, 8)))
    groups = [pair_group(rows.components, j, j + 1, SCREEN_DEGREE) for j in (0, 2, 4, 6)]
    precision = torch.as_tensor(stream.exponential(size=400))
    found = []
    for _ in range(n_draws):
        noise = torch.as_tensor(draw(stream)) / precision.sqrt()
        found += scores(rows, groups, precision, noise)[0]
    sizes = {len(g) for g in groups}
    assert len(sizes) == 1
    return np.array(found), stats.chi2(sizes.pop())


def test_scores_are_chi_squared_where_there_is_no_pair_and_errors_are_as_told():
    found, chi2 = drawn_scores(lambda stream: stream.choice([-1.0, 1.0], 400))
    assert stats.kstest(found, chi2.cdf).pvalue > 0.01


def test_scores_are_a_little_below_chi_squared_where_errors_are_normal():
    found, chi2 = drawn_scores(lambda stream: stream.normal(size=400))
    assert 0.8 * chi2.mean() < found.mean() < chi2.mean()
    for share in (0.5, 0.9, 0.99):
        assert np.mean(found > chi2.isf(share)) < share + 0.03


def test_uneven_and_heavy_tailed_errors_make_no_pairs():
    stream = np.random.default_rng(0)
    told = []
    for _ in range(10):
        X = stream.normal(size=(400, 8))
        rows = rows_of(X)
        groups = pairs_of(rows)
        # Wide where a pair's columns are large, and far out now and then; no pair moves the mean.
        e = np.exp(0.7 * np.abs(X[:, 0] * X[:, 1])) * stream.standard_t(2.5, size=400)
        p = np.full(400, 1 / np.mean(e**2))
        bound = stats.chi2(len(groups[0])).isf(FALSE_PAIRS / len(groups))
        found, _ = scores(rows, groups, torch.as_tensor(p), torch.as_tensor(e))
        naive = [statistics(dense(rows, group), p, e)[0] for group in groups]
        told.append([sum(np.array(found) > bound), sum(np.array(naive) > bound)])
    robust, naive = np.sum(told, 0)
    assert robust <= 1 < 5 <= naive


@pytest.mark.parametrize("classes", [False, True], ids=["numbers", "classes"])
def test_after_a_fit_chances_are_nowhere_near_too_small(classes):
    least = []
    for seed in range(8):
        stream = np.random.default_rng(seed)
        X = stream.normal(size=(500, 6))
        f = np.sin(2 * X[:, 0]) + X[:, 1]
        y = stream.uniform(size=500) < 1 / (1 + np.exp(-2 * f)) if classes else None
        fit = fitted(X, f + stream.normal(size=500) if y is None else y, classes=classes)
        found, evidence = find_pairs(fit, 6)
        assert found == []
        least.append(float(evidence.max()))
    # Of 8 x 15 chances the smallest is about 1 / 120: 10^-2.1.
    assert np.median(least) < 2.1
    assert max(least) < -np.log10(FALSE_PAIRS / 15)


@pytest.mark.parametrize("classes", [False, True], ids=["numbers", "classes"])
@pytest.mark.parametrize("kind", ["product", "corner", "level"])
def test_a_planted_pair_is_found_and_no_other(kind, classes):
    stream = np.random.default_rng(1)
    X = stream.uniform(-1, 1, size=(800, 5))
    X[:, 4] = stream.integers(0, 3, 800)
    a, b = (4, 1) if kind == "level" else (3, 1)
    f = {
        "product": 3 * X[:, a] * X[:, b],
        "corner": 3 * ((X[:, a] > 0) & (X[:, b] > 0)),
        "level": 3 * (X[:, a] - 1) * X[:, b],
    }[kind] + X[:, 0]
    y = stream.uniform(size=800) < 1 / (1 + np.exp(-f)) if classes else None
    y = f + 0.5 * stream.normal(size=800) if y is None else y
    fit = fitted(X, y, classes=classes, n_levels=[0, 0, 0, 0, 3])
    found, evidence = find_pairs(fit, 6)
    assert found == [tuple(sorted((a, b)))]
    assert torch.equal(evidence, evidence.T)
    assert not evidence.diagonal().any()
    assert divmod(int(evidence.argmax()), 5) == found[0]
    assert evidence.max() > 4


def two_pairs(n=600):
    stream = np.random.default_rng(2)
    X = stream.normal(size=(n, 5))
    y = 2 * X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + 0.5 * stream.normal(size=n)
    return X, y


def test_the_most_significant_come_first_and_no_more_than_asked_for():
    fit = fitted(*two_pairs())
    found, _ = find_pairs(fit, 6)
    assert found[:2] == [(0, 1), (2, 3)]
    assert find_pairs(fit, 1)[0] == [(0, 1)]
    assert find_pairs(fit, 0)[0] == []


def test_known_pairs_are_not_looked_for():
    found, evidence = find_pairs(fitted(*two_pairs(), extra=[(0, 1)]), 6)
    # A large pair left over makes the errors uneven: neighbours of it may follow, for now.
    assert found[0] == (2, 3)
    assert (0, 1) not in found
    assert evidence[0, 1] == 0


def test_one_feature_has_no_pairs():
    X, y = two_pairs()
    found, evidence = find_pairs(fitted(X[:, :1], y), 6)
    assert (found, evidence.tolist()) == ([], [[0.0]])


def test_categories_of_many_levels_are_left_alone():
    X, y = two_pairs()
    X[:, 0] = np.arange(600) % 40
    fit = fitted(X, y * np.sign(X[:, 0] - 20), n_levels=[40, 0, 0, 0, 0])
    _, evidence = find_pairs(fit, 6)
    assert not evidence[0].any()
    assert evidence[1:, 1:].any()


def gapped(effect, seed=0, n=600, n_gaps=200):
    """Where x0 is missing the slope of x1 changes by `effect`."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 3))
    gone = stream.permutation(n) < n_gaps
    y = X[:, 0] * ~gone + X[:, 1] * np.where(gone, effect, 0) + 0.5 * stream.normal(size=n)
    X[gone, 0] = np.nan
    return X, y


def test_a_planted_interaction_is_found_and_few_others():
    others = 0
    for seed in range(4):
        fit = fitted(*gapped(1.0, seed))
        first, *more = [g.key for g in find_interactions(fit, (0,), 30)]
        assert first == (0, 1)
        others += len(more)
        assert find_interactions(fit, (), 30) == []
    # At most one false candidate is expected of each table.
    assert others <= 4


def test_few_interactions_are_found_where_there_are_none():
    counts = [len(find_interactions(fitted(*gapped(0.0, seed)), (0,), 30)) for seed in range(6)]
    # One false candidate is expected to go on: its penalty decides.
    assert sum(counts) <= 2 * len(counts)


def test_gaps_of_few_rows_say_too_little():
    few = fitted(*gapped(5.0, n_gaps=LEAST_ROWS - 1))
    assert find_interactions(few, (0,), 30) == []
    enough = fitted(*gapped(5.0, n_gaps=LEAST_ROWS + 5))
    assert find_interactions(enough, (0,), 30)[0].key == (0, 1)
