"""Data sets by name: those inside scikit-learn, and real tables read or fetched from upstream.

``load_*`` need no file; ``fetch_*`` look under the data home (``BIAM_DATA_HOME``, else the user's
cache) and download what is absent where upstream allows it. Pictures are in `biam.datasets.images`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from biam.datasets.base import Dataset
from biam.datasets.bundled import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from biam.datasets.fairness import fetch_compas
from biam.datasets.heart import fetch_heart
from biam.datasets.keel import KEEL_SETS, fetch_keel
from biam.datasets.medical import (
    fetch_breast_cancer_original,
    fetch_fertility,
    fetch_hepatitis,
    fetch_horse_colic,
    fetch_kidney_disease,
    fetch_mammographic,
    fetch_pharyngitis,
    fetch_pima,
)
from biam.datasets.regression import (
    fetch_abalone,
    fetch_airbnb_nyc,
    fetch_auto_mpg,
    fetch_bike,
    fetch_california_housing,
    fetch_concrete,
    fetch_wine_quality,
)
from biam.datasets.spreadsheets import fetch_breast_cancer_msk, fetch_z_alizadeh_sani
from biam.datasets.store import data_home
from biam.datasets.tabular import (
    fetch_adult,
    fetch_german_credit,
    fetch_give_me_some_credit,
    fetch_heloc,
    fetch_taiwan_default,
)
from biam.datasets.upstream import HEART
from biam.validation import check_choice

__all__ = [
    "DATASETS",
    "EMBEDDED",
    "Dataset",
    "data_home",
    "fetch_abalone",
    "fetch_adult",
    "fetch_airbnb_nyc",
    "fetch_auto_mpg",
    "fetch_bike",
    "fetch_breast_cancer_msk",
    "fetch_breast_cancer_original",
    "fetch_california_housing",
    "fetch_compas",
    "fetch_concrete",
    "fetch_fertility",
    "fetch_german_credit",
    "fetch_give_me_some_credit",
    "fetch_heart",
    "fetch_heloc",
    "fetch_hepatitis",
    "fetch_horse_colic",
    "fetch_keel",
    "fetch_kidney_disease",
    "fetch_mammographic",
    "fetch_pharyngitis",
    "fetch_pima",
    "fetch_taiwan_default",
    "fetch_wine_quality",
    "fetch_z_alizadeh_sani",
    "load_breast_cancer",
    "load_dataset",
    "load_diabetes",
    "load_digits",
    "load_iris",
    "load_wine",
]

# Sets that need neither a file nor the network.
EMBEDDED: tuple[str, ...] = ("breast-cancer", "diabetes", "digits", "iris", "wine")

DATASETS: dict[str, Callable[..., Dataset]] = {
    "abalone": fetch_abalone,
    "adult": fetch_adult,
    "airbnb-nyc": fetch_airbnb_nyc,
    "auto-mpg": fetch_auto_mpg,
    "bike": fetch_bike,
    "breast-cancer": load_breast_cancer,
    "breast-cancer-msk": fetch_breast_cancer_msk,
    "breast-cancer-original": fetch_breast_cancer_original,
    "california-housing": fetch_california_housing,
    "compas": fetch_compas,
    "concrete": fetch_concrete,
    "diabetes": load_diabetes,
    "digits": load_digits,
    "fertility": fetch_fertility,
    "german-credit": fetch_german_credit,
    "give-me-some-credit": fetch_give_me_some_credit,
    "heloc": fetch_heloc,
    "hepatitis": fetch_hepatitis,
    "horse-colic": fetch_horse_colic,
    "iris": load_iris,
    "kidney-disease": fetch_kidney_disease,
    "mammographic": fetch_mammographic,
    "pharyngitis": fetch_pharyngitis,
    "pima": fetch_pima,
    "taiwan-default": fetch_taiwan_default,
    "wine": load_wine,
    "wine-quality": fetch_wine_quality,
    "z-alizadeh-sani": fetch_z_alizadeh_sani,
    **{f"heart-{site}": partial(fetch_heart, site) for site in HEART},
    **{f"keel-{name}": partial(fetch_keel, name) for name in KEEL_SETS},
}


def load_dataset(name: str, **options: Any) -> Dataset:
    """Load the data set called `name` in `DATASETS`; `options` go to its loader.

    Raises
    ------
    UnknownNameError
        No such name; near matches are listed.
    DataMissingError
        Its files are absent and cannot be fetched.
    """
    return DATASETS[check_choice("data set", name, DATASETS)](**options)
