"""Tables made to ask whether a model treats groups alike."""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.columns import Readable, coded, typed
from biam.datasets.store import check_values, local_path
from biam.datasets.upstream import COMPAS

__all__ = ["fetch_compas"]

FEATURES = (
    "sex",
    "age",
    "race",
    "juv_fel_count",
    "juv_misd_count",
    "juv_other_count",
    "priors_count",
    "c_charge_degree",
)
# Needed to choose the rows, then dropped.
FILTERS = ("days_b_screening_arrest", "is_recid", "score_text")
TARGET = "two_year_recid"
# Days between arrest and screening: further apart, the charge may be another one.
MOST_DAYS = 30


def fetch_compas() -> Dataset:
    """Defendants in Broward County 2013-2014: 6172 rows, 8 features, 1 = new offence in two years.

    2809 rows are positive, none has gaps. Names, birth dates and case numbers are not even read.
    Rows are those of ProPublica's analysis. Source: Larson, Mattu, Kirchner & Angwin (2016).

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its values are not the expected ones.
    """
    table = read_compas(local_path(COMPAS))
    check_values(COMPAS, _numbers(table))
    X, y = parse_compas(table)
    return Dataset(
        name="compas",
        X=X,
        y=y,
        task="binary",
        source="Larson, Mattu, Kirchner & Angwin 2016, ProPublica compas-analysis",
        licence="unknown: published by ProPublica without a licence",
        url="https://github.com/propublica/compas-analysis",
        notes=(
            "Rows kept, as ProPublica did: screened within 30 days of the arrest, is_recid known, "
            "no ordinary traffic offence, a score given. Kept: sex and race, for questions of "
            "fairness. Never read: names, birth dates, case numbers. Dropped as known only later: "
            "is_recid and all about a new offence, custody, jail and follow-up. Dropped: the "
            "COMPAS scores themselves, age_cat (repeats age), the free text of the charge."
        ),
    )


def read_compas(path: Readable) -> pd.DataFrame:
    """The twelve columns that are used; no other column is read."""
    wanted = (*FEATURES, *FILTERS, TARGET)
    # The first of two columns called priors_count; pandas renames the second.
    return pd.read_csv(path, usecols=list(wanted), keep_default_na=False, na_values=[""])[
        list(wanted)
    ]


def parse_compas(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table of features and target after ProPublica's choice of rows."""
    kept = table[
        table["days_b_screening_arrest"].abs().le(MOST_DAYS)
        & table["is_recid"].ne(-1)
        & table["c_charge_degree"].ne("O")
        & table["score_text"].ne("N/A")
    ].reset_index(drop=True)
    return typed(kept[list(FEATURES)]), kept[TARGET].astype("int64")


def _numbers(table: pd.DataFrame) -> pd.DataFrame:
    """All values as integers, text by its place in the alphabet."""
    text = [column for column in table if pd.api.types.is_string_dtype(table[column])]
    codes = {column: table[column].astype("category").cat.codes for column in text}
    return coded(table.assign(**codes).astype("float64"))
