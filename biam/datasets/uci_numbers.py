"""Two more UCI tables of numbers: Banknote and Yeast, known from papers on missing values."""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.columns import UCI_LICENCE, Readable, typed
from biam.datasets.store import RemoteFile, local_path

__all__ = ["BANKNOTE", "YEAST", "fetch_banknote", "fetch_yeast"]

_UCI_FILES = "https://archive.ics.uci.edu/ml/machine-learning-databases"

BANKNOTE = RemoteFile(
    dataset="banknote",
    name="data_banknote_authentication.txt",
    sha256="d0539aaed2139ba7a587b3e34fb345ce503ff7d5d33dbf9912d8e195ce425cb9",
    bytes=46_400,
    url=f"{_UCI_FILES}/00267/data_banknote_authentication.txt",
    source="UCI Machine Learning Repository 267 (Banknote Authentication)",
)
YEAST = RemoteFile(
    dataset="yeast",
    name="yeast.data",
    sha256="7cf61776fc04f527f93bf57a327b863893a1225d82df02d457e8950173218258",
    bytes=94_976,
    url=f"{_UCI_FILES}/yeast/yeast.data",
    source="UCI Machine Learning Repository 110 (Yeast)",
)

_BANKNOTE_COLUMNS = ("variance", "skewness", "kurtosis", "entropy")
_YEAST_COLUMNS = ("mcg", "gvh", "alm", "mit", "erl", "pox", "vac", "nuc")


def fetch_banknote() -> Dataset:
    """Banknotes: 1372 pictures, 4 statistics of their wavelets; 1 forged (610), 0 genuine.

    No gaps. Source: Lohweg (2013), UCI 267.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_banknote(local_path(BANKNOTE))
    return Dataset(
        name="banknote",
        X=X,
        y=y,
        task="binary",
        source="Lohweg 2013; UCI 267 (Banknote Authentication)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/267/banknote+authentication",
    )


def fetch_yeast() -> Dataset:
    """Yeast proteins: 1484 rows, 8 scores, 10 places in the cell, no gaps.

    Source: Horton & Nakai (1996), UCI 110.

    Raises
    ------
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    X, y = parse_yeast(local_path(YEAST))
    return Dataset(
        name="yeast",
        X=X,
        y=y,
        task="multiclass",
        source="Horton & Nakai 1996; UCI 110 (Yeast)",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/110/yeast",
        notes="The column with the name of the protein is dropped. Places in alphabetical order.",
    )


def parse_banknote(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target of a comma-separated file without header."""
    table = pd.read_csv(path, header=None, names=[*_BANKNOTE_COLUMNS, "forged"])
    y = table.pop("forged").astype("int64")
    return typed(table), y


def parse_yeast(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target of a file in columns of blanks; place as its rank in the alphabet."""
    names = ["protein", *_YEAST_COLUMNS, "place"]
    table = pd.read_csv(path, sep=r"\s+", header=None, names=names).drop(columns="protein")
    y = table.pop("place").astype("category").cat.codes.astype("int64").rename("place")
    return typed(table), y
