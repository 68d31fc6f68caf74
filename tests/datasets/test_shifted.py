"""The target domain is the source turned, or blended with photographs; no row is in both."""

import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from biam.datasets.shifted import blend, make_digit_domains, make_rotated_moons
from biam.exceptions import InvalidInputError


def test_turned_back_the_target_is_a_source():
    split = make_rotated_moons(30.0, n_source=400, n_target=400)
    assert np.bincount(split.g_train).tolist() == [400, 400]
    turn = np.deg2rad(-30)
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([0.5, 0.25])
    source, target = (split.x_test[split.g_test == k] for k in (0, 1))
    turned = (target - middle) @ back.T + middle
    np.testing.assert_allclose(turned.mean(0), source.mean(0), atol=0.05)
    np.testing.assert_allclose(np.cov(turned.T), np.cov(source.T), atol=0.05)


def test_without_an_angle_there_is_no_shift():
    split = make_rotated_moons(0.0)
    for k in (0, 1):
        own = split.x_test[(split.g_test == 1) & (split.y_test == k)]
        other = split.x_test[(split.g_test == 0) & (split.y_test == k)]
        np.testing.assert_allclose(own.mean(0), other.mean(0), atol=0.05)


def test_digit_domains_have_their_sizes_and_look_different():
    split = make_digit_domains("digits", n_source=300, n_target=200, n_test=100)
    assert np.bincount(split.g_train).tolist() == [300, 200]
    assert np.bincount(split.g_test).tolist() == [100, 100]
    source, target = (split.x_train[split.g_train == k] for k in (0, 1))
    np.testing.assert_array_equal(source[:, 0], source[:, 2])
    assert np.abs(target[:, 0] - target[:, 2]).mean() > 0.01
    assert target.min() >= 0 and target.max() <= 1


def test_sizes_are_scaled_down_to_what_there_is():
    split = make_digit_domains("digits", n_source=6000, n_target=6000, n_test=2000)
    assert len(split.y_train) + len(split.y_test) <= 1797
    assert len(split.y_train) / len(split.y_test) == pytest.approx(3, abs=0.02)


def test_halved_pictures_are_means_of_four_pixels():
    sizes = {"n_source": 30, "n_target": 20, "n_test": 10}
    whole = make_digit_domains("digits", **sizes).x_train
    half = make_digit_domains("digits", **sizes, halve=True).x_train
    assert half.shape == (50, 3, 4, 4)
    np.testing.assert_allclose(half[:, :, 1, 2], whole[:, :, 2:4, 4:6].mean((2, 3)), rtol=1e-5)


def test_blending_with_nothing_shows_the_photograph():
    pieces = blend(np.zeros((3, 3, 8, 8)), np.random.default_rng(0))
    photographs = [photo.transpose(2, 0, 1) / 255 for photo in load_sample_images().images]
    windows = [np.lib.stride_tricks.sliding_window_view(p, (3, 8, 8))[0] for p in photographs]
    for piece in pieces:
        assert any((w == piece).all((2, 3, 4)).any() for w in windows)
    inverted = blend(np.ones((3, 3, 8, 8)), np.random.default_rng(0))
    np.testing.assert_allclose(inverted, 1 - pieces)


def test_wrong_numbers():
    with pytest.raises(InvalidInputError, match="n_test"):
        make_digit_domains("digits", n_test=0)
    with pytest.raises(InvalidInputError, match="unknown data set"):
        make_digit_domains("svhn")
