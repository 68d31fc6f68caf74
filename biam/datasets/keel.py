"""Two-class sets of the KEEL repository, made for the study of rare classes.

`fetch_keel` reads any of its 64 files at hand, and makes two more from the abalone table; twelve
with more than nine common rows for a rare one have names of their own in `biam.datasets`.
"""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.columns import Readable
from biam.datasets.formats import read_arff
from biam.datasets.regression import parse_abalone
from biam.datasets.store import local_path
from biam.datasets.upstream import ABALONE
from biam.datasets.upstream_keel import KEEL
from biam.exceptions import DataMissingError
from biam.validation import check_choice

__all__ = ["KEEL_SETS", "fetch_keel"]

# Rings of the rare and of the common class; None = all others.
FROM_ABALONE: dict[str, tuple[int, int | None]] = {"abalone19": (19, None), "abalone9-18": (18, 9)}

# In `biam.datasets.DATASETS` as "keel-<name>".
KEEL_SETS: tuple[str, ...] = (
    "abalone19",
    "abalone9-18",
    "cleveland-0_vs_4",
    "ecoli4",
    "glass2",
    "glass4",
    "page-blocks-1-3_vs_4",
    "shuttle-c0-vs-c4",
    "vowel0",
    "yeast4",
    "yeast5",
    "yeast6",
)

# Who spoke, and whether the row was in somebody's training part: facts about the collection.
NO_FEATURES = ("SpeakerNumber", "TT")


def fetch_keel(name: str) -> Dataset:
    """One two-class set of KEEL: 1 = the class that KEEL calls positive.

    That is the rare one, except in "ecoli-0_vs_1".

    Source: Alcala-Fdez et al. (2011), Journal of Multiple-Valued Logic and Soft Computing 17,
    255-287.

    Parameters
    ----------
    name : str
        KEEL's name, such as "yeast4", "glass-0-1-6_vs_5" or "abalone19".

    Raises
    ------
    UnknownNameError
        No such set.
    DataMissingError
        Its file is absent (KEEL packs each in an archive, so it is not downloaded) or its checksum
        is wrong.
    """
    check_choice("KEEL set", name, [*KEEL, *FROM_ABALONE])
    made = name in FROM_ABALONE
    X, y = (
        rare_abalone(local_path(ABALONE), *FROM_ABALONE[name])
        if made
        else parse_keel(local_path(KEEL[name]))
    )
    ratio = (len(y) - y.sum()) / y.sum()
    origin = "made from UCI 1 (Abalone), as its own file was not at hand. " if made else ""
    return Dataset(
        name=f"keel-{name}",
        X=X,
        y=y,
        task="binary",
        source="Alcala-Fdez et al. 2011, KEEL repository, imbalanced data sets",
        licence="unknown: KEEL repository, open access, asks to be cited",
        url="https://sci2s.ugr.es/keel/imbalanced.php",
        notes=(
            f"{origin}Common to rare rows {ratio:.1f} to 1."
            + (" Dropped: SpeakerNumber and TT." if name == "vowel0" else "")
        ),
    )


def parse_keel(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table and target (1 = positive) of a KEEL file, whose last column is the class.

    Raises
    ------
    DataMissingError
        The classes are not called positive and negative.
    """
    table = read_arff(path)
    label = table.pop(table.columns[-1]).astype("object")
    if set(label) != {"positive", "negative"}:
        raise DataMissingError(
            f"{path} must end in a class column of positive and negative, got {sorted(set(label))}."
        )
    y = label.eq("positive").astype("int64").rename("positive")
    return table.drop(columns=[c for c in NO_FEATURES if c in table]), y


def rare_abalone(path: Readable, rare: int, common: int | None) -> tuple[pd.DataFrame, pd.Series]:
    """Abalone with `rare` rings (1) against `common` rings, or against all others (0)."""
    X, rings = parse_abalone(path)
    kept = rings.eq(rings) if common is None else rings.isin((rare, common))
    y = rings[kept].eq(rare).astype("int64").rename("positive")
    return X[kept].reset_index(drop=True), y.reset_index(drop=True)
