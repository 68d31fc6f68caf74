"""A model taken apart: terms sum to the outputs, centres are means, strengths as defined."""

import numpy as np
import pytest
import torch

from biam import reading
from biam.additive import AdditiveModel
from biam.basis import Basis

N, P = 40, 4
CASES = {
    "plain": {"interactions": False},
    "interactions": {"interactions": True},
    "pairs": {"interactions": True, "n_ranks": 3},
    "classes": {"interactions": True, "n_ranks": 2, "n_outputs": 3},
    "surfaces": {"interactions": True, "pairs": [(0, 1), (1, 3)]},
    "surfaces-classes": {"interactions": False, "pairs": [(0, 3), (2, 3)], "n_outputs": 3},
}
every_case = pytest.mark.parametrize("options", CASES.values(), ids=CASES)


def make(options):
    """A model of three numbers and one category, all parameters drawn, and rows with gaps."""
    stream = np.random.default_rng(0)
    values = stream.normal(size=(N, P))
    values[:, 3] = stream.integers(0, 3, N)
    values[stream.uniform(size=values.shape) < 0.3] = np.nan
    basis = Basis.fit(values, 5, n_levels=[0, 0, 0, 3], dtype=torch.float64)
    model = AdditiveModel(basis, **options)
    w = torch.randn(
        model.layout.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    return model, w, values


def parts(model, w, values):
    centre = reading.centres(model, w, values)
    design = model.basis.design(values)
    return dict(reading.contributions(model, w, design, centre)), design


@every_case
def test_contributions_sum_to_the_outputs(options):
    model, w, values = make(options)
    terms, design = parts(model, w, values)
    total = np.sum(list(terms.values()), axis=0)
    np.testing.assert_allclose(total, model.outputs(w, design).numpy(), rtol=1e-12, atol=1e-12)
    assert total.std() > 1


@every_case
def test_shapes_are_centred_on_the_observed_rows(options):
    model, w, values = make(options)
    terms, _ = parts(model, w, values)
    for j in range(P):
        effect, seen = terms[reading.Term("shape", j)], ~np.isnan(values[:, j])
        np.testing.assert_allclose(effect[seen].mean(0), 0, atol=1e-12)
        assert not effect[~seen].any()
        assert (np.ptp(effect[seen], axis=0) > 0.1).all()


@every_case
def test_a_missing_term_is_zero_where_the_value_is_there(options):
    model, w, values = make(options)
    terms, _ = parts(model, w, values)
    for j in range(P):
        effect, gone = terms[reading.Term("missing", j)], np.isnan(values[:, j])
        assert not effect[~gone].any()
        assert (np.ptp(effect[gone], axis=0) < 1e-12).all()
        assert effect[gone].any()


def test_terms_come_in_reading_order_and_only_where_there_is_something():
    model, w, values = make(CASES["pairs"])
    terms, _ = parts(model, w, values)
    kinds = [term.kind for term in terms]
    assert kinds[0] == "intercept"
    assert set(kinds) == {"intercept", "shape", "missing", "interaction", "pair"}
    assert kinds.count("interaction") == P * P
    assert kinds.count("pair") == P * (P - 1) // 2
    cleared = w.clone()
    named = model.coefficients(cleared)
    named["alpha"].zero_()
    named["gates"].zero_()
    kinds = [term.kind for term in parts(model, cleared, values)[0]]
    assert set(kinds) == {"intercept", "shape", "missing"}


def test_an_interaction_is_what_switching_its_coefficients_off_takes_away():
    model, w, values = make(CASES["interactions"])
    terms, design = parts(model, w, values)
    without = w.clone()
    c = model.basis.slices[2]
    model.coefficients(without)["alpha"][c.start - 1 : c.stop - 1, 1] = 0
    change = (model.outputs(w, design) - model.outputs(without, design)).numpy()
    np.testing.assert_allclose(terms[reading.Term("interaction", 1, 2)], change, atol=1e-12)
    assert np.abs(change).max() > 0.1


def test_pair_strength_is_gate_times_norm_of_the_surface():
    model, w, _ = make(CASES["classes"])
    named = model.coefficients(w)
    strength = reading.pair_strengths(model, w)
    first, second = (model.basis.slices[j] for j in (0, 2))
    a, b = (named["factors"][c.start - 1 : c.stop - 1].numpy() for c in (first, second))
    gate = (named["gates"][0, 2] + named["gates"][2, 0]).abs().numpy() / 2
    norms = [np.linalg.norm(a[:, :, k] @ b[:, :, k].T) for k in range(3)]
    assert strength[0, 2] == pytest.approx(float(np.mean(gate * norms)), rel=1e-12)
    np.testing.assert_array_equal(strength, strength.T)
    assert not strength.diagonal().any()


@pytest.mark.parametrize("case", ["surfaces", "surfaces-classes"])
def test_a_surface_is_silent_where_either_value_is_missing(case):
    model, w, values = make(CASES[case])
    terms, _ = parts(model, w, values)
    pairs = {(t.first, t.second): effect for t, effect in terms.items() if t.kind == "pair"}
    assert tuple(pairs) == model.pairs
    for pair, effect in pairs.items():
        gone = np.isnan(values[:, pair]).any(1)
        assert not effect[gone].any()
        assert (effect[~gone] != 0).mean() > 0.9
    cleared = w.clone()
    model.coefficients(cleared)["surfaces"][model.pair_slices[0]] = 0
    left = [t for t in parts(model, cleared, values)[0] if t.kind == "pair"]
    assert left == [reading.Term("pair", *model.pairs[1])]


@pytest.mark.parametrize("case", ["surfaces", "surfaces-classes"])
def test_strength_of_a_surface_is_the_spread_of_its_contribution(case):
    model, w, values = make(CASES[case])
    terms, _ = parts(model, w, values)
    strength = reading.pair_strengths(model, w, values)
    expected = np.zeros((P, P))
    for j, k in model.pairs:
        expected[j, k] = expected[k, j] = terms[reading.Term("pair", j, k)].std(0).mean()
    np.testing.assert_allclose(strength, expected, rtol=1e-12)
    assert (strength > 0).sum() == 4


@every_case
def test_variance_shares_sum_to_one_and_do_not_see_what_outputs_share(options):
    model, w, values = make(options)
    centre = reading.centres(model, w, values)
    terms, sizes = reading.term_sizes(model, w, values, centre)
    assert sizes[:, 2].sum() == pytest.approx(1, abs=1e-12)
    assert np.ptp(sizes[:, 2]) > 0.05
    effects, _ = parts(model, w, values)
    assert terms == [term for term in effects if term.kind != "intercept"]
    np.testing.assert_allclose(sizes[0, :2], [np.abs(effects[terms[0]]).mean(), sizes[0, 1]])
    np.testing.assert_allclose(sizes[:, 1], [effects[t].std(0).mean() for t in terms])
    if model.n_outputs > 1:
        moved = w.clone()
        model.coefficients(moved)["beta"] += torch.linspace(-2, 2, model.basis.n_columns)[:, None]
        centre = reading.centres(model, moved, values)
        again = dict(zip(*reading.term_sizes(model, moved, values, centre), strict=True))
        for term, size in zip(terms, sizes, strict=True):
            assert again[term][2] == pytest.approx(size[2], abs=1e-9)


def test_a_term_alone_has_all_of_the_variance():
    model, w, values = make(CASES["plain"])
    alone = torch.zeros_like(w)
    c = model.basis.slices[1]
    model.coefficients(alone)["beta"][c.start - 1 : c.stop - 1] = 1.0
    centre = reading.centres(model, alone, values)
    terms, sizes = reading.term_sizes(model, alone, values, centre)
    shares = reading.importances(terms, sizes[:, 2], P)
    np.testing.assert_allclose(shares, [0, 1, 0, 0], atol=1e-12)


@every_case
def test_column_means_are_those_of_the_observed_rows(options):
    model, w, values = make(options)
    means = reading.column_means(model, values)
    beta = model.coefficients(w)["beta"].numpy()
    for j, c in enumerate(model.basis.slices):
        block = slice(c.start - 1, c.stop - 1)
        seen = model.basis.design(values[~np.isnan(values[:, j])]).H[:, c].numpy()
        np.testing.assert_allclose(means[block], seen.mean(0), rtol=1e-12)
        centre = reading.centres(model, w, values)[j]
        np.testing.assert_allclose(means[block] @ beta[block], centre, rtol=1e-9, atol=1e-12)


def test_importances_are_mean_sizes_of_the_terms():
    model, w, values = make(CASES["pairs"])
    terms, _ = parts(model, w, values)
    centre = reading.centres(model, w, values)
    expected = np.zeros(P)
    for term, effect in terms.items():
        size = np.abs(effect).mean()
        if term.kind == "pair":
            expected[term.first] += size / 2
            expected[term.second] += size / 2
        elif term.kind != "intercept":
            expected[term.first] += size
    names, sizes = reading.term_sizes(model, w, values, centre)
    np.testing.assert_allclose(reading.importances(names, sizes[:, 0], P), expected, rtol=1e-12)
    assert (expected > 0).all()


def test_a_column_never_observed_has_centre_zero():
    model, w, values = make(CASES["plain"])
    values = values.copy()
    values[:, 1] = np.nan
    assert reading.centres(model, w, values)[1] == 0
