"""Data sets by name: those inside scikit-learn, and real tables read or fetched from upstream.

``load_*`` need no file; ``fetch_*`` look under the data home (``BIAM_DATA_HOME``, else the user's
cache) and download what is absent where upstream allows it.
"""

from collections.abc import Callable
from typing import Any

from biam.datasets.base import Dataset
from biam.datasets.bundled import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)
from biam.datasets.store import data_home
from biam.datasets.tabular import (
    fetch_adult,
    fetch_german_credit,
    fetch_give_me_some_credit,
    fetch_heloc,
    fetch_taiwan_default,
)
from biam.validation import check_choice

__all__ = [
    "DATASETS",
    "EMBEDDED",
    "Dataset",
    "data_home",
    "fetch_adult",
    "fetch_german_credit",
    "fetch_give_me_some_credit",
    "fetch_heloc",
    "fetch_taiwan_default",
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
    "adult": fetch_adult,
    "breast-cancer": load_breast_cancer,
    "diabetes": load_diabetes,
    "digits": load_digits,
    "german-credit": fetch_german_credit,
    "give-me-some-credit": fetch_give_me_some_credit,
    "heloc": fetch_heloc,
    "iris": load_iris,
    "taiwan-default": fetch_taiwan_default,
    "wine": load_wine,
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
