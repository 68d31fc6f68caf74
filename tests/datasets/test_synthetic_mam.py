"""The sets of MAM: against the protocol written again on the global streams, and by facts."""

import random

import numpy as np
import pytest
from scipy import stats

from biam.datasets.synthetic_mam import MAM_NOISE, make_mam_classification, make_mam_regression
from biam.exceptions import InvalidInputError, UnknownNameError

PARTS = ("train", "meta", "test")
every_seed = pytest.mark.parametrize("seed", (1, 42))


def tables(split):
    return [getattr(split, f"X_{part}") for part in PARTS]


def labels(split):
    return [getattr(split, f"y_{part}") for part in PARTS]


def scaled(parts):
    both = np.vstack(parts[:2])
    return [(part - both.mean(axis=0)) / both.std(axis=0) for part in parts]


@every_seed
@pytest.mark.parametrize("noise", MAM_NOISE)
def test_regression_follows_the_protocol(noise, seed):
    n, p = 60, 9
    np.random.seed(seed)
    X = [np.random.uniform(-1, 1, size=(n, p)) for _ in PARTS]
    y = []
    for A in X:
        y.append(-2 * np.sin(2 * A[:, 0]) + 8 * A[:, 1] * A[:, 1])
        y[-1] += 7 * np.sin(A[:, 2]) / (2 - np.sin(A[:, 2])) + 6 / np.exp(A[:, 3])
        y[-1] += A[:, 4] * A[:, 4] * A[:, 4] + 1.5 * np.square(A[:, 4] - 1) + 5 * A[:, 5]
        y[-1] += 10 * np.sin(np.exp(-0.5 * A[:, 6])) - 10 * stats.norm(0.5, 0.8).cdf(A[:, 7])
    if noise == "eps_C":
        y[0] = y[0] + np.random.standard_t(2, size=(n, 1))[:, 0]
    else:
        for i in range(n):
            if np.random.uniform() < 0.8:
                y[0][i] += np.random.normal(-2 if noise == "eps_A" else 0, 1)
            else:
                y[0][i] += np.random.normal(8 if noise == "eps_A" else 20, 1)
    split = make_mam_regression(noise, n_samples=n, n_features=p, random_state=seed)
    for found, wanted in zip(tables(split), scaled(X), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
    wanted = scaled([part[:, None] for part in y])
    for found, part in zip(labels(split), wanted, strict=True):
        np.testing.assert_allclose(found, part[:, 0], rtol=1e-10, atol=1e-12)


@every_seed
@pytest.mark.parametrize(("rare", "flip"), [(None, 0.15), (0.15, 0.0), (0.15, 0.3)])
def test_classification_follows_the_protocol(rare, flip, seed):
    n, p, pool = 100, 4, 600
    np.random.seed(seed)
    random.seed(seed)
    X, y = [], []
    for _ in PARTS:
        size = n if rare is None else pool
        W = np.random.uniform(0, 1, size=(size, p))
        X.append((W + np.random.uniform(0, 1, size=(size, 1))) / 2)
        y.append((np.hypot(X[-1][:, 0] - 0.5, X[-1][:, 1] - 0.5) > np.sqrt(0.08)).astype(int))
    if rare is None:
        rows = random.sample(range(n), int(n * flip))
        y[0][rows] = 1 - y[0][rows]
    else:
        for k, (share, rate) in enumerate([(rare, flip), (0.5, 0), (0.5, 0)]):
            few = int(n * share)
            inside = random.sample(list(np.where(y[k] == 0)[0]), few)
            outside = random.sample(list(np.where(y[k] == 1)[0]), n - few)
            classes = [y[k][inside], y[k][outside]]
            if rate > 0:
                for part in classes:
                    rows = random.sample(range(len(part)), int(len(part) * rate))
                    part[rows] = 1 - part[rows]
            both = np.column_stack([X[k][inside + outside], np.concatenate(classes)])
            np.random.shuffle(both)
            X[k], y[k] = both[:, :-1], both[:, -1].astype(int)
    split = make_mam_classification(
        rare=rare, flip=flip, n_samples=n, n_features=p, pool=pool, random_state=seed
    )
    for found, wanted in zip(labels(split), y, strict=True):
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(tables(split), scaled(X), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_noise_families_have_their_moments():
    n, moments = 40_000, {"eps_A": (0, 17), "eps_B": (4, 65)}
    for name, (mean, variance) in moments.items():
        noise = MAM_NOISE[name](np.random.RandomState(3), n)
        assert abs(noise.mean() - mean) < 4 * np.sqrt(variance / n)
        assert noise.var() == pytest.approx(variance, rel=0.03)
    noise = MAM_NOISE["eps_C"](np.random.RandomState(3), n)
    assert stats.kstest(noise, stats.t(2).cdf).pvalue > 0.01


def test_only_training_labels_are_noisy_and_eight_features_matter():
    loud, quiet = (make_mam_regression(name, n_samples=50) for name in ("eps_B", "eps_C"))
    for split in (loud, quiet):
        assert split.mask.all()
        assert split.truth["features"] == tuple(range(8))
        assert np.abs(split.y_train - split.truth["y_clean"]).max() > 0.1
    # In the units of the target the clean labels do not depend on the noise of the others.
    for part in ("y_meta", "y_test"):
        first, second = (
            getattr(split, part) * split.truth["y_scale"] + split.truth["y_centre"]
            for split in (loud, quiet)
        )
        np.testing.assert_allclose(first, second, rtol=1e-10, atol=1e-10)


def test_shares_of_classes_and_flips():
    split = make_mam_classification(rare=0.15, flip=0.3, n_samples=1000, n_features=3)
    clean = split.truth["y_clean"]
    assert (clean == 0).sum() == 150
    for label, count in ((0, 45), (1, 255)):
        assert split.mask[clean == label].sum() == count
    np.testing.assert_array_equal(split.y_train != clean, split.mask)
    assert split.y_meta.mean() == split.y_test.mean() == 0.5


def test_features_of_a_row_share_half_their_variance():
    X = make_mam_classification(n_samples=4000, n_features=6).X_train
    off = np.corrcoef(X.T)[np.triu_indices(6, 1)]
    np.testing.assert_allclose(off, 0.5, atol=0.05)


def test_errors_name_what_is_wrong():
    with pytest.raises(UnknownNameError, match="noise"):
        make_mam_regression("eps_D")
    with pytest.raises(InvalidInputError, match="n_features"):
        make_mam_regression(n_features=7)
    with pytest.raises(InvalidInputError, match="pool"):
        make_mam_classification(rare=0.15, n_samples=1000, pool=1000, n_features=2)
