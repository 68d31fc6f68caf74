"""Real tables with gaps, categories and rare classes: Adult and four credit sets.

Each ``fetch_*`` finds or downloads its files through `biam.datasets.store`; each ``parse_*`` turns
files, or open text, into a table and a target and touches nothing else. Numbers are float64
throughout, so that any of them can be set to NaN later; categories are ``category`` columns.

Personal columns: none of these sets holds names, birth dates or case numbers. Running row numbers
say nothing about a client but leak the order of collection, so they are dropped.
"""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.codebook import (
    ADULT_COLUMNS,
    GERMAN_COLUMNS,
    GERMAN_LABELS,
    HELOC_CODES,
    HELOC_COLUMNS,
    TAIWAN_COLUMNS,
    TAIWAN_LABELS,
)
from biam.datasets.columns import UCI_LICENCE, Readable, labelled, typed
from biam.datasets.store import RemoteFile, check_values, find, local_path, openml_table
from biam.datasets.upstream import (
    ADULT_TEST,
    ADULT_TRAIN,
    GERMAN,
    GIVE_ME_SOME_CREDIT,
    HELOC,
    TAIWAN,
    TAIWAN_OPENML,
)
from biam.exceptions import DataMissingError
from biam.validation import check_choice

__all__ = [
    "fetch_adult",
    "fetch_german_credit",
    "fetch_give_me_some_credit",
    "fetch_heloc",
    "fetch_taiwan_default",
]


def fetch_adult() -> Dataset:
    """Adult census income 1994: 48842 people, 14 features, 1 = income above 50 000 dollars a year.

    Rows ``[0:32561)`` are the official training part. Gaps occur in `workclass`, `occupation` and
    `native-country`. No column is dropped. Source: Kohavi (1996), UCI 2.

    Raises
    ------
    DataMissingError
        A file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y, n_train = parse_adult(local_path(ADULT_TRAIN), local_path(ADULT_TEST))
    return Dataset(
        name="adult",
        X=X,
        y=y,
        task="binary",
        source="Kohavi 1996; UCI 2 (Adult)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/2/adult",
        n_train=n_train,
        notes=(
            "fnlwgt is a sampling weight of the census, kept as upstream has it; education-num "
            "repeats education as a number."
        ),
    )


def fetch_german_credit() -> Dataset:
    """German credit: 1000 clients, 20 features, 1 = bad risk (300 rows).

    No gaps, and no column is dropped. Source: Hofmann (1994), UCI 144, symbolic form.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_german_credit(local_path(GERMAN))
    return Dataset(
        name="german-credit",
        X=X,
        y=y,
        task="binary",
        source="Hofmann 1994; UCI 144 (Statlog German Credit Data)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/144/statlog+german+credit+data",
        notes=(
            "Upstream 1 good / 2 bad became 0 / 1. Labels follow the upstream codebook, parts of "
            "which Groemping (2019) found wrong; UCI 522 is her corrected table."
        ),
    )


def fetch_taiwan_default() -> Dataset:
    """Taiwanese card clients 2005: 30000 rows, 23 features, 1 = default next month (6636 rows).

    No gaps. Dropped: `ID`, a running number. Read from a CSV export under the data home if there is
    one, else from OpenML; either way the numbers must match one checksum. Amounts are in New Taiwan
    dollars. Source: Yeh & Lien (2009), UCI 350.

    Raises
    ------
    DataMissingError
        The table is absent and cannot be fetched, or its numbers are not the expected ones.
    """
    local = find(TAIWAN)
    raw = openml_table(TAIWAN, TAIWAN_OPENML) if local is None else pd.read_csv(local)
    table = _taiwan_integers(raw)
    check_values(TAIWAN, table)
    X, y = parse_taiwan_default(table)
    return Dataset(
        name="taiwan-default",
        X=X,
        y=y,
        task="binary",
        source="Yeh & Lien 2009; UCI 350 (Default of Credit Card Clients)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/350/default+of+credit+card+clients",
        notes=(
            "Repayment states PAY_* stay numbers: months of delay, -1 paid duly; -2 and 0 are not "
            "documented upstream. Undocumented codes of EDUCATION and MARRIAGE are categories."
        ),
    )


def fetch_give_me_some_credit() -> Dataset:
    """Give Me Some Credit: 150000 borrowers, 10 features, 1 = 90 days late within two years.

    The labelled part of the competition. Gaps occur in `MonthlyIncome` and `NumberOfDependents`.
    Dropped: the unnamed first column, a running number. Source: Kaggle (2011).

    Raises
    ------
    DataMissingError
        The file is absent (Kaggle wants an account, so it is not downloaded) or its checksum is
        wrong.
    """
    X, y = parse_give_me_some_credit(local_path(GIVE_ME_SOME_CREDIT))
    return Dataset(
        name="give-me-some-credit",
        X=X,
        y=y,
        task="binary",
        source="Kaggle competition GiveMeSomeCredit 2011",
        licence="unknown: Kaggle competition rules, do not redistribute",
        url="https://www.kaggle.com/c/GiveMeSomeCredit",
        notes=(
            "As upstream: 269 rows hold 96 or 98 in all three past-due counts, which are codes "
            "without a description, and one row has age 0."
        ),
    )


def fetch_heloc(*, special_codes: str = "nan") -> Dataset:
    """Home equity credit lines (FICO HELOC): 10459 clients, 23 features, 1 = bad (5459 rows).

    Codes -7, -8 and -9 become NaN; 588 rows are gaps throughout. No column is dropped. Source: FICO
    Explainable Machine Learning Challenge (2018).

    Parameters
    ----------
    special_codes : {"nan", "indicator"}
        "indicator" adds for each column with codes a category column ``<column>_code`` that tells
        why a value is absent, or "given".

    Raises
    ------
    DataMissingError
        The file is absent (FICO wants a registration, so it is not downloaded) or its numbers are
        not the expected ones.
    UnknownNameError
        `special_codes` is not one of the two.
    """
    check_choice("special_codes", special_codes, ("nan", "indicator"))
    table = _heloc_integers(pd.read_csv(local_path(HELOC)))
    check_values(HELOC, table)
    X, y = parse_heloc(table, special_codes=special_codes)
    return Dataset(
        name="heloc",
        X=X,
        y=y,
        task="binary",
        source="FICO Explainable Machine Learning Challenge 2018",
        licence="unknown: FICO challenge terms, do not redistribute",
        url="https://community.fico.com/s/explainable-machine-learning-challenge",
        notes=(
            "-9 no bureau record, -8 no usable trades, -7 condition not met. The two MaxDelq "
            "columns hold ordered codes, kept as numbers."
        ),
    )


def parse_adult(train: Readable, test: Readable) -> tuple[pd.DataFrame, pd.Series, int]:
    """Table, target and number of training rows of the two Adult files, training rows first."""
    parts = [
        pd.read_csv(
            part,
            header=None,
            names=list(ADULT_COLUMNS),
            skipinitialspace=True,
            na_values=["?"],
            keep_default_na=False,
            # The test file opens with the line "|1x3 Cross validator".
            comment="|",
        )
        for part in (train, test)
    ]
    table = pd.concat(parts, ignore_index=True)
    # Labels of the test file end with a full stop.
    y = table.pop("income").str.rstrip(".").eq(">50K").astype("int64").rename("income_above_50k")
    return typed(table), y, len(parts[0])


def parse_german_credit(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target (1 = bad), of the symbolic German credit file."""
    table = pd.read_csv(path, sep=" ", header=None, names=list(GERMAN_COLUMNS))
    y = table.pop("class").eq(2).astype("int64").rename("bad")
    return typed(labelled(table, GERMAN_LABELS)), y


def parse_taiwan_default(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target, of the integer table in upstream names."""
    y = table["default"].rename("default")
    return typed(labelled(table.drop(columns="default"), TAIWAN_LABELS)), y


def parse_give_me_some_credit(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target of the competition's training file, without its running number."""
    table = pd.read_csv(path, index_col=0, na_values=["NA"]).reset_index(drop=True)
    y = table.pop("SeriousDlqin2yrs").astype("int64")
    return typed(table), y


def parse_heloc(
    table: pd.DataFrame, *, special_codes: str = "nan"
) -> tuple[pd.DataFrame, pd.Series]:
    """Table without special codes, and target, of the integer table (see `fetch_heloc`)."""
    y = table["RiskPerformance"].rename("bad")
    features = table.drop(columns="RiskPerformance")
    coded = features.isin(list(HELOC_CODES))
    X = typed(features.mask(coded))
    if special_codes == "indicator":
        kinds = pd.CategoricalDtype(["given", *HELOC_CODES.values()])
        reasons = {
            f"{column}_code": features[column].map(HELOC_CODES).fillna("given").astype(kinds)
            for column in features.columns[coded.any()]
        }
        X = X.assign(**reasons)
    return X, y


def _taiwan_integers(raw: pd.DataFrame) -> pd.DataFrame:
    """Integer table in upstream names; OpenML and exports differ in header and in having an ID."""
    width = len(TAIWAN_COLUMNS)
    if raw.shape[1] not in (width, width + 1):
        raise DataMissingError(
            f"data file {TAIWAN.dataset}/{TAIWAN.name} must have {width} columns, or {width + 1} "
            f"with an ID first, got {raw.shape[1]}; it comes from {TAIWAN.source}."
        )
    return _integers(TAIWAN, raw.iloc[:, -width:].set_axis(list(TAIWAN_COLUMNS), axis=1))


def _heloc_integers(raw: pd.DataFrame) -> pd.DataFrame:
    """Integer table in upstream order, Bad = 1 and Good = 0."""
    absent = [column for column in HELOC_COLUMNS if column not in raw.columns]
    if absent:
        raise DataMissingError(
            f"data file {HELOC.dataset}/{HELOC.name} lacks the columns {', '.join(absent)}; "
            f"it comes from {HELOC.source}."
        )
    table = raw[list(HELOC_COLUMNS)]
    bad = table["RiskPerformance"].map({"Bad": 1, "Good": 0})
    return _integers(HELOC, table.assign(RiskPerformance=bad))


def _integers(file: RemoteFile, table: pd.DataFrame) -> pd.DataFrame:
    """`table` as int64; exports and OpenML deliver codes as floats or text."""
    try:
        numbers = table.astype("float64")
        whole = numbers.astype("int64")
    except ValueError as error:
        raise DataMissingError(
            f"data file {file.dataset}/{file.name} must hold integers only ({error}); "
            f"it comes from {file.source}."
        ) from error
    if (whole != numbers).any(axis=None):
        raise DataMissingError(
            f"data file {file.dataset}/{file.name} must hold integers only, got fractions; "
            f"it comes from {file.source}."
        )
    return whole
