"""Pictures: idx and PNG files made here and read back, and the real sets."""

import gzip
import struct
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from biam.datasets.images import (
    CIFAR10_CLASSES,
    ImageDataset,
    fetch_cifar10_subset,
    fetch_mnist,
    load_digit_images,
    parse_idx,
    parse_image_rows,
)
from biam.exceptions import DataMissingError, InvalidInputError, MissingExtraError

MNIST_FILES = [
    f"mnist/{part}-idx{kind}-ubyte"
    for part, kind in (
        ("train-images", 3),
        ("train-labels", 1),
        ("t10k-images", 3),
        ("t10k-labels", 1),
    )
]
CIFAR10_FILES = [
    *(f"cifar-10/cifar10_batch_{k}.png" for k in range(4)),
    "cifar-10/cifar10_labels_first4000.csv",
]


def idx(array):
    """An idx file of unsigned bytes, as its description asks."""
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.tobytes()


def images(**changes):
    options = {
        "name": "toy",
        "images": np.zeros((3, 2, 2), dtype=np.uint8),
        "y": np.array([0, 1, 1]),
        "class_names": ("a", "b"),
        "source": "here",
        "licence": "any",
        "url": "https://example.invalid",
    }
    return ImageDataset(**(options | changes))


@given(arrays.arrays(np.uint8, st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)))
def test_idx_gives_back_what_was_written(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("idx") / "toy"
    path.write_bytes(idx(array))
    got = parse_idx(path)
    assert got.dtype == np.uint8
    np.testing.assert_array_equal(got, array)


def test_packed_and_plain_idx_agree(tmp_path):
    array = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    (tmp_path / "a").write_bytes(idx(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(array)))
    np.testing.assert_array_equal(parse_idx(tmp_path / "a"), parse_idx(tmp_path / "a.gz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be an idx file"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "must be an idx file of unsigned bytes.*0d"),
        (idx(np.zeros((2, 2), np.uint8))[:-1], r"shape \(2, 2\), got 3 bytes"),
        (idx(np.zeros((2, 2), np.uint8))[:9], "must hold an array"),
    ],
)
def test_what_is_no_idx_file_is_refused(tmp_path, content, message):
    path = tmp_path / "toy"
    path.write_bytes(content)
    with pytest.raises(DataMissingError, match=message):
        parse_idx(path)


def test_rows_of_a_picture_are_pictures(tmp_path):
    from PIL import Image

    wanted = np.random.default_rng(0).integers(0, 256, (5, 3, 3, 3), dtype=np.uint8)
    path = tmp_path / "rows.png"
    Image.fromarray(wanted.reshape(5, 9, 3)).save(path)
    np.testing.assert_array_equal(parse_image_rows(path, side=3), wanted)
    with pytest.raises(DataMissingError, match=r"must be 16 pixels wide.* got 9"):
        parse_image_rows(path, side=4)


def test_missing_pillow_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"needs Pillow.*biam\[plot\]"):
        fetch_cifar10_subset()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((3, 4), dtype=np.uint8)}, "must be uint8 of shape"),
        ({"images": np.zeros((3, 2, 2))}, "got float64"),
        ({"images": np.zeros((3, 2, 2, 4), dtype=np.uint8)}, r"got uint8 of shape \(3, 2, 2, 4\)"),
        ({"y": np.array([0, 1])}, r"y of 'toy' must be int64 of shape \(3,\)"),
        ({"y": np.array([0.0, 1.0, 1.0])}, "got float64"),
        ({"y": np.array([0, 1, 2])}, r"must lie in 0 .. 1, got 0 .. 2"),
        ({"n_train": 4}, "n_train"),
    ],
)
def test_record_refuses_what_does_not_fit(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        images(**changes)


def test_record_tells_its_size():
    assert repr(images()) == "<ImageDataset 'toy': 3 pictures of 2 x 2, 2 classes>"
    colour = images(images=np.zeros((3, 4, 4, 3), dtype=np.uint8), n_train=2)
    assert "4 x 4 x 3, 2 classes, first 2 for training" in repr(colour)


def test_digits_are_those_of_scikit_learn_spread_over_a_byte():
    from sklearn.datasets import load_digits

    data, bunch = load_digit_images(), load_digits()
    assert data.images.shape == (1797, 8, 8)
    assert (data.images.min(), data.images.max()) == (0, 255)
    np.testing.assert_array_equal(np.round(data.images / 255 * 16), bunch.images)
    np.testing.assert_array_equal(data.y, bunch.target)


@pytest.mark.parametrize("fetch", [fetch_mnist, fetch_cifar10_subset])
def test_absent_pictures_are_named(fetch, tmp_path, monkeypatch):
    def download(url, target):
        raise ConnectionError(f"no route to {url}")

    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("biam.datasets.store._download", download)
    with pytest.raises(DataMissingError, match=r"it is absent[\s\S]*expected sha256"):
        fetch()


@pytest.mark.realdata(*MNIST_FILES)
def test_mnist_has_its_published_counts():
    data = fetch_mnist()
    assert data.images.shape == (70_000, 28, 28)
    assert data.n_train == 60_000
    assert np.bincount(data.y[:60_000]).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    # The usual normalising constants of the training part.
    counts = np.bincount(data.images[:60_000].ravel(), minlength=256)
    grey = np.arange(256) / 255
    mean = np.average(grey, weights=counts)
    spread = np.sqrt(np.average((grey - mean) ** 2, weights=counts))
    assert (mean, spread) == pytest.approx((0.1307, 0.3081), abs=5e-5)


@pytest.mark.realdata(*CIFAR10_FILES)
def test_cifar10_is_a_subset_and_says_so():
    data = fetch_cifar10_subset()
    assert data.images.shape == (4000, 32, 32, 3)
    assert data.n_train is None
    assert "subset" in data.name
    assert "subset: 4000 of the 60000" in data.notes
    assert [CIFAR10_CLASSES[k] for k in data.y[:5]] == [
        "frog",
        "truck",
        "truck",
        "deer",
        "automobile",
    ]
    assert np.bincount(data.y).tolist() == [396, 366, 420, 384, 422, 393, 414, 385, 407, 413]
    # First pixel of data_batch_1.
    assert data.images[0, 0, 0].tolist() == [59, 62, 63]


@pytest.mark.realdata(CIFAR10_FILES[-1])
def test_cifar10_class_names_are_those_of_the_label_file():
    import pandas as pd

    from biam.datasets.store import local_path
    from biam.datasets.upstream_images import CIFAR10_LABELS

    table = pd.read_csv(local_path(CIFAR10_LABELS))
    assert [CIFAR10_CLASSES[k] for k in table["label"]] == table["class"].tolist()
