"""Cell files survive what happens to files; the csv is tidy and does not change from run to run."""

import csv
import errno
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import OutputError
from biam.experiments import store as module
from biam.experiments.catalogue import TABLES
from biam.experiments.records import Cell
from biam.experiments.store import (
    COLUMNS,
    CellStore,
    cell_key,
    csv_rows,
    find,
    rounded_seconds,
    write_csv,
    write_text,
)

CELL = Cell("published", "regression/noise30", "mean", 42)


def record(cell=CELL, profile="full", **changes):
    return {
        "key": cell_key(cell, profile),
        "cell": list(cell),
        "profile": profile,
        "parameters": TABLES[cell.table].parameters(cell, profile),
        "status": "finished",
        "metrics": {"mse": 0.1 + 0.2, "mae": 1 / 3},
        "seconds": 0.25,
        "commit": "abc",
        "lock": "constraints-1",
        "finished": "2026-01-01T00:00:00+00:00",
        **changes,
    }


@pytest.fixture
def store(tmp_path):
    store = CellStore(tmp_path / "out")
    store.prepare(["published"])
    return store


def test_what_is_written_is_read_to_the_last_bit(store):
    store.write(record())
    (got,) = store.load("published").values()
    assert got == record()
    assert got["metrics"]["mse"] == 0.1 + 0.2
    assert [path.name for path in (store.out / "cells/published").iterdir()] == [
        f"{cell_key(CELL)}.json"
    ]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: text.replace('"metrics"', '"metrix"'),
        lambda text: text.replace('"seconds": 0.25', '"seconds": "soon"'),
        lambda text: "\x00" * 100,
    ],
    ids=["half", "empty", "list", "field", "type", "zeros"],
)
def test_a_broken_file_counts_as_absent(store, damage):
    store.write(record())
    path = store.out / "cells/published" / f"{cell_key(CELL)}.json"
    path.write_text(damage(path.read_text()))
    assert store.load("published") == {}


def test_a_file_under_another_key_counts_as_absent(store):
    store.write(record())
    folder = store.out / "cells/published"
    (folder / f"{cell_key(CELL)}.json").rename(folder / "0123.json")
    assert store.load("published") == {}


def test_key_depends_on_parameters_code_and_lock(monkeypatch):
    keys = {cell_key(CELL), cell_key(CELL._replace(seed=7))}
    keys |= {cell_key(c) for c in TABLES["benchmark"].profiles["full"].cells[:2]}
    monkeypatch.setattr(module, "code_hash", lambda roots: "other")
    keys.add(cell_key(CELL))
    monkeypatch.setattr(module, "lock", lambda: "other")
    keys.add(cell_key(CELL))
    assert len(keys) == 6


def test_profiles_with_the_same_parameters_share_cells():
    cell = TABLES["published"].profiles["smoke"].cells[0]
    assert cell_key(cell, "smoke") == cell_key(cell, "full")
    timed = TABLES["benchmark"].profiles["smoke"].cells[0]
    assert cell_key(timed, "smoke") != cell_key(timed, "full")


def test_stale_records_answer_only_when_asked_for():
    old = record(key="old", finished="2025")
    older = record(key="older", finished="2024")
    records = {r["key"]: r for r in (older, old)}
    assert find(records, CELL, "full") is None
    assert find(records, CELL, "full", keep_stale=True) is old
    right = record(finished="2020")
    assert find({**records, right["key"]: right}, CELL, "full", keep_stale=True) is right


def test_stale_records_of_other_parameters_answer_in_their_profile_only():
    other = record(key="old", parameters={"make": "elsewhere"}, profile="quick")
    assert find({"old": other}, CELL, "full", keep_stale=True) is None
    assert find({"old": other}, CELL, "quick", keep_stale=True) is other


def test_failed_records_answer_for_nothing():
    failed = record(status="failed")
    assert find({failed["key"]: failed}, CELL, "full", keep_stale=True) is None


def test_csv_is_tidy_and_exact(tmp_path):
    path = tmp_path / "t.csv"
    write_csv(path, csv_rows(CELL, record(), "full"))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert [row["metric"] for row in rows] == ["mse", "mae"]
    assert [float(row["value"]) for row in rows] == [0.1 + 0.2, 1 / 3]
    assert rows[0]["seconds"] == "5"
    assert b"\r" not in path.read_bytes()


def test_seconds_follow_the_series():
    series = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]
    assert [rounded_seconds(s - 0.01) for s in series] == series
    assert [rounded_seconds(float(s)) for s in series] == series


@given(st.floats(0, 1e6))
def test_seconds_are_an_upper_bound_not_far_away(seconds):
    bound = rounded_seconds(seconds)
    assert seconds <= bound <= max(5, 2.5 * seconds)


def test_a_folder_that_cannot_be_is_an_error_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write in .*file.*Choose another folder"):
        CellStore(tmp_path / "file" / "out").prepare(["published"])


def test_full_disk_names_the_folder_and_keeps_what_is_there(store, monkeypatch):
    store.write(record())

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device") as error:
        store.write(record(metrics={"mse": 2.0}))
    assert str(store.out) in str(error.value)
    (kept,) = store.load("published").values()
    assert kept == record()
    assert len(list((store.out / "cells/published").iterdir())) == 1


def test_an_interrupted_write_leaves_no_trace(tmp_path, monkeypatch):
    path = tmp_path / "t.csv"
    path.write_text("old")

    def interrupt(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]
    assert path.read_text() == "old"


def test_records_are_plain_json(store):
    store.write(record(metrics={"auroc": float("nan")}))
    path = store.out / "cells/published" / f"{cell_key(CELL)}.json"
    assert json.loads(path.read_text())["cell"] == list(CELL)
    assert csv_rows(CELL, store.load("published")[cell_key(CELL)], "full")[0][5] == "nan"
