"""Generated sets against the protocol written a second time, plainly, on the global NumPy stream.

Values agree to rounding: a sum may be ordered otherwise. Draws and choices agree to the bit.
"""

import zlib
from math import erf, sqrt

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from biam.datasets.synthetic import (
    make_additive_regression,
    make_disc_classification,
    make_planted_pairs,
)

PARTS = ("train", "meta", "test")
every_seed = pytest.mark.parametrize("seed", (42, 7))


def tables(split):
    return [getattr(split, f"X_{part}") for part in PARTS]


def labels(split):
    return [getattr(split, f"y_{part}") for part in PARTS]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def mask_by_protocol(X, rate, mechanism):
    X = X.copy()
    n, p = X.shape
    if mechanism == "mcar":
        X[np.random.rand(n, p) < rate] = np.nan
        return X
    for j in range(p):
        c = X[:, (j + 1) % p] if mechanism == "mar" else X[:, j]
        X[np.random.rand(n) < 2 * rate * sigmoid(2 * (c - np.median(c))), j] = np.nan
    return X


def split_by_protocol(X, y, seed, stratify):
    A, B, a, b = train_test_split(
        X, y, test_size=0.4, random_state=seed, stratify=y if stratify else None
    )
    B, C, b, c = train_test_split(
        B, b, test_size=0.5, random_state=seed, stratify=b if stratify else None
    )
    centre, scale = A.mean(axis=0), A.std(axis=0)
    return [(part - centre) / scale for part in (A, B, C)], [a, b, c]


def regression_by_protocol(n, p, seed, noise, rate, mechanism):
    np.random.seed(seed)
    X = np.random.uniform(-1, 1, size=(n, p))
    y = np.zeros(n)
    for i in range(n):
        x = X[i]
        terms = [
            -2 * np.sin(2 * x[0]),
            8 * x[1] ** 2,
            7 * np.sin(x[2]) / (2 - np.sin(x[2])),
            6 * np.exp(-x[3]),
            x[4] ** 3 + 1.5 * (x[4] - 1) ** 2,
            5 * x[5],
            10 * np.sin(np.exp(-x[6] / 2)),
            -10 * (1 + erf((x[7] - 0.5) / 0.8 / sqrt(2))) / 2,
        ]
        y[i] = sum(terms)
    y += 0.1 * np.random.randn(n)
    X, y = split_by_protocol(X, y, seed, stratify=False)
    centre, scale = y[0].mean(), y[0].std()
    y = [(part - centre) / scale for part in y]
    if noise:
        rows = np.random.choice(len(y[0]), max(1, int(len(y[0]) * noise)), replace=False)
        y[0][rows] += np.random.normal(1, 0.5, len(rows))
    if rate:
        X = [mask_by_protocol(part, rate, mechanism) for part in X]
    return X, y


def disc_by_protocol(n, p, seed, noise, ratio, rate, mechanism):
    np.random.seed(seed)
    X = np.random.uniform(0, 1, size=(n, p))
    y = np.array([int((x[0] - 0.5) ** 2 + (x[1] - 0.5) ** 2 > 0.08) for x in X])
    X, y = split_by_protocol(X, y, seed, stratify=True)
    if ratio:
        few, many = np.where(y[0] == 0)[0], np.where(y[0] == 1)[0]
        assert len(few) < len(many)
        if len(many) >= int(len(few) / ratio):
            many = np.random.choice(many, int(len(few) / ratio), replace=False)
        else:
            few = np.random.choice(few, max(1, int(len(many) * ratio)), replace=False)
        rows = np.concatenate([few, many])
        np.random.shuffle(rows)
        X[0], y[0] = X[0][rows], y[0][rows]
    if noise:
        rows = np.random.choice(len(y[0]), max(1, int(len(y[0]) * noise)), replace=False)
        y[0][rows] = 1 - y[0][rows]
    if rate:
        X = [mask_by_protocol(part, rate, mechanism) for part in X]
    return X, y


@pytest.fixture
def global_stream():
    before = np.random.get_state()
    yield
    np.random.set_state(before)


@every_seed
@pytest.mark.parametrize(
    ("noise", "rate", "mechanism"),
    [(0, 0, "mcar"), (0.3, 0, "mcar"), (0.3, 0.2, "mcar"), (0.1, 0.2, "mar"), (0, 0.3, "mnar")],
    ids=["clean", "noise", "mcar", "mar", "mnar"],
)
def test_regression_is_the_protocol_written_plainly(seed, noise, rate, mechanism, global_stream):
    options = {"noise_rate": noise, "missing_rate": rate, "mechanism": mechanism}
    split = make_additive_regression(300, 10, random_state=seed, **options)
    X, y = regression_by_protocol(300, 10, seed, noise, rate, mechanism)
    for ours, theirs in zip(tables(split) + labels(split), X + y, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@every_seed
@pytest.mark.parametrize(
    ("noise", "ratio", "rate", "mechanism"),
    [
        (0, None, 0, "mcar"),
        (0.3, 0.5, 0, "mcar"),
        (0.3, 0.1, 0.2, "mcar"),
        (0.1, None, 0.2, "mar"),
        (0.2, 0.05, 0.3, "mnar"),
    ],
    ids=["clean", "majority-thinned", "minority-thinned", "mar", "mnar"],
)
def test_disc_is_the_protocol_written_plainly(seed, noise, ratio, rate, mechanism, global_stream):
    options = {"noise_rate": noise, "missing_rate": rate, "mechanism": mechanism}
    split = make_disc_classification(300, 5, imbalance=ratio, random_state=seed, **options)
    X, y = disc_by_protocol(300, 5, seed, noise, ratio, rate, mechanism)
    for ours, theirs in zip(tables(split) + labels(split), X + y, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("task", ["regression", "binary"], ids=["E6", "E7"])
@every_seed
@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_planted_pairs_are_the_protocol_written_plainly(task, seed, mechanism):
    X, y, hit = pairs_by_protocol(task, seed, mechanism)
    split = make_planted_pairs(task, corrupt=True, mechanism=mechanism, random_state=seed)
    np.testing.assert_allclose(np.concatenate(tables(split)), X, rtol=2e-5, atol=2e-6)
    np.testing.assert_allclose(np.concatenate(labels(split)), y, rtol=2e-5, atol=2e-6)
    np.testing.assert_array_equal(split.mask, hit)


def pairs_by_protocol(task, seed, mechanism):
    block = "e6" if task == "regression" else "e7"
    g = np.random.default_rng(zlib.crc32(f"{block}-gen-{seed}".encode()) + seed)
    X = g.normal(size=(1200, 10)).astype(np.float32)
    a, b, c, d, e, f, h, i, j, k = X.T
    if block == "e6":
        y = 1.5 * np.sin(a) + b**2 - 1 - 1.2 * d + 2 * e * f + 1.5 * np.sin(h * i)
        y = y + 1.2 * np.tanh(j) * np.tanh(k)
        y = (y + 0.1 * g.normal(size=1200)).astype(np.float32)
    else:
        logit = np.sin(a) + 0.8 * np.tanh(c) - 0.9 * d + 1.6 * e * f + 1.3 * np.sin(h * i)
        y = (g.uniform(size=1200) < sigmoid(logit)).astype(int)
    order = g.permutation(1200)
    X, y = X[order], y[order]
    X = (X - X[:840].mean(0)) / X[:840].std(0)
    if block == "e6":
        y = (y - y[:840].mean()) / y[:840].std()
        hit = g.uniform(size=840) < 0.3
        y[:840][hit] += g.normal(1, 0.5, 840)[hit].astype(np.float32)
    else:
        hit = g.uniform(size=840) < 0.2
        y[:840][hit] = 1 - y[:840][hit]
    chance = {"mcar": 0.2, "mar": 0.4 * sigmoid(X[:, [0]]), "mnar": 0.4 * sigmoid(abs(X))}
    # Met by the re-run of E7: the draws belong to the rows before they were permuted.
    gone = g.uniform(size=X.shape)[order] < chance[mechanism]
    gone[:, 0] = False
    X[gone] = np.nan
    return X, y, hit
