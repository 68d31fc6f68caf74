"""Real tables with a number to predict.

As in `biam.datasets.tabular`: ``fetch_*`` finds or downloads files, ``parse_*`` turns them into a
table and a target. Targets stay in their own units unless the docstring says otherwise.
"""

import numpy as np
import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.codebook import (
    ABALONE_COLUMNS,
    AIRBNB_DROPPED,
    AIRBNB_NUMBERS,
    AUTO_MPG_COLUMNS,
    AUTO_MPG_LABELS,
    BIKE_DROPPED,
    BIKE_LABELS,
    CALIFORNIA_COLUMNS,
    CONCRETE_COLUMNS,
)
from biam.datasets.columns import UCI_LICENCE, Readable, coded, labelled, typed
from biam.datasets.formats import read_xls
from biam.datasets.store import check_values, local_path
from biam.datasets.upstream import (
    ABALONE,
    AIRBNB,
    AUTO_MPG,
    BIKE,
    CALIFORNIA,
    CONCRETE,
    WINE_RED,
    WINE_WHITE,
)

__all__ = [
    "fetch_abalone",
    "fetch_airbnb_nyc",
    "fetch_auto_mpg",
    "fetch_bike",
    "fetch_california_housing",
    "fetch_concrete",
    "fetch_wine_quality",
]

# Checksums of numbers count in these units: the finest that upstream gives.
CALIFORNIA_SCALE, AIRBNB_SCALE = 10_000, 100_000


def fetch_abalone() -> Dataset:
    """Abalone: 4177 shells, 8 features, target number of rings (age in years less 1.5).

    No gaps. Source: Nash et al. (1994), UCI 1.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_abalone(local_path(ABALONE))
    return Dataset(
        name="abalone",
        X=X,
        y=y,
        task="regression",
        source="Nash et al. 1994; UCI 1 (Abalone)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/1/abalone",
        notes="Lengths in 200 mm, weights in 200 g, as upstream. Two heights are 0.",
    )


def fetch_airbnb_nyc() -> Dataset:
    """Airbnb listings in New York 2019: 48895 rows, 10 features, target log(1 + dollars a night).

    Gaps where a listing has no review (10052 rows). Source: Kaggle (2019).

    Raises
    ------
    DataMissingError
        The file is absent (Kaggle wants an account, so it is not downloaded) or its numbers are not
        the expected ones.
    """
    table = read_airbnb_nyc(local_path(AIRBNB))
    check_values(AIRBNB, coded(table[[*AIRBNB_NUMBERS, "price"]], scale=AIRBNB_SCALE))
    X, y = parse_airbnb_nyc(table)
    return Dataset(
        name="airbnb-nyc",
        X=X,
        y=y,
        task="regression",
        source="Inside Airbnb, as New York City Airbnb Open Data (AB_NYC_2019) on Kaggle",
        licence="CC0 on its Kaggle page; data from Inside Airbnb",
        url="https://www.kaggle.com/datasets/dgomonov/new-york-city-airbnb-open-data",
        notes=(
            "The target is log(1 + price), as prices span 0 to 10000 dollars (11 are 0). Never "
            "read: id, host_id, name, host_name. Dropped: neighbourhood (221 names; place is in "
            "the coordinates). last_review became days_since_review, counted to the last day in "
            "the table. Not the listing table of the papers that use Airbnb data."
        ),
    )


def fetch_auto_mpg() -> Dataset:
    """Fuel use of cars: 398 cars, 7 features, 6 gaps in `horsepower`, target miles per gallon.

    Source: Quinlan (1993), UCI 9.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_auto_mpg(local_path(AUTO_MPG))
    return Dataset(
        name="auto-mpg",
        X=X,
        y=y,
        task="regression",
        source="Quinlan 1993; UCI 9 (Auto MPG)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/9/auto+mpg",
        notes="Dropped: the car's name, nearly one of its own per row.",
    )


def fetch_bike() -> Dataset:
    """Bikes rented per hour in Washington 2011-2012: 17379 hours, 12 features, no gaps.

    Source: Fanaee-T & Gama (2014), UCI 275.

    Raises
    ------
    DataMissingError
        The file is absent (it is inside an archive, so it is not downloaded) or its checksum is
        wrong.
    """
    X, y = parse_bike(local_path(BIKE))
    return Dataset(
        name="bike",
        X=X,
        y=y,
        task="regression",
        source="Fanaee-T & Gama 2014; UCI 275 (Bike Sharing), hourly",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/275/bike+sharing+dataset",
        notes=(
            "Dropped: casual and registered, whose sum is the target; instant, a running number; "
            "dteday, whose content is in yr, mnth and weekday. Hours follow one another, so rows "
            "are not independent."
        ),
    )


def fetch_california_housing() -> Dataset:
    """House values in California 1990: 20640 block groups, 8 features, target dollars, no gaps.

    Source: Pace & Barry (1997), StatLib.

    Raises
    ------
    DataMissingError
        The file is absent (it is inside an archive, so it is not downloaded) or its numbers are not
        the expected ones.
    """
    table = read_california_housing(local_path(CALIFORNIA))
    check_values(CALIFORNIA, coded(table, scale=CALIFORNIA_SCALE))
    X, y = parse_california_housing(table)
    return Dataset(
        name="california-housing",
        X=X,
        y=y,
        task="regression",
        source="Pace & Barry 1997, StatLib California Housing",
        licence="unknown: StatLib, public",
        url="https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.html",
        notes=(
            "Totals per block group, as upstream; scikit-learn's copy has averages. Values above "
            "500000 dollars are written as 500001."
        ),
    )


def fetch_concrete() -> Dataset:
    """Concrete: 1030 samples, 8 features, target compressive strength in MPa, no gaps.

    Source: Yeh (1998), UCI 165.

    Raises
    ------
    MissingExtraError
        xlrd is not installed.
    DataMissingError
        The workbook is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_concrete(read_xls(local_path(CONCRETE)))
    return Dataset(
        name="concrete",
        X=X,
        y=y,
        task="regression",
        source="Yeh 1998; UCI 165 (Concrete Compressive Strength)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/165/concrete+compressive+strength",
        notes="Contents in kg per cubic metre, age in days; columns got short names.",
    )


def fetch_wine_quality() -> Dataset:
    """Vinho verde: 1599 red and 4898 white wines, 12 features, target quality of 3 to 9, no gaps.

    Source: Cortez, Cerdeira, Almeida, Matos & Reis (2009), UCI 186.

    Raises
    ------
    DataMissingError
        A file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_wine_quality(local_path(WINE_RED), local_path(WINE_WHITE))
    return Dataset(
        name="wine-quality",
        X=X,
        y=y,
        task="regression",
        source="Cortez, Cerdeira, Almeida, Matos & Reis 2009; UCI 186 (Wine Quality)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/186/wine+quality",
        notes="Red rows first, told by the added column color. Many rows occur twice or more.",
    )


def parse_abalone(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (rings)."""
    table = pd.read_csv(path, header=None, names=list(ABALONE_COLUMNS))
    y = table.pop("rings").astype("float64")
    return typed(table), y


def read_airbnb_nyc(path: Readable) -> pd.DataFrame:
    """Upstream's columns without those that name a listing or a person."""
    return pd.read_csv(path, usecols=lambda column: column not in AIRBNB_DROPPED)


def parse_airbnb_nyc(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (log of one plus price) of upstream's columns."""
    table = table.drop(columns="neighbourhood")
    reviewed = pd.to_datetime(table.pop("last_review"), format="%Y-%m-%d")
    y = np.log1p(table.pop("price").astype("float64")).rename("log_price")
    return typed(table.assign(days_since_review=(reviewed.max() - reviewed).dt.days)), y


def parse_auto_mpg(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table without the car's name, and target (miles per gallon)."""
    table = pd.read_csv(
        path, sep=r"\s+", header=None, names=list(AUTO_MPG_COLUMNS), na_values=["?"]
    ).drop(columns="car_name")
    y = table.pop("mpg").astype("float64")
    return typed(labelled(table, AUTO_MPG_LABELS)), y


def parse_bike(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target (all rentals)."""
    table = pd.read_csv(path).drop(columns=list(BIKE_DROPPED))
    y = table.pop("cnt").astype("float64")
    return typed(labelled(table, BIKE_LABELS)), y


def read_california_housing(path: Readable) -> pd.DataFrame:
    """All nine columns of the file without header."""
    return pd.read_csv(path, header=None, names=list(CALIFORNIA_COLUMNS))


def parse_california_housing(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (median house value, dollars)."""
    target = CALIFORNIA_COLUMNS[-1]
    return typed(table.drop(columns=target)), table[target].astype("float64")


def parse_concrete(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (MPa) of the workbook, whose long names give way to short ones."""
    table = table.set_axis(list(CONCRETE_COLUMNS), axis=1)
    y = table.pop("strength").astype("float64")
    return typed(table), y


def parse_wine_quality(red: Readable, white: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table of both colours, red first, and target (quality)."""
    colours = {"red": red, "white": white}
    parts = [pd.read_csv(part, sep=";").assign(color=name) for name, part in colours.items()]
    table = pd.concat(parts, ignore_index=True)
    y = table.pop("quality").astype("float64")
    return typed(table), y
