"""KEEL files, and the two sets made from abalone."""

import io

import pytest

from biam.datasets import DATASETS, load_dataset
from biam.datasets.keel import KEEL_SETS, fetch_keel, parse_keel, rare_abalone
from biam.datasets.upstream_keel import KEEL
from biam.exceptions import DataMissingError, UnknownNameError

TEXT = """\
@relation toy
@attribute TT integer [0, 1]
@attribute SpeakerNumber integer [0, 14]
@attribute Mcg real [0.11, 1.0]
@attribute Class {positive, negative}
@inputs Mcg
@outputs Class
@data
0, 1, 0.58, negative
1, 2, 0.43, positive
"""
ABALONE = """\
M,0.455,0.365,0.095,0.514,0.2245,0.101,0.15,18
F,0.35,0.265,0.09,0.2255,0.0995,0.0485,0.07,9
I,0.53,0.42,0.135,0.677,0.2565,0.1415,0.21,10
"""
ABALONE_FILE = "abalone/abalone.data"
FILES = [
    *(f"keel/{name}.dat" for name in KEEL_SETS if not name.startswith("abalone")),
    ABALONE_FILE,
]


def test_positive_is_one_and_facts_about_the_collection_go():
    X, y = parse_keel(io.StringIO(TEXT))
    assert X.columns.tolist() == ["Mcg"]
    assert X["Mcg"].tolist() == [0.58, 0.43]
    assert y.tolist() == [0, 1]


def test_other_classes_are_refused():
    with pytest.raises(DataMissingError, match="class column of positive and negative, got"):
        parse_keel(io.StringIO(TEXT.replace("negative", "rest")))


def test_rare_abalone_against_one_class_or_all():
    X, y = rare_abalone(io.StringIO(ABALONE), 18, 9)
    assert y.tolist() == [1, 0]
    assert X["sex"].tolist() == ["M", "F"]
    _, y = rare_abalone(io.StringIO(ABALONE), 18, None)
    assert y.tolist() == [1, 0, 0]


def test_unknown_set_is_refused_before_any_file():
    with pytest.raises(UnknownNameError, match="KEEL set 'yeast44': did you mean"):
        fetch_keel("yeast44")


def test_twelve_sets_have_names_of_their_own():
    assert len(set(KEEL_SETS)) == 12
    assert {f"keel-{name}" for name in KEEL_SETS} == {n for n in DATASETS if n.startswith("keel-")}


@pytest.mark.realdata(*FILES)
def test_named_sets_have_more_than_nine_common_rows_for_a_rare_one():
    for name in KEEL_SETS:
        data = load_dataset(f"keel-{name}")
        positive = data.y.sum()
        assert (len(data.y) - positive) / positive > 9, name


@pytest.mark.realdata(*(f"keel/{name}.dat" for name in KEEL))
def test_all_files_can_be_read_and_most_are_rare():
    ratios = {}
    for name in KEEL:
        data = fetch_keel(name)
        assert len(data.X.columns) >= 3
        assert data.missing_rate == 0
        ratios[name] = (1 - data.y.mean()) / data.y.mean()
    assert [name for name, ratio in ratios.items() if ratio < 1] == ["ecoli-0_vs_1"]
    assert sum(ratio > 9 for ratio in ratios.values()) == 41


@pytest.mark.realdata(ABALONE_FILE)
def test_abalone_sets_have_the_counts_of_keel():
    assert load_dataset("keel-abalone19").y.value_counts().to_dict() == {0: 4145, 1: 32}
    assert load_dataset("keel-abalone9-18").y.value_counts().to_dict() == {0: 689, 1: 42}


@pytest.mark.realdata("keel/vowel0.dat")
def test_vowel_does_not_tell_who_spoke():
    assert load_dataset("keel-vowel0").X.columns.tolist() == ["Sex", *(f"F{k}" for k in range(10))]
