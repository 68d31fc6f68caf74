"""Four files of two layouts become tables of the same columns."""

import io

import pytest

from biam.datasets import load_dataset
from biam.datasets.heart import fetch_heart, parse_heart
from biam.exceptions import UnknownNameError

COMMAS = """\
63.0,1.0,1.0,145.0,233.0,1.0,2.0,150.0,0.0,2.3,3.0,0.0,6.0,0
34,0,4,0,0,?,?,154,0,.2,1,?,?,3
"""
BLANKS = """\
63 1 1 145 233 1 2 150 0 2.3 3 -9 -9 0
34 0 4 130 -9 -9 -9 154 0 -1 1 9 7 1
"""
SITES = {
    "cleveland": "processed.cleveland.data",
    "hungarian": "reprocessed.hungarian.data",
    "switzerland": "processed.switzerland.data",
    "va": "processed.va.data",
}


def test_commas_and_question_marks():
    X, y = parse_heart(io.StringIO(COMMAS))
    assert y.tolist() == [0, 1]
    assert X["cp"].tolist() == ["typical angina", "asymptomatic"]
    assert X["thal"].tolist()[0] == "fixed defect"
    assert X["oldpeak"].tolist() == [2.3, 0.2]
    assert X.columns[X.isna().loc[1]].tolist() == [
        "trestbps",
        "chol",
        "fbs",
        "restecg",
        "ca",
        "thal",
    ]
    assert not X.isna().loc[0].any()


def test_blanks_and_minus_nine():
    X, y = parse_heart(io.StringIO(BLANKS))
    assert y.tolist() == [0, 1]
    assert X.columns[X.isna().loc[0]].tolist() == ["ca", "thal"]
    assert X.columns[X.isna().loc[1]].tolist() == ["chol", "fbs", "restecg", "ca"]
    # A negative ST depression is a measurement, not a code.
    assert X["oldpeak"].tolist() == [2.3, -1.0]


def test_unknown_site_is_refused_before_any_file():
    with pytest.raises(UnknownNameError, match="site 'cleveand': did you mean 'cleveland'"):
        fetch_heart("cleveand")


@pytest.mark.realdata(*(f"heart-disease/{file}" for file in SITES.values()))
def test_sites_have_the_same_columns_and_their_own_gaps():
    sites = {site: load_dataset(f"heart-{site}").X for site in SITES}
    assert len({tuple(X.columns) for X in sites.values()}) == 1
    assert sites["cleveland"].isna().sum()[["ca", "thal"]].tolist() == [4, 2]
    assert sites["switzerland"]["chol"].isna().all()
    assert {site: int(X["ca"].notna().sum()) for site, X in sites.items()} == {
        "cleveland": 299,
        "hungarian": 3,
        "switzerland": 5,
        "va": 2,
    }
