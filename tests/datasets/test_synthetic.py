"""Rules of the generated sets: shapes, seeds, counts, and what is never corrupted."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.datasets.synthetic import (
    LABEL_NOISE,
    PAIR_MASKS,
    SHAPES,
    add_label_noise,
    make_additive_regression,
    make_disc_classification,
    make_domain_shift,
    make_planted_pairs,
    planted_pairs,
)
from biam.exceptions import InvalidInputError, UnknownNameError

PARTS = ("train", "meta", "test")
MECHANISMS = ("mcar", "mar", "mnar")
SEEDS = (42, 7)
GENERATORS = {
    "regression": lambda seed, **o: make_additive_regression(200, 9, random_state=seed, **o),
    "disc": lambda seed, **o: make_disc_classification(200, 4, random_state=seed, **o),
}
PAIRS = {"E6": "regression", "E7": "binary"}
every_generator = pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)
every_mechanism = pytest.mark.parametrize("mechanism", MECHANISMS)
every_seed = pytest.mark.parametrize("seed", SEEDS)
both_pairs = pytest.mark.parametrize("task", PAIRS.values(), ids=PAIRS)


def tables(split):
    return [getattr(split, f"X_{part}") for part in PARTS]


def labels(split):
    return [getattr(split, f"y_{part}") for part in PARTS]


def assert_equal_splits(one, other):
    for a, b in zip(tables(one) + labels(one), tables(other) + labels(other), strict=True):
        np.testing.assert_array_equal(a, b)


@every_generator
def test_the_same_seed_gives_the_same_split_and_another_seed_another(make):
    options = {"noise_rate": 0.2, "missing_rate": 0.1}
    assert_equal_splits(make(3, **options), make(3, **options))
    assert not np.array_equal(make(3).X_train, make(4).X_train)


@pytest.mark.parametrize(
    "make",
    [
        *(lambda m=m: m(0, noise_rate=0.3, missing_rate=0.2) for m in GENERATORS.values()),
        lambda: make_planted_pairs(corrupt=True, mechanism="mar"),
        make_domain_shift,
        lambda: add_label_noise(make_additive_regression(200), "outlier10"),
    ],
    ids=["regression", "disc", "pairs", "domain-shift", "noise-family"],
)
def test_no_generator_touches_the_global_stream(make):
    before = repr(np.random.get_state())
    make()
    assert repr(np.random.get_state()) == before


@every_generator
@every_seed
def test_the_parts_are_three_fifths_and_twice_a_fifth_standardised_by_the_first(make, seed):
    split = make(seed)
    assert [len(X) for X in tables(split)] == [len(y) for y in labels(split)] == [120, 40, 40]
    np.testing.assert_allclose(split.X_train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(split.X_train.std(0), 1)
    assert abs(split.X_test.mean(0)).max() > 1e-3


def test_regression_targets_are_standardised_by_the_training_part():
    split = make_additive_regression()
    assert split.y_train.mean() == pytest.approx(0, abs=1e-12)
    assert split.y_train.std() == pytest.approx(1)
    assert split.y_test.std() != pytest.approx(1, abs=1e-6)


def test_the_truth_takes_the_standardised_table_back():
    split = make_additive_regression(300, 3, noise_rate=0.4)
    X = split.X_meta * split.truth["x_scale"] + split.truth["x_centre"]
    y = split.y_meta * split.truth["y_scale"] + split.truth["y_centre"]
    assert abs(X).max() <= 1
    noise = y - sum(shape(X[:, j]) for j, shape in enumerate(SHAPES[:3]))
    assert 0.05 < noise.std() < 0.15


@given(rate=st.floats(0.001, 1), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_noise_hits_the_counted_rows_of_the_training_part_only(rate, seed):
    for make in GENERATORS.values():
        clean, noisy = make(seed), make(seed, noise_rate=rate)
        assert noisy.mask.sum() == max(1, int(120 * rate))
        np.testing.assert_array_equal(noisy.y_train != clean.y_train, noisy.mask)
        np.testing.assert_array_equal(noisy.truth["y_clean"], clean.y_train)
        for one, other in zip(labels(clean)[1:], labels(noisy)[1:], strict=True):
            np.testing.assert_array_equal(one, other)
        assert not clean.mask.any()


def test_noise_has_the_asked_location_and_scale():
    options = {"noise_rate": 1.0, "noise_loc": -3.0, "noise_scale": 2.0}
    split = make_additive_regression(2000, 2, **options)
    shift = split.y_train - split.truth["y_clean"]
    assert shift.mean() == pytest.approx(-3, abs=0.2)
    assert shift.std() == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.15, 0.1, 0.05, 0.02])
@every_seed
def test_imbalance_is_met_in_the_training_part_only(ratio, seed):
    plain = make_disc_classification(random_state=seed)
    split = make_disc_classification(imbalance=ratio, random_state=seed)
    few, many = np.bincount(split.y_train)
    # Either class may be the one that is thinned, and counts are whole.
    assert int(few / ratio) == many or few == max(1, int(many * ratio))
    assert 0.9 * ratio < few / many < 1.05 * ratio
    assert len(split.mask) == len(split.X_train) == few + many
    for one, other in zip(labels(plain)[1:], labels(split)[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    kept = {tuple(x) for x in split.X_train}
    assert len(kept) == few + many
    assert kept <= {tuple(x) for x in plain.X_train}


@pytest.mark.parametrize("seed", [25, 93, 123])
def test_imbalance_of_two_equal_classes_thins_one_of_them(seed):
    assert make_disc_classification(20, 2, random_state=seed).y_train.mean() == 0.5
    split = make_disc_classification(20, 2, imbalance=0.5, random_state=seed)
    assert sorted(np.bincount(split.y_train)) == [3, 6]


@every_generator
@every_mechanism
@pytest.mark.parametrize("rate", [0.1, 0.3])
def test_gaps_are_about_as_frequent_as_asked_in_all_parts(make, mechanism, rate):
    split = make(42, missing_rate=rate, mechanism=mechanism)
    full = make(42)
    for X, whole in zip(tables(split), tables(full), strict=True):
        gone = np.isnan(X)
        np.testing.assert_array_equal(X[~gone], whole[~gone])
        columns = gone[:, :-1] if mechanism == "mar" else gone
        assert columns.mean() == pytest.approx(rate, abs=0.09)
    np.testing.assert_array_equal(split.y_train, full.y_train)


@every_generator
@every_seed
def test_mar_keeps_the_last_feature_complete_as_published(make, seed):
    for X in tables(make(seed, missing_rate=0.4, mechanism="mar")):
        assert not np.isnan(X[:, -1]).any()
        assert np.isnan(X[:, :-1]).any(0).all()


@pytest.mark.parametrize("mechanism", ["mar", "mnar"])
def test_gaps_follow_what_drives_them(mechanism):
    options = {"random_state": 1, "n_features": 4}
    full = make_additive_regression(4000, **options).X_train
    gappy = make_additive_regression(4000, missing_rate=0.3, mechanism=mechanism, **options).X_train
    driver = full[:, 1 if mechanism == "mar" else 0]
    gone = np.isnan(gappy[:, 0])
    assert driver[gone].mean() > driver[~gone].mean() + 0.4


# Noise families of E1 and E4


@pytest.mark.parametrize("family", LABEL_NOISE)
@pytest.mark.parametrize("block", ["e1", "e4"])
def test_a_noise_family_changes_training_labels_only(family, block):
    clean = make_additive_regression(400, 3)
    noisy = add_label_noise(clean, family, block=block, seed=7)
    for a, b in zip(
        tables(clean) + labels(clean)[1:], tables(noisy) + labels(noisy)[1:], strict=True
    ):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(noisy.y_train != clean.y_train, noisy.mask)
    share = int(family.removeprefix("outlier")) / 100 if family.startswith("outlier") else 1
    assert noisy.mask.sum() == int(240 * share)
    np.testing.assert_array_equal(noisy.truth["y_clean"], clean.y_train)
    again = add_label_noise(clean, family, block=block, seed=7)
    np.testing.assert_array_equal(again.y_train, noisy.y_train)
    other = add_label_noise(clean, family, block="e4" if block == "e1" else "e1", seed=7)
    assert not np.array_equal(other.y_train, noisy.y_train)


@pytest.mark.parametrize(
    ("family", "median", "spread"),
    [
        ("mixture_A", -1.68, 1.4),
        ("mixture_B", 0.32, 1.4),
        ("heavy_t", 0, 1.63),
        ("gauss", 0, 1.35),
        ("laplace", 0, 1.39),
        ("cauchy", 0, 2.0),
        ("lognormal", 1 - np.exp(0.5), 1.45),
    ],
)
def test_a_noise_family_has_its_median_and_quartile_spread(family, median, spread):
    noise = LABEL_NOISE[family](np.random.default_rng(0), 40_000)
    low, middle, high = np.quantile(noise, [0.25, 0.5, 0.75])
    assert middle == pytest.approx(median, abs=0.05)
    if family.startswith("mixture"):
        assert (noise > median + 6).mean() == pytest.approx(0.2, abs=0.01)
    else:
        assert high - low == pytest.approx(spread, rel=0.05)


def test_the_noise_stream_is_that_of_the_protocol():
    clean = make_additive_regression(400, 3)
    g = np.random.default_rng(1000 * 7 + zlib.crc32(b"mixture_A") % 9999)
    uniform, first, second = g.uniform(size=240), g.normal(-2, 1, 240), g.normal(8, 1, 240)
    expected = clean.y_train + np.where(uniform < 0.8, first, second)
    np.testing.assert_array_equal(add_label_noise(clean, "mixture_A", seed=7).y_train, expected)
    g = np.random.default_rng(2000 * 7 + zlib.crc32(b"outlier50") % 9999)
    expected = clean.y_train.copy()
    expected[g.choice(240, 120, replace=False)] += g.normal(100, 100, 120)
    noisy = add_label_noise(clean, "outlier50", block="e4", seed=7)
    np.testing.assert_array_equal(noisy.y_train, expected)


# Planted pairs, and the shifted domain


@both_pairs
@every_seed
def test_corruption_of_planted_pairs_stays_in_the_training_part(task, seed):
    clean = make_planted_pairs(task, random_state=seed)
    noisy = make_planted_pairs(task, corrupt=True, mechanism="mcar", random_state=seed)
    np.testing.assert_array_equal(noisy.y_train != clean.y_train, noisy.mask)
    assert noisy.mask.mean() == pytest.approx(0.3 if task == "regression" else 0.2, abs=0.06)
    for one, other in zip(labels(clean)[1:], labels(noisy)[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert [len(X) for X in tables(noisy)] == [840, 120, 240]
    assert noisy.X_train.dtype == np.float32


@both_pairs
@pytest.mark.parametrize("mechanism", PAIR_MASKS)
def test_the_first_column_of_planted_pairs_is_never_masked(task, mechanism):
    full = np.concatenate(tables(make_planted_pairs(task)))
    X = np.concatenate(tables(make_planted_pairs(task, mechanism=mechanism)))
    gone = np.isnan(X)
    assert not gone[:, 0].any()
    assert gone[:, 1:].mean() == pytest.approx(0.27 if mechanism == "mnar" else 0.2, abs=0.02)
    np.testing.assert_array_equal(X[~gone], full[~gone])


@both_pairs
def test_the_planted_pairs_are_in_the_labels_and_in_the_truth(task):
    planted, null = make_planted_pairs(task), make_planted_pairs(task, pairs=False)
    assert planted.truth["pairs"] == planted_pairs[: 3 if task == "regression" else 2]
    assert null.truth["pairs"] == ()
    for (j, k), split in [(pair, planted) for pair in planted.truth["pairs"]]:
        y = split.y_train - split.y_train.mean()
        assert abs(np.corrcoef(y, split.X_train[:, j] * split.X_train[:, k])[0, 1]) > 0.08
    for j, k in planted_pairs[:2]:
        y = null.y_train - null.y_train.mean()
        assert abs(np.corrcoef(y, null.X_train[:, j] * null.X_train[:, k])[0, 1]) < 0.08


def test_the_shifted_domain_lies_outside_the_training_range():
    split = make_domain_shift(random_state=3)
    assert split.X_train.shape == (400, 4)
    assert split.X_train.max() < 0.8 < 1 <= split.X_test.min()
    np.testing.assert_array_equal(split.y_test, 3 * split.X_test[:, 0])
    assert 0.04 < (split.y_train - 3 * split.X_train[:, 0]).std() < 0.06
    np.testing.assert_array_equal(split.X_meta, split.X_train[:64])
    np.testing.assert_array_equal(split.y_meta, split.y_train[:64])
    assert not split.mask.any()


# Refusals


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: make_additive_regression(5),
            InvalidInputError,
            "n_samples must be .* at least 10",
        ),
        (lambda: make_additive_regression(n_features=0), InvalidInputError, "n_features must"),
        (lambda: make_additive_regression(noise_rate=30), InvalidInputError, r"\[0, 1\], got 30"),
        (lambda: make_additive_regression(missing_rate=-1), InvalidInputError, "missing_rate"),
        (
            lambda: make_additive_regression(mechanism="mcr"),
            UnknownNameError,
            "did you mean 'mcar'",
        ),
        (lambda: make_disc_classification(n_features=1), InvalidInputError, "at least 2, got 1"),
        (lambda: make_disc_classification(10), InvalidInputError, "at least 20, got 10"),
        (
            lambda: make_disc_classification(imbalance=0),
            InvalidInputError,
            r"imbalance .* \(0, 1\]",
        ),
        (lambda: make_disc_classification(imbalance=2), InvalidInputError, "got 2"),
        (lambda: make_planted_pairs("binry"), UnknownNameError, "did you mean 'binary'"),
        (lambda: make_planted_pairs(mechanism="none"), UnknownNameError, "unknown mechanism"),
        (lambda: add_label_noise(None, "gaus"), UnknownNameError, "did you mean 'gauss'"),
        (lambda: add_label_noise(None, "gauss", block="e2"), UnknownNameError, "unknown block"),
    ],
)
def test_wrong_settings_are_refused_with_a_reason(call, error, message):
    with pytest.raises(error, match=message):
        call()
