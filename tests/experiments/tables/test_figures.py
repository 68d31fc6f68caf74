"""Table `figures`: its scenarios, its cells, and the smoke cells end to end."""

import json
import pkgutil

from biam.experiments.curves import DRAWINGS, MODELS
from biam.experiments.records import SEEDS
from biam.experiments.tables.figures import TABLES

(FIGURES,) = TABLES


def test_every_figure_of_the_issue_has_its_scenarios():
    names = [scenario.name for scenario in FIGURES.scenarios]
    assert len(names) == len(set(names)) == 14
    groups = list(dict.fromkeys(name.partition("/")[0] for name in names))
    assert groups == ["shapes", "missing", "adult", "pairs", "rate", "weights"]
    drawn = {scenario.settings["draw"] for scenario in FIGURES.scenarios}
    assert drawn == set(DRAWINGS)


def test_profiles():
    full, quick, smoke = (FIGURES.profiles[name].cells for name in ("full", "quick", "smoke"))
    assert len(full) == len(set(full))
    assert {cell.seed for cell in full} == set(SEEDS)
    assert {cell.seed for cell in quick} == {42, 7}
    assert set(smoke) <= set(quick) <= set(full)
    assert "adult" not in {cell.scenario for cell in smoke}
    scenarios = {scenario.name for scenario in FIGURES.scenarios}
    assert {cell.scenario for cell in full} == scenarios
    assert {cell.method for cell in full} == {method.name for method in FIGURES.methods}


def test_parameters_are_plain_and_addresses_resolve():
    for cell in FIGURES.profiles["full"].cells:
        given = FIGURES.parameters(cell)
        assert json.loads(json.dumps(given)) == given
        assert callable(pkgutil.resolve_name(given["make"]))
        assert callable(pkgutil.resolve_name(given["run"]))
        assert given["settings"]["model"] in MODELS


def test_rates_are_said_twice_and_agree():
    for scenario in FIGURES.scenarios:
        if scenario.name.startswith("rate/"):
            assert scenario.settings["rate"] == scenario.params["noise_rate"]
            assert scenario.name == f"rate/noise{scenario.params['noise_rate'] * 100:02.0f}"


def test_smoke_cells_run():
    for cell in FIGURES.profiles["smoke"].cells:
        given = FIGURES.parameters(cell, "smoke")
        data = pkgutil.resolve_name(given["make"])(**given["params"], random_state=cell.seed)
        run = pkgutil.resolve_name(given["run"])
        metrics, points = run(data, given["task"], cell.seed, given["settings"])
        assert all(value > 0.9 for name, value in metrics.items() if "correlation" in name)
        assert {"curve", "x", "z", "value"} == set(points[0])
