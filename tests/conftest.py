"""Settings of all tests, and real-file tests: run where the data are, named where they are not.

``@pytest.mark.realdata("adult/adult.data", ...)`` names the files, relative to the data home, that
a test reads. CI sets ``BIAM_DATA_HOME``, so there all of them run. Elsewhere they are deselected,
not skipped, and a line after the collection says which files were wanted.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

from biam.additive import AdditiveModel
from biam.datasets.store import data_home

# Time is no property of the code on shared cores, and a run should fail or pass for good.
settings.register_profile("biam", deadline=None, derandomize=True)
settings.load_profile("biam")

_absent = pytest.StashKey[dict[str, int]]()


def pytest_report_header() -> str:
    return f"biam data home: {data_home()}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, dropped, absent = [], [], {}
    for item in items:
        lacking = _lacking(item)
        (dropped if lacking else kept).append(item)
        for file in lacking:
            absent[file] = absent.get(file, 0) + 1
    config.stash[_absent] = absent
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    absent = config.stash.get(_absent, {})
    return [
        f"biam: {count} real-data tests not run, {file} is not under {data_home()}"
        for file, count in sorted(absent.items())
    ]


def with_surfaces(est: Any, X: Any, pairs: list[tuple[int, int]], seed: int = 0) -> Any:
    """A fitted estimator given these pairs with drawn surfaces, and read anew on its table."""
    old = est.model_
    model = AdditiveModel(
        old.basis,
        old.n_outputs,
        interactions=old.interactions,
        n_ranks=old.n_ranks,
        pairs=pairs,
        centres=torch.tensor(est.column_means_),
    )
    w = torch.zeros(model.layout.size, dtype=torch.float64)
    named, drawn = model.coefficients(w), np.random.default_rng(seed)
    for name, part in old.coefficients(est.w_).items():
        if name != "surfaces":
            named[name].copy_(part)
    named["surfaces"].copy_(0.3 * torch.tensor(drawn.normal(size=named["surfaces"].shape)))
    est.model_, est.w_ = model, w
    est.details_.pop("covariance", None)
    est._summarise(est.encoder_.transform(X))
    return est


@pytest.fixture(scope="session", name="with_surfaces")
def surfaces_fixture() -> Any:
    return with_surfaces


def _lacking(item: pytest.Item) -> list[str]:
    """Files that the test wants and the data home has neither plain nor packed."""
    wanted = [file for mark in item.iter_markers("realdata") for file in mark.args]
    return [file for file in wanted if not _has(data_home() / file)]


def _has(path: Path) -> bool:
    return path.is_file() or path.with_name(path.name + ".gz").is_file()
