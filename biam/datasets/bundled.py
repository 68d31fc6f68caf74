"""Real data inside scikit-learn: no file and no network needed."""

from typing import Any

import pandas as pd

from biam.datasets.base import Dataset, Task

__all__ = ["load_breast_cancer", "load_diabetes", "load_digits", "load_iris", "load_wine"]

_UCI_LICENCE = "CC BY 4.0 (UCI donation licence)"


def load_breast_cancer() -> Dataset:
    """Breast cancer Wisconsin, diagnostic: 569 tumours, 30 measures; 0 malignant, 1 benign.

    Source: Street, Wolberg & Mangasarian (1993), UCI 17, as shipped with scikit-learn.
    """
    return _convert(
        "breast_cancer",
        name="breast-cancer",
        task="binary",
        source="Street, Wolberg & Mangasarian 1993; UCI 17, copy inside scikit-learn",
        licence=_UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/17",
    )


def load_diabetes(*, scaled: bool = False) -> Dataset:
    """Diabetes progression after one year (regression): 442 patients, 10 measures.

    Source: Efron, Hastie, Johnstone & Tibshirani (2004), Least angle regression, as shipped with
    scikit-learn.

    Parameters
    ----------
    scaled : bool
        True = columns centred, each with squares summing to 1; False = their own units.
    """
    return _convert(
        "diabetes",
        name="diabetes",
        task="regression",
        source="Efron, Hastie, Johnstone & Tibshirani 2004, copy inside scikit-learn",
        licence="not stated by its authors; distributed with scikit-learn (BSD 3-Clause)",
        url="https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
        scaled=scaled,
    )


def load_digits() -> Dataset:
    """Handwritten digits: 1797 pictures of 8 x 8 pixels with grey values 0 to 16, 10 classes.

    Source: Alpaydin & Kaynak (1998), UCI 80 (its test part), as shipped with scikit-learn.
    """
    return _convert(
        "digits",
        name="digits",
        task="multiclass",
        source="Alpaydin & Kaynak 1998; UCI 80 (test part), copy inside scikit-learn",
        licence=_UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/80",
    )


def load_iris() -> Dataset:
    """Iris: 150 flowers, 4 lengths in cm, 3 species.

    Source: Fisher (1936), UCI 53, as shipped with scikit-learn (two rows follow Fisher's paper and
    differ from the UCI file).
    """
    return _convert(
        "iris",
        name="iris",
        task="multiclass",
        source="Fisher 1936; UCI 53, copy inside scikit-learn",
        licence=_UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/53",
    )


def load_wine() -> Dataset:
    """Wine recognition: 178 wines, 13 chemical measures, 3 cultivars.

    Source: Aeberhard & Forina (1992), UCI 109, as shipped with scikit-learn.
    """
    return _convert(
        "wine",
        name="wine",
        task="multiclass",
        source="Aeberhard & Forina 1992; UCI 109, copy inside scikit-learn",
        licence=_UCI_LICENCE,
        url="https://archive.ics.uci.edu/dataset/109",
    )


def _convert(
    loader: str, *, name: str, task: Task, source: str, licence: str, url: str, **options: Any
) -> Dataset:
    """Run ``sklearn.datasets.load_<loader>`` and restate its table as a `Dataset`."""
    from sklearn import datasets as shipped

    bunch = getattr(shipped, f"load_{loader}")(as_frame=True, **options)
    classes = "" if task == "regression" else _class_list(bunch.target_names)
    target: pd.Series = bunch.target.astype("float64" if task == "regression" else "int64")
    return Dataset(
        name=name,
        X=bunch.data.astype("float64"),
        y=target,
        task=task,
        source=source,
        licence=licence,
        url=url,
        notes=classes,
    )


def _class_list(names: Any) -> str:
    pairs = ", ".join(f"{code} {name}" for code, name in enumerate(names))
    return f"Classes: {pairs}."
