"""Parsers on short made-up excerpts in upstream layout; gaps of the real tables."""

import io

import numpy as np
import pytest

from biam.datasets import load_dataset, medical
from biam.datasets.codebook_medical import HORSE_COLIC_LEAKING

ARFF = """\
@attribute 'age' numeric
@attribute 'sg' {1.005,1.010}
@attribute 'al' {0,1}
@attribute 'su' {0,1}
@attribute 'rbc' {normal,abnormal}
@attribute 'class' {ckd,notckd}
@data
48,1.010,1,0,?,ckd\t
\t?,?,0,?,normal,notckd
"""


def test_breast_cancer_loses_its_sample_number():
    text = "1000025,5,1,1,1,2,1,3,1,1,2\n1057013,8,4,5,1,2,?,7,3,1,4\n"
    X, y = medical.parse_breast_cancer_original(io.StringIO(text))
    assert y.tolist() == [0, 1]
    assert X.shape == (2, 9)
    assert X["bare_nuclei"].isna().tolist() == [False, True]
    assert X["clump_thickness"].tolist() == [5.0, 8.0]


def test_fertility_counts_some_columns_from_yes():
    text = "-0.33,0.69,0,1,1,0,0.8,0,0.88,N\r\n1,0.5,1,0,0,-1,1,-1,0.5,O\r\n"
    X, y = medical.parse_fertility(io.StringIO(text))
    assert y.tolist() == [0, 1]
    assert X["season"].tolist() == ["spring", "autumn"]
    assert X["childhood_disease"].tolist() == ["yes", "no"]
    assert X["smoking"].tolist() == ["occasional", "never"]
    assert X["alcohol"].tolist() == [0.8, 1.0]


def test_hepatitis_target_is_death():
    signs = "1,2,2,1,2,2,2,2,2,2"
    text = f"2,30,2,1,{signs},1.00,85,18,4.0,?,1\n1,50,1,?,{signs},0.9,?,42,3.5,?,2\n"
    X, y = medical.parse_hepatitis(io.StringIO(text))
    assert y.tolist() == [0, 1]
    assert X.shape == (2, 19)
    assert X["sex"].tolist() == ["female", "male"]
    assert X["steroid"].isna().tolist() == [False, True]
    assert X["histology"].tolist() == ["code 1", "code 2"]
    assert X["protime"].isna().all()


def test_horse_colic_loses_identity_and_what_leaks():
    rows = [
        "2 1 530101 38.50 66 28 3 3 ? 2 5 4 4 ? ? ? 3 5 45.00 8.40 ? ? 2 2 11300 00000 00000 2",
        "1 9 5290409 39.10 164 84 4 1 6 2 2 4 4 1 2 5.00 3 ? 48.00 7.20 3 5.30 1 1 02208 0 0 1",
        "1 1 1 37.2 40 20 ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? 3 2 06112 00000 00000 2",
        "1 1 2 37.2 40 20 ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? 2 06112 00000 00000 2 ",
    ]
    table = medical.read_horse_colic(io.StringIO("\n".join(rows)))
    assert table.shape == (4, 28)
    X, y = medical.parse_horse_colic(table)
    assert y.tolist() == [1, 0, 1]
    assert X.shape == (3, 21)
    assert not {"hospital_number", "outcome", "cp_data", *HORSE_COLIC_LEAKING} & set(X.columns)
    assert X["age"].tolist() == ["adult", "young", "adult"]
    assert X["mucous_membranes"].isna().tolist() == [True, False, True]
    assert X["rectal_temperature"].tolist() == [38.5, 39.1, 37.2]


def test_kidney_grades_are_numbers_and_labels_lose_tabs():
    X, y = medical.parse_kidney_disease(io.StringIO(ARFF))
    assert y.tolist() == [1, 0]
    assert X["sg"].fillna(0).tolist() == [1.01, 0.0]
    assert X["al"].tolist() == [1.0, 0.0]
    assert X["age"].isna().tolist() == [False, True]
    assert X["rbc"].cat.categories.tolist() == ["normal"]


def test_mammographic_typing_error_is_mended():
    table = medical.read_mammographic(io.StringIO("55,46,4,3,3,1\r\n?,?,?,?,?,0\r\n0,1,1,5,4,0"))
    X, y = medical.parse_mammographic(table)
    assert y.tolist() == [1, 0, 0]
    assert X["bi_rads"].fillna(-1).tolist() == [5.0, -1.0, 0.0]
    assert X["shape"].tolist()[::2] == ["irregular", "round"]
    assert X.isna().sum(axis=1).tolist() == [0, 5, 0]


def test_pharyngitis_loses_its_running_number():
    symptoms = [*medical.PHARYNGITIS_SYMPTOMS]
    text = ",".join(["number", "age_y", "radt", "swollenadp", *symptoms])
    text += "\n2000,7.0,0,3" + ",1" * 15 + "\n2001,8.5,1," + ",0" * 14 + ",\n"
    X, y = medical.parse_pharyngitis(io.StringIO(text))
    assert y.tolist() == [0, 1]
    assert X.shape == (2, 17)
    assert X["swollenadp"].fillna(-1).tolist() == [3.0, -1.0]
    assert X["tender"].tolist() == ["yes", "no"]
    assert X["scarlet"].isna().tolist() == [False, True]


def test_pima_zeros_are_gaps_where_zero_is_impossible():
    X, y = medical.parse_pima(io.StringIO("0,0,0,0,0,0,0.627,50,1\n1,85,66,29,94,26.6,0.3,31,0\n"))
    assert y.tolist() == [1, 0]
    assert X.columns[X.isna().loc[0]].tolist() == list(medical.PIMA_ZEROS)
    assert X["pregnancies"].tolist() == [0.0, 1.0]
    assert not X.isna().loc[1].any()


GAPS = {
    "breast-cancer-original": (
        "breast-cancer-wisconsin/breast-cancer-wisconsin.data",
        {"bare_nuclei": 16},
    ),
    "mammographic": (
        "mammographic-mass/mammographic_masses.data",
        {"bi_rads": 2, "age": 5, "shape": 31, "margin": 48, "density": 76},
    ),
    "pima": (
        "pima-diabetes/pima-indians-diabetes.data",
        {"glucose": 5, "blood_pressure": 35, "skin_thickness": 227, "insulin": 374, "bmi": 11},
    ),
    "pharyngitis": (
        "pharyngitis/pharyngitis.csv",
        {"pain": 32, "swollenadp": 4, "tender": 28, "temperature": 3, "petechiae": 42},
    ),
}


@pytest.mark.parametrize(
    ("name", "gaps"),
    [pytest.param(n, g, marks=pytest.mark.realdata(f), id=n) for n, (f, g) in GAPS.items()],
)
def test_gaps_are_where_upstream_has_them(name, gaps):
    got = load_dataset(name).X.isna().sum()
    assert {column: int(got[column]) for column in gaps} == gaps


@pytest.mark.realdata("mammographic-mass/mammographic_masses.data")
def test_other_numbers_are_refused(tmp_path, monkeypatch):
    from biam.datasets.store import local_path
    from biam.exceptions import DataMissingError

    lines = local_path(medical.MAMMOGRAPHIC).read_text().splitlines()
    copy = tmp_path / "mammographic-mass" / "mammographic_masses.data"
    copy.parent.mkdir()
    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    # Line ends are free, numbers are not.
    copy.write_text("\n".join(lines))
    assert load_dataset("mammographic").y.sum() == 445
    copy.write_text("\n".join([*lines[:-1], lines[-1].replace("62", "63")]))
    with pytest.raises(DataMissingError, match="its numbers have sha256"):
        load_dataset("mammographic")


@pytest.mark.realdata("chronic-kidney-disease/chronic_kidney_disease_full.arff")
def test_kidney_categories_have_two_clean_levels():
    data = load_dataset("kidney-disease")
    assert {len(data.X[c].cat.categories) for c in data.categorical} == {2}
    assert np.isin(data.X["sg"].dropna(), [1.005, 1.010, 1.015, 1.020, 1.025]).all()
