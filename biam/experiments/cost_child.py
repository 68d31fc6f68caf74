"""What runs in a process of its own while a learner's cost is measured.

    python -m biam.experiments.cost_child FOLDER

reads ``split.npz`` and ``task.json`` there, fits, predicts, and writes ``cost.json`` beside them.
A fresh process is the only one whose peak of memory is the learner's own: the table is made
elsewhere, and no earlier fit has left its arrays behind.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from biam.baselines.line import LineCorrected
from biam.baselines.registry import make_rival
from biam.datasets.synthetic import Split
from biam.estimators import BIAMClassifier, BIAMRegressor
from biam.metrics import evaluate
from biam.solvers.fitted import one_thread

__all__ = ["SCORES", "build", "main", "peak_mb", "timed"]

SCORES = {
    "regression": ("mse", "mae", "r2"),
    "classification": ("auprc", "auroc", "f1_macro", "accuracy", "log_loss"),
}
"""Metrics of the clean test rows, by task."""

# Rows of a first fit that is not timed: it loads what a library loads late.
_WARM = 300
# A hundredth of a second is measured more than once.
_PREDICTIONS = 5
_MB = 2**20


def main(folder: str) -> None:
    """Measure the learner that the files of `folder` describe.

    Parameters
    ----------
    folder : str
        Holds ``split.npz``, the arrays of a `Split`, and ``task.json``: "task", "seed", "settings".
    """
    place = Path(folder)
    with np.load(place / "split.npz") as file:
        arrays = dict(file)
    split = Split(truth={"y_clean": arrays.pop("y_clean")}, **arrays)
    given = json.loads((place / "task.json").read_text(encoding="utf-8"))
    with one_thread(), threadpool_limits(1):
        values = measure(split, given["task"], given["seed"], given["settings"])
    (place / "cost.json").write_text(json.dumps(values), encoding="utf-8")


def measure(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Seconds, memory and scores of one fit; parameters and keys as in `cost.measure_cost`."""
    fit = build(task, seed, settings)
    fit(_head(split))
    before = peak_mb()
    model, wall, cpu = timed(lambda: fit(split))
    runs = [timed(lambda: _predict(model, task, split.X_test)) for _ in range(_PREDICTIONS)]
    prediction = runs[0][0]
    values = {
        "cpu_seconds": cpu,
        "wall_seconds": wall,
        "predict_cpu_seconds": float(np.median([cpu for _, _, cpu in runs])),
        "predict_wall_seconds": float(np.median([wall for _, wall, _ in runs])),
        "peak_mb": peak_mb(),
        "idle_mb": before,
    }
    if task == "regression":
        return values | evaluate(SCORES[task], split.y_test, prediction)
    labels = model.classes_[prediction.argmax(1)]
    return values | evaluate(SCORES[task], split.y_test, labels, prediction)


def build(task: str, seed: int, settings: Mapping[str, Any]) -> Callable[[Split], Any]:
    """The fit of a learner, as a function of a split.

    Parameters
    ----------
    task : {"regression", "classification"}
    seed : int
    settings : mapping
        "rival": name of a rival, in its fair setting with "options"; without it our own estimator,
        whose keywords are "estimator". "use": "train" (the noisy rows alone), "true" (their true
        labels), "meta" (ours: the meta rows too), "line" (rivals: corrected by a line on them).
    """
    use = settings["use"]
    if "rival" in settings:
        model = make_rival(settings["rival"], task, "fair", seed, **settings.get("options", {}))
        model = LineCorrected(model) if use == "line" else model
    else:
        kind = BIAMRegressor if task == "regression" else BIAMClassifier
        model = kind(progress=False, random_state=seed, **settings.get("estimator", {}))

    def fit(split: Split) -> Any:
        y = split.truth["y_clean"] if use == "true" else split.y_train
        more = (split.X_meta, split.y_meta) if use in ("meta", "line") else ()
        return model.fit(split.X_train, y, *more)

    return fit


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result, wall seconds, and processor seconds of the process and of children it waited for."""
    start, cpu = time.perf_counter(), _processor_seconds()
    result = work()
    return result, time.perf_counter() - start, _processor_seconds() - cpu


def peak_mb() -> float:
    """Largest resident memory of this process so far, in MiB.

    Linux keeps it per program; elsewhere the system's own count has to do.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (_MB if sys.platform == "darwin" else 1024)


def _processor_seconds() -> float:
    """Of this process, exact where the system counts finely, and of children it waited for."""
    children = os.times()
    return time.process_time() + children.children_user + children.children_system


def _predict(model: Any, task: str, X: np.ndarray) -> np.ndarray:
    return model.predict(X) if task == "regression" else model.predict_proba(X)


def _head(split: Split) -> Split:
    """The first few rows of every part."""
    parts = {
        f"{kind}_{part}": getattr(split, f"{kind}_{part}")[:_WARM]
        for kind in "Xy"
        for part in ("train", "meta", "test")
    }
    clean = split.truth["y_clean"][:_WARM]
    return Split(**parts, mask=split.mask[:_WARM], truth={"y_clean": clean})


if __name__ == "__main__":
    main(sys.argv[1])
