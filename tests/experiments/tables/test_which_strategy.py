"""Table `which-strategy` as data: all against all, with one set of options."""

from biam.datasets.faulty import FAULTS
from biam.experiments.tables.which_strategy import BASES, HEADLINE, RADIUS, TABLES, USES_META

(TABLE,) = TABLES


def test_every_method_meets_every_fault():
    names = {f"{base}/{fault}" for base in BASES for fault in FAULTS}
    assert {scenario.name for scenario in TABLE.scenarios} == names
    for profile in ("quick", "full"):
        cells = TABLE.profiles[profile].cells
        seeds = {cell.seed for cell in cells}
        assert len(cells) == len(names) * len(TABLE.methods) * len(seeds)


def test_every_fault_has_a_headline():
    assert tuple(HEADLINE) == FAULTS


def test_scenarios_differ_by_rows_and_attack_alone():
    for scenario in TABLE.scenarios:
        attack = {"radius": RADIUS} if scenario.name.endswith("adversary") else {}
        assert {**TABLE.scenarios[0].settings, **attack} == scenario.settings


def test_methods_with_meta_rows_are_listed():
    told = [
        m.name
        for m in TABLE.methods
        if m.settings.get("meta") or "meta" in m.settings.get("rows", "")
    ]
    assert tuple(told) == USES_META


def test_smoke_needs_no_file():
    smoke = TABLE.profiles["smoke"].cells
    assert set(smoke) <= set(TABLE.profiles["quick"].cells)
    assert all(cell.scenario.startswith("made/") for cell in smoke)
