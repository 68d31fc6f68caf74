"""Table `benchmark` as data."""

from biam.experiments.tables.benchmark import TABLES

(TABLE,) = TABLES


def test_times_are_taken_alone_and_promise_no_equal_bits():
    assert TABLE.alone
    assert not TABLE.exact


def test_both_loops_get_the_same_problem():
    cells = TABLE.profiles["full"].cells
    assert {cell.method for cell in cells} == {"double-backward", "one-step"}
    assert len({(cell.scenario, cell.seed) for cell in cells}) == 1
