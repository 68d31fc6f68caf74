"""Average ranks by hand, Demsar's printed quantiles, Friedman's test as in scipy."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import friedmanchisquare

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.ranks import average_ranks, blocks, cliques, critical_difference, friedman

# Quantiles printed by Demsar (2006), table 5a, for alpha 0.05 and 0.10.
Q05 = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
Q10 = {2: 1.645, 3: 2.052, 4: 2.291, 5: 2.459, 6: 2.589, 7: 2.693, 8: 2.780, 9: 2.855, 10: 2.920}


def tidy(values, metric="accuracy", seeds=(42,)):
    """Tidy results of an array, shape (n_problems, n_methods); all seeds have the same value."""
    return pd.DataFrame(
        [
            {"scenario": f"s{i}", "method": f"m{j}", "seed": s, "metric": metric, "value": value}
            for i, row in enumerate(np.asarray(values, float))
            for s in seeds
            for j, value in enumerate(row)
        ]
    )


TOY = tidy([[0.9, 0.8, 0.7], [0.6, 0.6, 0.5], [0.3, 0.2, 0.4]])


def test_ranks_by_hand():
    ranks = average_ranks(TOY, "accuracy")
    assert list(ranks["method"]) == ["m0", "m1", "m2"]
    np.testing.assert_allclose(ranks["rank"], [(1 + 1.5 + 2) / 3, (2 + 1.5 + 3) / 3, 7 / 3])
    assert list(ranks["wins"]) == [2, 1, 1]
    np.testing.assert_allclose(ranks["mean"], [0.6, 1.6 / 3, 1.6 / 3])
    assert set(ranks["n_blocks"]) == {3}


def test_the_smaller_error_is_the_better_one():
    ranks = average_ranks(tidy([[3.0, 1.0, 2.0]], "mse"), "mse")
    assert list(ranks["method"]) == ["m1", "m2", "m0"]


def test_seeds_are_averaged_before_the_ranks():
    many = tidy([[0.5, 0.6]], seeds=(1, 2, 3))
    many.loc[(many["seed"] == 1) & (many["method"] == "m0"), "value"] = 0.9
    assert list(average_ranks(many, "accuracy")["method"]) == ["m0", "m1"]


def test_incomplete_problems_are_left_out():
    gap = (TOY["scenario"] == "s2") & (TOY["method"] == "m1")
    part = TOY[~gap]
    assert list(blocks(part, "accuracy").index) == ["s0", "s1"]
    nan = TOY.assign(value=TOY["value"].mask(gap))
    assert blocks(nan, "accuracy").equals(blocks(part, "accuracy"))
    assert list(blocks(part, "accuracy", ["m2", "m0"]).index) == ["s0", "s1", "s2"]
    assert list(blocks(part, "accuracy", ["m2", "m0"]).columns) == ["m2", "m0"]


def test_equal_names_in_two_tables_are_two_problems():
    both = pd.concat([TOY.assign(table="a"), TOY.assign(table="b")])
    assert len(blocks(both, "accuracy")) == 6


@pytest.mark.parametrize(("q", "alpha"), [(Q05, 0.05), (Q10, 0.10)])
def test_critical_difference_has_the_printed_quantiles(q, alpha):
    for k, quantile in q.items():
        unit = np.sqrt(k * (k + 1) / (6 * 14))
        assert critical_difference(k, 14, alpha) / unit == pytest.approx(quantile, abs=1e-3)


def test_demsars_example():
    # Four versions of C4.5 on 14 data sets.
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


@given(st.integers(3, 6), st.integers(2, 12), st.integers(0, 999), st.booleans())
def test_friedman_is_that_of_scipy(k, n, seed, ties):
    values = np.random.default_rng(seed).normal(size=(n, k))
    if ties:
        values = np.round(values)
        values[0] = np.arange(k)
    ours, theirs = friedman(tidy(values), "accuracy"), friedmanchisquare(*values.T)
    assert ours.statistic == pytest.approx(theirs.statistic)
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert (ours.n_methods, ours.n_blocks) == (k, n)


def test_methods_that_tie_everywhere_are_equally_good():
    assert friedman(tidy(np.ones((3, 4))), "accuracy")[:2] == (0, 1)


def test_two_methods_have_ranks_and_a_test_too():
    # With two methods the statistic is (wins - losses)^2 / n, the sign test's.
    values = np.column_stack([np.ones(9), np.zeros(9)])
    values[0] = [0, 1]
    assert friedman(tidy(values), "accuracy").statistic == pytest.approx((8 - 1) ** 2 / 9)


def test_cliques_are_the_longest_runs():
    ranks = pd.DataFrame({"method": list("abcde"), "rank": [1.0, 1.5, 2.5, 4.0, 5.1]})
    assert cliques(ranks, 1.5) == [("a", "b", "c"), ("c", "d"), ("d", "e")]
    assert cliques(ranks, 1.0) == [("a", "b"), ("b", "c")]
    assert cliques(ranks, 0.1) == []
    assert cliques(ranks.sample(frac=1, random_state=0), 10) == [tuple("abcde")]


@given(st.lists(st.floats(1, 9), min_size=2, max_size=8, unique=True), st.floats(0.1, 5))
def test_two_methods_share_a_clique_exactly_when_they_are_near(values, cd):
    ranks = pd.DataFrame({"method": [str(i) for i in range(len(values))], "rank": values})
    groups = cliques(ranks, cd)
    for i, a in enumerate(values):
        for j, b in enumerate(values[:i]):
            together = any({str(i), str(j)} <= set(group) for group in groups)
            low, high = min(a, b), max(a, b)
            assert together == (high <= low + cd * (1 + 1e-12))
    assert not any(set(a) < set(b) for a in groups for b in groups)


def test_names_and_numbers_are_checked():
    with pytest.raises(UnknownNameError, match="metric"):
        average_ranks(TOY, "acuracy")
    with pytest.raises(UnknownNameError, match="method"):
        blocks(TOY, "accuracy", ["m0", "m9"])
    with pytest.raises(InvalidInputError, match="at least two methods"):
        blocks(TOY, "accuracy", ["m0"])
    with pytest.raises(InvalidInputError, match="no problem"):
        blocks(TOY[(TOY["scenario"] == "s0") ^ (TOY["method"] == "m1")], "accuracy")
    with pytest.raises(InvalidInputError, match="n_methods"):
        critical_difference(1, 10)
    with pytest.raises(InvalidInputError, match="alpha"):
        critical_difference(3, 10, 1.0)
