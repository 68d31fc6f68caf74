"""Estimators on tables in chunks: the numbers of the whole table, in bounded memory."""

import tracemalloc
import warnings

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from biam import BIAMClassifier, BIAMRegressor, load
from biam import chunks as chunks_module
from biam.chunks import Chunks
from biam.exceptions import InvalidInputError
from biam.frames import FrameChunks
from biam.parquet import ParquetChunks
from biam.solvers.exact import ExactSolver, passes
from biam.solvers.exact.problem import Problem

N = 600
ESTIMATORS = {"numbers": BIAMRegressor, "classes": BIAMClassifier}
QUIET = {"progress": False, "random_state": 0, "pairs": False}
every_task = pytest.mark.parametrize("task", ESTIMATORS)


def table(task, n=N, seed=0):
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 4)) * [1, 10, 1, 1] + [0, 100, 0, 0]
    f = np.sin(2 * X[:, 0]) + (X[:, 1] - 100) / 10 + 0.2 * stream.normal(size=n)
    X[stream.uniform(size=X.shape) < 0.05] = np.nan
    return X, 50 + 3 * f if task == "numbers" else np.where(f > 0, "yes", "no")


def made(task, **options):
    return ESTIMATORS[task](**QUIET | options)


def cut(*parts, size=200):
    return [tuple(part[i : i + size] for part in parts) for i in range(0, len(parts[0]), size)]


def answers(est, X):
    return est.predict_proba(X) if hasattr(est, "classes_") else est.predict(X)


def assert_same(first, second, X, rtol=1e-6):
    np.testing.assert_allclose(answers(first, X), answers(second, X), rtol=rtol, atol=1e-7)
    np.testing.assert_allclose(first.weights_, second.weights_, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(first.missing_rates_, second.missing_rates_, atol=1e-12)
    assert first.n_features_in_ == second.n_features_in_


@pytest.fixture(params=["sample", "all"])
def held(request, monkeypatch):
    """Whether the sample is a part of the rows or all of them."""
    if request.param == "sample":
        monkeypatch.setattr(passes, "MOST_ROWS", 300)
    return request.param


@every_task
@pytest.mark.parametrize("meta", [0, 80], ids=["no-meta", "meta"])
def test_chunks_give_the_numbers_of_the_whole_table(task, meta, held):
    X, y = table(task, N + meta)
    clean = (X[N:], y[N:]) if meta else ()
    X, y = X[:N], y[:N]
    whole = made(task).fit(X, y, *clean)
    parts = made(task)
    parts.fit(Chunks(lambda: cut(X, y)), None, *clean)
    assert_same(parts, whole, X)
    assert len(parts.weights_) == len(parts.details_["losses"]) == N
    np.testing.assert_allclose(
        parts.explain(X).sum(axis=1), _margin(parts, X), rtol=1e-8, atol=1e-8
    )


def _margin(est, X):
    return est.decision_function(X) if hasattr(est, "classes_") else est.predict(X)


@every_task
def test_weights_and_categories_come_in_chunks_too(task, held, tmp_path):
    X, y = table(task)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["d"] = np.where(X[:, 3] > 1, "high", np.where(X[:, 3] < -1, "low", "middle"))
    weight = np.random.default_rng(1).integers(0, 3, N).astype(float)
    whole = made(task).fit(frame, y, sample_weight=weight)
    parts = made(task).fit(Chunks(lambda: cut(frame, y, weight)))
    # Knots of weighted rows are steps of the weights: the sample has its own.
    assert_same(parts, whole, frame, rtol=1e-6)
    assert list(parts.feature_names_in_) == list("abcd")
    parts.save(tmp_path / "est.biam")
    again = load(tmp_path / "est.biam")
    np.testing.assert_array_equal(answers(again, frame), answers(parts, frame))
    parts.fit(Chunks(lambda: cut(X, y)))
    assert not hasattr(parts, "feature_names_in_")


@every_task
def test_files_mapped_into_memory_and_csv(task, held, tmp_path, monkeypatch):
    monkeypatch.setattr(chunks_module, "MANY_ROWS", 0)
    X, y = table(task)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    whole = made(task).fit(X, y)
    parts = made(task).fit(mapped, y)
    assert_same(parts, whole, X)
    np.testing.assert_allclose(answers(parts, mapped), answers(parts, X))
    file = tmp_path / "table.csv"
    pd.DataFrame(X, columns=list("abcd")).assign(y=y).to_csv(file, index=False)

    def read():
        with pd.read_csv(file, chunksize=250) as reader:
            for chunk in reader:
                yield chunk[list("abcd")], chunk["y"]

    from_csv = made(task).fit(Chunks(read))
    named = pd.DataFrame(X, columns=list("abcd"))
    np.testing.assert_allclose(answers(from_csv, named), answers(whole, X), rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(answers(from_csv, Chunks(read)), answers(from_csv, named))


@pytest.fixture(scope="module")
def cluster():
    from distributed import Client, LocalCluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        settings = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(processes=False, **settings) as local, Client(local) as client:
            yield client


@every_task
def test_two_workers_give_the_numbers_of_one_process(task, held, cluster):
    X, y = table(task)
    whole = made(task).fit(X, y)
    lazy = da.from_array(X, chunks=(150, 2)), da.from_array(y, chunks=150)
    parts = made(task).fit(*lazy)
    assert len(cluster.scheduler_info()["workers"]) == 2
    assert_same(parts, whole, X)
    answer = parts.predict(lazy[0])
    assert isinstance(answer, da.Array)
    assert answer.chunks == ((150,) * 4,)
    # Sums of other lengths differ in the last bit.
    close = {"rtol": 1e-12, "atol": 1e-12}
    if task == "numbers":
        np.testing.assert_allclose(answer.compute(), parts.predict(X), **close)
        return
    np.testing.assert_array_equal(answer.compute(), parts.predict(X))
    assert answer.dtype == parts.classes_.dtype
    for lazily, here in (
        (parts.predict_proba(lazy[0]), parts.predict_proba(X)),
        (parts.decision_function(lazy[0]), parts.decision_function(X)),
    ):
        assert lazily.shape == here.shape
        np.testing.assert_allclose(lazily.compute(), here, **close)


@every_task
def test_data_frames_of_dask_give_the_numbers_of_one_process(task, held, cluster):
    X, y = table(task)
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["d"] = np.where(X[:, 3] > 1, "high", np.where(X[:, 3] < -1, "low", "middle"))
    weight = np.random.default_rng(1).integers(0, 3, N).astype(float)
    whole = made(task).fit(frame, y, sample_weight=weight)
    lazy = dd.from_pandas(frame.assign(y=y, w=weight), npartitions=5)
    parts = made(task).fit(lazy[list("abcd")], lazy["y"], sample_weight=lazy["w"])
    assert len(cluster.scheduler_info()["workers"]) == 2
    assert_same(parts, whole, frame)
    assert list(parts.feature_names_in_) == list("abcd")
    answer = parts.predict(lazy[list("abcd")])
    # How many rows a partition has is known when it is there.
    assert isinstance(answer, da.Array) and answer.numblocks == (5,)
    if task == "numbers":
        np.testing.assert_allclose(answer.compute(), parts.predict(frame), rtol=1e-12)
        return
    np.testing.assert_array_equal(answer.compute(), parts.predict(frame))
    proba = parts.predict_proba(lazy[list("abcd")])
    np.testing.assert_allclose(proba.compute(), parts.predict_proba(frame), rtol=1e-12, atol=1e-12)


# Of Dask 2026.8 beside pandas 3.1.
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")
def test_parquet_files_are_read_where_the_workers_are(held, cluster, tmp_path):
    X, y = table("numbers")
    frame = pd.DataFrame(X, columns=list("abcd"))
    for i, start in enumerate(range(0, N, 200)):
        rows = frame.assign(y=y).iloc[start : start + 200]
        rows.to_parquet(tmp_path / f"{i}.parquet", index=False)
    lazy = dd.read_parquet(tmp_path)
    parts = made("numbers").fit(FrameChunks(lazy, target="y"))
    assert_same(parts, made("numbers").fit(frame, y), frame)
    here = made("numbers").fit(ParquetChunks(tmp_path, target="y"))
    np.testing.assert_allclose(here.predict(frame), parts.predict(frame), rtol=1e-8)


def test_partitions_of_frames_must_match(cluster):
    X, y = table("numbers")
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcd")).assign(y=y), npartitions=3)
    other = dd.from_pandas(pd.Series(y), npartitions=2)
    with pytest.raises(InvalidInputError, match="X has 3 partitions, y has 2"):
        made("numbers").fit(frame[list("abcd")], other)
    with pytest.raises(InvalidInputError, match="X is a Dask collection, y is ndarray"):
        made("numbers").fit(frame[list("abcd")], y)
    with pytest.raises(InvalidInputError, match=r"chunk 1: .*0 sample"):
        few = frame[frame["y"] < frame["y"].partitions[0].min().compute()]
        empty = dd.concat([frame.partitions[:1], few.partitions[:1], frame.partitions[2:]])
        made("numbers").fit(empty[list("abcd")], empty["y"])


def test_memory_grows_with_the_chunk_and_not_with_the_table(monkeypatch):
    monkeypatch.setattr(passes, "MOST_ROWS", 500)
    rows, held = 1000, []
    of = Problem.of
    monkeypatch.setattr(Problem, "of", lambda p, X, *rest: held.append(len(X)) or of(p, X, *rest))

    def chunks(n):
        def make():
            for seed in range(n):
                X, y = table("numbers", rows, seed)
                yield np.tile(X, 5), y

        return Chunks(make)

    peaks = []
    for n in (3, 20):
        est = made("numbers", interactions=False, weighting="equal")
        tracemalloc.start()
        est.fit(chunks(n))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(est.weights_) == n * rows
    # Of each row its weight and its loss stay; each of several passes sees all of them.
    assert peaks[1] - peaks[0] < 17 * rows * 8 * 5 < 0.3 * 17 * rows * 20 * 8
    assert max(held) == rows and sum(held) >= 3 * 23 * rows


BAD = {
    "published": ({"solver": "published"}, "chunks need solver='exact' and weighting='posterior'"),
    "network": ({"weighting": "network"}, "chunks need solver='exact' and weighting='posterior'"),
}


@pytest.mark.parametrize(("options", "message"), BAD.values(), ids=BAD)
def test_solvers_that_want_the_whole_table_say_so(options, message, monkeypatch):
    monkeypatch.setattr(ExactSolver, "fit_chunks", lambda *_, **__: pytest.fail("work began"))
    X, y = table("numbers")
    with pytest.raises(InvalidInputError, match=message):
        made("numbers", **options).fit(Chunks(lambda: cut(X, y)))


def test_other_misuse_is_refused_before_work(monkeypatch):
    monkeypatch.setattr(ExactSolver, "fit_chunks", lambda *_, **__: pytest.fail("work began"))
    X, y = table("numbers")
    chunks = Chunks(lambda: cut(X, y))
    with pytest.raises(InvalidInputError, match="chunks hold y"):
        made("numbers").fit(chunks, y)
    with pytest.raises(InvalidInputError, match="X_meta and y_meta go together"):
        made("numbers").fit(chunks, None, X[:5])
    with pytest.raises(InvalidInputError, match="the meta rows do not fit"):
        made("numbers").fit(chunks, None, X[:5, :2], y[:5])
    three = Chunks(lambda: cut(X, np.arange(N) % 3))
    with pytest.raises(InvalidInputError, match="two classes, got 3 classes"):
        made("classes").fit(three)
    one = Chunks(lambda: cut(X, np.zeros(N, int)))
    with pytest.raises(InvalidInputError, match="at least two classes, got one class: 0"):
        made("classes").fit(one)
