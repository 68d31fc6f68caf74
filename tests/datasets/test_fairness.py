"""COMPAS: rows chosen as ProPublica did, and nothing read that names a person."""

import io

import pandas as pd
import pytest

from biam.datasets import fairness, load_dataset

# Upstream's header names two columns alike and holds names, which must not be read.
TEXT = """\
id,name,dob,sex,age,race,juv_fel_count,juv_misd_count,juv_other_count,priors_count,days_b_screening_arrest,c_case_number,c_charge_degree,is_recid,score_text,priors_count,two_year_recid
1,A B,1980-01-01,Male,30,Other,0,0,0,2,-1,X1,F,1,Low,9,1
2,C D,1981-01-01,Female,40,Asian,0,1,0,0,30,X2,M,0,High,9,0
3,E F,1982-01-01,Female,50,Asian,0,1,0,0,-31,X3,M,0,High,9,0
4,G H,1983-01-01,Female,51,Asian,0,1,0,0,,X4,M,0,High,9,0
5,I J,1984-01-01,Female,52,Asian,0,1,0,0,0,X5,M,-1,High,9,0
6,K L,1985-01-01,Female,53,Asian,0,1,0,0,0,X6,O,0,High,9,0
7,M N,1986-01-01,Female,54,Asian,0,1,0,0,0,X7,M,0,N/A,9,0
"""
FILE = "compas/compas-scores-two-years.csv"


def test_only_wanted_columns_are_read():
    table = fairness.read_compas(io.StringIO(TEXT))
    assert table.columns.tolist() == [*fairness.FEATURES, *fairness.FILTERS, fairness.TARGET]
    assert table["priors_count"].tolist()[0] == 2
    assert table["score_text"].tolist()[-1] == "N/A"


def test_rows_are_those_of_the_analysis():
    X, y = fairness.parse_compas(fairness.read_compas(io.StringIO(TEXT)))
    assert X["age"].tolist() == [30.0, 40.0]
    assert y.tolist() == [1, 0]
    assert X.columns.tolist() == list(fairness.FEATURES)
    assert X["race"].tolist() == ["Other", "Asian"]


def test_text_is_hashed_by_its_place_in_the_alphabet():
    table = pd.DataFrame({"sex": ["m", "f", None], "age": [1, 2, 3]})
    assert fairness._numbers(table).to_numpy().tolist() == [[1, 1], [0, 2], [-1, 3]]


@pytest.mark.realdata(FILE)
def test_groups_have_their_published_sizes():
    data = load_dataset("compas")
    assert data.X["race"].value_counts().to_dict() == {
        "African-American": 3175,
        "Caucasian": 2103,
        "Hispanic": 509,
        "Other": 343,
        "Asian": 31,
        "Native American": 11,
    }
    assert data.X["sex"].value_counts().to_dict() == {"Male": 4997, "Female": 1175}
