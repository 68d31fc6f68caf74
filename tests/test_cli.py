"""The `biam` command: it teaches, it checks what it is given, its exit codes tell."""

import re
import subprocess
import sys
import time

import pandas as pd
import pytest
from click.testing import CliRunner

import biam
from biam import load
from biam.cli import main
from biam.exceptions import DataMissingError
from biam.experiments.catalogue import TABLES
from biam.experiments.records import PROFILES
from biam.experiments.runner import reproduce

COMMANDS = ("tables", "reproduce", "report", "verify", "train")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Folder of a full run of table `published`."""
    out = tmp_path_factory.mktemp("full")
    done = run("reproduce", "published", "--profile", "full", "--out", out)
    assert done.exit_code == 0, done.output
    assert "28 of 28 numbers of the repository met" in done.stdout
    assert "17/17" in done.stderr
    return out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert re.search(rf"Examples\n\s+biam {command}", done.output)
    summaries = run("--help").output.partition("Commands:")[2]
    assert command in summaries
    assert "..." not in summaries


def test_help_comes_fast_and_loads_nothing_heavy():
    start = time.process_time()
    code = """
import sys
from biam.cli import main
try:
    main(["--help"])
except SystemExit as done:
    assert done.code == 0
heavy = {"torch", "numpy", "pandas", "sklearn", "joblib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert time.process_time() - start < 1


def test_version():
    assert run("--version").output == f"biam {biam.__version__}\n"


def test_tables_list_source_cells_and_minutes():
    done = run("tables")
    assert done.exit_code == 0
    for name, table in TABLES.items():
        assert f"{name}: {table.title}" in done.output
        assert table.source in done.output
    for profile in PROFILES:
        cells = len(TABLES["published"].profiles[profile].cells)
        assert re.search(rf"{profile} +{cells} cells, [\d.]+ minutes", done.output)
    assert "regression/clean" not in done.output
    assert "regression/clean" in run("tables", "published").output


def test_reproduce_takes_a_part(tmp_path):
    options = ["--scenarios", "regression/noise30,regression/clean", "--methods", "mean"]
    options += ["--methods", "BIAM-B", "--seeds", "42,7", "--out", tmp_path]
    done = run("reproduce", "published", *options)
    assert done.exit_code == 0, done.output
    assert "published (quick): 4 cells computed, 0 read, 0 failed" in done.stdout
    assert "4 cells to compute: about a minute" in done.stderr
    rows = pd.read_csv(tmp_path / "published.csv")
    assert set(rows["method"]) == {"mean", "BIAM-B"}
    assert "0 cells computed, 4 read" in run("reproduce", "published", *options).stdout
    assert "4 cells computed, 0 read" in run("reproduce", "published", *options, "--fresh").stdout


def test_options_take_several_values_as_one_writes_them(tmp_path):
    words = ["--methods", "mean", "BIAM-B", "--seeds", "42", "7", "published", "--out", tmp_path]
    done = run("reproduce", "--scenarios", "regression/noise30", *words)
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "published.csv")
    assert set(rows["method"]) == {"mean"}
    assert list(rows["seed"].unique()) == [42, 7]


def test_reproduce_prints_headlines_and_verdicts(tmp_path):
    done = run("reproduce", "published", "benchmark", "--profile", "smoke", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert {path.stem for path in tmp_path.glob("*.csv")} == {"published", "benchmark"}
    assert re.search(r"one-step  ratio = \d", done.stdout)
    assert "6 of 6 numbers of the repository met" in done.stdout


def test_absent_data_are_named_once_and_are_no_failure(tmp_path, monkeypatch):
    def absent(**options):
        raise DataMissingError("data file x/y is not there.\n  source: z\n  put it in: here")

    monkeypatch.setattr("biam.datasets.synthetic.make_additive_regression", absent)
    options = ["--methods", "mean", "--seeds", "1", "2", "3", "--out", tmp_path]
    done = run("reproduce", "published", *options)
    assert done.exit_code == 0, done.output
    # The whole message: what is missing, where it comes from, where it goes.
    assert done.stderr.count("data file x/y is not there.\n  source: z\n  put it in: here") == 1
    assert "3 cells not run" in done.stderr
    assert "0 cells computed, 0 read, 0 failed, 3 without their data" in done.stdout


def test_a_failed_cell_tells_by_the_exit_code(tmp_path, monkeypatch):
    broken = "biam.experiments.published.evaluate"
    monkeypatch.setattr(broken, lambda *a, **k: 1 / 0)
    done = run("reproduce", "published", "--methods", "mean", "--out", tmp_path)
    assert done.exit_code == 1
    assert "ZeroDivisionError" in done.stderr
    assert "1 failed" in done.stdout


def test_report_is_markdown(full):
    done = run("report", "--out", full)
    assert done.exit_code == 0
    assert done.output.count("| met |") == 28


def test_report_without_results_says_what_to_do(tmp_path):
    done = run("report", "--out", tmp_path / "nowhere")
    assert done.exit_code == 2
    assert "run `biam reproduce" in done.stderr


def test_verify_prints_each_number_and_its_exit_code_tells(full, tmp_path):
    done = run("verify", "published", "--out", full)
    assert done.exit_code == 0
    assert "28 of 28 stated numbers are as they should be" in done.output
    assert done.output.count("\n") == 29
    rows = pd.read_csv(full / "published.csv")
    rows.loc[0, "value"] += 2e-4
    rows.iloc[:-1].to_csv(tmp_path / "published.csv", index=False)
    done = run("verify", "--out", tmp_path)
    assert done.exit_code == 1
    assert re.search(
        r"not met +published/regression/clean/BIAM/42 mse: repository 0.1324", done.output
    )


def test_verify_without_results_fails(tmp_path):
    done = run("verify", "--out", tmp_path)
    assert done.exit_code == 1
    assert "got nothing" in done.output


def test_train_prints_and_saves(tmp_path):
    options = ["--dataset", "breast-cancer", "--noise-ratio", "0.2", "--epochs", "3"]
    done = run("train", *options, "--out", tmp_path / "model")
    assert done.exit_code == 0, done.output
    assert re.search(r"accuracy +0\.9\d+ +0\.6\d+", done.output)
    est = load(tmp_path / "model/model.biam")
    assert est.epochs == 3
    assert (tmp_path / "model/metrics.json").is_file()


def test_train_another_model_by_a_config(tmp_path):
    from biam.batm import load as load_batm

    config = tmp_path / "my.yaml"
    own = "groups: auto\nhidden: [6]\nepochs: 30\nbatch_size: 32\n"
    config.write_text(f"dataset: breast-cancer\n{own}")
    arguments = ["--model", "batm", "--config", config, "--epochs", "12"]
    done = run("train", *arguments, "--out", tmp_path / "model")
    assert done.exit_code == 0, done.output
    assert re.search(r"accuracy +0\.9\d+ +0\.6\d+", done.output)
    est = load_batm(tmp_path / "model/model.biam")
    assert (est.epochs, est.groups, est.batch_size) == (12, "auto", 32)


def test_train_passes_every_option(monkeypatch):
    from biam.experiments import training

    given = {}

    def train(dataset, task, damage, **rest):
        given.update(dataset=dataset, task=task, damage=damage, **rest)
        raise SystemExit(0)

    monkeypatch.setattr(training, "train", train)
    text = "--task classification --dataset iris --missing-ratio .1 --noise-ratio .2 "
    text += "--imbalance-ratio .3 --solver published --variant BIAM-I --upper-lr .4 --lower-lr .5 "
    text += "--epochs 6 --batch-size 7 --n-meta 8 --seed 9"
    assert run("train", *text.split()).exit_code == 0
    assert given["options"] == {
        "solver": "published",
        "variant": "BIAM-I",
        "upper_lr": 0.4,
        "lower_lr": 0.5,
        "epochs": 6,
        "batch_size": 7,
    }
    assert given["damage"] == training.Damage(0.1, 0.2, 0.3)
    assert [given[k] for k in ("dataset", "task", "n_meta", "seed")] == [
        "iris",
        "classification",
        8,
        9,
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["reproduc"], "did you mean 'reproduce'"),
        (["tables", "publishd"], "did you mean 'published'"),
        (["reproduce", "publishd"], "did you mean 'published'"),
        (["reproduce", "--scenarios", "regression/claen"], "did you mean 'regression/clean'"),
        (["reproduce", "--methods", "BIAMB"], "did you mean 'BIAM-B'"),
        (["reproduce", "--profile", "fast"], "'smoke', 'quick', 'full'"),
        (["reproduce", "--seeds", "one"], "expected whole numbers"),
        (
            ["reproduce", "published", "--profile", "smoke", "--scenarios", "regression/noise30"],
            "no cell of profile 'smoke'",
        ),
        (["reproduce", "--jobs", "0"], "jobs must be an integer"),
        (["reproduce", "--out", "/dev/null/x"], "cannot write in '/dev/null/x'"),
        (["report", "nothing"], "unknown table 'nothing'"),
        (["train", "--dataset", "wien"], "did you mean 'wine'"),
        (["train", "--noise-ratio", "30"], "noise_ratio must be"),
        (["train", "--solver", "publish"], "did you mean 'published'"),
        (["train", "--model", "batm", "--variant", "BIAM"], "unknown setting of batm 'variant'"),
        (["train", "--config", "none.yaml"], "cannot read the config none.yaml"),
        (["train", "--out", "/dev/null/x"], "cannot write in '/dev/null/x'"),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments, text):
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert text in done.stderr
    assert "Traceback" not in done.output


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback(place):
    arguments = ["--debug", "tables", "x"] if place == "before" else ["tables", "x", "--debug"]
    done = run(*arguments)
    assert type(done.exception).__name__ == "UnknownNameError"


def test_interrupt_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("biam.experiments.runner.reproduce", interrupted)
    done = run("reproduce", "published", "--out", tmp_path)
    assert done.exit_code == 1
    assert "run the same command again" in done.stderr
    monkeypatch.undo()
    assert reproduce(["published"], methods=["mean"], out=tmp_path)[0].computed == 1


def test_as_a_module():
    command = [sys.executable, "-m", "biam.cli", "tables", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == f"Error: unknown table 'nothing': known: {', '.join(TABLES)}.\n"
