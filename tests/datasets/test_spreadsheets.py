"""Parsers on small frames in upstream layout; the real workbooks."""

import re
import sys

import pandas as pd
import pytest

from biam.datasets import load_dataset
from biam.datasets.codebook_medical import MSK_FEATURES
from biam.datasets.spreadsheets import parse_breast_cancer_msk, parse_z_alizadeh_sani
from biam.exceptions import MissingExtraError

MSK_FILE = "breast-cancer-msk/Breast_cancer_data.xlsx"
SANI_FILE = "z-alizadeh-sani/Z-Alizadeh sani dataset.xlsx"


def msk_table():
    table = pd.DataFrame({column: ["x", "y", "x"] for column in MSK_FEATURES})
    return table.assign(
        **{
            "Patient ID": ["P-1", "P-1", "P-2"],
            "Overall Survival Status": ["0:LIVING", "0:LIVING", "1:DECEASED"],
            "Overall Survival (Months)": [1.0, 1.0, 2.0],
            "Overall Primary Tumor Grade": ["II  Intermediate Grade (M)", "III High", None],
            "T Stage": ["T1C", "T2", "T1c"],
            "Mutation Count": [3.0, 4.0, None],
        }
    )


def test_msk_keeps_the_first_row_of_a_patient_without_follow_up():
    X, y = parse_breast_cancer_msk(msk_table())
    assert y.tolist() == [0, 1]
    assert X.columns.tolist() == list(MSK_FEATURES.values())
    assert X["t_stage"].tolist() == ["T1c", "T1c"]
    assert X["grade"].cat.categories.tolist() == ["II"]
    assert X["mutation_count"].fillna(-1).tolist() == [3.0, -1.0]


def test_sani_letters_and_digits_become_yes_and_no():
    table = pd.DataFrame(
        {
            "Age": [53, 67],
            "Sex": ["Male", "Fmale"],
            "DM ": [0, 1],
            "Exertional CP": ["N", "N"],
            "LVH": ["N", "Y"],
            "VHD": ["N", "mild"],
            "Cath": ["Cad", "Normal"],
        }
    )
    X, y = parse_z_alizadeh_sani(table)
    assert y.tolist() == [1, 0]
    assert X.columns.tolist() == ["Age", "Sex", "DM", "LVH", "VHD"]
    assert X["Sex"].tolist() == ["Male", "Female"]
    assert X["DM"].tolist() == X["LVH"].tolist() == ["no", "yes"]
    assert X["VHD"].tolist() == ["N", "mild"]
    assert X["Age"].dtype == "float64"


@pytest.mark.realdata(MSK_FILE)
def test_msk_has_no_follow_up_and_no_text_for_a_gap():
    data = load_dataset("breast-cancer-msk")
    leaking = re.compile("surviv|disease.?free|follow|recurren|month|patient|status_overall")
    assert not [c for c in data.X if leaking.search(c.lower())]
    for column in data.categorical:
        assert not {"NA", "unk", "Unknown", "Not Available"} & set(data.X[column].cat.categories)
    assert data.X["grade"].cat.categories.tolist() == ["I", "II", "III"]


@pytest.mark.realdata(MSK_FILE)
def test_missing_excel_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"Breast_cancer_data.xlsx needs openpyxl"):
        load_dataset("breast-cancer-msk")


@pytest.mark.realdata(SANI_FILE)
def test_sani_has_its_yes_and_no():
    data = load_dataset("z-alizadeh-sani")
    assert data.X["DM"].value_counts().to_dict() == {"no": 213, "yes": 90}
    assert data.X["Sex"].value_counts().to_dict() == {"Male": 176, "Female": 127}
    assert "Exertional CP" not in data.X
