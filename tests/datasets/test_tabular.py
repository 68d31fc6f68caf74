"""Parsers on short made-up excerpts in upstream layout; loaders on the real files."""

import hashlib
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from biam.datasets import load_dataset, store, tabular
from biam.datasets.codebook import (
    HELOC_COLUMNS,
    TAIWAN_COLUMNS,
)
from biam.exceptions import DataMissingError, UnknownNameError

ADULT_DATA = """\
30, Private, 1000, HS-grad, 9, Divorced, Sales, Unmarried, White, Male, 0, 0, 40, Peru, <=50K
40, ?, 2000, 10th, 6, Widowed, ?, Unmarried, Black, Female, 5, 0, 20, ?, >50K

"""
ADULT_TEST = """\
|1x3 Cross validator
50, Private, 3000, HS-grad, 9, Divorced, Sales, Husband, White, Male, 0, 7, 60, Peru, >50K.
60, Private, 4000, HS-grad, 9, Divorced, Sales, Husband, White, Male, 0, 0, 10, Peru, <=50K.

"""
GERMAN = """\
A14 10 A30 A410 500 A61 A71 1 A94 A101 2 A124 25 A143 A153 1 A171 1 A191 A202 1
A11 20 A34 A40 900 A65 A75 4 A92 A103 3 A121 52 A141 A151 2 A174 2 A192 A201 2
"""
GIVE_ME = """\
"",SeriousDlqin2yrs,RevolvingUtilizationOfUnsecuredLines,age,MonthlyIncome
1,1,0.5,45,NA
2,0,0.25,40,2600
"""


def taiwan_table(rows=2):
    """Integers in upstream layout: limits, three coded columns, then counting numbers."""
    table = np.arange(rows * 24).reshape(rows, 24) + 100
    table[:, 1:4] = [[2, 5, 0], [1, 1, 3]][:rows]
    table[:, -1] = [1, 0][:rows]
    return pd.DataFrame(table, columns=list(TAIWAN_COLUMNS))


def heloc_table():
    table = pd.DataFrame(np.full((3, 24), 7), columns=list(HELOC_COLUMNS))
    table["RiskPerformance"] = [1, 0, 1]
    table.loc[0, "ExternalRiskEstimate"] = -9
    table.loc[1, ["MSinceMostRecentDelq", "NumInqLast6M"]] = [-7, -8]
    return table


def expect(monkeypatch, name, table):
    """Let the loaders take `table` for the true content of the file record called `name`."""
    digest = hashlib.sha256(table.to_numpy().astype("<i8").tobytes()).hexdigest()
    monkeypatch.setattr(tabular, name, replace(getattr(tabular, name), sha256=digest))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))

    def download(url, target):
        raise ConnectionError(f"no route to {url}")

    monkeypatch.setattr(store, "_download", download)
    return tmp_path


# Parsers


def test_adult_joins_both_files_training_rows_first():
    X, y, n_train = tabular.parse_adult(io.StringIO(ADULT_DATA), io.StringIO(ADULT_TEST))
    assert n_train == 2
    assert y.tolist() == [0, 1, 1, 0]
    assert X["age"].tolist() == [30.0, 40.0, 50.0, 60.0]
    assert X.index.tolist() == [0, 1, 2, 3]
    assert "income" not in X


def test_adult_question_marks_are_gaps_and_text_is_categorical():
    X, _, _ = tabular.parse_adult(io.StringIO(ADULT_DATA), io.StringIO(ADULT_TEST))
    assert X.columns[X.isna().any()].tolist() == ["workclass", "occupation", "native-country"]
    assert X["workclass"].cat.categories.tolist() == ["Private"]
    assert X["sex"].tolist() == ["Male", "Female", "Male", "Male"]
    assert X["capital-loss"].dtype == "float64"


def test_german_codes_become_labels_in_codebook_order():
    X, y = tabular.parse_german_credit(io.StringIO(GERMAN))
    assert y.tolist() == [0, 1]
    assert X["purpose"].tolist() == ["other", "new car"]
    assert X["purpose"].cat.categories.tolist() == ["new car", "other"]
    assert X["foreign_worker"].tolist() == ["no", "yes"]
    assert X["credit_amount"].tolist() == [500.0, 900.0]
    assert not X.isna().any(axis=None)


def test_taiwan_codes_become_labels_and_the_rest_numbers():
    X, y = tabular.parse_taiwan_default(taiwan_table())
    assert y.tolist() == [1, 0]
    assert X["SEX"].tolist() == ["female", "male"]
    assert X["EDUCATION"].tolist() == ["undocumented 5", "graduate school"]
    assert X["MARRIAGE"].tolist() == ["undocumented 0", "other"]
    assert X["PAY_0"].dtype == "float64"
    assert "default" not in X


def test_give_me_some_credit_loses_its_row_number_only():
    X, y = tabular.parse_give_me_some_credit(io.StringIO(GIVE_ME))
    assert X.columns.tolist() == ["RevolvingUtilizationOfUnsecuredLines", "age", "MonthlyIncome"]
    assert X.index.tolist() == [0, 1]
    assert y.tolist() == [1, 0]
    assert np.isnan(X["MonthlyIncome"][0])
    assert X["age"].dtype == "float64"


def test_heloc_codes_are_gaps():
    X, y = tabular.parse_heloc(heloc_table())
    assert y.tolist() == [1, 0, 1]
    assert X.shape == (3, 23)
    assert X.isna().sum().sum() == 3
    assert X.isna()["NumInqLast6M"].tolist() == [False, True, False]


def test_heloc_indicators_tell_why():
    plain, _ = tabular.parse_heloc(heloc_table())
    X, _ = tabular.parse_heloc(heloc_table(), special_codes="indicator")
    pd.testing.assert_frame_equal(X[plain.columns], plain)
    added = X.drop(columns=plain.columns)
    assert {column: added[column].tolist() for column in added} == {
        "ExternalRiskEstimate_code": ["no bureau record", "given", "given"],
        "MSinceMostRecentDelq_code": ["given", "condition not met", "given"],
        "NumInqLast6M_code": ["given", "no usable trades", "given"],
    }


# Loaders without real files


def test_taiwan_export_and_openml_give_the_same_table(home, monkeypatch):
    table = taiwan_table()
    expect(monkeypatch, "TAIWAN", table)
    openml = table.set_axis([f"x{k}" for k in range(1, 24)] + ["y"], axis=1)
    openml = openml.astype({"x1": float}).astype({"y": str}).astype({"y": "category"})
    monkeypatch.setattr(tabular, "openml_table", lambda file, data_id: openml)
    fetched = load_dataset("taiwan-default")

    folder = home / "default-credit-card"
    folder.mkdir()
    export = openml.assign(y=table["default"])
    export.insert(0, "ID", [1, 2])
    export.to_csv(folder / "default_of_credit_card_clients.csv", index=False)
    monkeypatch.delattr(tabular, "openml_table")
    local = load_dataset("taiwan-default")
    pd.testing.assert_frame_equal(fetched.X, local.X)
    pd.testing.assert_series_equal(fetched.y, local.y)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.assign(AGE=1), "its numbers have sha256"),
        (lambda table: table.assign(AGE=1.5), "must hold integers only, got fractions"),
        (lambda table: table.assign(AGE="old"), "must hold integers only .*old"),
        (lambda table: table.assign(AGE=np.nan), "must hold integers only"),
        (lambda table: table.iloc[:, :10], "must have 24 columns, or 25 with an ID first, got 10"),
    ],
)
def test_taiwan_tables_that_differ_are_refused(monkeypatch, home, change, message):
    expect(monkeypatch, "TAIWAN", taiwan_table())
    monkeypatch.setattr(tabular, "openml_table", lambda file, data_id: change(taiwan_table()))
    with pytest.raises(DataMissingError, match=message):
        load_dataset("taiwan-default")


def test_heloc_reads_any_column_order_and_names_absent_columns(home, monkeypatch):
    table = heloc_table()
    expect(monkeypatch, "HELOC", table)
    path = home / "heloc" / "heloc_dataset_v1.csv"
    path.parent.mkdir()
    text = table.assign(RiskPerformance=["Bad", "Good", "Bad"])
    text[text.columns[::-1]].to_csv(path, index=False)
    assert load_dataset("heloc").y.tolist() == [1, 0, 1]
    text.drop(columns="NumInqLast6M").to_csv(path, index=False)
    with pytest.raises(DataMissingError, match="lacks the columns NumInqLast6M"):
        load_dataset("heloc")


def test_heloc_options_are_checked_before_the_file(home):
    with pytest.raises(UnknownNameError, match="special_codes 'indicators': did you mean"):
        load_dataset("heloc", special_codes="indicators")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("adult", "adult/adult.data: it is absent and fetching failed: no route"),
        ("german-credit", "german.data: it is absent and fetching failed: no route"),
        ("give-me-some-credit", "cs-training.csv: it is absent and cannot be downloaded"),
        ("heloc", "heloc_dataset_v1.csv: it is absent and cannot be downloaded"),
    ],
)
def test_absent_files_are_named(home, name, message):
    with pytest.raises(DataMissingError, match=message):
        load_dataset(name)


# Real files

FILES = {
    "adult": ("adult/adult.data", "adult/adult.test"),
    "german-credit": ("statlog-german-credit/german.data",),
    "taiwan-default": ("default-credit-card/default_of_credit_card_clients.csv",),
    "give-me-some-credit": ("give-me-some-credit/cs-training.csv",),
    "heloc": ("heloc/heloc_dataset_v1.csv",),
}
REAL = [pytest.param(name, marks=pytest.mark.realdata(*files)) for name, files in FILES.items()]
SHAPES = {
    "adult": (48_842, 14, 11_687, 8, 2799 + 2809 + 857),
    "german-credit": (1000, 20, 300, 13, 0),
    "taiwan-default": (30_000, 23, 6636, 3, 0),
    "give-me-some-credit": (150_000, 10, 10_026, 0, 29_731 + 3924),
    "heloc": (10_459, 23, 5459, 0, 26_167),
}


@pytest.mark.parametrize("name", REAL)
def test_real_sets_have_their_published_counts(name):
    data = load_dataset(name)
    rows, columns, positive, categorical, gaps = SHAPES[name]
    assert data.name == name
    assert data.X.shape == (rows, columns)
    assert data.y.value_counts().to_dict() == {0: rows - positive, 1: positive}
    assert len(data.categorical) == categorical
    assert data.X[data.numeric].dtypes.eq("float64").all()
    assert int(data.X.isna().sum().sum()) == gaps


@pytest.mark.parametrize("name", REAL)
def test_no_column_identifies_a_person_or_a_row(name):
    personal = {"name", "first", "last", "dob", "birth", "case", "id", "index", "unnamed"}
    data = load_dataset(name)
    for column in data.X.columns:
        assert not personal & set(re.split(r"[^a-z]+", column.lower())), column
        # A running number under another name would be told by this.
        values = data.X[column].to_numpy()
        if column in data.numeric:
            assert not np.all(np.diff(values) > 0), column


@pytest.mark.realdata(*FILES["adult"])
def test_adult_has_its_official_training_part():
    data = load_dataset("adult")
    train = data.X[: data.n_train]
    assert data.n_train == 32_561
    assert data.y[: data.n_train].sum() == 7841
    assert train.isna().sum()[["workclass", "occupation", "native-country"]].tolist() == [
        1836,
        1843,
        583,
    ]


@pytest.mark.realdata(*FILES["heloc"])
def test_heloc_has_its_rows_without_any_record():
    data = load_dataset("heloc", special_codes="indicator")
    assert data.X[data.numeric].isna().all(axis=1).sum() == 588
    assert len(data.categorical) == 23
    codes = data.X["MSinceMostRecentDelq_code"].value_counts()
    assert codes["condition not met"] == 4664
    assert codes["no usable trades"] == 176
    assert codes["no bureau record"] == 588


@pytest.mark.realdata(*FILES["give-me-some-credit"])
def test_give_me_some_credit_gaps_are_where_upstream_has_them():
    gaps = load_dataset("give-me-some-credit").X.isna().sum()
    assert gaps[gaps > 0].to_dict() == {"MonthlyIncome": 29_731, "NumberOfDependents": 3924}
