"""Data frames of Dask with targets among their columns."""

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

from biam import BIAMRegressor
from biam.exceptions import InvalidInputError
from biam.frames import FrameChunks, Roles

N = 90
STREAM = np.random.default_rng(0)
FRAME = pd.DataFrame(STREAM.normal(size=(N, 3)), columns=["a", "b", "y"]).assign(
    town=STREAM.choice(["north", "south"], N), w=np.arange(N) % 4
)


def lazy(npartitions=4):
    return dd.from_pandas(FRAME, npartitions=npartitions)


def test_partitions_are_chunks_and_their_columns_have_roles():
    chunks = FrameChunks(lazy(), target="y", weight="w", columns=["town", "a"])
    for _ in range(2):
        parts = list(chunks)
        assert len(parts) == 4 and len(chunks) == N
        X = pd.concat([X for X, _, _ in parts])
        pd.testing.assert_frame_equal(X, FRAME[["town", "a"]], check_dtype=False)
        np.testing.assert_array_equal(np.concatenate([y for _, y, _ in parts]), FRAME["y"])
        np.testing.assert_array_equal(np.concatenate([w for _, _, w in parts]), FRAME["w"])
    ((X, _, weight),) = FrameChunks(lazy(1), target="y")
    assert list(X.columns) == ["a", "b", "town", "w"] and weight is None


# Of Dask 2026.8 beside pandas 3.1.
@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame")
def test_files_of_which_dask_joins_some(tmp_path):
    """Of a narrow cut it reads several files at once; X and y are then cut elsewhere."""
    for i in range(6):
        FRAME[15 * i : 15 * i + 15].to_parquet(tmp_path / f"{i}.parquet", index=False)
    files = dd.read_parquet(tmp_path)
    X = files[["a", "b"]]
    with pytest.raises(InvalidInputError, match=r"X has \d partitions, y has \d"):
        BIAMRegressor().fit(X, files["y"])
    quiet = {"random_state": 0, "progress": False}
    est = BIAMRegressor(**quiet).fit(FrameChunks(files, target="y", columns=["a", "b"]))
    whole = BIAMRegressor(**quiet).fit(FRAME[["a", "b"]], FRAME["y"])
    np.testing.assert_allclose(est.predict(X).compute(), whole.predict(FRAME[["a", "b"]]))


def test_a_column_may_be_target_and_weight_but_not_in_x_too():
    roles = Roles.of(["a", "y"], None, "y", "y")
    assert roles.names == ["a", "y"]
    X, y, weight = roles.chunk(FRAME)
    assert list(X.columns) == ["a"] and (y == weight).all()


BAD = {
    "pandas": (FRAME, {"target": "y"}, "needs a Dask data frame, got DataFrame"),
    "series": (lazy()["y"], {"target": "y"}, "needs a Dask data frame, got Series"),
    "target": (lazy(), {"target": "z"}, "the table has no column 'z': there are a, b"),
    "weight": (lazy(), {"target": "y", "weight": "z"}, "the table has no column 'z'"),
    "twice": (lazy(), {"target": "y", "columns": ["y"]}, "'y' is in columns, and target or"),
    "text": (lazy(), {"target": "y", "columns": "a"}, "must be a list of names, got 'a'"),
    "none": (lazy()[["y"]], {"target": "y"}, "no column is left for X of y"),
}


@pytest.mark.parametrize(("frame", "options", "message"), BAD.values(), ids=BAD)
def test_misuse_is_named(frame, options, message):
    with pytest.raises(InvalidInputError, match=message):
        FrameChunks(frame, **options)
