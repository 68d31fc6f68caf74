"""One pass over chunks learns what the encoder learns of the whole table."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.chunks import Chunks
from biam.exceptions import InvalidInputError
from biam.scanning import Encoded, Moments, Scan
from biam.table import TableEncoder

N = 60
STREAM = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "a": 1e6 + STREAM.normal(size=N),
        "b": np.where(STREAM.uniform(size=N) < 0.3, np.nan, STREAM.exponential(size=N)),
        "c": np.where(STREAM.uniform(size=N) < 0.2, None, STREAM.choice(list("xyz"), N)),
        "d": pd.Categorical.from_codes(STREAM.integers(0, 3, N), [1.5, 2.5, 4.0]),
        "e": 7,
    }
)
FRAME.loc[:19, "c"] = None
Y = STREAM.normal(size=N) - 1e4
W = STREAM.integers(0, 4, N).astype(float)


def chunks(X=FRAME, y=Y, weight=None, size=20):
    cut = X.iloc if hasattr(X, "iloc") else X
    return Chunks(
        lambda: (
            (cut[i : i + size], y[i : i + size], None if weight is None else weight[i : i + size])
            for i in range(0, N, size)
        )
    )


@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
@pytest.mark.parametrize("size", [7, 20, N])
@pytest.mark.parametrize("standardise", [True, False])
def test_the_encoder_is_that_of_the_whole_table(weight, size, standardise):
    scan = Scan.of(chunks(weight=weight, size=size), classes=False)
    made = scan.encoder(standardise, "missing")
    whole = TableEncoder(standardise, "missing").fit(FRAME, weight)
    assert (made.names, made.categories) == (whole.names, whole.categories)
    np.testing.assert_allclose(made.centre, whole.centre, rtol=1e-14)
    np.testing.assert_allclose(made.scale, whole.scale, rtol=1e-9)
    assert scan.n_rows == sum(scan.sizes) == N
    np.testing.assert_array_equal(scan.observed, FRAME.notna().sum())
    assert scan.named


@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
def test_typical_targets_have_mean_and_deviation_of_all(weight):
    scan = Scan.of(chunks(weight=weight, size=13), classes=False)
    few, _ = scan.typical_targets()
    mean = np.average(Y, weights=weight)
    deviation = np.sqrt(np.average((Y - mean) ** 2, weights=weight))
    np.testing.assert_allclose([few.mean(), few.std()], [mean, deviation], rtol=1e-9)


def test_typical_targets_are_the_classes_with_their_weights():
    y = np.where(np.arange(N) < 50, "no", "yes")
    classes, weight = Scan.of(chunks(y=y, weight=W), classes=True).typical_targets()
    assert classes.tolist() == ["no", "yes"]
    np.testing.assert_allclose(weight, [W[:50].sum(), W[50:].sum()])


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_moments_of_parts_are_those_of_the_whole(sizes, seed):
    stream = np.random.default_rng(seed)
    x = 1e5 + stream.normal(size=(sum(sizes), 2))
    x[stream.random(x.shape) < 0.3] = np.nan
    w = stream.integers(0, 3, len(x)).astype(float)
    ends = np.cumsum(sizes)
    parts = [Moments.of(*part) for part in zip(np.split(x, ends), np.split(w, ends), strict=True)]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined.join(part)
    whole = Moments.of(x, w)
    np.testing.assert_allclose(joined.weight, whole.weight)
    np.testing.assert_allclose(joined.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(joined.square, whole.square, rtol=1e-6, atol=1e-8)


def test_chunks_are_encoded_as_the_whole():
    scan = Scan.of(chunks(), classes=False)
    encoder = scan.encoder(True, "error")
    parts = list(chunks(weight=W).then(Encoded(encoder, None, 2.0, 4.0)))
    values, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    np.testing.assert_array_equal(values, encoder.transform(FRAME))
    np.testing.assert_allclose(targets, (Y - 2) / 4)
    np.testing.assert_array_equal(weights, W)
    coded = Encoded(encoder, np.array(["no", "yes"]))(0, FRAME[:2], np.array(["yes", "no"]), None)
    assert coded[1].tolist() == [1, 0]
    assert coded[2].tolist() == [1, 1]


def spoiled(change, classes=False, y=Y):
    """The second chunk changed."""
    made = list(chunks(y=y))
    made[1] = change(*made[1])
    return lambda: Scan.of(Chunks(lambda: made), classes)


BAD = {
    "columns": (
        spoiled(lambda X, y, w: (X[["a", "b"]], y)),
        r"chunk 1 has the columns \['a', 'b'\], expected \['a', 'b', 'c', 'd', 'e'\]",
    ),
    "infinite": (
        spoiled(lambda X, y, w: (X.assign(b=np.inf), y)),
        "chunk 1: X contains infinity in column 'b', row 0",
    ),
    "text": (
        spoiled(lambda X, y, w: (X.assign(a="u"), y)),
        r"column 'a' holds numbers in some chunks and text .* \(chunk 1\): give it one type",
    ),
    "numbers": (
        spoiled(lambda X, y, w: (X.assign(d=1.0), y)),
        r"column 'd' holds numbers in some chunks and text",
    ),
    "length": (spoiled(lambda X, y, w: (X, y[1:])), "chunk 1: X has 20 rows, y 19"),
    "nan-y": (spoiled(lambda X, y, w: (X, y * np.nan)), "chunk 1: Input y contains NaN"),
    "classes": (
        spoiled(lambda X, y, w: (X, y), classes=True),
        "chunk 0: Unknown label type: continuous",
    ),
    "weight": (
        spoiled(lambda X, y, w: (X, y, -np.ones(20))),
        "chunk 1: sample_weight must be finite and not negative",
    ),
    "axis": (spoiled(lambda X, y, w: (y, y)), "chunk 1: X must be a table with columns"),
    "empty": (
        lambda: Scan.of(chunks(FRAME.assign(b=np.nan)), False),
        "column 'b' has no observed value: drop it",
    ),
    "weightless": (
        lambda: Scan.of(chunks(weight=np.zeros(N)), False),
        "sample_weight is zero for every row",
    ),
}


@pytest.mark.parametrize(("misuse", "message"), BAD.values(), ids=BAD)
def test_misuse_is_named_with_its_chunk(misuse, message):
    with pytest.raises(InvalidInputError, match=message):
        misuse()


def test_a_chunk_without_a_value_fits_to_text_and_to_numbers():
    scan = Scan.of(chunks(FRAME.assign(b=FRAME["b"].where(np.arange(N) > 20))), classes=False)
    assert scan.categories[1] is None
    assert scan.categories[2] == ["x", "y", "z"]
