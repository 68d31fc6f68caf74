"""Sets inside scikit-learn, and the registry of all sets."""

import pandas as pd
import pytest

from biam import datasets
from biam.datasets import DATASETS, EMBEDDED, load_dataset
from biam.exceptions import UnknownNameError

CLASS_COUNTS = {
    "breast-cancer": (30, [212, 357]),
    "digits": (64, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]),
    "iris": (4, [50, 50, 50]),
    "wine": (13, [59, 71, 48]),
}


@pytest.mark.parametrize("name", CLASS_COUNTS)
def test_classification_sets_have_their_known_counts(name):
    data = load_dataset(name)
    width, counts = CLASS_COUNTS[name]
    assert data.name == name
    assert data.X.shape == (sum(counts), width)
    assert data.y.value_counts().sort_index().tolist() == counts
    assert data.task == ("binary" if len(counts) == 2 else "multiclass")
    assert data.y.dtype == "int64"


def test_class_names_are_in_the_notes():
    assert load_dataset("breast-cancer").notes == "Classes: 0 malignant, 1 benign."
    assert load_dataset("iris").notes == "Classes: 0 setosa, 1 versicolor, 2 virginica."


def test_diabetes_comes_in_its_own_units_unless_asked():
    data = load_dataset("diabetes")
    assert data.X.shape == (442, 10)
    assert data.task == "regression"
    assert data.y.dtype == "float64"
    assert data.X["age"].between(18, 80).all()
    scaled = load_dataset("diabetes", scaled=True)
    assert (scaled.X**2).sum().to_numpy() == pytest.approx(1.0)


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_sets_are_complete_float_tables(name):
    data = load_dataset(name)
    assert set(data.X.dtypes) == {pd.Series(dtype="float64").dtype}
    assert data.missing_rate == 0.0
    assert data.source and data.licence and data.url


def test_loading_twice_gives_tables_of_ones_own():
    first = load_dataset("iris").X
    first.iloc[0, 0] = -1.0
    assert load_dataset("iris").X.iloc[0, 0] == 5.1


def test_registry_names_every_loader_and_the_embedded_ones():
    loaders = {getattr(datasets, name) for name in datasets.__all__ if name.startswith("fetch_")}
    # A family of sets has one loader, bound to the name of each.
    assert loaders == {getattr(entry, "func", entry) for entry in DATASETS.values()} - {
        getattr(datasets, name) for name in datasets.__all__ if name.startswith("load_")
    }
    assert set(EMBEDDED) <= set(DATASETS)


def test_unknown_set_gets_near_matches():
    with pytest.raises(UnknownNameError, match="unknown data set 'adults': did you mean 'adult'"):
        load_dataset("adults")
