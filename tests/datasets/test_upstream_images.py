"""Checksums of the image files: of unpacked bytes, so that any gzip of them serves."""

import hashlib

import pytest

from biam.datasets.formats import read_bytes
from biam.datasets.store import local_path
from biam.datasets.upstream_images import CIFAR10_BATCHES, CIFAR10_LABELS, MNIST

# Published md5 of the unpacked training images; other gzip files of the same bytes go round.
TRAINING_IMAGES_MD5 = "6bbc9ace898e44ae57da46a324031adb"


def test_sizes_of_mnist_follow_from_its_format():
    assert [file.bytes for file in MNIST] == [
        16 + 60_000 * 28 * 28,
        8 + 60_000,
        16 + 10_000 * 28 * 28,
        8 + 10_000,
    ]


def test_only_mnist_can_be_fetched():
    assert all(file.url == f"{file.url.rpartition('/')[0]}/{file.name}.gz" for file in MNIST)
    assert {file.url for file in (*CIFAR10_BATCHES, CIFAR10_LABELS)} == {None}


@pytest.mark.realdata("mnist/train-images-idx3-ubyte")
def test_training_images_have_their_published_md5():
    content = read_bytes(local_path(MNIST[0]))
    assert hashlib.md5(content).hexdigest() == TRAINING_IMAGES_MD5
