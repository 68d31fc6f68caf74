"""Verdicts: met to all printed digits, not met by the least more, missing never silent."""

import json

import pandas as pd
import pytest

from biam.exceptions import DataMissingError, UnknownNameError
from biam.experiments.catalogue import TABLES
from biam.experiments.records import SEEDS
from biam.experiments.report import (
    CELL,
    load_curves,
    load_results,
    markdown,
    published_numbers,
    report,
    verify,
)
from biam.experiments.store import COLUMNS


@pytest.fixture
def results(published_out):
    return load_results(published_out, "published")


def written(rows, folder):
    rows.to_csv(folder / "published.csv", index=False)
    return folder


def test_all_published_numbers_are_met(published_out):
    rows = report(published_out, ["published"])
    assert len(rows) == 28
    assert set(rows["verdict"]) == {"met"}
    assert not rows["stale"].any()
    assert len(verify(published_out)) == 0


@pytest.mark.parametrize(("shift", "verdict"), [(0.4e-4, "met"), (0.6e-4, "not met")])
def test_band_is_half_of_the_last_digit(results, tmp_path, shift, verdict):
    numbers = published_numbers()
    exact = results.copy()
    first = exact.index[0]
    exact["value"] = exact["value"].astype(float)
    exact.loc[first, "value"] = numbers.loc[0, "paper"] + shift
    rows = report(written(exact, tmp_path), ["published"])
    assert rows.loc[0, "verdict"] == verdict
    assert len(verify(tmp_path)) == (verdict == "not met")


def test_a_missing_row_is_a_failure(results, tmp_path):
    out = written(results.iloc[1:], tmp_path)
    # Without its name a table is judged by what is there: a part may have been run.
    assert len(verify(out)) == 0
    failures = verify(out, ["published"])
    assert list(failures["verdict"]) == ["missing"]
    assert failures.loc[0, "metric"] == "mse"


def test_no_results_at_all_are_all_missing(tmp_path):
    assert set(report(tmp_path)["verdict"]) == {"missing"}
    assert len(verify(tmp_path / "nowhere")) == len(published_numbers())


def test_a_value_that_is_not_a_number_is_a_failure(results, tmp_path):
    spoiled = results.copy()
    spoiled["value"] = float("nan")
    assert len(verify(written(spoiled, tmp_path), ["published"])) == 28


def test_a_table_without_published_numbers_has_no_rows(tmp_path):
    assert len(report(tmp_path, ["benchmark"])) == 0


def test_values_survive_the_csv_to_the_last_bit(published_out, results):
    lines = (published_out / "published.csv").read_text().splitlines()
    assert [repr(v) for v in results["value"]] == [line.split(",")[5] for line in lines[1:]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("table,scenario\nx,y\n", "lacks the columns method"), ("", "cannot read results")],
)
def test_other_files_are_refused(tmp_path, text, complaint):
    (tmp_path / "published.csv").write_text(text)
    with pytest.raises(DataMissingError, match=complaint):
        report(tmp_path)


def test_unknown_tables_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'published'"):
        report(tmp_path, ["publisht"])


def test_markdown_has_a_line_per_number(published_out, tmp_path):
    lines = markdown(report(published_out, ["published"])).splitlines()
    assert len(lines) == 2 + 28
    assert lines[2].startswith(
        "| published | regression/clean | BIAM | 42 | mse | 0.1324 | 0.1324 | met |"
    )
    assert markdown(report(tmp_path)).splitlines()[2].endswith("| 0.1324 |  | missing |  |")


def test_published_numbers_are_those_of_the_paper():
    numbers = published_numbers()
    assert list(numbers.columns[:6]) == ["table", "scenario", "method", "seed", "metric", "paper"]
    repository = numbers[numbers["source"] == "repository"]
    assert repository["table"].value_counts().to_dict() == {"published": 28}
    assert (numbers["source"] == "re-run").sum() == 356
    assert not numbers.duplicated([*CELL, "source"]).any()
    assert set(numbers["table"]) <= set(TABLES)


def test_every_stated_cell_is_in_the_catalogue():
    for row in published_numbers().itertuples():
        table = TABLES[row.table]
        table.scenario(row.scenario), table.method(row.method)


CELL_OF_E1 = {"table": "e1", "scenario": "outlier30", "method": "BIAM", "profile": "full"}


def made(tmp_path, values, **changes):
    """Results of e1 with an mse for each seed."""
    rows = [
        {**CELL_OF_E1, "seed": seed, "metric": metric, "value": value, "seconds": 5, **changes}
        for seed, metrics in values.items()
        for metric, value in metrics.items()
    ]
    table = pd.DataFrame(rows).assign(commit="c", lock="l")
    table[list(COLUMNS)].to_csv(tmp_path / "e1.csv", index=False)
    return report(tmp_path, ["e1"]).set_index(["scenario", "method", "seed", "metric"])


def test_a_claim_about_five_seeds_is_judged_by_their_mean(tmp_path):
    four = {seed: {"mse": 1.5} for seed in SEEDS[:4]}
    claim = ("outlier30", "BIAM", "mean", "mse")
    assert made(tmp_path, four).loc[claim, "verdict"] == "missing"
    rows = made(tmp_path, {**four, SEEDS[4]: {"mse": 1.85}})
    assert rows.loc[claim, "reproduced"] == pytest.approx(1.57)
    assert rows.loc[claim, "verdict"] == "met"
    # A claim may be beaten; a re-run is only met.
    rows = made(tmp_path, {seed: {"mse": 0.451017 * 0.99} for seed in SEEDS})
    assert rows.loc[claim, "verdict"] == "better"
    assert rows.loc[("outlier30", "BIAM", "42", "mse"), "verdict"] == "not met"


@pytest.mark.parametrize(("twin", "word"), [(1.0004, "stable"), (1.0006, "chaotic")])
def test_two_precisions_tell_chaos(tmp_path, twin, word):
    rows = made(tmp_path, {42: {"mse": 0.45, "float64_mse": 0.45 * twin}})
    assert rows.loc[("outlier30", "BIAM", "42", "mse"), "stability"] == word


def test_a_claim_known_to_fail_counts_when_it_comes_true(tmp_path, monkeypatch):
    numbers = published_numbers()
    chosen = (
        (numbers["table"] == "e1") & (numbers["seed"] == "mean") & (numbers["method"] == "BIAM")
    )
    numbers.loc[chosen, "known"] = "fails"
    monkeypatch.setattr("biam.experiments.report.published_numbers", lambda: numbers)
    made(tmp_path, {seed: {"mse": 3.0} for seed in SEEDS})
    assert not (verify(tmp_path)["seed"] == "mean").any()
    made(tmp_path, {seed: {"mse": 1.57} for seed in SEEDS})
    assert (verify(tmp_path)["seed"] == "mean").sum() == 1


def test_changed_code_makes_a_row_stale(published_out, tmp_path):
    for path in published_out.glob("published.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert not report(tmp_path, ["published"])["stale"].any()
    origin = json.loads((tmp_path / "published.json").read_text())
    origin["code"] = dict.fromkeys(origin["code"], "other")
    (tmp_path / "published.json").write_text(json.dumps(origin))
    assert report(tmp_path, ["published"])["stale"].all()


def test_without_curves_there_are_no_rows(tmp_path):
    assert len(load_curves(tmp_path, "e1")) == 0
