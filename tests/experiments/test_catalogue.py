"""The catalogue is sound: every name leads somewhere, and no published cell is left out."""

import json
import pkgutil
import subprocess
import sys

import pytest

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.catalogue import TABLES, select
from biam.experiments.records import PROFILES, Cell
from biam.experiments.report import published_numbers

ALL = sorted(TABLES)


@pytest.mark.parametrize("name", ALL)
def test_profiles_hold_known_cells_once(name):
    table = TABLES[name]
    assert table.name == name
    assert tuple(table.profiles) == PROFILES
    full = table.profiles["full"].cells
    for profile in table.profiles.values():
        assert len(set(profile.cells)) == len(profile.cells) > 0
        assert set(profile.cells) <= set(full)
        assert profile.minutes > 0
    for cell in full:
        assert cell.table == name
        table.scenario(cell.scenario), table.method(cell.method)


@pytest.mark.parametrize("name", ALL)
def test_every_scenario_and_method_is_used(name):
    table, cells = TABLES[name], TABLES[name].profiles["full"].cells
    assert {c.scenario for c in cells} == {s.name for s in table.scenarios}
    assert {c.method for c in cells} == {m.name for m in table.methods}


@pytest.mark.parametrize("name", ALL)
def test_addresses_lead_to_functions(name):
    table = TABLES[name]
    for address in [s.make for s in table.scenarios] + [m.run for m in table.methods]:
        assert callable(pkgutil.resolve_name(address))


@pytest.mark.parametrize("name", ALL)
def test_parameters_are_plain_data(name):
    table = TABLES[name]
    for profile, plan in table.profiles.items():
        for cell in plan.cells:
            parameters = table.parameters(cell, profile)
            assert json.loads(json.dumps(parameters)) == parameters


def test_published_cells_are_those_with_published_numbers():
    numbers = published_numbers()
    numbers = numbers[numbers["table"] == "published"].astype({"seed": int})
    cells = {Cell(*row) for row in numbers[["table", "scenario", "method", "seed"]].to_numpy()}
    assert cells == set(TABLES["published"].profiles["full"].cells)
    assert (numbers["note"] != "stated in the text").sum() == 25


def test_smoke_is_four_cells_and_quick_is_all():
    profiles = TABLES["published"].profiles
    assert len(profiles["smoke"].cells) == 4
    assert profiles["quick"].cells == profiles["full"].cells


def test_profile_settings_come_on_top():
    table = TABLES["benchmark"]
    cell = table.profiles["full"].cells[0]
    assert table.parameters(cell, "full")["settings"]["repeats"] == 5
    assert table.parameters(cell, "smoke")["settings"]["repeats"] == 1
    assert not table.exact


def test_select_filters_in_catalogue_order():
    cells = select(["published"], "full", methods=["BIAM-B", "BIAM"], seeds=[7])
    assert [(c.scenario, c.method) for c in cells][:4] == [
        ("regression/clean", "BIAM"),
        ("regression/clean", "BIAM-B"),
        ("regression/noise30_missing20", "BIAM"),
        ("regression/noise30_missing20", "BIAM-B"),
    ]
    # Seeds that are named take the place of the profile's.
    assert {c.seed for c in cells} == {7}
    assert {c.table for c in select(profile="smoke")} == set(TABLES)
    assert select(["published", "published"]) == select(["published"])


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"tables": ["publishd"]}, "unknown table 'publishd': did you mean 'published'"),
        ({"scenarios": ["regression/claen"]}, "did you mean 'regression/clean'"),
        ({"methods": ["BIAMB"]}, "did you mean 'BIAM-B'"),
        ({"profile": "fast"}, "known: smoke, quick, full"),
    ],
)
def test_wrong_names_get_near_matches(filters, text):
    with pytest.raises(UnknownNameError, match=text):
        select(**filters)


def test_an_empty_selection_is_an_error():
    with pytest.raises(InvalidInputError, match="no cell of profile 'smoke'"):
        select(["published"], "smoke", scenarios=["regression/noise30"])


def test_reading_the_catalogue_imports_nothing_heavy():
    code = """
import sys
import biam.experiments.catalogue
heavy = {"torch", "pandas", "sklearn", "numpy", "joblib"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
