"""The data of the structure search: shapes, gaps, flips, errors, what was planted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from biam.datasets.structured import NOISE, make_structured, missing_intercept
from biam.exceptions import InvalidInputError, UnknownNameError

TASKS = ("regression", "classification")
MECHANISMS = ("mcar", "mar", "mnar")


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30),
    st.floats(0.01, 0.99),
    st.floats(-3, 3),
)
def test_bisection_meets_the_rate(driver, rate, slope):
    driver = np.array(driver)
    intercept = missing_intercept(driver, rate, slope)
    chance = expit(intercept + slope * driver)
    # A step between two far values can miss the rate by one rounding of the intercept.
    assert chance.mean() == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize("rate", [0.0, 1.0, 1.5])
def test_bisection_refuses_a_rate_without_an_answer(rate):
    with pytest.raises(InvalidInputError, match="rate must be in"):
        missing_intercept(np.zeros(3), rate)


@pytest.mark.parametrize("task", TASKS)
def test_parts_are_seven_to_one_to_one_to_one(task):
    split = make_structured(task, 200, 8)
    parts = [split.X_train, split.X_meta, split.truth["X_tune"], split.X_test]
    assert [part.shape for part in parts] == [(140, 8), (20, 8), (20, 8), (20, 8)]
    labels = [split.y_train, split.y_meta, split.truth["y_tune"], split.y_test]
    assert [len(y) for y in labels] == [140, 20, 20, 20]


def test_features_are_correlated_by_their_distance():
    X = make_structured(n_samples=60_000).X_train
    lags = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    np.testing.assert_allclose(np.corrcoef(X.T), 0.5**lags, atol=0.02)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_gaps_are_in_the_first_half_at_the_rate(mechanism):
    split = make_structured(n_samples=40_000, missing_rate=0.2, mechanism=mechanism)
    rates = np.isnan(split.X_train).mean(0)
    np.testing.assert_allclose(rates[:5], 0.2, atol=0.01)
    assert not rates[5:].any()


def test_gaps_follow_what_the_mechanism_names():
    whole = make_structured(n_samples=20_000).X_train
    hidden = {}
    for mechanism in MECHANISMS:
        split = make_structured(n_samples=20_000, missing_rate=0.2, mechanism=mechanism)
        hidden[mechanism] = np.isnan(split.X_train[:, 0])
    pull = {m: [whole[gap, j].mean() for j in (0, 5)] for m, gap in hidden.items()}
    assert np.abs(pull["mcar"]).max() < 0.06
    assert pull["mar"][1] > 0.5 > 0.1 > abs(pull["mar"][0])
    assert pull["mnar"][0] > 0.5 > 0.1 > abs(pull["mnar"][1])


@pytest.mark.parametrize("task", TASKS)
def test_values_are_in_units_of_the_training_rows(task):
    split = make_structured(task, missing_rate=0.3, mechanism="mnar")
    np.testing.assert_allclose(np.nanmean(split.X_train, 0), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(split.X_train, 0), 1)
    if task == "regression":
        assert split.y_train.mean() == pytest.approx(0, abs=1e-12)
        assert split.y_train.std() == pytest.approx(1)
    else:
        assert set(np.unique(split.y_train)) == {0, 1}


@pytest.mark.parametrize("noise", NOISE)
def test_errors_have_their_scale(noise):
    other = make_structured(n_samples=20_000, noise=noise)
    base = make_structured(n_samples=20_000)
    target = [s.y_train * s.truth["y_scale"] + s.truth["y_loc"] for s in (other, base)]
    spread = np.std(target[0] - target[1])
    assert spread == pytest.approx(0.0 if noise == "normal" else 0.3 * np.sqrt(2), rel=0.1)


def test_shifted_labels_are_those_of_the_mask():
    split = make_structured(n_samples=20_000, noise_rate=0.3)
    change = split.y_train - split.truth["y_clean"]
    assert split.mask.sum() == round(0.3 * 14_000)
    np.testing.assert_array_equal(change != 0, split.mask)
    assert change[split.mask].mean() == pytest.approx(1.0, abs=0.05)
    assert change[split.mask].std() == pytest.approx(0.5, abs=0.05)


def test_flips_begin_at_the_boundary():
    whole = make_structured("classification", noise_rate=1.0, random_state=5)
    masks = {}
    for rate in (0.1, 0.3):
        split = make_structured("classification", noise_rate=rate, random_state=5)
        masks[rate] = split.mask
        assert split.mask.sum() == round(rate * 700)
        np.testing.assert_array_equal(split.y_train != split.truth["y_clean"], split.mask)
    assert masks[0.3][masks[0.1]].all()
    distance = np.abs(classification_score(5))
    assert distance[masks[0.3]].max() <= distance[~masks[0.3]].min()
    np.testing.assert_array_equal(whole.truth["y_clean"], (classification_score(5) > 0).astype(int))


def classification_score(seed):
    """The score of complete training rows, from the draws and the printed formula."""
    lags = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    draws = np.random.default_rng(seed).standard_normal((1000, 10))
    x = (draws @ np.linalg.cholesky(0.5**lags).T)[:700].T
    main = 1.5 * x[0] + 1.2 * x[1] ** 2 - x[2] ** 3
    return main + np.sin(np.pi * x[3]) + 0.8 * x[4] * x[5]


def test_a_gap_shifts_the_target_as_planted():
    bare = make_structured(n_samples=5_000)
    gappy = make_structured(n_samples=5_000, missing_rate=0.3)
    targets = [s.y_train * s.truth["y_scale"] + s.truth["y_loc"] for s in (gappy, bare)]
    m = np.isnan(gappy.X_train).astype(float)
    lags = np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    draws = np.random.default_rng(11).standard_normal((5_000, 10))
    x2 = (draws @ np.linalg.cholesky(0.5**lags).T)[:3_500, 2]
    wanted = 0.8 * m[:, 0] + 0.6 * m[:, 1] * x2
    np.testing.assert_allclose(targets[0] - targets[1], wanted, atol=1e-12)


@pytest.mark.parametrize(("task", "mains"), [("regression", 3), ("classification", 4)])
def test_planted_groups_are_listed(task, mains):
    groups = make_structured(task).truth["groups"]
    assert groups == [("main", j, j) for j in range(mains)]
    with_gaps = make_structured(task, missing_rate=0.2).truth["groups"]
    assert with_gaps == [*groups, ("missing", 0, 0), ("interaction", 1, 2)]


def test_same_seed_same_table():
    first, second, other = (
        make_structured(missing_rate=0.2, noise_rate=0.1, random_state=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.X_train, second.X_train)
    np.testing.assert_array_equal(first.y_train, second.y_train)
    assert not np.array_equal(first.y_test, other.y_test)


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ({"task": "ranking"}, UnknownNameError),
        ({"noise": "cauchy"}, UnknownNameError),
        ({"mechanism": "block"}, UnknownNameError),
        ({"n_samples": 10}, InvalidInputError),
        ({"n_features": 5}, InvalidInputError),
        ({"missing_rate": 1.0}, InvalidInputError),
        ({"noise_rate": 1.2}, InvalidInputError),
        ({"random_state": -1}, InvalidInputError),
    ],
)
def test_bad_settings_are_named(setting, error):
    with pytest.raises(error, match=next(iter(setting))):
        make_structured(**setting)
