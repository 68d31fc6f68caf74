"""Image sets: bundled digits, MNIST, and a subset of CIFAR-10.

As for tables, ``fetch_*`` finds or downloads its files through `biam.datasets.store`, and
``parse_*`` turns files into arrays and touches nothing else.
"""

import struct
from dataclasses import dataclass
from os import PathLike
from types import ModuleType

import numpy as np
import pandas as pd

from biam.datasets.formats import read_bytes
from biam.datasets.store import local_path
from biam.datasets.upstream_images import CIFAR10_BATCHES, CIFAR10_LABELS, MNIST
from biam.exceptions import DataMissingError, InvalidInputError, MissingExtraError
from biam.validation import check_integer

__all__ = ["ImageDataset", "fetch_cifar10_subset", "fetch_mnist", "load_digit_images"]

CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
# The third byte of an idx file says what its numbers are: these are unsigned bytes.
IDX_UINT8 = 8


@dataclass(frozen=True, eq=False, repr=False)
class ImageDataset:
    """One set of labelled pictures.

    Parameters
    ----------
    name : str
        "digits", "mnist" or "cifar10-subset".
    images : ndarray of uint8, shape (n, h, w) or (n, h, w, 3)
        Grey values, or red, green and blue, 0 dark to 255 bright.
    y : ndarray of int64, shape (n,)
        Class of each picture, from 0 to ``len(class_names) - 1``.
    class_names : tuple of str
        What each class shows.
    source, licence, url : str
        Who made the pictures, on which terms, and the page that describes them.
    n_train : int or None
        Pictures ``[0:n_train)`` are the official training part; None = no official split.
    notes : str
        What a user should know, above all that a set is a subset.

    Raises
    ------
    InvalidInputError
        Pictures and labels do not belong together, or an array has another shape or type.
    """

    name: str
    images: np.ndarray
    y: np.ndarray
    class_names: tuple[str, ...]
    source: str
    licence: str
    url: str
    n_train: int | None = None
    notes: str = ""

    def __post_init__(self) -> None:
        shape = self.images.shape
        flat = len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)
        if self.images.dtype != np.uint8 or not flat:
            raise InvalidInputError(
                f"images of {self.name!r} must be uint8 of shape (n, h, w) or (n, h, w, 3), got "
                f"{self.images.dtype} of shape {shape}."
            )
        if self.y.dtype != np.int64 or self.y.shape != (len(self.images),):
            raise InvalidInputError(
                f"y of {self.name!r} must be int64 of shape ({len(self.images)},), got "
                f"{self.y.dtype} of shape {self.y.shape}."
            )
        if len(self.y) and not 0 <= self.y.min() <= self.y.max() < len(self.class_names):
            raise InvalidInputError(
                f"y of {self.name!r} must lie in 0 .. {len(self.class_names) - 1}, got "
                f"{self.y.min()} .. {self.y.max()}."
            )
        if self.n_train is not None:
            check_integer("n_train", self.n_train, low=1, high=len(self.y))

    def __repr__(self) -> str:
        size = " x ".join(str(side) for side in self.images.shape[1:])
        split = f", first {self.n_train} for training" if self.n_train else ""
        return (
            f"<ImageDataset {self.name!r}: {len(self.y)} pictures of {size}, "
            f"{len(self.class_names)} classes{split}>"
        )


def load_digit_images() -> ImageDataset:
    """Handwritten digits: 1797 pictures of 8 x 8 pixels, no file needed.

    Grey values 0 to 16 are spread over 0 to 255, rounded. Source: Alpaydin & Kaynak (1998), UCI 80
    (its test part), as shipped with scikit-learn.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return ImageDataset(
        name="digits",
        images=np.round(bunch.images * (255 / 16)).astype(np.uint8),
        y=bunch.target.astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        source="Alpaydin & Kaynak 1998; UCI 80 (test part), copy inside scikit-learn",
        licence="CC BY 4.0 (UCI donation licence)",
        url="https://archive.ics.uci.edu/dataset/80",
        notes="Grey values 0 to 16 were spread over 0 to 255.",
    )


def fetch_mnist() -> ImageDataset:
    """MNIST: 70000 handwritten digits of 28 x 28 pixels, the first 60000 for training.

    Files may be plain or ``.gz``; what is checked is their unpacked bytes. Source: LeCun, Cortes &
    Burges (1998).

    Raises
    ------
    DataMissingError
        A file is absent and cannot be fetched, or its checksum is wrong.
    """
    arrays = [parse_idx(local_path(file)) for file in MNIST]
    return ImageDataset(
        name="mnist",
        images=np.concatenate(arrays[0::2]),
        y=np.concatenate(arrays[1::2]).astype(np.int64),
        class_names=tuple(str(digit) for digit in range(10)),
        source="LeCun, Cortes & Burges 1998, MNIST database",
        licence="not stated in the files; commonly cited as CC BY-SA 3.0",
        url="http://yann.lecun.com/exdb/mnist/",
        n_train=len(arrays[0]),
    )


def fetch_cifar10_subset() -> ImageDataset:
    """First 4000 of the 60000 pictures of CIFAR-10: 32 x 32 pixels, red, green and blue.

    A subset, without an official split. Source: Krizhevsky (2009), Learning multiple layers of
    features from tiny images.

    Raises
    ------
    MissingExtraError
        Pillow is not installed.
    DataMissingError
        A file is absent (these are not downloaded) or its checksum is wrong.
    """
    _pillow()
    images = np.concatenate([parse_image_rows(local_path(file)) for file in CIFAR10_BATCHES])
    labels = pd.read_csv(local_path(CIFAR10_LABELS))["label"]
    return ImageDataset(
        name="cifar10-subset",
        images=images,
        y=labels.to_numpy(dtype=np.int64),
        class_names=CIFAR10_CLASSES,
        source="Krizhevsky 2009, CIFAR-10: images 0 to 3999 of data_batch_1",
        licence="unknown: not stated by its authors",
        url="https://www.cs.toronto.edu/~kriz/cifar.html",
        notes=(
            "A subset: 4000 of the 60000 images of CIFAR-10, so no number made from it compares "
            "with published CIFAR-10 results. Labels were derived by nearest match."
        ),
    )


def parse_idx(path: str | PathLike[str]) -> np.ndarray:
    """Array in an idx file of unsigned bytes, plain or ``.gz``.

    Returns
    -------
    ndarray of uint8
        Its shape is the one the file states.

    Raises
    ------
    DataMissingError
        The file holds something else, or less than it states.
    """
    content = read_bytes(path)
    if len(content) < 4 or content[:3] != bytes((0, 0, IDX_UINT8)):
        raise DataMissingError(
            f"{path} must be an idx file of unsigned bytes, got one that starts with "
            f"{content[:4].hex(' ')}; fetch it again."
        )
    head = 4 + 4 * content[3]
    shape = struct.unpack(f">{content[3]}I", content[4:head]) if len(content) >= head else (0,)
    values = np.frombuffer(content, dtype=np.uint8, offset=min(head, len(content)))
    if len(values) != np.prod(shape) or len(content) < head:
        raise DataMissingError(
            f"{path} must hold an array of shape {shape}, got {len(values)} bytes; fetch it again."
        )
    return values.reshape(shape)


def parse_image_rows(path: str | PathLike[str], *, side: int = 32) -> np.ndarray:
    """Pictures in a lossless image with one picture per row.

    Returns
    -------
    ndarray of uint8, shape (rows, side, side, 3)

    Raises
    ------
    MissingExtraError
        Pillow is not installed.
    DataMissingError
        The rows are not `side` squared pixels wide.
    """
    image = _pillow()
    with image.open(path) as picture:
        rows = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    if rows.shape[1] != side * side:
        raise DataMissingError(
            f"{path} must be {side * side} pixels wide, one {side} x {side} picture per row, got "
            f"{rows.shape[1]}."
        )
    return rows.reshape(-1, side, side, 3)


def _pillow() -> ModuleType:
    """Pillow's Image module; it comes with matplotlib."""
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            "reading PNG pictures needs Pillow, which comes with matplotlib: "
            "pip install 'biam[plot]'"
        ) from error
    return Image
