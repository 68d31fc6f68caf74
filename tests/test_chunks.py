"""Chunks are gone through in order, anew in every pass, and add up to the whole."""

import dask
import dask.array as da
import numpy as np
import pytest

from biam import chunks as module
from biam.chunks import ArrayChunks, Chunks, as_chunks
from biam.exceptions import InvalidInputError

N = 25
STREAM = np.random.default_rng(0)
X, Y, W = STREAM.normal(size=(N, 3)), STREAM.normal(size=N), STREAM.uniform(size=N)


def cut(size, weight=W):
    return [
        (X[i : i + size], Y[i : i + size], None if weight is None else weight[i : i + size])
        for i in range(0, N, size)
    ]


def from_dask(size, weight=W):
    arrays = [da.from_array(a, chunks=(size, *a.shape[1:])) for a in (X, Y)]
    return as_chunks(*arrays, None if weight is None else da.from_array(weight, chunks=size))


SOURCES = {
    "made": lambda size, weight=W: Chunks(lambda: cut(size, weight)),
    "lists": lambda size, weight=W: Chunks(lambda: iter([list(c) for c in cut(size, weight)])),
    "arrays": lambda size, weight=W: ArrayChunks(X, Y, weight, size),
    "dask": from_dask,
}
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


def sums(number, X, y, weight):
    return X.T @ X, X.T @ y, len(y), float(weight.sum())


@every_source
@pytest.mark.parametrize("size", [1, 4, 25, 100])
def test_totals_do_not_depend_on_the_chunks(source, size):
    chunks = source(size)
    gram, slope, n, weight = chunks.total(sums)
    np.testing.assert_allclose(gram, X.T @ X, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(slope, X.T @ Y, rtol=1e-12, atol=1e-12)
    assert n == N == len(chunks)
    assert weight == pytest.approx(W.sum())


@every_source
@pytest.mark.parametrize("weight", [W, None], ids=["weighted", "plain"])
def test_passes_are_in_order_and_alike(source, weight):
    chunks = source(4, weight)
    for _ in range(2):
        parts = list(chunks)
        np.testing.assert_array_equal(np.concatenate([x for x, _, _ in parts]), X)
        np.testing.assert_array_equal(np.concatenate([y for _, y, _ in parts]), Y)
        assert all((w is None) == (weight is None) for _, _, w in parts)
    assert chunks.gather(lambda number, X, y, w: (number, len(X))) == [
        *((i, 4) for i in range(6)),
        (6, 1),
    ]


@every_source
def test_changed_chunks_are_changed_in_every_pass(source):
    def doubled(number, X, y, weight):
        return 2 * X, y + number, weight

    chunks = source(10).then(doubled)
    for _ in range(2):
        gram, _, n, _ = chunks.total(sums)
        np.testing.assert_allclose(gram, 4 * X.T @ X)
        assert n == N
    shifted = np.concatenate([y for _, y, _ in chunks])
    np.testing.assert_allclose(shifted, Y + np.arange(N) // 10)


@every_source
@pytest.mark.parametrize("rows", [[0, 3, 4, 9, 24], range(N), [7], []], ids=str)
def test_rows_taken_are_those_of_the_whole(source, rows):
    rows = np.array(rows, dtype=int)
    for part, whole in zip(source(4).take(rows), (X, Y, W), strict=True):
        np.testing.assert_array_equal(part, whole[rows])


def test_arrays_mapped_into_memory_are_read_chunk_by_chunk(tmp_path, monkeypatch):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert as_chunks(mapped, Y) is None
    monkeypatch.setattr(module, "MANY_ROWS", N - 1)
    chunks = as_chunks(mapped, Y)
    assert isinstance(chunks, ArrayChunks)
    np.testing.assert_array_equal(next(iter(chunks))[0], X)
    assert as_chunks(X, Y) is None
    with pytest.raises(InvalidInputError, match="X has 25 rows, y has 24"):
        as_chunks(mapped, Y[:-1])


def test_dask_arrays_are_cut_as_x_is_and_keep_rows_whole():
    chunks = as_chunks(
        da.from_array(X, chunks=(10, 2)), da.from_array(Y, chunks=3), da.from_array(W, chunks=N)
    )
    assert [x.shape for x, _, _ in chunks] == [(10, 3), (10, 3), (5, 3)]
    np.testing.assert_array_equal(np.concatenate([y for _, y, _ in chunks]), Y)
    unknown = da.from_array(X, chunks=(5, 3))
    unknown = unknown[unknown[:, 0] > -np.inf]
    chunks = as_chunks(unknown, da.from_array(Y, chunks=5))
    assert sum(len(x) for x, _, _ in chunks) == N


BAD = {
    "iterator": (lambda: Chunks(iter(cut(4))), "needs a function that returns the chunks anew"),
    "nothing": (lambda: list(Chunks(list)), "there are no chunks"),
    "one-part": (lambda: list(Chunks(lambda: [(X,)])), r"\(X, y, sample_weight\), got 1 parts"),
    "table": (lambda: list(Chunks(lambda: [X])), "a chunk must be.*got <class 'numpy"),
    "y-beside": (lambda: as_chunks(Chunks(list), Y), "hold y, and sample_weight, beside X"),
    "no-y": (lambda: as_chunks(da.from_array(X)), "y is None: a Dask table needs"),
    "plain-y": (lambda: as_chunks(da.from_array(X), Y), "y is ndarray: expected a Dask collection"),
    "short-y": (
        lambda: as_chunks(da.from_array(X), da.from_array(Y[:-1])),
        "X has 25 rows, y has 24",
    ),
}


@pytest.mark.parametrize(("misuse", "message"), BAD.values(), ids=BAD)
def test_misuse_is_named(misuse, message):
    with pytest.raises(InvalidInputError, match=message):
        misuse()


def test_a_source_that_runs_dry_is_noticed():
    once = iter(cut(4))
    chunks = Chunks(lambda: once)
    assert len(chunks) == N
    with pytest.raises(InvalidInputError, match="0 chunks, but 7 in an earlier pass"):
        chunks.total(sums)


def test_partitions_that_do_not_match_are_refused():
    class Frame:
        def __init__(self, parts):
            self.parts = parts

        def to_delayed(self):
            return [dask.delayed(part) for part in self.parts]

    with pytest.raises(InvalidInputError, match="X has 2 partitions, y has 3"):
        as_chunks(Frame([X[:5], X[5:]]), Frame([Y[:5], Y[5:9], Y[9:]]))
