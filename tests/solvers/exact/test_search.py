"""Terms earn their place: what the data ask for stays, what is asked for stays, the rest goes."""

import numpy as np
import pytest
import torch

from biam.solvers.exact.components import Components
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.rows import Rows
from biam.solvers.exact.search import LEAST_EDF, MOST_PAIRS, TermSearch
from biam.solvers.exact.terms import main_groups, pair_group, reaction_group


def problem(seed=0, *, pairs=True, reaction=True, n=700):
    """Pairs (0, 1) and (2, 3); where x4 is missing, x0 counts the other way round."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 5))
    gone = stream.permutation(n) < 200
    y = X[:, 0] * np.where(gone & reaction, -1, 1) + X[:, 4] * ~gone
    y = y + pairs * (X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3]) + 0.3 * stream.normal(size=n)
    X[gone, 4] = np.nan
    components = Components.fit(X, 6, None, np.ones(n))
    rows = Rows(components, X, np.ones(n, bool)).use(main_groups(components, (4,)))
    y = torch.as_tensor(y)
    given = Labels(
        y, torch.zeros(n, dtype=torch.bool), torch.ones(n).double(), torch.zeros(n, 0).double()
    )
    return rows, Mixture.plain(given, 1.0)


def grown(rows, noise, interactions=False, pairs=False, gaps=(4,), **options):
    search = TermSearch(interactions, pairs, gaps, 40, **options)
    return search.grow(search.fit(search.begin(rows), noise))


def keys(fit, kind):
    return sorted(g.key for g in fit.rows.groups if g.kind == kind)


def edf(fit, kind):
    parts = zip(fit.rows.groups, fit.edf.tolist(), strict=True)
    return {g.key: e for g, e in parts if g.kind == kind}


@pytest.mark.parametrize("seed", range(3))
def test_what_was_planted_is_found_and_nothing_else(seed):
    fit = grown(*problem(seed), "auto", "auto")
    assert {(0, 1), (2, 3)} <= set(keys(fit, "pair"))
    assert (4, 0) in keys(fit, "interaction")
    # Neighbours of a large pair may be tried too; what they keep is next to nothing.
    strays = [e for key, e in edf(fit, "pair").items() if key not in {(0, 1), (2, 3)}]
    assert sum(strays) < 0.5 * min(edf(fit, "pair")[0, 1], edf(fit, "pair")[2, 3])
    left = float((fit.noise.labels.y - fit.f).square().mean())
    assert left < 0.15


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_there_is_nothing(seed):
    fit = grown(*problem(seed, pairs=False, reaction=False), "auto", "auto")
    assert keys(fit, "pair") == []
    assert len(keys(fit, "interaction")) <= 1


@pytest.mark.parametrize("most", [0, 1, 2])
def test_a_number_is_the_most_there_may_be(most):
    fit = grown(*problem(), pairs=most)
    assert len(keys(fit, "pair")) == most
    assert set(keys(fit, "pair")) <= {(0, 1), (2, 3)}


@pytest.mark.parametrize("pairs", [True, "auto"])
def test_true_and_auto_are_the_same_six(pairs):
    one, other = grown(*problem(), pairs=pairs), grown(*problem(), pairs=MOST_PAIRS)
    assert keys(one, "pair") == keys(other, "pair")
    assert torch.equal(one.f, other.f)
    assert len(keys(one, "pair")) <= MOST_PAIRS


def test_false_looks_for_nothing():
    rows, noise = problem()
    search = TermSearch(False, False, (4,), 40)
    fit = search.fit(rows, noise)
    same = search.grow(fit)
    assert same.rows.groups == rows.groups
    assert torch.equal(same.w, fit.w)
    assert same.pair_evidence is None


@pytest.mark.parametrize("pairs", [[(1, 2)], ((1, 2), (0, 3))])
def test_pairs_asked_for_stay_though_they_are_empty(pairs):
    rows, noise = problem()
    fit = grown(rows, noise, pairs=pairs)
    assert keys(fit, "pair") == sorted(pairs)
    assert fit.pair_evidence is None
    again = TermSearch(False, pairs, (4,), 40).grow(fit)
    assert keys(again, "pair") == sorted(pairs), "never twice"


def test_pairs_asked_for_say_what_a_surface_should():
    fit = grown(*problem(), pairs=[(0, 1), (1, 2)])
    found = edf(fit, "pair")
    assert found[0, 1] > 1 > found[1, 2]


def test_interactions_can_be_asked_for():
    rows, noise = problem(reaction=False)
    fit = grown(rows, noise, True)
    found = edf(fit, "interaction")
    assert all(key[0] == 4 for key in found)
    assert all(e >= LEAST_EDF for e in found.values())
    forced, none = grown(*problem(), True), grown(*problem(), True, gaps=())
    assert (4, 0) in keys(forced, "interaction")
    assert keys(none, "interaction") == []


def test_empty_terms_are_pruned_and_the_rest_is_as_it_was():
    rows, noise = problem()
    extra = [pair_group(rows.components, 1, 2), reaction_group(rows.components, 4, 1)]
    extra += [pair_group(rows.components, 0, 1), pair_group(rows.components, 2, 3)]
    wide = rows.use([*rows.groups, *extra])
    search = TermSearch("auto", "auto", (4,), 40)
    fit = search.fit(wide, noise)
    empty = [g for g, e in zip(extra, fit.edf[-4:].tolist(), strict=True) if e < LEAST_EDF]
    assert empty
    pruned = search._pruned(fit)
    kept = [g for g in wide.groups if all(g is not gone for gone in empty)]
    assert list(pruned.rows.groups) == kept
    assert pruned.edf.shape == pruned.penalties.shape == (len(kept),)
    assert pruned.w.shape == (pruned.rows.n_columns,)
    assert pruned.V.shape == (pruned.rows.n_columns,) * 2
    torch.testing.assert_close(pruned.f, fit.f, rtol=1e-3, atol=0.02)
    torch.testing.assert_close(pruned.f, pruned.rows.outputs(pruned.w))
    assert fit.edf.sum() - pruned.edf.sum() < LEAST_EDF * len(empty)
    # Main effects stay, however little they say.
    assert {g.kind for g in pruned.rows.groups} >= {"line", "shape", "missing"}


def test_pairs_asked_for_are_not_pruned_but_interactions_are():
    rows, noise = problem(pairs=False, reaction=False)
    extra = [pair_group(rows.components, 1, 2), reaction_group(rows.components, 4, 1)]
    search = TermSearch("auto", [(1, 2)], (4,), 40)
    fit = search.fit(rows.use([*rows.groups, *extra]), noise)
    assert (fit.edf[-2:] < LEAST_EDF).all()
    pruned = search._pruned(fit)
    assert keys(pruned, "pair") == [(1, 2)]
    assert keys(pruned, "interaction") == []


def test_the_evidence_is_that_of_the_first_look():
    fit = grown(*problem(), pairs="auto")
    assert fit.pair_evidence.shape == (5, 5)
    # After the second look the pairs are known, and nothing is said of them.
    assert fit.pair_evidence[0, 1] > 10 and fit.pair_evidence[2, 3] > 10
    assert fit.pair_evidence[0, 4] < 5


def test_steps_are_bounded_and_told():
    ticks = []
    rows, noise = problem()
    search = TermSearch(False, False, (), 3, lambda: ticks.append(1))
    assert search.fit(rows, noise).n_iter == len(ticks) == 3
    assert search.fit(rows, noise, max_iter=2).n_iter == 2
