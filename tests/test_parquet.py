"""Parquet files come chunk by chunk, with all their values, and fit as the table does."""

import sys
import tracemalloc

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from biam import BIAMClassifier, BIAMRegressor
from biam.exceptions import DataMissingError, InvalidInputError, MissingExtraError
from biam.parquet import ParquetChunks
from biam.solvers.exact import passes

N = 600
QUIET = {"progress": False, "random_state": 0, "pairs": False}
X_NAMES = ["age", "town", "rooms", "grade"]


def table(n=N, seed=0):
    """Numbers with gaps, text, counts with gaps, categories that are numbers."""
    g = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": g.uniform(20, 60, n),
            "town": pd.Series(g.choice(["north", "south", "west"], n), dtype=object),
            "rooms": pd.array(g.integers(1, 6, n), dtype="Int64"),
            "grade": pd.Categorical(g.choice([3, 1, 2], n), categories=[3, 2, 1]),
        }
    )
    side = frame["town"].map({"north": -1.0, "south": 1.0, "west": 0.5}).to_numpy(float)
    f = side + (frame["age"] - 40).to_numpy() / 10 + (frame["grade"] == 1).to_numpy()
    frame.loc[::9, "age"] = np.nan
    frame.loc[1::9, "town"] = None
    frame.loc[2::9, "rooms"] = pd.NA
    frame.loc[3::9, "grade"] = np.nan
    return frame.assign(
        y=f + 0.2 * g.normal(size=n), label=np.where(f > 0.3, "up", "down"), w=g.integers(0, 3, n)
    )


@pytest.fixture
def file(tmp_path):
    table().to_parquet(tmp_path / "table.parquet", row_group_size=250)
    return tmp_path / "table.parquet"


def test_chunks_are_rows_in_order_and_no_value_changes(file):
    chunks = ParquetChunks(file, target="y", weight="w", columns=X_NAMES, size=250)
    assert len(chunks) == N
    for _ in range(2):
        parts = list(chunks)
        assert [len(X) for X, _, _ in parts] == [250, 250, 100]
        for name in X_NAMES:
            got = pd.concat([X[name] for X, _, _ in parts], ignore_index=True).astype(object)
            kept = table()[name].astype(object)
            assert (got.isna() == kept.isna()).all()
            assert (got[~got.isna()] == kept[~kept.isna()]).all()
        for place, name in ((1, "y"), (2, "w")):
            np.testing.assert_array_equal(np.concatenate([p[place] for p in parts]), table()[name])
    assert all(hasattr(X["grade"], "cat") for X, _, _ in parts)
    ((X, _, weight),) = ParquetChunks(file, target="y", columns=["rooms", "age"])
    assert list(X.columns) == ["rooms", "age"] and weight is None and len(X) == N


@pytest.mark.parametrize("held", ["sample", "all"])
@pytest.mark.parametrize(
    ("kind", "target"), [(BIAMRegressor, "y"), (BIAMClassifier, "label")], ids=["numbers", "words"]
)
def test_files_give_the_numbers_of_the_table(kind, target, held, file, monkeypatch):
    if held == "sample":
        monkeypatch.setattr(passes, "MOST_ROWS", 300)
    frame = table()
    whole = kind(**QUIET).fit(frame[X_NAMES], frame[target], sample_weight=frame["w"])
    chunks = ParquetChunks(file, target=target, weight="w", columns=X_NAMES, size=200)
    parts = kind(**QUIET).fit(chunks)
    assert list(parts.feature_names_in_) == X_NAMES
    assert parts.encoder_.categories == whole.encoder_.categories
    assert parts.encoder_.categories[3] == [1, 2, 3]
    np.testing.assert_allclose(parts.weights_, whole.weights_, rtol=1e-5, atol=1e-6)
    wanted = whole.predict_proba if target == "label" else whole.predict
    found = parts.predict_proba if target == "label" else parts.predict
    np.testing.assert_allclose(found(chunks), wanted(frame[X_NAMES]), rtol=1e-6, atol=1e-7)
    # A file without targets is for prediction.
    without = ParquetChunks(file, columns=X_NAMES)
    np.testing.assert_array_equal(found(without), found(chunks))
    np.testing.assert_array_equal(parts.predict(without), parts.predict(frame[X_NAMES]))


def test_several_files_and_folders_are_one_table(tmp_path):
    frame = table().drop(columns=["label", "w"])
    for number, rows in enumerate(np.split(np.arange(N), [100, 350])):
        folder = tmp_path / "all" / f"site={'cab'[number]}"
        folder.mkdir(parents=True)
        frame.iloc[rows].to_parquet(folder / "part.parquet")
    (tmp_path / "all" / "_SUCCESS").touch()
    chunks = ParquetChunks(tmp_path / "all", target="y")
    assert chunks.roles.columns == (*X_NAMES, "site") and len(chunks) == N
    # By the names of the files: a has rows 100 to 349.
    parts = list(chunks)
    assert [len(X) for X, _, _ in parts] == [250, 250, 100]
    np.testing.assert_array_equal(parts[0][1], frame["y"][100:350])
    assert [set(X["site"]) for X, _, _ in parts] == [{"a"}, {"b"}, {"c"}]
    est = BIAMRegressor(**QUIET).fit(chunks)
    assert est.encoder_.categories[4] == ["a", "b", "c"]
    files = sorted((tmp_path / "all").rglob("*.parquet"), reverse=True)
    listed = list(ParquetChunks(files, target="y", columns=X_NAMES))
    np.testing.assert_array_equal(listed[2][1], parts[2][1])


def test_an_index_of_pandas_is_no_column_and_empty_groups_no_chunk(tmp_path):
    frame = table()[["age", "y"]].set_index(np.arange(N) % 7)
    frame.to_parquet(tmp_path / "b.parquet")
    frame[:0].to_parquet(tmp_path / "a.parquet")
    assert "__index_level_0__" in pq.read_schema(tmp_path / "b.parquet").names
    chunks = ParquetChunks(tmp_path, target="y")
    assert chunks.roles.columns == ("age",)
    ((X, _, _),) = chunks
    np.testing.assert_array_equal(X["age"], frame["age"])
    assert list(X.index) == list(range(N))


def test_a_column_may_be_empty_or_without_gaps_in_some_files(tmp_path):
    frame = table()
    frame.loc[:99, ["town", "rooms"]] = None
    frame[:100].to_parquet(tmp_path / "1.parquet")
    frame[100:].dropna().to_parquet(tmp_path / "2.parquet")
    chunks = ParquetChunks(tmp_path, target="y", columns=X_NAMES)
    est = BIAMRegressor(**QUIET).fit(chunks)
    assert est.encoder_.categories == [None, ["north", "south", "west"], None, [1, 2, 3]]
    assert est.missing_rates_[1] == pytest.approx(100 / len(chunks))


def test_memory_is_that_of_a_chunk(tmp_path):
    """A row group of any length goes by in chunks: neither Python nor Arrow holds it decoded."""
    columns, size, pool = 20, 1000, pa.default_memory_pool()
    # Few different values: the file is small, what it says is large.
    X = np.random.default_rng(0).integers(0, 4, (60_000, columns)).astype(float)
    named = {f"x{j}": X[:, j] for j in range(columns)} | {"y": X[:, 0]}
    pq.write_table(pa.table(named), tmp_path / "t.parquet", row_group_size=len(X))
    whole = X.nbytes
    del X, named
    chunks, held = ParquetChunks(tmp_path / "t.parquet", target="y", size=size), []
    before = pool.bytes_allocated()
    tracemalloc.start()
    for _ in chunks:
        held.append(pool.bytes_allocated() - before)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(held) == 60
    assert max(held) < whole / 3 and peak < whole / 10, (max(held), peak, whole)


def test_arrow_tables_fit_as_the_arrays_they_are():
    frame = table()[["age", "town", "rooms"]]
    arrow, y = pa.Table.from_pandas(frame), table()["y"]
    est = BIAMRegressor(**QUIET).fit(arrow, y)
    whole = BIAMRegressor(**QUIET).fit(frame, y)
    assert list(est.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(est.predict(arrow), whole.predict(frame))


BAD = {
    "no-file": ({"path": "none.parquet"}, DataMissingError, "no Parquet file there: .*none"),
    "no-parquet": ({"path": "plain.txt"}, InvalidInputError, "expected Parquet files: .*plain"),
    "empty": ({"path": "empty"}, DataMissingError, "no Parquet file in .*empty"),
    "target": ({"target": "z"}, InvalidInputError, "the table has no column 'z': there are age, "),
    "columns": ({"columns": ["age", "z"]}, InvalidInputError, "has no column 'z'"),
    "one-name": ({"columns": "age"}, InvalidInputError, "columns must be a list of names"),
    "twice": ({"columns": ["age", "y"]}, InvalidInputError, "'y' is in columns, and target"),
    "no-columns": ({"columns": []}, InvalidInputError, "no column is left for X"),
    "size": ({"size": 0}, InvalidInputError, "size must be an integer of at least 1"),
}


@pytest.mark.parametrize(("options", "kind", "message"), BAD.values(), ids=BAD)
def test_misuse_is_named_before_anything_is_read(options, kind, message, file):
    (file.parent / "empty").mkdir()
    (file.parent / "plain.txt").write_text("a,b\n1,2\n")
    given = {"path": file.name, "target": "y"} | options
    with pytest.raises(kind, match=message):
        ParquetChunks(file.parent / given.pop("path"), **given)


def test_fit_needs_targets_and_one_type_of_a_column(file):
    with pytest.raises(InvalidInputError, match=r"no targets: ParquetChunks.*target=NAME"):
        BIAMRegressor(**QUIET).fit(ParquetChunks(file, columns=X_NAMES))
    table().assign(age="old").to_parquet(file.parent / "other.parquet")
    with pytest.raises(InvalidInputError, match="'age' holds numbers in some chunks and text"):
        BIAMRegressor(**QUIET).fit(ParquetChunks(file.parent, target="y", columns=X_NAMES))


def test_every_file_has_the_columns(file):
    table().drop(columns="age").to_parquet(file.parent / "z.parquet")
    with pytest.raises(InvalidInputError, match=r"z.parquet has no column 'age': there are town"):
        ParquetChunks(file.parent, target="y")
    (file.parent / "z.parquet").rename(file.parent / "a.parquet")
    with pytest.raises(InvalidInputError, match=r"table.parquet has the column 'age', .*a.parquet"):
        ParquetChunks(file.parent, target="y")
    assert len(ParquetChunks(file.parent, target="y", columns=["town"])) == 2 * N


def test_without_pyarrow_the_extra_is_named(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"biam\[parquet\]"):
        ParquetChunks(file)
