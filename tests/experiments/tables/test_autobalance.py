"""Table `autobalance` as data: searches beside their own starts, one training for all methods."""

from biam.experiments.tables.autobalance import TABLES

(TABLE,) = TABLES
FULL = TABLE.profiles["full"].cells
OF_METHOD = {"loss", "loss_options", "cosine", "learn", "squash", "curve_seeds", "policies"}
OF_SEARCH = {"search_policies", "search", "objective", "blend", "judge"}


def test_every_search_stands_beside_the_loss_it_starts_from():
    starts = {method.settings["loss"] for method in TABLE.methods}
    for scenario in TABLE.scenarios:
        methods = {c.method for c in FULL if c.scenario == scenario.name}
        assert {m for m in ("CE", "LA") if m in starts} <= methods
        assert any("learn" in TABLE.method(name).settings for name in methods)


def test_methods_change_the_loss_and_never_the_training():
    for method in TABLE.methods:
        assert set(method.settings) <= OF_METHOD | OF_SEARCH


def test_group_objectives_are_for_groups():
    for cell in FULL:
        settings = TABLE.parameters(cell)["settings"]
        assert ("objective" in settings) <= ("group" in settings)


def test_smoke_cells_are_those_of_the_full_run_and_need_no_file():
    for cell in TABLE.profiles["smoke"].cells:
        assert cell.scenario.startswith("digits/")
        assert TABLE.parameters(cell, "smoke") == TABLE.parameters(cell, "full")


def test_the_set_up_of_the_issue_is_there():
    scenario = TABLE.scenario("mnist/lt100")
    assert scenario.params == {"dataset": "mnist", "largest": 4000, "ratio": 0.01}
    assert scenario.settings["hidden"] == [300, 100]


def test_quick_has_every_scenario_and_method_and_three_seeds_of_the_claims():
    quick = TABLE.profiles["quick"].cells
    assert {(c.scenario, c.method) for c in quick} == {(c.scenario, c.method) for c in FULL}
    for scenario, method in (("mnist/lt100", "AutoBalance"), ("compas/race", "AutoBalance-DEO")):
        seeds = {c.seed for c in quick if (c.scenario, c.method) == (scenario, method)}
        assert seeds == {c.seed for c in quick if (c.scenario, c.method) == (scenario, "CE")}
        assert len(seeds) == 3
    assert set(quick) < set(FULL) and len(set(quick)) == len(quick)
