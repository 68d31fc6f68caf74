"""The structure search: what it keeps, what it drops, when it stops, what it refuses."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.solvers.probabilistic import StructureSearch
from biam.solvers.structured_basis import Group


def parts(task="regression", seed=0, rows=(330, 80, 80)):
    """One strong feature, two useless ones; a list of X, y for each part."""
    g = np.random.default_rng(seed)
    given = []
    for n in rows:
        X = g.normal(size=(n, 3))
        y = 1.5 * X[:, 0] + 0.2 * g.normal(size=n)
        given += [X, y if task == "regression" else (y > 0).astype(int)]
    return given


@pytest.fixture(scope="module", params=["regression", "classification"])
def fit(request):
    search = StructureSearch(request.param, epochs=70, lower_lr=0.03, random_state=1)
    return search.fit(*parts(request.param))


def test_the_strong_group_is_kept_and_the_useless_ones_are_dropped(fit):
    assert fit.groups == [Group("main", 0, 0)]
    assert fit.probabilities[0] > 0.8
    assert fit.probabilities[1:].max() < 0.4


def test_the_useless_groups_are_dropped_from_an_even_start_when_groups_cost():
    search = StructureSearch(start=0.5, epochs=70, lower_lr=0.03, random_state=1)
    costly = StructureSearch(
        **{**vars(search), "gates": type(search.gates)(count_weight=0.05, kl_weight=0.0)}
    )
    assert costly.fit(*parts()).groups == [Group("main", 0, 0)]


def test_a_missing_effect_is_found():
    g = np.random.default_rng(4)
    given = []
    for n in (330, 80, 80):
        X = g.normal(size=(n, 2))
        gap = g.random(n) < 0.4
        given += [np.where(np.outer(gap, [1, 0]), np.nan, X), 2.0 * gap + 0.2 * g.normal(size=n)]
    kept = StructureSearch(epochs=70, lower_lr=0.03, random_state=1).fit(*given).groups
    assert Group("missing", 0, 0) in kept
    assert Group("main", 1, 1) not in kept


def test_dropped_groups_have_no_say(fit):
    on = np.repeat(fit.selected, fit.basis.sizes)
    assert not fit.w[1:][~on].any()
    X = parts()[4]
    other = X.copy()
    other[:, 1:] = 9.0
    np.testing.assert_array_equal(fit.decision(X), fit.decision(other))


def test_the_fit_predicts(fit):
    X, f = parts()[4], fit.decision(parts()[4])
    assert np.corrcoef(f, X[:, 0])[0, 1] > 0.95


def test_weights_have_mean_one(fit):
    assert fit.weights.shape == (330,)
    assert fit.weights.mean() == pytest.approx(1.0, abs=1e-4)


def test_corrupted_rows_weigh_less():
    given = parts()
    hit = np.arange(330) < 100
    given[1] = given[1] + 4.0 * hit
    fit = StructureSearch(epochs=70, lower_lr=0.03, weight_lr=1e-2, random_state=1).fit(*given)
    assert fit.weights[hit].mean() < 0.5 * fit.weights[~hit].mean()


def test_same_seed_same_fit():
    fits = [StructureSearch(epochs=3, random_state=7).fit(*parts()) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].w, fits[1].w)
    other = StructureSearch(epochs=3, random_state=8).fit(*parts())
    assert not np.array_equal(fits[0].probabilities, other.probabilities)


def test_the_search_stops_after_patience_and_goes_back_to_its_best():
    given = parts()
    given[5] = np.random.default_rng(9).normal(size=80) - 3 * given[4][:, 0]
    fit = StructureSearch(epochs=50, patience=4, refit_steps=0).fit(*given)
    risks = [point["tune_risk"] for point in fit.history]
    assert len(risks) == int(np.argmin(risks)) + 1 + 4
    assert len(risks) < 50


def test_a_last_batch_of_one_row_is_harmless():
    fit = StructureSearch(epochs=2).fit(*parts(rows=(65, 20, 20)))
    assert np.isfinite(fit.w).all()


def test_without_any_group_the_mean_is_left():
    given = parts()
    for i in (0, 2, 4):
        given[i] = np.ones((len(given[i]), 1))
    given[1], given[3] = given[1] + 1.0, given[3] + 1.0
    fit = StructureSearch(epochs=30, lower_lr=0.1).fit(*given)
    assert fit.groups == []
    assert fit.decision(np.ones((2, 1))) == pytest.approx(np.full(2, given[1].mean()), abs=0.2)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"task": "ranking"}, UnknownNameError),
        ({"n_structures": 5}, InvalidInputError),
        ({"inner_steps": 0}, InvalidInputError),
        ({"batch_size": 1}, InvalidInputError),
        ({"lower_lr": 0.0}, InvalidInputError),
        ({"start": 1.0}, InvalidInputError),
        ({"refit_steps": -1}, InvalidInputError),
    ],
)
def test_settings_out_of_range_are_refused(setting, error):
    with pytest.raises(error, match=next(iter(setting))):
        StructureSearch(**setting)


@pytest.mark.parametrize(("at", "name"), [(1, "train"), (3, "meta"), (5, "tune")])
def test_bad_targets_are_named(at, name):
    given = parts()
    given[at] = given[at][:-1]
    with pytest.raises(InvalidInputError, match=f"the {name} targets must be"):
        StructureSearch().fit(*given)
    with pytest.raises(InvalidInputError, match="0 and 1"):
        StructureSearch("classification").fit(*parts())
