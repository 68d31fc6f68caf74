"""All sets by name: published counts, types, nothing personal, clear words for absent files."""

import re
from functools import cache

import numpy as np
import pytest

from biam.datasets import DATASETS, EMBEDDED, load_dataset, store
from biam.datasets.heart import HEART
from biam.datasets.keel import KEEL_SETS
from biam.exceptions import DataMissingError

# Files; then rows, features, categories, gaps, and positive rows (None: regression).
BINARY = {
    "breast-cancer-msk": (["breast-cancer-msk/Breast_cancer_data.xlsx"], 1756, 12, 9, 373, 382),
    "breast-cancer-original": (
        ["breast-cancer-wisconsin/breast-cancer-wisconsin.data"], 699, 9, 0, 16, 241,
    ),
    "compas": (["compas/compas-scores-two-years.csv"], 6172, 8, 3, 0, 2809),
    "fertility": (["fertility/fertility_Diagnosis.txt"], 100, 9, 6, 0, 12),
    "heart-cleveland": (["heart-disease/processed.cleveland.data"], 303, 13, 7, 6, 139),
    "heart-hungarian": (["heart-disease/reprocessed.hungarian.data"], 294, 13, 7, 782, 106),
    "heart-switzerland": (["heart-disease/processed.switzerland.data"], 123, 13, 7, 396, 115),
    "heart-va": (["heart-disease/processed.va.data"], 200, 13, 7, 748, 149),
    "hepatitis": (["hepatitis/hepatitis.data"], 155, 19, 13, 167, 32),
    "horse-colic": (["horse-colic/horse-colic.data"], 299, 21, 14, 1602, 121),
    "kidney-disease": (
        ["chronic-kidney-disease/chronic_kidney_disease_full.arff"], 400, 24, 10, 1012, 250,
    ),
    "mammographic": (["mammographic-mass/mammographic_masses.data"], 961, 5, 2, 162, 445),
    "pharyngitis": (["pharyngitis/pharyngitis.csv"], 676, 18, 15, 226, 305),
    "pima": (["pima-diabetes/pima-indians-diabetes.data"], 768, 8, 0, 652, 268),
    "z-alizadeh-sani": (["z-alizadeh-sani/Z-Alizadeh sani dataset.xlsx"], 303, 54, 31, 0, 216),
    "keel-abalone19": (["abalone/abalone.data"], 4177, 8, 1, 0, 32),
    "keel-abalone9-18": (["abalone/abalone.data"], 731, 8, 1, 0, 42),
    "keel-cleveland-0_vs_4": (["keel/cleveland-0_vs_4.dat"], 173, 13, 0, 0, 13),
    "keel-ecoli4": (["keel/ecoli4.dat"], 336, 7, 0, 0, 20),
    "keel-glass2": (["keel/glass2.dat"], 214, 9, 0, 0, 17),
    "keel-glass4": (["keel/glass4.dat"], 214, 9, 0, 0, 13),
    "keel-page-blocks-1-3_vs_4": (["keel/page-blocks-1-3_vs_4.dat"], 472, 10, 0, 0, 28),
    "keel-shuttle-c0-vs-c4": (["keel/shuttle-c0-vs-c4.dat"], 1829, 9, 0, 0, 123),
    "keel-vowel0": (["keel/vowel0.dat"], 988, 11, 0, 0, 90),
    "keel-yeast4": (["keel/yeast4.dat"], 1484, 8, 0, 0, 51),
    "keel-yeast5": (["keel/yeast5.dat"], 1484, 8, 0, 0, 44),
    "keel-yeast6": (["keel/yeast6.dat"], 1484, 8, 0, 0, 35),
}  # fmt: skip
REGRESSION = {
    "abalone": (["abalone/abalone.data"], 4177, 8, 1, 0, None),
    "airbnb-nyc": (["airbnb-nyc/AB_NYC_2019.csv"], 48_895, 10, 2, 20_104, None),
    "auto-mpg": (["auto-mpg/auto-mpg.data"], 398, 7, 1, 6, None),
    "bike": (["bike-sharing/hour.csv"], 17_379, 12, 5, 0, None),
    "california-housing": (["california-housing/cal_housing.data"], 20_640, 8, 0, 0, None),
    "concrete": (["concrete/Concrete_Data.xls"], 1030, 8, 0, 0, None),
    "wine-quality": (
        ["wine-quality/winequality-red.csv", "wine-quality/winequality-white.csv"],
        6497, 12, 1, 0, None,
    ),
}  # fmt: skip
FACTS = BINARY | REGRESSION
REAL = [pytest.param(n, marks=pytest.mark.realdata(*facts[0]), id=n) for n, facts in FACTS.items()]
load_once = cache(load_dataset)
ELSEWHERE = {"adult", "german-credit", "taiwan-default", "give-me-some-credit", "heloc"}


def test_every_set_with_files_is_tested_here_or_with_the_credit_sets():
    assert set(DATASETS) - set(EMBEDDED) == set(FACTS) | ELSEWHERE


@pytest.mark.parametrize("name", REAL)
def test_real_sets_have_their_published_counts(name):
    data = load_once(name)
    _, rows, columns, categories, gaps, positive = FACTS[name]
    assert data.name == name
    assert data.X.shape == (rows, columns)
    assert len(data.categorical) == categories
    assert int(data.X.isna().sum().sum()) == gaps
    assert data.X.index.equals(data.y.index)
    assert data.X.index.tolist() == list(range(rows))
    if positive is None:
        assert data.task == "regression"
        assert data.y.dtype == "float64"
        assert np.isfinite(data.y).all()
    else:
        assert data.task == "binary"
        assert data.y.dtype == "int64"
        assert data.y.value_counts().to_dict() == {0: rows - positive, 1: positive}


@pytest.mark.parametrize("name", REAL)
def test_columns_are_numbers_or_named_categories(name):
    data = load_once(name)
    assert data.X[data.numeric].dtypes.eq("float64").all()
    assert np.isfinite(data.X[data.numeric].to_numpy()[data.X[data.numeric].notna()]).all()
    for column in data.categorical:
        levels = data.X[column].cat.categories
        assert len(levels) == data.X[column].nunique() >= 2, column
        assert not set(levels) & {"?", "", "NA", "nan", "unknown", "Unknown"}, column
    assert data.source and data.licence and data.url.startswith("https://")


@pytest.mark.parametrize("name", REAL)
def test_no_column_identifies_a_person_or_a_row_or_gives_the_target_away(name):
    personal = {"name", "first", "last", "dob", "birth", "case", "id", "index", "number", "instant"}
    data = load_once(name)
    y, numeric = data.y.to_numpy(dtype=float), data.numeric
    for column in data.X.columns:
        # "number_of_reviews" counts, "sample_code_number" names.
        words = re.split(r"[^a-z]+", column.lower())
        assert not personal & set(words) - ({"number"} if words[0] == "number" else set()), column
        if column in numeric:
            values = data.X[column].to_numpy()
            given = ~np.isnan(values)
            assert not np.all(np.diff(values) > 0), column
            if given.sum() > 10 and np.ptp(values[given]) > 0 and np.ptp(y[given]) > 0:
                assert abs(np.corrcoef(values[given], y[given])[0, 1]) < 0.98, column


@pytest.mark.parametrize("name", sorted(set(DATASETS) - set(EMBEDDED) - {"taiwan-default"}))
def test_absent_files_are_named_with_source_and_checksum(name, tmp_path, monkeypatch):
    def download(url, target):
        raise ConnectionError(f"no route to {url}")

    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(store, "_download", download)
    with pytest.raises(DataMissingError) as caught:
        load_dataset(name)
    text = str(caught.value)
    assert re.search(r"data file [\w-]+/.+: it is absent and (cannot|fetching)", text)
    assert re.search(r"source: .{10,}\n", text)
    assert re.search(r"expected sha256 \((unpacked|of its numbers)\): [0-9a-f]{64}", text)


def test_families_are_registered_by_site_and_by_set():
    assert {f"heart-{site}" for site in HEART} <= set(DATASETS)
    assert {f"keel-{name}" for name in KEEL_SETS} <= set(DATASETS)
