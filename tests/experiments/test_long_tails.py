"""Long tails and groups: sizes as asked for, parts that do not meet, codes that can be read."""

import numpy as np
import pandas as pd
import pytest
import torch

from biam.datasets.synthetic import Split
from biam.exceptions import InvalidInputError
from biam.experiments.long_tails import make_long_tail, prepare, validation_part
from biam.lower import Rows


def test_sizes_fall_geometrically():
    split = make_long_tail(largest=100, ratio=0.05)
    sizes = np.bincount(split.y_train)
    assert sizes[0] == 100 and sizes[-1] == 5
    np.testing.assert_allclose(sizes, 100 * 0.05 ** (np.arange(10) / 9), atol=0.5)
    assert split.X_train.shape == (sizes.sum(), 64)
    assert len(split.y_test) == 450 and not len(split.y_meta)
    assert abs(split.X_train.mean()) < 1e-9 and split.X_train.std() == pytest.approx(1)


def test_training_and_test_rows_do_not_meet_and_follow_the_seed():
    first, again, other = (make_long_tail(random_state=s) for s in (1, 1, 2))
    assert np.array_equal(first.X_train, again.X_train)
    assert not np.array_equal(first.y_train, other.y_train)
    rows = {row.tobytes() for row in first.X_train}
    assert len(rows) == len(first.X_train)
    assert not any(row.tobytes() in rows for row in first.X_test)


def test_impossible_sizes_are_said():
    with pytest.raises(InvalidInputError, match="class 0"):
        make_long_tail(largest=5000)
    with pytest.raises(InvalidInputError, match="class 6"):
        make_long_tail(largest=100, ratio=0.001)


def frame(n, seed):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"x": rng.normal(size=n), "who": pd.Categorical(np.where(np.arange(n) % 3, "a", "b"))}
    )


def table():
    X, y = frame(60, 0), np.arange(60) % 2
    return Split(X, y, frame(12, 1), np.arange(12) % 2, frame(30, 2), np.arange(30) % 2, y < 0)


def test_codes_hold_class_and_group():
    split = table()
    case = prepare(split, {"group": ["who", "b"]})
    assert case.shape == (2, 2)
    assert len(case.rows) == 72, "meta rows are training rows here"
    group, label = case.test.y // 2, case.test.y % 2
    assert torch.equal(label, torch.as_tensor(split.y_test))
    assert np.array_equal(group.numpy() == 1, (split.X_test["who"] == "b").to_numpy())
    assert case.counts.sum() == 72 and case.counts.shape == (2, 2)
    assert case.rows.inputs.shape[1] == case.test.inputs.shape[1] == 3
    alone = prepare(split, {})
    assert alone.shape == (1, 2) and int(alone.rows.y.max()) == 1


def test_a_group_without_a_class_is_said():
    split = table()
    with pytest.raises(InvalidInputError, match="every group"):
        prepare(split, {"group": ["who", "c"]})


def test_every_code_is_judged_if_it_can_be():
    y = torch.tensor([0] * 50 + [1] * 7 + [2] * 2 + [3])
    rows = Rows(torch.arange(60.0)[:, None], y)
    first, second = validation_part(rows, 0.2, 0)
    assert torch.bincount(second.y, minlength=4).tolist() == [10, 1, 1, 0]
    together = torch.cat([first.inputs, second.inputs])[:, 0].sort().values
    assert torch.equal(together, torch.arange(60.0))
    assert torch.equal(first.y, y[first.inputs[:, 0].long()])
