"""The measured process from its files to its result; what each `use` gives to the learner."""

import json
import time

import numpy as np
import pytest

from biam.datasets.self_masked import make_self_masked
from biam.experiments import cost_child
from biam.experiments.cost_child import build, main, measure, peak_mb, timed

SPLIT = make_self_masked("regression", 400, n_test=200)


def test_files_in_file_out(tmp_path):
    arrays = {name: getattr(SPLIT, name) for name in SPLIT.__dataclass_fields__ if name != "truth"}
    np.savez(tmp_path / "split.npz", **arrays, y_clean=SPLIT.truth["y_clean"])
    given = {"task": "regression", "seed": 0, "settings": {"rival": "Huber", "use": "train"}}
    (tmp_path / "task.json").write_text(json.dumps(given))
    main(str(tmp_path))
    values = json.loads((tmp_path / "cost.json").read_text())
    assert {"cpu_seconds", "peak_mb", "mse", "predict_wall_seconds"} <= set(values)


@pytest.mark.parametrize("use", ["train", "true", "line"])
def test_use_decides_what_a_rival_sees(use):
    model = build("regression", 0, {"rival": "Huber", "use": use})(SPLIT)
    error = SPLIT.y_test - model.predict(SPLIT.X_test)
    # Thirty per cent of the labels are shifted by five; clean labels or a line take that away.
    assert (abs(error.mean()) < 0.35) == (use != "train")


def test_ours_use_the_meta_rows_when_told():
    few = {"estimator": {"n_knots": 3}}
    with_meta, without = (
        build("regression", 0, {"use": use, **few})(SPLIT).predict(SPLIT.X_test)
        for use in ("meta", "train")
    )
    assert not np.allclose(with_meta, without)


def test_sleeping_costs_wall_seconds_and_no_processor():
    result, wall, cpu = timed(lambda: time.sleep(0.2) or 7)
    assert result == 7 and wall >= 0.2 and cpu < 0.15


def test_peak_rises_with_what_is_held():
    before = peak_mb()
    held = np.ones(int(8e7))
    assert peak_mb() > before + 300 or before > 600
    del held


def test_one_slow_prediction_says_nothing_of_the_learner(monkeypatch):
    pauses = iter([0.4, 0, 0, 0, 0])

    def predict(model, _, X):
        time.sleep(next(pauses))
        return model.predict(X)

    monkeypatch.setattr(cost_child, "_predict", predict)
    values = measure(SPLIT, "regression", 0, {"rival": "Huber", "use": "train"})
    assert values["predict_wall_seconds"] < 0.2
    assert next(pauses, None) is None
