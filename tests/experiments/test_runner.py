"""A run keeps what it finished, goes on where it stopped, and ends in the same bytes."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool

import joblib
import pytest
import torch

from biam.exceptions import (
    BIAMError,
    DataMissingError,
    InvalidInputError,
    MissingExtraError,
    OutputError,
)
from biam.experiments import runner, store
from biam.experiments.catalogue import TABLES
from biam.experiments.records import Cell, Method, Profile, Scenario, Table
from biam.experiments.report import load_curves, load_results
from biam.experiments.runner import reproduce, run_cell

MAKE = "biam.datasets.synthetic:make_additive_regression"
MEAN = "biam.experiments.published:mean_prediction"
SEEDS = (1, 2, 3, 4)


@pytest.fixture
def tiny(monkeypatch):
    """A table of four quick cells, and one with a method that is not there."""
    scenario = Scenario("s", MAKE, {"n_samples": 50, "n_features": 2})
    for name, methods in (
        ("tiny", (Method("mean", MEAN),)),
        ("broken", (Method("mean", MEAN), Method("gone", "biam.experiments.published:gone"))),
    ):
        seeds = SEEDS if name == "tiny" else (1,)
        cells = tuple(Cell(name, "s", m.name, seed) for seed in seeds for m in methods)
        profiles = dict.fromkeys(("smoke", "quick", "full"), Profile(cells, 0.1))
        table = Table(name, "title", "source", (scenario,), methods, profiles)
        monkeypatch.setitem(TABLES, name, table)


@pytest.fixture
def computed(monkeypatch):
    """Cells that are computed, in order."""
    cells = []
    real = runner._record

    def watched(cell, origin):
        cells.append(cell)
        return real(cell, origin)

    monkeypatch.setattr(runner, "_record", watched)
    return cells


def test_run_cell_gives_tidy_rows_and_keeps_the_thread_count():
    threads = torch.get_num_threads()
    cell = Cell("published", "regression/noise30", "mean", 42)
    rows = run_cell(cell)
    assert [row["metric"] for row in rows] == ["mse", "mae", "r2"]
    assert {k: rows[0][k] for k in cell._fields} == cell._asdict()
    assert torch.get_num_threads() == threads


def test_smoke_cells_equal_those_of_the_full_run(published_out):
    full = load_results(published_out, "published")
    for cell in TABLES["published"].profiles["smoke"].cells:
        for row in run_cell(cell, "smoke"):
            stored = full
            for name in (*cell._fields, "metric"):
                stored = stored[stored[name] == row[name]]
            assert list(stored["value"]) == [row["value"]]


def test_rows_come_in_catalogue_order(published_out):
    rows = load_results(published_out, "published")
    cells = list(dict.fromkeys(rows[list(Cell._fields)].itertuples(index=False, name=None)))
    assert cells == [tuple(cell) for cell in TABLES["published"].profiles["full"].cells]
    assert set(rows["profile"]) == {"full"}
    assert set(rows["seconds"]) <= {5, 10, 20}


@pytest.fixture(scope="module")
def smoke_csv(tmp_path_factory):
    """The smoke table, made in this process."""
    out = tmp_path_factory.mktemp("smoke")
    return reproduce(["published"], profile="smoke", out=out)[0].csv.read_bytes()


def test_processes_change_nothing(smoke_csv, tmp_path):
    (outcome,) = reproduce(["published"], profile="smoke", jobs=2, out=tmp_path)
    assert outcome.computed == 4
    assert outcome.csv.read_bytes() == smoke_csv


def test_a_second_run_reads(tiny, computed, tmp_path):
    (first,) = reproduce(["tiny"], out=tmp_path)
    assert (first.computed, first.reused) == (4, 0)
    (second,) = reproduce(["tiny"], out=tmp_path, seeds=[1, 2])
    assert (second.computed, second.reused) == (0, 2)
    assert len(computed) == 4
    # The csv holds all finished cells, not only those asked for last.
    assert set(load_results(tmp_path, "tiny")["seed"]) == set(SEEDS)
    (third,) = reproduce(["tiny"], out=tmp_path, fresh=True)
    assert third.computed == 4


def test_stale_cells_are_computed_again_unless_kept(tiny, tmp_path, monkeypatch):
    reproduce(["tiny"], out=tmp_path)
    before = (tmp_path / "tiny.csv").read_bytes()
    monkeypatch.setattr(store, "lock", lambda: "another")
    (kept,) = reproduce(["tiny"], out=tmp_path, keep_stale=True)
    assert (kept.computed, kept.csv.read_bytes()) == (0, before)
    (again,) = reproduce(["tiny"], out=tmp_path)
    assert again.computed == 4


def test_a_failure_keeps_its_traceback_and_stops_nothing(tiny, computed, tmp_path):
    (outcome,) = reproduce(["broken"], out=tmp_path)
    ((cell, line),) = outcome.failed
    assert cell.method == "gone"
    assert "AttributeError" in line
    assert set(load_results(tmp_path, "broken")["method"]) == {"mean"}
    records = [json.loads(p.read_text()) for p in (tmp_path / "cells/broken").iterdir()]
    (trace,) = [r["traceback"] for r in records if r["status"] == "failed"]
    assert trace.startswith("Traceback")
    # The next run tries it again, and it alone.
    reproduce(["broken"], out=tmp_path)
    assert [c.method for c in computed] == ["mean", "gone", "gone"]


def test_other_code_on_a_worker_is_a_failure(tiny, tmp_path, monkeypatch):
    real = runner.code_hash
    answers = iter(["sent"] * len(SEEDS) + ["found"] * len(SEEDS))
    monkeypatch.setattr(runner, "code_hash", lambda roots: next(answers))
    (outcome,) = reproduce(["tiny"], out=tmp_path)
    assert len(outcome.failed) == len(SEEDS)
    assert "other code of biam" in outcome.failed[0][1]
    assert real(TABLES["tiny"].roots(TABLES["tiny"].profiles["full"].cells[0]))


def test_full_disk_stops_the_run_and_keeps_finished_cells(tiny, computed, tmp_path, monkeypatch):
    real, writes = os.fsync, []

    def fsync(descriptor):
        writes.append(descriptor)
        if len(writes) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(OutputError, match="No space left") as error:
            reproduce(["tiny"], out=tmp_path)
    assert str(tmp_path) in str(error.value)
    assert len(list((tmp_path / "cells/tiny").iterdir())) == 2
    (outcome,) = reproduce(["tiny"], out=tmp_path)
    assert (outcome.computed, outcome.reused) == (2, 2)


def test_an_output_that_cannot_be_stops_before_any_work(tiny, computed, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        reproduce(["tiny"], out=tmp_path / "file")
    assert computed == []


@pytest.mark.parametrize("jobs", [0, -2, 1.5])
def test_jobs_are_checked(tiny, tmp_path, jobs):
    with pytest.raises(InvalidInputError, match="jobs must be an integer"):
        reproduce(["tiny"], out=tmp_path, jobs=jobs)


def test_a_process_that_dies_is_explained(tiny, tmp_path, monkeypatch):
    class Dying:
        def __init__(self, **options):
            pass

        def __call__(self, tasks):
            raise BrokenProcessPool("killed")

    monkeypatch.setattr(joblib, "Parallel", Dying)
    with pytest.raises(BIAMError, match="fewer --jobs"):
        reproduce(["tiny"], out=tmp_path, jobs=2)


def test_without_dask_a_scheduler_is_an_error(tiny, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"biam\[cluster\]"):
        reproduce(["tiny"], out=tmp_path, scheduler="tcp://127.0.0.1:1")


def test_a_scheduler_that_is_not_there_is_an_error(tmp_path):
    # In a process of its own: dask leaves threads and sockets to the garbage collector.
    code = (
        "import sys\nfrom biam.experiments import runner\nrunner.CONNECT_SECONDS = 1\n"
        "from biam.cli import main\n"
        "main(['reproduce', 'published', '--out', sys.argv[1], '--scheduler', 'tcp://127.0.0.1:9'])"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "scheduler must be the address of a running dask scheduler" in done.stderr


def test_a_cluster_changes_nothing(smoke_csv, tmp_path):
    code = """
import sys
from distributed import LocalCluster
from biam.experiments.runner import reproduce
if __name__ == "__main__":
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(protocol="tcp://", processes=True, **options) as cluster:
        address = cluster.scheduler_address
        reproduce(["published"], profile="smoke", scheduler=address, out=sys.argv[1])
"""
    script = tmp_path / "on_cluster.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "published.csv").read_bytes() == smoke_csv


def test_killed_three_times_and_resumed_ends_in_the_same_bytes(published_out, tmp_path):
    cells = tmp_path / "cells" / "published"
    command = [sys.executable, "-m", "biam.cli", "reproduce", "published"]
    command += ["--jobs", "1", "--profile", "full", "--out", str(tmp_path)]
    moments = sorted(random.Random(3).sample(range(1, 14), 3))
    for least in moments:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + 120
        while len(list(cells.glob("*.json"))) < least and time.monotonic() < deadline:
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(timeout=60) == -signal.SIGKILL
        done = len(list(cells.glob("*.json")))
        assert least <= done < 17
        assert not (tmp_path / "published.csv").exists()
        # What a kill during a write leaves: half a file under a temporary name.
        (cells / f".left{least}.tmp").write_text('{"key": "ab')
    (outcome,) = reproduce(["published"], profile="full", out=tmp_path)
    assert (outcome.reused, outcome.computed) == (done, 17 - done)
    assert outcome.csv.read_bytes() == (published_out / "published.csv").read_bytes()


def test_curves_and_origin_are_written_beside_the_table(tmp_path, monkeypatch):
    scenario = Scenario("s", MAKE, {"n_samples": 50, "n_features": 2})
    method = Method("curve", "biam.experiments.published:mean_prediction")
    cells = (Cell("curved", "s", "curve", 1),)
    profiles = dict.fromkeys(("smoke", "quick", "full"), Profile(cells, 0.1))
    table = Table("curved", "title", "source", (scenario,), (method,), profiles)
    monkeypatch.setitem(TABLES, "curved", table)
    point = {"curve": "f", "x": 0.5, "z": None, "value": 2.0}
    monkeypatch.setattr(
        "biam.experiments.published.mean_prediction", lambda *a: ({"mse": 1.0}, [point])
    )
    reproduce(["curved"], out=tmp_path)
    (row,) = load_curves(tmp_path, "curved").to_dict("records")
    assert (row["scenario"], row["method"], row["seed"]) == ("s", "curve", 1)
    assert (row["curve"], row["x"], row["value"]) == ("f", 0.5, 2.0)
    assert row["z"] != row["z"]
    origin = json.loads((tmp_path / "curved.json").read_text())
    assert list(origin["code"]) == ["biam.datasets.synthetic biam.experiments.published"]


def test_other_seeds_stay_in_the_csv_after_those_of_the_profile(tiny, tmp_path):
    reproduce(["tiny"], out=tmp_path, seeds=[99])
    (outcome,) = reproduce(["tiny"], out=tmp_path)
    assert list(load_results(tmp_path, "tiny")["seed"].unique()) == [*SEEDS, 99]
    assert outcome.computed == len(SEEDS)


def test_the_cost_is_told_before_the_start(tiny, computed, tmp_path):
    plans = []
    reproduce(
        ["tiny"], out=tmp_path, seeds=[1, 2], announce=lambda p: plans.append((p, len(computed)))
    )
    ((plan, before),) = plans
    assert (plan.cells, plan.wanted, before) == (2, 2, 0)
    assert plan.minutes == pytest.approx(0.1 * 2 / len(SEEDS))


def test_absent_data_are_no_failure(tiny, tmp_path, monkeypatch):
    def absent(**options):
        raise DataMissingError("data file x/y is not there: get it from z.")

    monkeypatch.setattr("biam.datasets.synthetic.make_additive_regression", absent)
    (outcome,) = reproduce(["tiny"], out=tmp_path)
    assert outcome.failed == ()
    assert [cell.seed for cell, _ in outcome.absent] == list(SEEDS)
    assert "get it from z" in outcome.absent[0][1]
