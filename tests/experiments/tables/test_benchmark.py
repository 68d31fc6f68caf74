"""Table `benchmark` as data."""

from biam.experiments.cost import LEARNERS
from biam.experiments.hypergradients import RECORDS
from biam.experiments.tables.benchmark import TABLES

(TABLE,) = TABLES


def test_times_are_taken_alone_and_promise_no_equal_bits():
    assert TABLE.alone
    assert not TABLE.exact


def cells(scenario):
    return [cell for cell in TABLE.profiles["full"].cells if cell.scenario.startswith(scenario)]


def test_both_loops_get_the_same_problem():
    loops = cells("published_loop")
    assert {cell.method for cell in loops} == {"double-backward", "one-step"}
    assert len({(cell.scenario, cell.seed) for cell in loops}) == 1


def test_every_hypergradient_gets_both_problems():
    tried = cells("hypergradients/")
    assert len({cell.scenario for cell in tried}) == 2
    assert len({cell.method for cell in tried}) * 2 == len(tried)
    kinds = [tried, cells("published_loop"), cells(LEARNERS)]
    assert len(TABLE.profiles["full"].cells) == sum(map(len, kinds))
    records = {TABLE.method(cell.method).settings["record"] for cell in tried}
    assert records == set(RECORDS)


def test_a_name_says_its_record_and_its_setting():
    for cell in cells("hypergradients/"):
        settings = TABLE.method(cell.method).settings
        family, _, setting = cell.method.partition(":")
        assert family.partition("-")[0] == settings["record"]
        steps = settings.get("options", {}).get("n_steps")
        assert setting == ("" if steps is None else f"n_steps={steps}")
        # Names may be listed with commas on the command line.
        assert "," not in cell.method
