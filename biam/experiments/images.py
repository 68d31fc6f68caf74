"""Table `images`: damaged picture sets, and the additive model on features of them.

The CNN on the same splits is in `biam.experiments.networks`.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from biam.corruption import flip_labels
from biam.corruption import imbalance as long_tail
from biam.datasets.images import (
    ImageDataset,
    fetch_cifar10_subset,
    fetch_mnist,
    load_digit_images,
)
from biam.datasets.synthetic import Split
from biam.estimators import BIAMClassifier
from biam.exceptions import InvalidInputError
from biam.metrics import evaluate
from biam.validation import check_choice, check_integer

__all__ = [
    "SCORES",
    "additive",
    "importance_maps",
    "make_image_split",
    "picture_scores",
    "suspect_curves",
    "to_pixels",
    "weight_score",
]

SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "log_loss", "ece")
"""Metrics of the clean test pictures, where the settings name none."""

SETS = {"cifar10": fetch_cifar10_subset, "digits": load_digit_images, "mnist": fetch_mnist}
NOISE = {"uniform": "uniform", "flip": "pair"}
# The subset of CIFAR-10 has no official split: its last 1,000 pictures are for testing.
FIRST_TEST = {"cifar10": 3000}
TEST_SHARE = 0.25
MAP_SIDE, MAP_ROWS = 16, 1000
N_SUSPECTS = 24

Array = NDArray[Any]


def make_image_split(
    dataset: str = "digits",
    *,
    label_noise: str | None = None,
    noise_rate: float = 0.0,
    imbalance: float | None = None,
    n_train_rows: int | None = None,
    n_meta: int = 10,
    features: str = "pca",
    n_components: int = 16,
    patch: int = 4,
    random_state: int = 42,
) -> Split:
    """Pictures with wrong labels or a long tail of classes; meta and test rows are clean.

    Test rows: the official ones of MNIST, the last 1,000 of the 4,000 of CIFAR-10, a stratified
    quarter of the digits. From the others the meta rows are taken first, then at most
    `n_train_rows` by class share; the tail is cut from those, and labels are changed last.

    Parameters
    ----------
    dataset : {"digits", "mnist", "cifar10"}
    label_noise : {"uniform", "flip"}, optional
        A wrong label is any other class, or the next class, the last going to the first. Shu et al.
        (2019) let "uniform" noise of rate p hit the true class too, so that their 40 % are 36 % of
        wrong labels with ten classes; here the rate is the share of wrong labels, exactly.
    noise_rate : float
        Share of the training labels to change.
    imbalance : float, optional
        Rarest : most common class among the training rows; sizes between fall geometrically.
    n_train_rows : int, optional
        Most training rows before the tail is cut; None = all.
    n_meta : int
        Meta rows per class.
    features : {"pixels", "patch", "pca"}
        Columns of X: pixels, means of square patches, or principal components of the training
        pixels. Standardised by the training rows.
    n_components : int
        Number of principal components.
    patch : int
        Side of a patch in pixels; divides the sides of the picture.
    random_state : int

    Returns
    -------
    Split
        `truth`: `images_train`, `images_meta`, `images_test` (uint8), `y_clean` (n_train,),
        `class_names`, `shape` of a picture, and what `to_pixels` needs.

    Raises
    ------
    UnknownNameError, InvalidInputError
        A name or number is not valid, or a class has too few pictures.
    DataMissingError
        The pictures are not here and cannot be fetched.
    """
    check_choice("data set", dataset, SETS)
    check_choice("features", features, ("pixels", "patch", "pca"))
    if label_noise is not None:
        check_choice("label_noise", label_noise, NOISE)
    elif noise_rate:
        raise InvalidInputError(
            f"noise_rate={noise_rate!r} needs label_noise='uniform' or 'flip', got None."
        )
    check_integer("n_meta", n_meta, low=1)
    data = _load(dataset)
    picking, flipping = np.random.default_rng(random_state).spawn(2)
    pool, test = _parts(dataset, data, random_state)
    meta, train = _meta_rows(data.y, pool, n_meta, picking)
    if n_train_rows is not None and check_integer("n_train_rows", n_train_rows) < len(train):
        train, _ = train_test_split(
            train, train_size=n_train_rows, stratify=data.y[train], random_state=random_state
        )
    if imbalance is not None:
        train = train[long_tail(data.y[train], imbalance, random_state=picking)]
    kind = NOISE[label_noise or "uniform"]
    y_train, mask = flip_labels(data.y[train], noise_rate, kind=kind, random_state=flipping)
    pictures = {"train": data.images[train], "meta": data.images[meta], "test": data.images[test]}
    size = n_components if features == "pca" else patch if features == "patch" else 1
    X, truth = _features(pictures, features, size, random_state)
    truth |= {f"images_{part}": images for part, images in pictures.items()}
    truth |= {"y_clean": data.y[train], "class_names": data.class_names}
    return Split(X["train"], y_train, X["meta"], data.y[meta], X["test"], data.y[test], mask, truth)


def to_pixels(split: Split, X: Array) -> Array:
    """Pictures, on the scale 0 to 1, that have the features `X`.

    Parameters
    ----------
    split : Split
        From `make_image_split`.
    X : ndarray, shape (n, n_features)

    Returns
    -------
    ndarray, shape (n, h, w) or (n, h, w, 3)
        For principal components the orthogonal projection onto their span; for patches, pictures
        that are constant on each patch.
    """
    truth = split.truth
    flat = (X * truth["scale"] + truth["location"]) @ truth["components"] + truth["centre"]
    return flat.reshape(len(X), *truth["shape"])


def additive(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """BIAM-X on the features, with its pixel importances and its suspects.

    Parameters
    ----------
    split : Split
        From `make_image_split`.
    task : {"classification"}
    seed : int
    settings : mapping
        "estimator": keywords of `BIAMClassifier`. "scores": names of metrics, default `SCORES`.
        "curve_seeds": seeds whose curves are kept, default none.

    Returns
    -------
    metrics : dict of str to float
        The scores, and `weight_auroc` where some labels are wrong: the chance that a wrong row
        weighs less than a right one.
    curves : list of dict
        "importance:CLASS": row x, column z of the picture, see `importance_maps`. "suspect": rank
        x, training row z, its weight; the lowest weights first.
    """
    keywords = {"progress": False, "random_state": seed, **settings.get("estimator", {})}
    est = BIAMClassifier(**keywords)
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    metrics = picture_scores(split, est.predict_proba(split.X_test), settings)
    metrics |= weight_score(split, est.weights_)
    if seed not in settings.get("curve_seeds", ()):
        return metrics, []
    return metrics, _map_curves(importance_maps(est, split)) + suspect_curves(est.weights_)


def importance_maps(est: BIAMClassifier, split: Split) -> dict[str, Array]:
    """Where in the picture the evidence for each class lies: mean |contribution| per pixel.

    The contributions of a row's features to the logit of a class are one vector; the features'
    pictures, added up with it, put it back onto the pixels. On patches that is the contribution of
    the patch itself; principal components, being orthonormal, keep the vector's length.

    Parameters
    ----------
    est : BIAMClassifier
        Fitted on the features of `split`.
    split : Split

    Returns
    -------
    dict of str to ndarray, shape (h, w)
        By class; colours are added up.
    """
    table = est.explain(split.X_test[:MAP_ROWS])
    maps = {}
    for code, name in enumerate(split.truth["class_names"]):
        effects = table[code].drop(columns="intercept").to_numpy()
        pixels = np.abs(effects @ split.truth["components"]).mean(0)
        picture = pixels.reshape(split.truth["shape"])
        maps[name] = picture.sum(2) if picture.ndim == 3 else picture
    return maps


@cache
def _load(dataset: str) -> ImageDataset:
    return SETS[dataset]()


def _parts(dataset: str, data: ImageDataset, random_state: int) -> tuple[Array, Array]:
    """Positions of the pictures to train with and to test on."""
    n, first = len(data.y), FIRST_TEST.get(dataset, data.n_train)
    if first is not None:
        return np.arange(first), np.arange(first, n)
    pool, test = train_test_split(
        np.arange(n), test_size=TEST_SHARE, stratify=data.y, random_state=random_state
    )
    return pool, test


def _meta_rows(y: Array, pool: Array, n_meta: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """`n_meta` positions of each class in random order, since batches are cut from them, and the
    other positions.
    """
    classes, counts = np.unique(y[pool], return_counts=True)
    if counts.min() <= n_meta:
        raise InvalidInputError(
            f"n_meta must leave every class a training picture, got {n_meta}: class "
            f"{classes[counts.argmin()]} has {counts.min()} pictures; use at most "
            f"{counts.min() - 1}."
        )
    meta = np.concatenate([rng.choice(pool[y[pool] == c], n_meta, replace=False) for c in classes])
    return rng.permutation(meta), pool[~np.isin(pool, meta)]


def _features(
    pictures: Mapping[str, Array], kind: str, size: int, seed: int
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Columns of every part, and the way back: components, centre, location, scale."""
    shape = pictures["train"].shape[1:]
    flat = {part: images.reshape(len(images), -1) / 255 for part, images in pictures.items()}
    if kind == "pca":
        pca = PCA(check_integer("n_components", size, low=1), random_state=seed)
        pca.fit(flat["train"])
        centre, components = pca.mean_, pca.components_
        forward = components.T
    else:
        centre, components = np.zeros(flat["train"].shape[1]), _patches(shape, size)
        forward = components.T / components.sum(1)
    values = {part: (pixels - centre) @ forward for part, pixels in flat.items()}
    location, scale = values["train"].mean(0), values["train"].std(0)
    # The border of MNIST is black in every picture.
    scale[scale < 1e-9] = 1.0
    back = {"components": components, "centre": centre, "location": location, "scale": scale}
    return {part: (x - location) / scale for part, x in values.items()}, {**back, "shape": shape}


def _patches(shape: tuple[int, ...], side: int) -> Array:
    """Indicator of each patch, shape (n_patches, n_pixels); colours have patches of their own."""
    check_integer("patch", side, low=1)
    if shape[0] % side or shape[1] % side:
        raise InvalidInputError(
            f"patch must divide the sides of the picture, {shape[0]} x {shape[1]}, got {side}."
        )
    i, j, *colour = np.indices(shape)
    number = (i // side) * (shape[1] // side) + j // side
    if colour:
        number = number * shape[2] + colour[0]
    return (number.ravel() == np.arange(number.max() + 1)[:, None]).astype(float)


def picture_scores(split: Split, proba: Array, settings: Mapping[str, Any]) -> dict[str, float]:
    classes = np.arange(len(split.truth["class_names"]))
    names = settings.get("scores", SCORES)
    return evaluate(names, split.y_test, proba.argmax(1), proba, classes=classes)


def weight_score(split: Split, weights: Array) -> dict[str, float]:
    if split.mask.all() or not split.mask.any():
        return {}
    return {"weight_auroc": float(roc_auc_score(split.mask, -weights))}


def _map_curves(maps: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Large maps are stored as means of two by two pixels."""
    curves = []
    for name, picture in maps.items():
        if len(picture) > MAP_SIDE:
            h, w = picture.shape
            picture = picture.reshape(h // 2, 2, w // 2, 2).mean((1, 3))
        curves += [
            {"curve": f"importance:{name}", "x": float(i), "z": float(j), "value": float(value)}
            for (i, j), value in np.ndenumerate(picture)
        ]
    return curves


def suspect_curves(weights: Array) -> list[dict[str, Any]]:
    order = np.argsort(weights, kind="stable")[:N_SUSPECTS]
    return [
        {"curve": "suspect", "x": float(rank), "z": float(row), "value": float(weights[row])}
        for rank, row in enumerate(order)
    ]
