"""Heart disease at four hospitals: one question, the same columns, very different gaps."""

import pandas as pd

from biam.datasets.base import Dataset
from biam.datasets.codebook_medical import HEART_COLUMNS, HEART_LABELS
from biam.datasets.columns import UCI_LICENCE, Readable, labelled, typed
from biam.datasets.store import local_path
from biam.datasets.upstream import HEART
from biam.validation import check_choice

__all__ = ["fetch_heart"]

# Documented: 0 to 3 major vessels.
MOST_VESSELS = 3


def fetch_heart(site: str = "cleveland") -> Dataset:
    """Coronary heart disease at one of four sites: 13 features, 1 = a vessel narrowed by half.

    All sites have the same columns. Source: Janosi, Steinbrunn, Pfisterer & Detrano (1988), UCI 45.

    Parameters
    ----------
    site : {"cleveland", "hungarian", "switzerland", "va"}
        303, 294, 123 and 200 patients; 139, 106, 115 and 149 of them ill.

    Raises
    ------
    UnknownNameError
        No such site.
    DataMissingError
        The file is absent and cannot be fetched, or its checksum is wrong.
    """
    check_choice("site", site, HEART)
    X, y = parse_heart(local_path(HEART[site]))
    return Dataset(
        name=f"heart-{site}",
        X=X,
        y=y,
        task="binary",
        source=f"Janosi, Steinbrunn, Pfisterer & Detrano 1988; UCI 45 (Heart Disease), {site}",
        licence=UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/45/heart+disease",
        notes=(
            "num > 0 became 1. Blood pressure and cholesterol of 0 became NaN, which leaves "
            "Switzerland without any cholesterol; so did one vessel count of 9 (0 to 3 are "
            "documented). Outside Cleveland ca and thal are nearly empty."
        ),
    )


def parse_heart(path: Readable) -> tuple[pd.DataFrame, pd.Series]:
    """Table with readable categories, and target, of any of the four files.

    Three are separated by commas with ``?`` for gaps, the Hungarian one by blanks with -9.
    """
    table = pd.read_csv(
        path,
        sep=r"[,\s]+",
        engine="python",
        header=None,
        names=list(HEART_COLUMNS),
        na_values=["?", "-9", "-9."],
    ).astype("float64")
    y = table.pop("num").gt(0).astype("int64").rename("disease")
    measured = table[["trestbps", "chol"]]
    table = table.assign(
        **measured.mask(measured.eq(0)), ca=table["ca"].where(table["ca"] <= MOST_VESSELS)
    )
    return typed(labelled(table, HEART_LABELS)), y
