"""Groups are label times attribute; inputs are numbers scaled by the training rows."""

import numpy as np
import pytest

from biam.datasets.grouped import GroupedSplit, label_groups, make_fairness_split
from biam.exceptions import InvalidInputError, UnknownNameError


def test_groups_tell_label_and_attribute():
    groups = label_groups(np.array([0, 0, 1, 1]), np.array([False, True, False, True]))
    assert groups.tolist() == [0, 1, 2, 3]
    assert groups.dtype == np.int64


def test_parts_must_be_as_long():
    one, two = np.zeros((1, 2)), np.zeros(2)
    with pytest.raises(InvalidInputError, match=r"train rows .* got \[1, 2, 2\]"):
        GroupedSplit(one, two, two, two, two, two)


def test_unknown_set():
    with pytest.raises(UnknownNameError, match="known: adult, compas"):
        make_fairness_split("german")


@pytest.mark.realdata("compas/compas-scores-two-years.csv")
def test_compas_is_cut_scaled_and_grouped_by_race():
    split = make_fairness_split("compas", random_state=1)
    assert len(split.y_train) + len(split.y_test) == 6172
    assert len(split.y_test) == 1852
    marks, names = split.truth["indicators"], split.truth["names"]
    assert len(marks) == len(names) == split.x_train.shape[1]
    assert set(np.unique(split.x_train[:, marks])) == {0, 1}
    numbers = split.x_train[:, ~marks]
    np.testing.assert_allclose(numbers.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(numbers.std(0), 1, atol=1e-3)
    white = split.x_train[:, names.index("race_Caucasian")]
    np.testing.assert_array_equal(split.g_train, 2 * split.y_train + white)
    again = make_fairness_split("compas", n_train_rows=500, random_state=1)
    assert len(again.y_train) == 500
    np.testing.assert_array_equal(again.y_test, split.y_test)
    other = make_fairness_split("compas", random_state=2)
    assert not np.array_equal(other.y_test, split.y_test)


@pytest.mark.realdata("adult/adult.data", "adult/adult.test")
def test_adult_keeps_its_official_test_rows():
    split = make_fairness_split("adult", n_train_rows=1000, random_state=1)
    assert (len(split.y_train), len(split.y_test)) == (1000, 16281)
    men = split.x_test[:, split.truth["names"].index("sex_Male")]
    np.testing.assert_array_equal(split.g_test, 2 * split.y_test + men)
    assert np.isfinite(split.x_test).all()
