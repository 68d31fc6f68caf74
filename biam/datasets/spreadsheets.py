"""Medical tables that come as Excel workbooks: they need the excel extra."""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.codebook_medical import MSK_FEATURES
from biam.datasets.columns import UCI_LICENCE, labelled, typed, yes_no
from biam.datasets.formats import read_xlsx
from biam.datasets.store import local_path
from biam.datasets.upstream import BREAST_CANCER_MSK, Z_ALIZADEH_SANI

__all__ = ["fetch_breast_cancer_msk", "fetch_z_alizadeh_sani"]

MSK_GAPS = ("NA", "Not Available", "unk", "Unk/ND", "UNk/ND", "Unknown")


def fetch_breast_cancer_msk() -> Dataset:
    """Breast cancer at Memorial Sloan Kettering: 1756 patients, 12 features, 1 = died.

    The first row of each patient. Source: Razavi et al. (2018), Cancer Cell 34, 427-438; columns
    selected by the authors of M-GAM.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    DataMissingError
        The workbook is absent (it is not downloaded) or its checksum is wrong.
    """
    path = local_path(BREAST_CANCER_MSK)
    X, y = parse_breast_cancer_msk(read_xlsx(path, sheet="dataset", gaps=MSK_GAPS))
    return Dataset(
        name="breast-cancer-msk",
        X=X,
        y=y,
        task="binary",
        source="Razavi et al. 2018; cBioPortal study breast_msk_2018, columns selected by M-GAM",
        licence="unknown: cBioPortal terms",
        url="https://www.cbioportal.org/study/summary?id=breast_msk_2018",
        notes=(
            "One row per patient, the first; Patient ID dropped. Dropped as follow-up, which leaks "
            "the outcome: disease-free event and months, overall survival months, metastatic "
            "disease at last follow-up, time of metastatic recurrence. Dropped as repeats of the "
            "single receptors: overall HR and receptor status. HER2 status, altered fraction and "
            "mutation count may stem from a later sample. Deaths are those seen until the last "
            "visit, whenever it was. NX and TX (not assessable) are stages of their own; T1C "
            "became T1c."
        ),
    )


def fetch_z_alizadeh_sani() -> Dataset:
    """Coronary artery disease in Tehran: 303 patients, 54 features, no gaps, 1 = diseased (216).

    Source: Alizadehsani et al. (2013), UCI 412.

    Raises
    ------
    MissingExtraError
        openpyxl is not installed.
    DataMissingError
        The workbook is absent (it is inside an archive, so it is not downloaded) or its checksum is
        wrong.
    """
    X, y = parse_z_alizadeh_sani(read_xlsx(local_path(Z_ALIZADEH_SANI)))
    return Dataset(
        name="z-alizadeh-sani",
        X=X,
        y=y,
        task="binary",
        source="Alizadehsani et al. 2013; UCI 412 (Z-Alizadeh Sani)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/412/z+alizadeh+sani",
        notes=(
            "Dropped: Exertional CP, N in all rows. Two-valued columns became no / yes. Obesity is "
            "BMI above 25. Function Class and Region RWMA are ordered and stay numbers."
        ),
    )


def parse_breast_cancer_msk(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """One row per patient without identity and follow-up, and target (1 = deceased)."""
    table = table.drop_duplicates("Patient ID").reset_index(drop=True)
    y = table["Overall Survival Status"].eq("1:DECEASED").astype("int64").rename("deceased")
    X = table[list(MSK_FEATURES)].rename(columns=MSK_FEATURES)
    grade = X["grade"].str.replace(r"\s.*", "", regex=True)
    stage = X["t_stage"].replace({"T1C": "T1c"})
    return typed(X.assign(grade=grade, t_stage=stage)), y


def parse_z_alizadeh_sani(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories and without constant columns, and target (1 = Cad)."""
    table = table.rename(columns=str.strip)
    y = table.pop("Cath").eq("Cad").astype("int64").rename("cad")
    table = table.loc[:, table.nunique() > 1].replace({"Sex": {"Fmale": "Female"}})
    values = {column: set(table[column]) for column in table}
    binary = yes_no(c for c, found in values.items() if found == {0, 1})
    letters = yes_no((c for c, found in values.items() if found == {"N", "Y"}), no="N", yes="Y")
    return typed(labelled(table, {**binary, **letters})), y
