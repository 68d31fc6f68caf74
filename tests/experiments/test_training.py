"""`biam train`: the damage hits what it should, test labels stay clean, bad requests stop."""

import json

import numpy as np
import pytest

from biam import load
from biam.exceptions import DataMissingError, InvalidInputError, OutputError, UnknownNameError
from biam.experiments import training
from biam.experiments.training import Damage, save, summary, train

QUICK = {"epochs": 2, "progress": False}


@pytest.fixture
def fitted(monkeypatch):
    """Arguments of every `fit`, which still runs."""
    calls = []
    *kinds, options = training.MODELS["biam"]

    def watched(real):
        class Watched(real):
            def fit(self, X, y, **given):
                calls.append((X, y, given))
                return super().fit(X, y, **given)

        return Watched

    monkeypatch.setitem(training.MODELS, "biam", (*map(watched, kinds), options))
    return calls


def test_a_clean_generated_problem_is_learned():
    trained = train(options=QUICK)
    assert trained.task == "regression"
    assert trained.n_rows == {"train": 912, "meta": 48, "test": 240}
    assert trained.metrics["r2"] > 0.9
    assert trained.constant["r2"] == pytest.approx(0, abs=0.05)


def test_labels_are_spoiled_in_training_only(fitted):
    train("breast-cancer", damage=Damage(noise_ratio=0.3), options=QUICK)
    ((X, y, given),) = fitted
    data = training.load_dataset("breast-cancer")
    assert np.mean(y != data.y.loc[X.index]) == pytest.approx(0.3, abs=0.01)
    assert (given["y_meta"] == data.y.loc[given["X_meta"].index]).all()
    assert not set(X.index) & set(given["X_meta"].index)


def test_gaps_are_made_in_all_rows_and_not_twice(fitted):
    train("diabetes", damage=Damage(missing_ratio=0.2, noise_ratio=0.1), options=QUICK)
    ((X, _, given),) = fitted
    assert X.isna().to_numpy().mean() == pytest.approx(0.2, abs=0.03)
    assert given["X_meta"].isna().to_numpy().any()


def test_imbalance_thins_the_training_rows(fitted):
    trained = train("breast-cancer", damage=Damage(imbalance_ratio=0.1), options=QUICK)
    ((_, y, _),) = fitted
    counts = np.bincount(y)
    assert counts.min() / counts.max() == pytest.approx(0.1, abs=0.01)
    assert trained.metrics["accuracy"] > trained.constant["accuracy"]


@pytest.mark.parametrize("dataset", ["iris", "wine", "digits"])
def test_more_than_two_classes(dataset):
    options = {**QUICK, "solver": "published", "n_knots": 3}
    trained = train(dataset, options=options)
    assert trained.metrics["accuracy"] > trained.constant["accuracy"]


def test_without_meta_rows(fitted):
    trained = train("synthetic", "classification", n_meta=0, options=QUICK)
    assert trained.n_rows["meta"] == 0
    assert fitted[0][2] == {}


def test_the_seed_decides():
    first, second = (train(options=QUICK, seed=1).metrics for _ in range(2))
    assert first == second
    assert train(options=QUICK, seed=2).metrics != first


def test_saved_model_predicts_alike(tmp_path):
    trained = train("diabetes", options=QUICK)
    model, metrics = save(trained, tmp_path / "new" / "folder")
    record = json.loads(metrics.read_text())
    assert record["metrics"] == trained.metrics
    X = training.load_dataset("diabetes").X
    np.testing.assert_array_equal(load(model).predict(X), trained.estimator.predict(X))


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    trained = train("diabetes", options=QUICK)
    with pytest.raises(OutputError, match="cannot write"):
        save(trained, tmp_path / "file")


def test_summary_shows_model_beside_constant():
    lines = summary(train("wine", options={**QUICK, "solver": "published"})).splitlines()
    assert lines[0] == "wine, classification: 132 train, 10 meta, 36 test rows"
    assert lines[1].split() == ["metric", "model", "majority"]
    assert len(lines) == 2 + 6


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (UnknownNameError, "did you mean 'wine'", {"dataset": "wien"}),
        (UnknownNameError, "unknown task", {"task": "ranking"}),
        (
            InvalidInputError,
            "'diabetes' is for regression, got task 'classification'",
            {"dataset": "diabetes", "task": "classification"},
        ),
        (InvalidInputError, "noise_ratio must be", {"damage": Damage(noise_ratio=30)}),
        (InvalidInputError, "missing_ratio must be", {"damage": Damage(missing_ratio=-0.1)}),
        (
            InvalidInputError,
            "imbalance_ratio must be",
            {"dataset": "wine", "damage": Damage(imbalance_ratio=0)},
        ),
        (
            InvalidInputError,
            "imbalance_ratio is for classification",
            {"damage": Damage(imbalance_ratio=0.1)},
        ),
        (InvalidInputError, "n_meta must be", {"dataset": "wine", "n_meta": 2}),
        (InvalidInputError, "n_meta must be", {"n_meta": 100_000}),
        (InvalidInputError, "seed must be", {"seed": -1}),
    ],
)
def test_bad_requests(error, text, arguments):
    with pytest.raises(error, match=text):
        train(**arguments)


def test_absent_data_say_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    with pytest.raises(DataMissingError, match=r"(?s)heloc.*source"):
        train("heloc")
