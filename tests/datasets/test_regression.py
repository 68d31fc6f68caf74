"""Parsers on short made-up excerpts in upstream layout; facts of the real tables."""

import io
import sys

import numpy as np
import pandas as pd
import pytest

from biam.datasets import load_dataset, regression
from biam.exceptions import MissingExtraError

AIRBNB = """\
id,name,host_id,host_name,neighbourhood_group,neighbourhood,latitude,longitude,room_type,price,minimum_nights,number_of_reviews,last_review,reviews_per_month,calculated_host_listings_count,availability_365
1,"Nice, quiet",7,Ann,Bronx,Belmont,40.8,-73.9,Private room,99,1,9,2019-06-30,0.21,6,365
2,Loft,8,Bob,Queens,Astoria,40.7,-73.8,Shared room,0,1,0,,,2,0
3,Flat,9,Cy,Queens,Astoria,40.7,-73.8,Shared room,9,1,0,2019-06-01,1.0,2,0
"""
BIKE = """\
instant,dteday,season,yr,mnth,hr,holiday,weekday,workingday,weathersit,temp,atemp,hum,windspeed,casual,registered,cnt
1,2011-01-01,1,0,1,0,0,6,0,1,0.24,0.2879,0.81,0,3,13,16
2,2012-07-04,3,1,7,13,1,3,0,3,0.7,0.65,0.5,0.1,8,32,40
"""
WINE = '"fixed acidity";"pH";"quality"\n7.4;3.51;5\n7.8;3.2;6\n'
MPG = """\
18.0   8   307.0      130.0      3504.      12.0   70  1\t"chevrolet chevelle malibu"
25.0   4   98.00      ?          2046.      19.0   71  3\t"ford pinto"
"""


def test_abalone_target_is_rings():
    X, y = regression.parse_abalone(io.StringIO("M,0.4,0.3,0.1,0.5,0.2,0.1,0.15,15\n"))
    assert X.shape == (1, 8)
    assert X["sex"].tolist() == ["M"]
    assert y.tolist() == [15.0]


def test_airbnb_reads_no_names_and_takes_the_logarithm():
    table = regression.read_airbnb_nyc(io.StringIO(AIRBNB))
    assert not {"id", "name", "host_id", "host_name"} & set(table.columns)
    X, y = regression.parse_airbnb_nyc(table)
    assert np.expm1(y).tolist() == pytest.approx([99.0, 0.0, 9.0])
    assert X["days_since_review"].fillna(-1).tolist() == [0.0, -1.0, 29.0]
    assert X["reviews_per_month"].isna().tolist() == [False, True, False]
    assert "neighbourhood" not in X
    assert X["room_type"].cat.categories.tolist() == ["Private room", "Shared room"]


def test_auto_mpg_loses_the_name_of_the_car():
    X, y = regression.parse_auto_mpg(io.StringIO(MPG))
    assert y.tolist() == [18.0, 25.0]
    assert "car_name" not in X
    assert X["horsepower"].isna().tolist() == [False, True]
    assert X["origin"].tolist() == ["USA", "Japan"]


def test_bike_loses_the_parts_of_its_target():
    X, y = regression.parse_bike(io.StringIO(BIKE))
    assert y.tolist() == [16.0, 40.0]
    assert not {"instant", "dteday", "casual", "registered", "cnt"} & set(X.columns)
    # 1 January 2011 was a Saturday, 4 July 2012 a Wednesday.
    assert X["weekday"].tolist() == ["Saturday", "Wednesday"]
    assert X["season"].tolist() == ["winter", "summer"]
    assert X["hr"].tolist() == [0.0, 13.0]


def test_california_target_is_the_last_column():
    line = ",".join(["-122.23", "37.88", "41", "880", "129", "322", "126", "8.3252", "452600"])
    X, y = regression.parse_california_housing(
        regression.read_california_housing(io.StringIO(line))
    )
    assert X.columns.tolist()[-1] == "median_income"
    assert X.shape == (1, 8)
    assert y.tolist() == [452_600.0]


def test_concrete_gets_short_names():
    X, y = regression.parse_concrete(
        pd.DataFrame([range(9)], columns=[f"long {k}" for k in "a" * 9])
    )
    assert X.columns.tolist()[0] == "cement"
    assert y.tolist() == [8.0]


def test_wine_colours_are_joined_red_first():
    X, y = regression.parse_wine_quality(io.StringIO(WINE), io.StringIO(WINE))
    assert X["color"].tolist() == ["red", "red", "white", "white"]
    assert y.tolist() == [5.0, 6.0, 5.0, 6.0]
    assert X.index.tolist() == [0, 1, 2, 3]


@pytest.mark.realdata("bike-sharing/hour.csv")
def test_bike_counts_add_up():
    data = load_dataset("bike")
    assert data.y.sum() == 3_292_679
    assert data.X["weekday"].cat.categories.tolist()[0] == "Sunday"


@pytest.mark.realdata("california-housing/cal_housing.data")
def test_california_values_are_cut_off():
    data = load_dataset("california-housing")
    assert data.y.max() == 500_001
    assert (data.y == 500_001).sum() == 965


@pytest.mark.realdata("auto-mpg/auto-mpg.data")
def test_auto_mpg_gaps_are_in_horsepower():
    gaps = load_dataset("auto-mpg").X.isna().sum()
    assert gaps[gaps > 0].to_dict() == {"horsepower": 6}


@pytest.mark.realdata("airbnb-nyc/AB_NYC_2019.csv")
def test_airbnb_gaps_are_listings_without_a_review():
    X = load_dataset("airbnb-nyc").X
    never = X["number_of_reviews"].eq(0)
    for column in ("reviews_per_month", "days_since_review"):
        assert X[column].isna().equals(never)
    assert never.sum() == 10_052


@pytest.mark.realdata("concrete/Concrete_Data.xls")
def test_concrete_needs_the_excel_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(MissingExtraError, match=r"Concrete_Data.xls needs xlrd"):
        load_dataset("concrete")


@pytest.mark.realdata("wine-quality/winequality-red.csv", "wine-quality/winequality-white.csv")
def test_wine_has_both_colours():
    data = load_dataset("wine-quality")
    assert data.X["color"].value_counts().to_dict() == {"white": 4898, "red": 1599}
    assert data.y.between(3, 9).all()
