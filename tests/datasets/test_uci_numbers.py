"""Banknote and Yeast: parsed from any layout of theirs, and true of the files at hand."""

import io

import pytest

from biam.datasets.store import local_path
from biam.datasets.uci_numbers import (
    BANKNOTE,
    YEAST,
    fetch_banknote,
    fetch_yeast,
    parse_banknote,
    parse_yeast,
)


def test_banknote_rows():
    X, y = parse_banknote(io.StringIO("3.6,8.6,-2.8,-0.4,0\n-1.5,2.5,1.5,-0.1,1\n"))
    assert X.shape == (2, 4) and X.loc[1, "kurtosis"] == 1.5
    assert y.tolist() == [0, 1]


def test_yeast_rows():
    text = "A_YEAST  0.58  0.61  0.47  0.13  0.50  0.00  0.48  0.22  MIT\n"
    X, y = parse_yeast(io.StringIO(text + text.replace("MIT", "CYT").replace("0.22", "0.30")))
    assert X.columns[0] == "mcg" and X["nuc"].tolist() == [0.22, 0.30]
    assert y.tolist() == [1, 0]


@pytest.mark.realdata("banknote/data_banknote_authentication.txt")
def test_banknote_counts():
    data = fetch_banknote()
    assert data.X.shape == (1372, 4) and int(data.y.sum()) == 610 and data.missing_rate == 0
    assert local_path(BANKNOTE).is_file()


@pytest.mark.realdata("yeast/yeast.data")
def test_yeast_counts():
    data = fetch_yeast()
    assert data.X.shape == (1484, 8) and data.y.nunique() == 10 and data.missing_rate == 0
    assert data.y.value_counts().iloc[0] == 463
    assert local_path(YEAST).is_file()
