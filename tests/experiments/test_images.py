"""Picture splits are damaged as they say, features lead back to pixels, maps add up."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.datasets.images import load_digit_images
from biam.estimators import BIAMClassifier
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.images import (
    SCORES,
    additive,
    importance_maps,
    make_image_split,
    suspect_curves,
    to_pixels,
)
from biam.plotting.images import maps_from_curves

PARTS = ("train", "meta", "test")


def flat(split, part):
    images = split.truth[f"images_{part}"]
    return images.reshape(len(images), -1) / 255


@pytest.fixture(scope="module")
def noisy():
    return make_image_split(label_noise="uniform", noise_rate=0.4, random_state=3)


@settings(max_examples=25)
@given(
    kind=st.sampled_from(["uniform", "flip"]),
    rate=st.sampled_from([0.0, 0.2, 0.4, 0.35]),
    seed=st.integers(0, 50),
)
def test_the_share_of_wrong_labels_is_exact(kind, rate, seed):
    split = make_image_split(label_noise=kind, noise_rate=rate, random_state=seed)
    clean = split.truth["y_clean"]
    np.testing.assert_array_equal(split.mask, split.y_train != clean)
    assert split.mask.sum() == round(rate * len(clean))
    if kind == "flip":
        np.testing.assert_array_equal(split.y_train[split.mask], (clean[split.mask] + 1) % 10)


@pytest.mark.parametrize("ratio", [0.1, 0.01])
def test_a_long_tail_falls_geometrically(ratio):
    counts = np.bincount(make_image_split(imbalance=ratio).y_train, minlength=10)
    sizes = np.sort(counts)[::-1]
    np.testing.assert_allclose(sizes, sizes[0] * ratio ** (np.arange(10) / 9), atol=1)


def test_meta_rows_are_balanced_clean_and_in_no_class_order(noisy):
    assert np.bincount(noisy.y_meta).tolist() == [10] * 10
    assert (np.diff(noisy.y_meta) < 0).any()
    digits = load_digit_images()
    known = {image.tobytes(): label for image, label in zip(digits.images, digits.y, strict=True)}
    for part, labels in (("meta", noisy.y_meta), ("test", noisy.y_test)):
        images = noisy.truth[f"images_{part}"]
        assert [known[image.tobytes()] for image in images] == labels.tolist()


def test_parts_share_no_picture_and_miss_none(noisy):
    parts = [noisy.truth[f"images_{part}"] for part in PARTS]
    together = np.sort([image.tobytes() for images in parts for image in images])
    everything = np.sort([image.tobytes() for image in load_digit_images().images])
    np.testing.assert_array_equal(together, everything)
    assert len(noisy.y_test) == round(len(everything) / 4 + 0.5)


def test_rows_are_capped_before_the_tail_by_class_share():
    capped = make_image_split(n_train_rows=500)
    assert len(capped.y_train) == 500
    assert np.ptp(np.bincount(capped.y_train)) <= 3
    tail = make_image_split(n_train_rows=500, imbalance=0.1)
    assert np.bincount(tail.y_train).max() <= np.bincount(capped.y_train).max()


@pytest.mark.parametrize("features", ["pixels", "patch", "pca"])
def test_features_are_standardised_by_the_training_rows(features):
    X = make_image_split(features=features, patch=2).X_train
    np.testing.assert_allclose(X.mean(0), 0, atol=1e-9)
    deviations = X.std(0)
    np.testing.assert_allclose(deviations[deviations > 0], 1)


def test_principal_components_lead_back_exactly_on_their_span():
    split = make_image_split(features="pca", n_components=7)
    components, centre = split.truth["components"], split.truth["centre"]
    np.testing.assert_allclose(components @ components.T, np.eye(7), atol=1e-10)
    np.testing.assert_allclose(centre, flat(split, "train").mean(0), atol=1e-12)
    for part in PARTS:
        pixels = to_pixels(split, getattr(split, f"X_{part}")).reshape(-1, 64)
        projected = centre + (flat(split, part) - centre) @ components.T @ components
        np.testing.assert_allclose(pixels, projected, atol=1e-10)


def test_all_components_lead_back_to_the_picture(noisy):
    split = make_image_split(features="pca", n_components=64)
    np.testing.assert_allclose(
        to_pixels(split, split.X_test), split.truth["images_test"] / 255, atol=1e-8
    )


def test_a_patch_is_its_mean():
    split = make_image_split(features="patch", patch=4)
    back = to_pixels(split, split.X_test)
    means = (split.truth["images_test"] / 255).reshape(-1, 2, 4, 2, 4).mean((2, 4))
    np.testing.assert_allclose(back, means.repeat(4, 1).repeat(4, 2), atol=1e-12)


def test_pixels_lead_back_to_the_picture():
    split = make_image_split(features="pixels")
    np.testing.assert_allclose(
        to_pixels(split, split.X_meta), split.truth["images_meta"] / 255, atol=1e-12
    )


def test_one_seed_one_split(noisy):
    again = make_image_split(label_noise="uniform", noise_rate=0.4, random_state=3)
    other = make_image_split(label_noise="uniform", noise_rate=0.4, random_state=4)
    np.testing.assert_array_equal(again.X_train, noisy.X_train)
    np.testing.assert_array_equal(again.y_train, noisy.y_train)
    assert not np.array_equal(other.y_train, noisy.y_train)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"dataset": "digit"}, UnknownNameError),
        ({"features": "pcs"}, UnknownNameError),
        ({"label_noise": "pair"}, UnknownNameError),
        ({"noise_rate": 0.2}, InvalidInputError),
        ({"n_meta": 0}, InvalidInputError),
        ({"n_meta": 500}, InvalidInputError),
        ({"features": "patch", "patch": 3}, InvalidInputError),
    ],
)
def test_what_cannot_be_is_said(wrong, error):
    with pytest.raises(error):
        make_image_split(**wrong)


@pytest.mark.realdata(
    "mnist/train-images-idx3-ubyte",
    "mnist/train-labels-idx1-ubyte",
    "mnist/t10k-images-idx3-ubyte",
    "mnist/t10k-labels-idx1-ubyte",
)
def test_mnist_is_judged_on_its_official_test_rows():
    split = make_image_split("mnist", n_train_rows=1000, n_meta=20)
    assert split.X_test.shape == (10_000, 16)
    assert len(split.y_train) == 1000
    # The first test labels, as every reader of MNIST knows them.
    assert split.y_test[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.realdata("cifar-10/cifar10_batch_0.png", "cifar-10/cifar10_labels_first4000.csv")
def test_cifar_is_split_by_position_and_keeps_its_colours():
    split = make_image_split("cifar10", n_meta=20, features="patch", patch=8)
    assert [len(split.truth[f"images_{part}"]) for part in PARTS] == [2800, 200, 1000]
    assert split.X_test.shape == (1000, 4 * 4 * 3)
    means = (split.truth["images_test"] / 255).reshape(-1, 4, 8, 4, 8, 3).mean((2, 4))
    np.testing.assert_allclose(to_pixels(split, split.X_test)[:, ::8, ::8], means, atol=1e-12)


@pytest.fixture(scope="module")
def fitted():
    damage = {"label_noise": "uniform", "noise_rate": 0.4, "n_train_rows": 300}
    split = make_image_split(features="patch", patch=4, **damage)
    wanted = {
        "estimator": {"n_knots": 2, "epochs": 3, "patience": 2},
        "curve_seeds": [0],
    }
    return split, wanted, *additive(split, "classification", 0, wanted)


def test_scores_of_the_additive_model(fitted):
    split, wanted, metrics, _ = fitted
    assert list(metrics) == [*SCORES, "weight_auroc"]
    assert metrics["weight_auroc"] > 0.5
    assert additive(split, "classification", 1, wanted)[1] == []


def test_maps_of_patches_are_the_contributions(fitted):
    split, wanted, _, curves = fitted
    est = BIAMClassifier(progress=False, random_state=0, **wanted["estimator"])
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    maps = importance_maps(est, split)
    table = est.explain(split.X_test)
    assert list(maps) == [str(c) for c in range(10)]
    for code, picture in enumerate(maps.values()):
        size = table[code].drop(columns="intercept").abs().mean().to_numpy()
        np.testing.assert_allclose(picture[::4, ::4].ravel(), size, rtol=1e-10)
        np.testing.assert_array_equal(picture, picture[::4, ::4].repeat(4, 0).repeat(4, 1))
    stored = maps_from_curves(pd.DataFrame(curves))
    assert list(stored) == list(maps)
    for name, picture in maps.items():
        np.testing.assert_allclose(stored[name], picture, rtol=1e-12)


def test_suspects_are_the_rows_of_lowest_weight():
    weights = np.random.default_rng(0).permutation(100) / 7
    table = pd.DataFrame(suspect_curves(weights))
    assert table["value"].tolist() == np.sort(weights)[:24].tolist()
    np.testing.assert_array_equal(weights[table["z"].astype(int)], table["value"])
    assert table["x"].tolist() == list(range(24))
