"""Colours and places follow the class exactly as often as stated."""

import numpy as np
import pytest

from biam.datasets.coloured import make_biased_digits, make_coloured_digits, make_plain_digits
from biam.exceptions import UnknownNameError

MNIST_FILES = [
    f"mnist/{part}-{kind}-ubyte"
    for part in ("train", "t10k")
    for kind in ("images-idx3", "labels-idx1")
]


def colour_of(split, part):
    x = getattr(split, f"x_{part}")
    return (x.reshape(len(x), 2, -1).sum(2).argmax(1)).astype(int)


def test_coloured_digits_have_the_published_rates():
    split = make_coloured_digits("digits", n_train=1400, n_test=1400, random_state=0)
    colour, test_colour = colour_of(split, "train"), colour_of(split, "test")
    agree = colour == split.y_train
    for environment, share in ((0, 0.8), (1, 0.9)):
        assert agree[split.g_train == environment].mean() == pytest.approx(share, abs=0.05)
    np.testing.assert_array_equal(split.g_test, test_colour == split.y_test)
    assert split.g_test.mean() == pytest.approx(0.1, abs=0.04)
    clean = split.truth["y_clean_test"]
    assert np.mean(clean == split.y_test) == pytest.approx(0.75, abs=0.05)


def test_a_picture_has_one_colour_channel_and_the_other_is_empty():
    split = make_coloured_digits("digits", n_train=50, n_test=20)
    x = split.x_train.reshape(len(split.x_train), 2, 64)
    assert ((x.sum(2) > 0).sum(1) == 1).all()
    assert x.max() <= 1


def test_parts_do_not_share_a_picture():
    split = make_coloured_digits("digits", n_train=10_000, n_test=10_000)
    assert len(split.y_train) + len(split.y_test) <= 1797
    plain = make_plain_digits(n_train=1200, n_test=1000)
    assert len(plain.y_train) + len(plain.y_test) <= 1797


@pytest.mark.realdata(*MNIST_FILES)
def test_coloured_mnist_has_the_published_shape():
    split = make_coloured_digits("mnist", n_train=500, n_test=200)
    assert split.x_train.shape == (500, 392)
    assert split.x_test.shape == (200, 392)


def test_biases_follow_the_class_when_training_and_not_when_testing():
    split = make_biased_digits("digits", n_train=1400, n_test=700, agreement=0.9, random_state=0)
    assert split.x_train.shape[1:] == (3, 32, 32)
    assert split.x_train.min() >= 0 and split.x_train.max() <= 1
    assert split.g_train.mean() / 3 == pytest.approx(0.9, abs=0.02)
    assert split.g_test.mean() / 3 == pytest.approx(0.1, abs=0.03)


def test_a_fully_biased_class_has_one_colour_background_and_place():
    split = make_biased_digits("digits", n_train=300, n_test=100, agreement=1.0)
    assert (split.g_train == 3).all()
    own = split.x_train[split.y_train == 4]
    # Outside of its place every picture of the class is the same background.
    spread = np.ptp(own, axis=0).max(0)
    assert 0 < (spread > 0).mean() <= (14 / 32) ** 2
    corners = {tuple(row) for row in split.x_train[:, :, 31, 31].round(3).tolist()}
    assert len(corners) == 10


def test_same_seed_same_pictures():
    first, again, other = (
        make_biased_digits("digits", n_train=40, n_test=20, random_state=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.y_train, other.y_train)


def test_unknown_set():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        make_plain_digits("digit")
