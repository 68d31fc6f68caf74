"""Corruption: counts, masks, seeds, mechanisms, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from biam.corruption import flip_labels, imbalance, mask_values, shift_labels
from biam.exceptions import InvalidInputError, UnknownNameError

rates = st.floats(0.0, 1.0)
seeds = st.integers(0, 2**32 - 1)
kinds = st.sampled_from(["uniform", "pair"])
mechanisms = st.sampled_from(["mcar", "mar", "mnar"])
# Both classes are forced in, so that there is always another class to flip to.
class_vectors = st.lists(st.integers(0, 4), min_size=0, max_size=60).map(
    lambda codes: np.array([0, 1, *codes])
)
targets = arrays(float, st.integers(1, 60), elements=st.floats(-1e6, 1e6))
matrices = arrays(
    float,
    st.tuples(st.integers(1, 30), st.integers(2, 4)),
    elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
)


# Labels


@given(class_vectors, rates, kinds, seeds)
def test_flip_hits_exactly_the_rows_it_reports(y, rate, kind, seed):
    before = y.copy()
    noisy, mask = flip_labels(y, rate, kind=kind, random_state=seed)
    assert mask.sum() == round(rate * len(y))
    np.testing.assert_array_equal(noisy != y, mask)
    assert set(noisy) <= set(y)
    np.testing.assert_array_equal(y, before)


@given(class_vectors, rates, kinds, seeds)
def test_flip_knows_classes_by_order_only(y, rate, kind, seed):
    names = np.array(["ash", "birch", "cedar", "date", "elm"])
    noisy, mask = flip_labels(y, rate, kind=kind, random_state=seed)
    noisy_names, mask_names = flip_labels(names[y], rate, kind=kind, random_state=seed)
    np.testing.assert_array_equal(noisy_names, names[noisy])
    np.testing.assert_array_equal(mask_names, mask)
    assert noisy_names.dtype == names.dtype


def test_pair_noise_goes_to_the_next_class_round_the_circle():
    noisy, _ = flip_labels(["b", "a", "c", "a"], 1.0, kind="pair", random_state=0)
    assert list(noisy) == ["c", "b", "a", "b"]


def test_uniform_noise_reaches_every_other_class_equally():
    y = np.zeros(6000, dtype=int)
    y[0:3] = [1, 2, 3]
    noisy, _ = flip_labels(y, 1.0, random_state=0)
    counts = np.bincount(noisy[3:], minlength=4)
    assert counts[0] == 0
    sigma = np.sqrt(5997 * (1 / 3) * (2 / 3))
    assert np.abs(counts[1:] - 5997 / 3).max() < 4 * sigma


@given(targets, rates, seeds)
def test_shift_moves_exactly_the_rows_it_reports(y, rate, seed):
    before = y.copy()
    noisy, mask = shift_labels(y, rate, loc=50.0, scale=0.0, random_state=seed)
    assert mask.sum() == round(rate * len(y))
    np.testing.assert_array_equal(noisy[mask], y[mask] + 50.0)
    np.testing.assert_array_equal(noisy[~mask], y[~mask])
    np.testing.assert_array_equal(y, before)


def test_shift_has_the_asked_mean_and_spread():
    noisy, _ = shift_labels(np.zeros(10_000), 1.0, loc=3.0, scale=0.5, random_state=0)
    assert abs(noisy.mean() - 3.0) < 4 * 0.5 / 100
    assert abs(noisy.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * 10_000)


@given(class_vectors, seeds)
def test_rate_zero_changes_nothing(y, seed):
    for noisy, mask in (
        flip_labels(y, 0.0, random_state=seed),
        shift_labels(y, 0.0, random_state=seed),
    ):
        np.testing.assert_array_equal(noisy, y)
        assert not mask.any()


def test_a_single_class_stays_as_it_is_at_rate_zero():
    assert list(flip_labels(["a", "a"], 0.0).values) == ["a", "a"]


# Imbalance


@given(st.lists(st.integers(40, 200), min_size=2, max_size=5), st.floats(0.05, 1.0), seeds)
def test_imbalance_makes_a_long_tail_of_the_asked_ratio(sizes, ratio, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    kept = imbalance(y, ratio, random_state=seed)
    assert np.all(np.diff(kept) > 0)
    counts = np.bincount(y[kept], minlength=len(sizes))
    head, step = counts.max(), ratio ** (1 / (len(sizes) - 1))
    tail = head * step ** np.arange(len(sizes))
    # The head is rounded to a row itself, hence half a row on either side.
    assert np.abs(np.sort(counts)[::-1] - tail).max() <= 1.0
    assert np.all(counts <= np.array(sizes))


@pytest.mark.parametrize(
    ("sizes", "ratio", "expected"),
    [
        ((100, 100), 0.1, (100, 10)),
        ((100, 60), 0.1, (100, 10)),
        ((60, 100), 0.1, (10, 100)),
        ((100, 10), 0.5, (20, 10)),
        ((100, 10), 0.1, (100, 10)),
        ((100, 100, 100), 0.01, (100, 10, 1)),
        ((5, 100, 100), 0.05, (5, 100, 22)),
    ],
)
def test_imbalance_thins_the_side_that_needs_it(sizes, ratio, expected):
    y = np.repeat(["a", "b", "c"][: len(sizes)], sizes)
    kept = y[imbalance(y, ratio, random_state=0)]
    assert tuple(np.sum(kept == name) for name in np.unique(y)) == expected


def test_imbalance_that_would_empty_a_class_is_refused():
    with pytest.raises(InvalidInputError, match="leaves class 1 with none; use a larger ratio"):
        imbalance([0] * 20 + [1] * 20, 0.01)
    with pytest.raises(InvalidInputError, match="leaves class rare with none"):
        imbalance(["common"] * 20 + ["rare"] * 20, 1e-320)


# Missing values


@given(matrices, rates, mechanisms, seeds)
def test_mask_reports_new_gaps_only(X, rate, mechanism, seed):
    before = X.copy()
    hidden, mask = mask_values(X, rate, mechanism=mechanism, random_state=seed)
    np.testing.assert_array_equal(mask, np.isnan(hidden) & ~np.isnan(X))
    np.testing.assert_array_equal(hidden[~mask], X[~mask])
    np.testing.assert_array_equal(X, before)


@given(matrices, mechanisms, seeds)
def test_ends_of_the_rate_are_certain(X, mechanism, seed):
    assert not mask_values(X, 0.0, mechanism=mechanism, random_state=seed).mask.any()
    hidden, mask = mask_values(X, 1.0, mechanism=mechanism, random_state=seed)
    assert np.isnan(hidden).all()
    np.testing.assert_array_equal(mask, ~np.isnan(X))


@given(matrices, st.tuples(rates, rates), mechanisms, seeds)
def test_a_higher_rate_hides_a_superset(X, pair, mechanism, seed):
    low, high = sorted(pair)
    fewer = mask_values(X, low, mechanism=mechanism, random_state=seed).mask
    more = mask_values(X, high, mechanism=mechanism, random_state=seed).mask
    assert not (fewer & ~more).any()


@given(matrices, rates, mechanisms, seeds)
def test_chosen_columns_are_hit_as_if_all_were(X, rate, mechanism, seed):
    everything = mask_values(X, rate, mechanism=mechanism, random_state=seed).mask
    one = mask_values(X, rate, mechanism=mechanism, columns=[1], random_state=seed).mask
    np.testing.assert_array_equal(one[:, 1], everything[:, 1])
    assert not np.delete(one, 1, axis=1).any()


@given(matrices, rates, st.sampled_from(["mar", "mnar"]), st.floats(-5, 5), seeds)
def test_units_and_signs_do_not_matter(X, rate, mechanism, slope, seed):
    mask = mask_values(X, rate, mechanism=mechanism, slope=slope, random_state=seed).mask
    # A power of two scales without rounding.
    scaled = mask_values(4.0 * X, rate, mechanism=mechanism, slope=slope, random_state=seed).mask
    mirrored = mask_values(-X, rate, mechanism=mechanism, slope=-slope, random_state=seed).mask
    np.testing.assert_array_equal(mask, scaled)
    np.testing.assert_array_equal(mask, mirrored)


@given(rates, seeds)
def test_slope_zero_and_constant_columns_are_mcar(rate, seed):
    X = np.random.default_rng(0).normal(size=(50, 3))
    plain = mask_values(X, rate, random_state=seed).mask
    flat = mask_values(X, rate, mechanism="mnar", slope=0.0, random_state=seed).mask
    # 0.1 summed fifty times does not average to 0.1: the spread must not be taken for signal.
    constant = mask_values(np.full((50, 3), 0.1), rate, mechanism="mnar", random_state=seed).mask
    np.testing.assert_array_equal(flat, plain)
    np.testing.assert_array_equal(constant, plain)


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
@pytest.mark.parametrize("slope", [-1.5, 1.5, 20.0])
@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5, 0.9])
def test_expected_rate_is_met_in_every_column(mechanism, slope, rate):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=5000), rng.exponential(size=5000), rng.random(5000)])
    X[rng.random(X.shape) < 0.1] = np.nan
    mask = mask_values(X, rate, mechanism=mechanism, slope=slope, random_state=0).mask
    seen = (~np.isnan(X)).sum(axis=0)
    # The binomial spread bounds the Poisson-binomial one of the same mean.
    sigma = np.sqrt(rate * (1 - rate) / seen)
    assert np.all(np.abs(mask.sum(axis=0) / seen - rate) < 4 * sigma)


@pytest.mark.parametrize(
    ("mechanism", "own", "neighbour"), [("mcar", 0, 0), ("mar", 0, 1), ("mnar", 1, 0)]
)
def test_each_mechanism_depends_on_what_it_says(mechanism, own, neighbour):
    X = np.random.default_rng(2).normal(size=(4000, 3))
    mask = mask_values(X, 0.3, mechanism=mechanism, random_state=0).mask
    for column in range(3):
        for driver in range(3):
            hit, spared = X[mask[:, column], driver], X[~mask[:, column], driver]
            gap = hit.mean() - spared.mean()
            sigma = np.sqrt(1 / len(hit) + 1 / len(spared))
            drives = own if driver == column else neighbour if driver == (column + 1) % 3 else 0
            assert gap > 20 * sigma if drives else abs(gap) < 4 * sigma


def test_gaps_of_a_driver_count_as_its_mean():
    X = np.random.default_rng(3).normal(size=(20_000, 2))
    X[:, 1] = np.where(np.arange(20_000) % 2, np.nan, X[:, 1])
    mask = mask_values(X, 0.5, mechanism="mar", columns=[0], random_state=0).mask[:, 0]
    assert abs(mask[1::2].mean() - 0.5) < 4 * 0.5 / 100


@pytest.mark.parametrize("huge", [1e308, 5e-324])
def test_extreme_numbers_do_not_break_the_arithmetic(huge):
    X = np.array([[-huge, 0.0], [0.0, huge], [huge, -huge]])
    with np.errstate(all="raise", under="ignore"):
        mask = mask_values(X, 0.5, mechanism="mnar", slope=1000.0, random_state=0).mask
    assert mask[2, 0] and not mask[0, 0]


# All


@settings(max_examples=20)
@given(class_vectors, seeds)
def test_same_seed_same_result_and_generators_move_on(y, seed):
    X = np.column_stack([y, y[::-1]]).astype(float)
    for draw in (
        lambda state: flip_labels(y, 0.5, random_state=state).values,
        lambda state: shift_labels(y, 0.5, random_state=state).values,
        lambda state: mask_values(X, 0.5, mechanism="mar", random_state=state).values,
    ):
        np.testing.assert_array_equal(draw(seed), draw(seed))
        np.testing.assert_array_equal(draw(seed), draw(np.random.default_rng(seed)))
    big = np.arange(200) % 2
    np.testing.assert_array_equal(
        imbalance(big, 0.3, random_state=seed), imbalance(big, 0.3, random_state=seed)
    )


def test_one_generator_gives_new_draws_and_global_state_is_untouched():
    y = np.zeros(200)
    rng = np.random.default_rng(0)
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, second = (shift_labels(y, 0.5, random_state=rng).values for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("rate", [-0.1, 1.1, np.nan, "half", True])
def test_rates_outside_the_range_are_refused(rate):
    message = r"rate must be a finite number in \[0, 1\], got"
    for call in (
        lambda: flip_labels([0, 1], rate),
        lambda: shift_labels([0.0, 1.0], rate),
        lambda: mask_values([[0.0, 1.0]], rate),
    ):
        with pytest.raises(InvalidInputError, match=message):
            call()


@pytest.mark.parametrize("ratio", [0.0, -1.0, 1.5])
def test_ratios_outside_the_range_are_refused(ratio):
    with pytest.raises(InvalidInputError, match=r"ratio must be a finite number in \(0, 1\]"):
        imbalance([0, 1], ratio)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flip_labels([[0], [1]], 0.1), r"y must be a vector \(1-D\), got .* \(2, 1\)"),
        (lambda: flip_labels([], 0.1), r"y must not be empty, got shape \(0,\)"),
        (lambda: flip_labels([0.5, 1.0], 0.1), "y must hold class labels, got fractions or NaN"),
        (lambda: flip_labels(np.array(["a", 1], object), 0.1), "one kind without gaps"),
        (lambda: flip_labels(np.array([1, np.nan], object), 0.1), "without gaps, got NaN"),
        (lambda: flip_labels(["a", "a"], 0.5), "at least 2 classes to flip labels, got only a"),
        (lambda: imbalance([1, 1], 0.5), "at least 2 classes, got only 1"),
        (lambda: shift_labels([[1.0]], 0.1), r"y must be a vector \(1-D\)"),
        (lambda: shift_labels([1.0, np.nan], 0.1), "y must be finite, got NaN"),
        (lambda: shift_labels([1.0, np.inf], 0.1), "y must not hold infinities"),
        (lambda: shift_labels(["a"], 0.1), "y must hold numbers"),
        (lambda: shift_labels([1.0], 0.1, scale=-1), "scale must be a finite number"),
        (lambda: mask_values([1.0, 2.0], 0.1), r"X must be a matrix \(2-D\), got .* \(2,\)"),
        (lambda: mask_values(np.empty((0, 3)), 0.1), r"X must not be empty, got shape \(0, 3\)"),
        (lambda: mask_values([[np.inf]], 0.1), "X must not hold infinities; write gaps as NaN"),
        (lambda: mask_values([["a"]], 0.1), "encode categories first"),
        (lambda: mask_values([[1.0]], 0.1, mechanism="mar"), "at least 2 columns"),
        (lambda: mask_values([[1.0]], 0.1, columns=[1]), "columns must be an integer .* at most 0"),
        (lambda: mask_values([[1.0]], 0.1, columns=[0, 0]), "name each column once"),
        (lambda: mask_values([[1.0]], 0.1, columns=0), "sequence of positions, got 0"),
        (lambda: mask_values([[1.0]], 0.1, slope=np.inf), "slope must be a finite number"),
        (lambda: flip_labels([0, 1], 0.1, random_state="x"), "random_state must be None, an int"),
        (lambda: flip_labels([0, 1], 0.1, random_state=-1), "random_state must be None, an int"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(InvalidInputError, match=message):
        call()


def test_unknown_names_get_near_matches():
    with pytest.raises(UnknownNameError, match="unknown kind 'pairs': did you mean 'pair'"):
        flip_labels([0, 1], 0.1, kind="pairs")
    with pytest.raises(UnknownNameError, match="unknown mechanism 'MNARR': known: mcar, mar, mnar"):
        mask_values([[1.0]], 0.1, mechanism="MNARR")
