"""The spurious feature goes along with the label as often as stated, and not when testing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from biam.datasets.spurious import make_core_spurious, make_margin_moons
from biam.exceptions import InvalidInputError


@given(st.integers(10, 60), st.floats(0.5, 0.95))
def test_groups_have_their_stated_sizes(half, agreement):
    n = 2 * half
    split = make_core_spurious(n_train=n, n_test=40, agreement=agreement, n_noise=2)
    rare = max(1, round(n * (1 - agreement) / 2))
    assert np.bincount(split.g_train).tolist() == [half - rare, rare, rare, half - rare]
    assert np.bincount(split.g_test).tolist() == [10] * 4
    np.testing.assert_array_equal(split.g_test // 2, split.y_test)


def test_features_have_their_means_and_spreads():
    split = make_core_spurious(n_train=20_000, n_noise=3, agreement=0.8, spurious_noise=0.5)
    y, a = 2 * split.y_train - 1, 2 * (split.g_train % 2) - 1
    core, spurious, noise = split.x_train[:, 0], split.x_train[:, 1], split.x_train[:, 2:]
    assert np.mean(core * y) == pytest.approx(1, abs=0.03)
    assert np.std(core - y) == pytest.approx(1, abs=0.03)
    assert np.mean(spurious * a) == pytest.approx(1, abs=0.03)
    assert np.std(spurious - a) == pytest.approx(0.5, abs=0.03)
    assert np.std(noise) == pytest.approx(3**-0.5, abs=0.01)
    assert abs(np.corrcoef(noise[:, 0], y)[0, 1]) < 0.03


def test_with_many_noise_features_a_linear_model_can_fit_every_row():
    split = make_core_spurious(n_train=60, n_noise=300)
    assert np.linalg.matrix_rank(split.x_train) == 60


def test_same_seed_same_rows():
    first, again, other = (
        make_core_spurious(n_train=20, n_noise=2, random_state=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)


@given(st.floats(0, 0.5), st.integers(0, 20))
def test_moons_have_their_margin(margin, seed):
    split = make_margin_moons(margin, random_state=seed)
    # Class 1 is the lower moon, here the left one.
    assert (-split.x_train[split.y_train == 1, 0]).min() >= margin - 1e-6
    assert split.x_train[split.y_train == 0, 0].min() >= margin - 1e-6


def test_a_line_parts_the_training_moons_but_not_those_for_testing():
    split = make_margin_moons(0.1)
    line = LogisticRegression(C=100).fit(split.x_train, split.y_train)
    assert line.score(split.x_train, split.y_train) == 1
    assert line.score(split.x_test, split.y_test) < 0.92
    overlapping = make_margin_moons(-0.1)
    left = overlapping.x_train[overlapping.y_train == 1, 0]
    assert left.max() > 0


def test_agreement_below_chance_is_refused():
    with pytest.raises(InvalidInputError, match="agreement"):
        make_core_spurious(agreement=0.2)
