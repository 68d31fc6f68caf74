"""Stored runs are compared with what the code gives now."""

import pandas as pd
import pytest

from biam.exceptions import UnknownNameError
from biam.experiments.runner import reproduce
from biam.experiments.stored import provenance, recompute


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("stored")
    reproduce(["published"], profile="smoke", out=out)
    return out


def test_the_same_code_gives_the_same_numbers(run):
    both = recompute("published", run)
    assert len(both) >= 7
    assert both["equal"].all()
    assert (both["now"] == both["stored"]).all()


def test_a_drifted_number_and_a_lost_one_are_seen(run, tmp_path):
    stored = pd.read_csv(run / "published.csv")
    stored.loc[0, "value"] += 1e-3
    stored.drop(index=1).to_csv(tmp_path / "published.csv", index=False)
    both = recompute("published", tmp_path)
    assert (~both["equal"]).sum() == 2
    assert both["stored"].isna().sum() == 1


def test_unknown_table_is_named(run):
    with pytest.raises(UnknownNameError, match="did you mean 'published'"):
        recompute("publishd", run)


def test_provenance_counts_cells_once(run):
    origin = provenance("published", run)
    assert origin["cells"].tolist() == [4]
    assert origin["profile"].tolist() == ["smoke"]
    assert origin["seconds"].iloc[0] % 5 == 0
