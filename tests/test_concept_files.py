"""Files of concept models: nothing half-written, no pickle, odd labels."""

import numpy as np
import pandas as pd
import pytest

from biam.batm import BATMClassifier, load
from biam.exceptions import OutputError

FAST = {"epochs": 2, "hidden": (4,), "n_ranks": 2, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    g = np.random.default_rng(0)
    X = pd.DataFrame({"a": g.normal(size=60), "b": pd.Categorical(g.integers(1, 4, 60))})
    y = np.array(["no", "yes"], dtype=object)[(X["a"] > 0).astype(int)]
    return BATMClassifier(**FAST).fit(X, y), X


def test_text_labels_and_number_categories_come_back(fitted, tmp_path):
    est, X = fitted
    est.save(tmp_path / "m")
    read = load(tmp_path / "m")
    assert read.classes_.dtype == object and read.predict(X).tolist() == est.predict(X).tolist()
    assert read.inputs_.encoder.categories == [None, [1, 2, 3]]
    with np.load(tmp_path / "m", allow_pickle=False) as file:
        assert all(file[name].dtype != object for name in file.files)


def test_a_folder_that_is_not_there(fitted, tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        fitted[0].save(tmp_path / "none" / "m")
    assert list(tmp_path.iterdir()) == []
