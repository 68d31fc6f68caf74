"""Each fault is in the training rows, in the stated amount, and nowhere else."""

import numpy as np
import pytest

from biam.datasets.faulty import FAULTS, _made, make_faulty_table
from biam.exceptions import InvalidInputError, UnknownNameError

SIZES = {"n_train": 2000, "n_meta": 500, "n_target": 400, "n_test": 3000}


def split(fault, dataset="made", seed=3):
    return make_faulty_table(dataset, fault, **SIZES, random_state=seed)


@pytest.mark.parametrize("fault", FAULTS)
def test_parts_have_their_sizes_and_no_row_twice(fault):
    data = split(fault)
    parts = [data.x_train, data.x_meta, data.x_target, data.x_test]
    assert [len(x) for x in parts] == list(SIZES.values())
    assert data.x_train.shape[1] == len(data.movable)
    assert len(np.unique(np.concatenate(parts), axis=0)) == sum(SIZES.values())
    assert data.wrong.mean() == (0.3 if fault == "label noise" else 0.0)


def test_a_rare_class_is_rare_everywhere():
    data = split("rare class")
    for y in (data.y_train, data.y_meta, data.y_test):
        assert y.mean() == pytest.approx(0.04, abs=0.025)
    assert np.array_equal(data.g_train, data.y_train)


def test_a_rare_group_is_rare_among_training_rows_only():
    data = split("rare group")
    assert data.a_train.mean() == pytest.approx(0.05, abs=0.015)
    assert np.mean(data.g_test % 2) == pytest.approx(0.5, abs=0.05)
    assert np.array_equal(data.g_train, 2 * data.y_train + data.a_train)


def test_the_spurious_column_turns_round():
    data = split("spurious feature")
    agree = [
        np.mean((x[:, -1] > 0) == y)
        for x, y in (
            (data.x_train, data.y_train),
            (data.x_meta, data.y_meta),
            (data.x_test, data.y_test),
        )
    ]
    assert agree == pytest.approx([0.95, 0.5, 0.05], abs=0.06)
    assert np.mean((data.x_train[:, -1] > 0) == data.a_train) > 0.995


def test_wrong_labels_are_the_flipped_ones():
    noisy, clean = split("label noise"), split("none")
    assert np.array_equal(noisy.x_train, clean.x_train)
    assert np.array_equal(noisy.y_train != clean.y_train, noisy.wrong)
    assert np.array_equal(noisy.y_test, clean.y_test)


def test_a_shift_moves_every_other_number_of_the_rows_to_come():
    moved, still = split("shift"), split("none")
    assert np.array_equal(moved.x_train, still.x_train)
    for part in ("x_meta", "x_target", "x_test"):
        offset = getattr(moved, part) - getattr(still, part)
        assert offset == pytest.approx(np.tile([1, 0, 1, 0, 1, 0, 0], (len(offset), 1)), abs=1e-5)


def test_signals_say_much_until_they_are_moved():
    data = split("adversary")
    told = data.x_test[:, -6:].sum(1)
    assert np.mean((told > 0) == data.y_test) == pytest.approx(0.89, abs=0.02)
    turned = told - 0.2 * 6 * (2 * data.y_test - 1)
    assert np.mean((turned > 0) == data.y_test) == pytest.approx(0.11, abs=0.02)
    assert data.movable[-6:].all()


def test_the_made_line_turns_with_the_attribute():
    rows, movable = _made(20_000, np.random.default_rng(0))
    slopes = [np.cov(rows.x[rows.a == a, 3], rows.y[rows.a == a])[0, 1] for a in (0, 1)]
    assert slopes[0] > 0.1 and slopes[1] < -0.1
    assert movable.tolist() == [True] * 6 + [False]
    # Two columns mean nothing.
    assert np.abs([np.corrcoef(rows.x[:, j], rows.y)[0, 1] for j in (4, 5)]).max() < 0.02
    assert 0.4 < rows.y.mean() < 0.6


def test_same_seed_same_rows():
    first, again, other = split("shift"), split("shift"), split("shift", seed=4)
    assert np.array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)


def test_wrong_names_and_sizes():
    with pytest.raises(UnknownNameError, match="fault"):
        make_faulty_table("made", "drift")
    with pytest.raises(UnknownNameError, match="data set"):
        make_faulty_table("moons")
    with pytest.raises(InvalidInputError, match="n_meta"):
        make_faulty_table(n_meta=3)


@pytest.mark.realdata("adult/adult.data", "adult/adult.test")
def test_adult_has_five_numbers_and_indicators():
    data = split("rare group", "adult")
    assert data.movable.sum() == 5 and not data.movable[5:].any()
    assert set(np.unique(data.x_train[:, 5:])) == {0.0, 1.0}
    assert np.array_equal(data.x_train[:, 5].astype(int), data.a_train)
    assert data.a_train.mean() == pytest.approx(0.05, abs=0.015)
