"""Medical tables in text files: what is missing is part of the story in nearly all of them.

As in `biam.datasets.tabular`: ``fetch_*`` finds or downloads files, ``parse_*`` turns them into a
table and a target. 1 is the disease, or the bad outcome. No set holds names, birth dates or
addresses; numbers of patients, samples and animals are dropped.
"""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.codebook_medical import (
    BREAST_CANCER_COLUMNS,
    FERTILITY_COLUMNS,
    FERTILITY_LABELS,
    HEPATITIS_COLUMNS,
    HEPATITIS_LABELS,
    HORSE_COLIC_COLUMNS,
    HORSE_COLIC_LABELS,
    HORSE_COLIC_LEAKING,
    MAMMOGRAPHIC_COLUMNS,
    MAMMOGRAPHIC_LABELS,
    PHARYNGITIS_SYMPTOMS,
    PIMA_COLUMNS,
    PIMA_ZEROS,
)
from biam.datasets.columns import UCI_LICENCE, Readable, coded, labelled, typed, yes_no
from biam.datasets.formats import read_arff
from biam.datasets.store import check_values, local_path
from biam.datasets.upstream import (
    BREAST_CANCER_ORIGINAL,
    FERTILITY,
    HEPATITIS,
    HORSE_COLIC,
    KIDNEY,
    MAMMOGRAPHIC,
    PHARYNGITIS,
    PIMA,
)

__all__ = [
    "fetch_breast_cancer_original",
    "fetch_fertility",
    "fetch_hepatitis",
    "fetch_horse_colic",
    "fetch_kidney_disease",
    "fetch_mammographic",
    "fetch_pharyngitis",
    "fetch_pima",
]


def fetch_breast_cancer_original() -> Dataset:
    """Breast cancer Wisconsin, original: 699 samples, 9 grades of 1 to 10, 1 = malignant (241).

    16 gaps in `bare_nuclei`. Dropped: the sample number. Source: Wolberg (1992), UCI 15.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_breast_cancer_original(local_path(BREAST_CANCER_ORIGINAL))
    return Dataset(
        name="breast-cancer-original",
        X=X,
        y=y,
        task="binary",
        source="Wolberg 1992; UCI 15 (Breast Cancer Wisconsin, original)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/15/breast+cancer+wisconsin+original",
        notes=(
            "Dropped: sample_code_number. Class 2 benign / 4 malignant became 0 / 1. Grades are "
            "ordered and stay numbers."
        ),
    )


def fetch_fertility() -> Dataset:
    """Semen quality of 100 volunteers: 9 features, 1 = altered diagnosis (12 rows), no gaps.

    Source: Gil & Girela (2012), UCI 244.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_fertility(local_path(FERTILITY))
    return Dataset(
        name="fertility",
        X=X,
        y=y,
        task="binary",
        source="Gil & Girela 2012; UCI 244 (Fertility)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/244/fertility",
        notes=(
            "age (18 to 36 years), alcohol and sitting (hours a day) come scaled to [0, 1]. With "
            "12 positive rows every score is coarse."
        ),
    )


def fetch_hepatitis() -> Dataset:
    """Hepatitis: 155 patients, 19 features, 167 gaps, 1 = died (32 rows).

    Source: Gong (1988), UCI 46.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_hepatitis(local_path(HEPATITIS))
    return Dataset(
        name="hepatitis",
        X=X,
        y=y,
        task="binary",
        source="Gong 1988; UCI 46 (Hepatitis)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/46/hepatitis",
        notes=(
            "Class 1 die / 2 live became 1 / 0. Signs keep their codes 1 and 2: upstream's "
            "description of which is yes contradicts how often they occur."
        ),
    )


def fetch_horse_colic() -> Dataset:
    """Horses with colic: 299 cases, 21 features, a quarter of the cells empty, 1 = died (121).

    Death includes euthanasia. Source: McLeish & Cecile (1989), UCI 47, training part.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its numbers are not the expected ones.
    """
    table = read_horse_colic(local_path(HORSE_COLIC))
    check_values(HORSE_COLIC, coded(table, scale=100))
    X, y = parse_horse_colic(table)
    return Dataset(
        name="horse-colic",
        X=X,
        y=y,
        task="binary",
        source="McLeish & Cecile 1989; UCI 47 (Horse Colic), training part",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/47/horse+colic",
        notes=(
            "Dropped: one row without outcome; hospital_number (an animal's case number; some "
            "animals occur twice); surgical_lesion and the three lesion codes, which are found at "
            "surgery or autopsy and leak the outcome; cp_data, without meaning upstream. Kept: "
            "surgery, a treatment. total_protein mixes g/dl and g/l."
        ),
    )


def fetch_kidney_disease() -> Dataset:
    """Chronic kidney disease: 400 patients, 24 features, a tenth of the cells empty, 1 = ill (250).

    Source: Soundarapandian, Rubini & Eswaran (2015), UCI 336.

    Raises
    ------
    DataMissingError
        The file is absent (it is inside an archive, so it is not downloaded) or its checksum is
        wrong.
    """
    X, y = parse_kidney_disease(local_path(KIDNEY))
    return Dataset(
        name="kidney-disease",
        X=X,
        y=y,
        task="binary",
        source="Soundarapandian, Rubini & Eswaran 2015; UCI 336 (Chronic Kidney Disease)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/336/chronic+kidney+disease",
        notes=(
            "Stray tabs and blanks around values were cut off. Specific gravity, albumin and sugar "
            "(sg, al, su) are ordered grades and became numbers. Healthy and ill rows come from "
            "different routines of care, so gaps alone tell much of the class."
        ),
    )


def fetch_mammographic() -> Dataset:
    """Mammographic masses: 961 biopsies, 5 features, 162 gaps, 1 = malignant (445).

    Source: Elter, Schulz-Wendtland & Wittenberg (2007), UCI 161.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its numbers are not the expected ones.
    """
    table = read_mammographic(local_path(MAMMOGRAPHIC))
    check_values(MAMMOGRAPHIC, coded(table))
    X, y = parse_mammographic(table)
    return Dataset(
        name="mammographic",
        X=X,
        y=y,
        task="binary",
        source="Elter, Schulz-Wendtland & Wittenberg 2007; UCI 161 (Mammographic Mass)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/161/mammographic+mass",
        notes=(
            "bi_rads is the physician's own assessment, which upstream calls non-predictive: drop "
            "it to predict from the picture alone. One bi_rads of 55 became 5; 0 and 6 stay. "
            "density runs from 1 high to 4 fat-containing."
        ),
    )


def fetch_pharyngitis() -> Dataset:
    """Sore throats of children: 676 visits, 18 features, 226 gaps, 1 = positive test (305).

    The test is a rapid antigen test for streptococci. Dropped: `number`, a running number.

    Raises
    ------
    DataMissingError
        The file is absent (it is not downloaded) or its checksum is wrong.
    """
    X, y = parse_pharyngitis(local_path(PHARYNGITIS))
    return Dataset(
        name="pharyngitis",
        X=X,
        y=y,
        task="binary",
        source="paediatric rapid antigen test table, one of the tables of M-GAM (2024)",
        licence="unknown: accompanies an open-access article",
        url="https://github.com/jdonnelly36/M-GAM",
        notes=(
            "Dropped: number, a running number. Symptoms are no / yes; swollenadp (0 to 3) is an "
            "ordered grade and stays a number."
        ),
    )


def fetch_pima() -> Dataset:
    """Diabetes of Pima women: 768 rows, 8 features, 652 gaps written as zeros, 1 = ill (268).

    Source: Smith, Everhart, Dickson, Knowler & Johannes (1988).

    Raises
    ------
    DataMissingError
        The file is absent (it was withdrawn from UCI and is not downloaded) or its checksum is
        wrong.
    """
    X, y = parse_pima(local_path(PIMA))
    return Dataset(
        name="pima",
        X=X,
        y=y,
        task="binary",
        source="Smith et al. 1988; National Institute of Diabetes, formerly UCI; OpenML 37",
        licence="CC0 in its OpenML and Kaggle copies",
        url="https://www.openml.org/d/37",
        notes=f"Zeros became NaN in {', '.join(PIMA_ZEROS)}.",
    )


def parse_breast_cancer_original(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (1 = malignant) without the sample number."""
    table = _read(path, BREAST_CANCER_COLUMNS).drop(columns="sample_code_number")
    y = table.pop("class").eq(4).astype("int64").rename("malignant")
    return typed(table), y


def parse_fertility(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target (1 = altered)."""
    table = _read(path, FERTILITY_COLUMNS)
    y = table.pop("diagnosis").eq("O").astype("int64").rename("altered")
    return typed(labelled(table, FERTILITY_LABELS)), y


def parse_hepatitis(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (1 = died)."""
    table = _read(path, HEPATITIS_COLUMNS)
    y = table.pop("class").eq(1).astype("int64").rename("died")
    return typed(labelled(table, HEPATITIS_LABELS)), y


def read_horse_colic(path: Readable) -> pd.DataFrame:
    """Upstream's 28 columns as numbers, ``?`` as NaN."""
    return _read(path, HORSE_COLIC_COLUMNS, sep=r"\s+").astype("float64")


def parse_horse_colic(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table without leaking columns, and target (1 = died or put down), of upstream's numbers."""
    known = table[table["outcome"].notna()].reset_index(drop=True)
    y = known["outcome"].isin((2, 3)).astype("int64").rename("died")
    X = known.drop(columns=["hospital_number", "outcome", *HORSE_COLIC_LEAKING, "cp_data"])
    return typed(labelled(X, HORSE_COLIC_LABELS)), y


def parse_kidney_disease(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (1 = chronic kidney disease) of the ARFF file."""
    table = read_arff(path)
    y = table.pop("class").eq("ckd").astype("int64").rename("ckd")
    grades = {name: table[name].astype("object").astype("float64") for name in ("sg", "al", "su")}
    return table.assign(**grades), y


def read_mammographic(path: Readable) -> pd.DataFrame:
    """Upstream's 6 columns as numbers, ``?`` as NaN."""
    return _read(path, MAMMOGRAPHIC_COLUMNS).astype("float64")


def parse_mammographic(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target (1 = malignant), of upstream's numbers."""
    y = table["severity"].astype("int64").rename("malignant")
    X = table.drop(columns="severity").replace({"bi_rads": {55: 5}})
    return typed(labelled(X, MAMMOGRAPHIC_LABELS)), y


def parse_pharyngitis(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (1 = positive antigen test) without the running number."""
    table = pd.read_csv(path).drop(columns="number")
    y = table.pop("radt").astype("int64")
    return typed(labelled(table, yes_no(PHARYNGITIS_SYMPTOMS))), y


def parse_pima(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table with NaN for impossible zeros, and target."""
    table = _read(path, PIMA_COLUMNS)
    y = table.pop("diabetes").astype("int64")
    measured = table[list(PIMA_ZEROS)]
    return typed(table.assign(**measured.mask(measured.eq(0)))), y


def _read(path: Readable, columns: tuple[str, ...], *, sep: str = ",") -> pd.DataFrame:
    """Table of a file without header whose gaps are question marks."""
    return pd.read_csv(
        path,
        sep=sep,
        header=None,
        names=list(columns),
        na_values=["?"],
        keep_default_na=False,
    )
