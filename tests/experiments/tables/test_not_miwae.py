"""Tables `not-miwae` and `not-miwae-toys` as data."""

from biam.experiments.hidden import SETS
from biam.experiments.imputing import MECHANISMS
from biam.experiments.records import SEEDS
from biam.experiments.stated_imputation import PAPER, stated_numbers
from biam.experiments.tables.not_miwae import TABLES

UCI, TOYS = TABLES


def test_every_published_row_has_its_cells_on_all_six_sets():
    cells = UCI.profiles["full"].cells
    rows = stated_numbers("not-miwae")
    paper = rows[rows["source"] == PAPER]
    assert set(paper["scenario"]) == set(SETS)
    pairs = set(paper[["scenario", "method"]].itertuples(index=False, name=None))
    assert pairs <= {(cell.scenario, cell.method) for cell in cells}


def test_deep_methods_run_five_times_and_the_rest_once():
    cells = UCI.profiles["full"].cells
    runs = {}
    for cell in cells:
        if cell.scenario == "breast":
            runs.setdefault(cell.method, set()).add(cell.seed)
    for method in UCI.methods:
        deep = method.run.endswith(":deep")
        assert runs[method.name] == (set(SEEDS) if deep else {SEEDS[0]})


def test_the_cutoff_is_swept_on_each_set():
    swept = {
        (s.params["dataset"], s.params["cutoff"]) for s in UCI.scenarios if "cutoff" in s.params
    }
    assert swept == {(name, cutoff) for name in SETS for cutoff in (0.25, 0.5, 0.75, 1.0)}


def test_smoke_and_quick_are_part_of_full_with_its_settings():
    for table in TABLES:
        full = table.profiles["full"]
        for name in ("smoke", "quick"):
            profile = table.profiles[name]
            assert set(profile.cells) <= set(full.cells)
            assert (profile.settings, profile.params) == (full.settings, full.params)
        assert {c.scenario for c in table.profiles["smoke"].cells} <= {"breast", "gaussian"}


def test_mechanisms_are_known_and_on_the_toy_they_belong_to():
    given = {m.name: m.settings["mechanism"] for m in TOYS.methods if "mechanism" in m.settings}
    assert set(given.values()) == set(MECHANISMS)
    where = {
        (c.scenario, given[c.method]) for c in TOYS.profiles["full"].cells if c.method in given
    }
    assert where == {("ring", "upper-quarter"), ("mnist", "grey"), ("digits", "grey")}
