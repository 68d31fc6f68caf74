"""Verdicts: met to all printed digits, not met by the least more, missing never silent."""

import pandas as pd
import pytest

from biam.exceptions import DataMissingError, UnknownNameError
from biam.experiments.report import load_results, markdown, published_numbers, report, verify


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
    failures = verify(out)
    assert list(failures["verdict"]) == ["missing"]
    assert failures.loc[0, "metric"] == "mse"


def test_no_results_at_all_are_all_missing(tmp_path):
    assert set(report(tmp_path)["verdict"]) == {"missing"}
    assert len(verify(tmp_path / "nowhere")) == 28


def test_a_value_that_is_not_a_number_is_a_failure(results, tmp_path):
    spoiled = results.copy()
    spoiled["value"] = float("nan")
    assert len(verify(written(spoiled, tmp_path))) == 28


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
    lines = markdown(report(published_out)).splitlines()
    assert len(lines) == 2 + 28
    assert lines[2] == (
        "| published | regression/clean | BIAM | 42 | mse | 0.1324 | 0.1324 | met |"
    )
    assert markdown(report(tmp_path)).splitlines()[2].endswith("| 0.1324 |  | missing |")


def test_published_numbers_are_those_of_the_paper():
    numbers = published_numbers()
    assert list(numbers.columns[:6]) == ["table", "scenario", "method", "seed", "metric", "paper"]
    assert numbers["table"].value_counts().to_dict() == {"published": 28, "mam_published": 6}
    assert isinstance(numbers, pd.DataFrame)
    assert not numbers.duplicated(["table", "scenario", "method", "seed", "metric"]).any()
