"""Table `flips` as data: one protocol, three rates, embedded data for the smoke profile."""

from biam.datasets import DATASETS as LOADERS
from biam.experiments.tables.flips import DATASETS, TABLES
from biam.experiments.tables.real import TABLES as REAL

(TABLE,) = TABLES


def test_each_set_is_seen_at_each_rate_by_each_method():
    cells = TABLE.profiles["full"].cells
    assert set(DATASETS) <= set(LOADERS)
    for dataset in DATASETS:
        for damage, rate in (("clean", 0.0), ("noise20", 0.2), ("noise30", 0.3)):
            scenario = TABLE.scenario(f"{dataset}/{damage}")
            assert scenario.params == {"dataset": dataset, "noise_rate": rate}
            here = [cell for cell in cells if cell.scenario == scenario.name]
            assert len({cell.seed for cell in here}) == 5
            assert {"BIAM-X", "BIAM-X-no-meta", "EBM-main", "cleanlab", "CatBoost"} <= {
                cell.method for cell in here
            }


def test_rows_are_those_of_the_table_of_many_sets():
    (classes, *_) = (table for table in REAL if table.name == "real-classification")
    for name in ("adult/noise20", "heloc/noise30"):
        ours, theirs = TABLE.scenario(name), classes.scenario(name)
        assert ours.make == theirs.make and ours.params == theirs.params


def test_smoke_needs_no_files():
    smoke = TABLE.profiles["smoke"]
    sets = {TABLE.scenario(cell.scenario).params["dataset"] for cell in smoke.cells}
    assert sets == {"breast-cancer"} and not smoke.params
