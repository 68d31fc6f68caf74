"""Tables of real data: every set under every damage, and what each profile may ask for."""

import inspect
import pkgutil

import numpy as np
import pytest

from biam.baselines.registry import RIVALS
from biam.datasets import DATASETS, EMBEDDED, load_dataset
from biam.experiments.learners import SCORES
from biam.experiments.records import SEEDS
from biam.experiments.tables.real import _CAN_BE_RARER, TABLES
from biam.metrics import METRICS

CLASSES, NUMBERS = TABLES
# Data sets near either end of the rule, and the files they are read from.
SIZED = {
    "german-credit": "statlog-german-credit/german.data",
    "pima": "pima-diabetes/pima-indians-diabetes.data",
    "keel-vowel0": "keel/vowel0.dat",
    "keel-ecoli4": "keel/ecoli4.dat",
    "keel-yeast4": "keel/yeast4.dat",
    "fertility": "fertility/fertility_Diagnosis.txt",
}


def datasets(table):
    return list(dict.fromkeys(scenario.params["dataset"] for scenario in table.scenarios))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_names_are_known_and_said_once(table):
    for things in (table.scenarios, table.methods):
        names = [thing.name for thing in things]
        assert len(set(names)) == len(names)
    assert set(datasets(table)) <= set(DATASETS)
    for method in table.methods:
        run = pkgutil.resolve_name(method.run)
        assert list(inspect.signature(run).parameters) == ["split", "task", "seed", "settings"]
        if "rival" in method.settings:
            assert table.scenarios[0].task in RIVALS[method.settings["rival"]].tasks
            assert method.name.endswith("+meta") == (method.settings["setting"] == "meta")
    assert set(table.headline) <= set(METRICS)
    for scenario in table.scenarios:
        assert tuple(scenario.settings["scores"]) == SCORES[scenario.task]


def test_the_sets_of_the_protocol_are_all_there():
    assert len(datasets(CLASSES)) == 33
    assert sum(name.startswith("keel-") for name in datasets(CLASSES)) == 12
    assert {name for name in DATASETS if name.startswith("keel-")} <= set(datasets(CLASSES))
    assert len(datasets(NUMBERS)) == 8


def test_every_set_meets_every_damage():
    for table in TABLES:
        for name in datasets(table):
            damages = {
                s.name.rpartition("/")[2]
                for s in table.scenarios
                if s.name[: len(name) + 1] == f"{name}/"
            }
            assert len(damages) == (8 if name in _CAN_BE_RARER else 7)
            assert ("imb20" in damages) == (name in _CAN_BE_RARER)
    clean = CLASSES.scenario("adult/clean").params
    assert clean == {"dataset": "adult"}


def test_profiles():
    for table in TABLES:
        smoke, quick, full = (table.profiles[name] for name in ("smoke", "quick", "full"))
        assert {c.scenario.partition("/")[0] for c in smoke.cells} <= set(EMBEDDED)
        assert len(full.cells) == len(table.scenarios) * len(table.methods) * len(SEEDS)
        assert set(quick.cells) < set(full.cells)
        assert set(smoke.cells) < set(full.cells)
        assert {c.seed for c in quick.cells} == {42, 7}
        assert table.parameters(quick.cells[0], "quick")["params"]["max_rows"] == 1000
        # Ranks need every method in every scenario.
        methods = {c.method for c in quick.cells}
        scenarios = {c.scenario for c in quick.cells}
        assert len(quick.cells) == len(methods) * len(scenarios) * 2
        assert {f"{n}+meta" for n in ("Lasso", "EBM-main", "HGB", "CatBoost", "cleanlab")} < methods
        assert smoke.minutes < quick.minutes < full.minutes


@pytest.mark.parametrize(
    "name",
    ["breast-cancer"]
    + [pytest.param(name, marks=pytest.mark.realdata(file)) for name, file in SIZED.items()],
)
def test_rare_classes_are_made_where_that_leaves_enough_rows(name):
    rare, common = np.sort(np.bincount(load_dataset(name).y))
    enough = 0.05 * 0.75 * 0.95 * common >= 15
    assert (name in _CAN_BE_RARER) == (enough and rare / common > 0.05)
