"""Table `published` as data."""

from biam.experiments.tables.published import TABLES

(TABLE,) = TABLES


def test_smoke_is_four_cells_one_of_each_variant():
    cells = TABLE.profiles["smoke"].cells
    assert {cell.method for cell in cells} == {"BIAM", "BIAM-B", "BIAM-H", "BIAM-I"}
    assert TABLE.profiles["quick"].cells == TABLE.profiles["full"].cells


def test_settings_are_those_printed_with_the_numbers():
    epochs = {scenario.name: scenario.settings["epochs"] for scenario in TABLE.scenarios}
    assert epochs.pop("classification/clean") == 60
    assert epochs.pop("extrapolation/domain_shift") == 80
    assert set(epochs.values()) == {40}
