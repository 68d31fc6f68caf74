"""The protocol of real tables: same rows whatever the damage, exact rates, one stream a purpose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.datasets import DATASETS, Dataset, load_dataset
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments import real
from biam.experiments.real import make_real_split

DAMAGES = {
    "noise": {"noise_rate": 0.3},
    "imbalance": {"imbalance": 0.05},
    "mcar": {"missing_rate": 0.2},
    "mar": {"missing_rate": 0.2, "mechanism": "mar"},
    "mnar": {"missing_rate": 0.2, "mechanism": "mnar"},
}
PARTS = ("train", "meta", "test")


def made(y, task="binary", n_train=None):
    """A data set with a number, a number with gaps and a category; the number names the row."""
    n = len(y)
    gap = np.where(np.arange(n) % 4 == 0, np.nan, np.arange(n) % 7)
    kind = pd.Categorical(np.where(np.arange(n) % 3 == 0, "a", "b"))
    X = pd.DataFrame({"row": np.arange(n, dtype=float), "gap": gap, "kind": kind})
    return Dataset("made", X, pd.Series(y), task, "", "", "", n_train=n_train)


@pytest.fixture
def give(monkeypatch):
    """Registers a made data set under the name "made"."""

    def register(*args, **options):
        monkeypatch.setitem(DATASETS, "made", lambda: made(*args, **options))

    return register


def labels(n, rare):
    return np.repeat([0, 1], [n - rare, rare])


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_test_and_meta_rows_do_not_depend_on_the_damage(damage):
    clean = make_real_split("breast-cancer", random_state=7)
    hurt = make_real_split("breast-cancer", **damage, random_state=7)
    for part in ("meta", "test"):
        np.testing.assert_array_equal(clean.truth["rows"][part], hurt.truth["rows"][part])
        before, after = getattr(clean, f"X_{part}"), getattr(hurt, f"X_{part}")
        assert ((after == before) | after.isna()).all(axis=None)
        np.testing.assert_array_equal(getattr(clean, f"y_{part}"), getattr(hurt, f"y_{part}"))
    left = hurt.truth["rows"]["train"]
    assert len(left) == len(hurt.X_train) == len(hurt.y_train) == len(hurt.mask)
    place = np.searchsorted(clean.truth["rows"]["train"], left)
    before = clean.X_train.iloc[place].reset_index(drop=True)
    assert ((hurt.X_train == before) | hurt.X_train.isna()).all(axis=None)
    np.testing.assert_array_equal(hurt.truth["y_clean"], clean.truth["y_clean"][place])


def test_parts_are_disjoint_complete_and_of_the_right_size():
    split = make_real_split("breast-cancer", random_state=1)
    rows = [split.truth["rows"][name] for name in PARTS]
    np.testing.assert_array_equal(np.sort(np.concatenate(rows)), np.arange(569))
    assert len(rows[2]) == round(569 / 4)
    assert len(rows[1]) == round(0.05 * (569 - 142))
    data = load_dataset("breast-cancer")
    for name, part in zip(PARTS, rows, strict=True):
        frame = getattr(split, f"X_{name}")
        pd.testing.assert_frame_equal(frame, data.X.iloc[part].reset_index(drop=True))
    share = data.y.mean()
    assert split.y_test.mean() == pytest.approx(share, abs=1 / 142)
    assert split.y_meta.mean() == pytest.approx(share, abs=1 / 21)


def test_seeds_give_other_rows_and_one_seed_the_same():
    one, again, other = (
        make_real_split("diabetes", noise_rate=0.1, random_state=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.y_train, again.y_train)
    pd.testing.assert_frame_equal(one.X_train, again.X_train)
    assert not np.array_equal(one.truth["rows"]["test"], other.truth["rows"]["test"])


@pytest.mark.parametrize("rate", [0, 0.1, 0.2, 0.3])
def test_flipped_labels_are_counted_and_marked(rate):
    split = make_real_split("breast-cancer", noise_rate=rate, random_state=3)
    assert split.mask.sum() == round(rate * len(split.y_train))
    np.testing.assert_array_equal(split.mask, split.y_train != split.truth["y_clean"])
    y = load_dataset("breast-cancer").y.to_numpy()
    for name in ("meta", "test"):
        np.testing.assert_array_equal(getattr(split, f"y_{name}"), y[split.truth["rows"][name]])


def test_regression_is_standardised_before_the_shift():
    split = make_real_split("diabetes", noise_rate=0.3, random_state=3)
    clean = split.truth["y_clean"]
    assert (clean.mean(), clean.std()) == pytest.approx((0, 1))
    assert split.mask.sum() == round(0.3 * len(clean))
    np.testing.assert_array_equal(split.y_train[~split.mask], clean[~split.mask])
    shift = split.y_train[split.mask] - clean[split.mask]
    assert shift.mean() == pytest.approx(1, abs=4 * 0.5 / np.sqrt(len(shift)))
    y = load_dataset("diabetes").y.to_numpy()
    for name in ("meta", "test"):
        units = getattr(split, f"y_{name}") * split.truth["y_scale"] + split.truth["y_centre"]
        np.testing.assert_allclose(units, y[split.truth["rows"][name]])


def test_imbalance_is_made_in_the_training_rows_alone():
    clean = make_real_split("breast-cancer", random_state=5)
    split = make_real_split("breast-cancer", imbalance=0.05, random_state=5)
    rare, common = np.bincount(split.y_train)
    # Benign, class 1, is the common one: all of its rows stay.
    assert common == (clean.y_train == 1).sum()
    assert rare == round(0.05 * common)
    np.testing.assert_array_equal(split.y_test, clean.y_test)


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_gaps_come_on_top_of_native_ones_in_every_part(give, mechanism):
    give(labels(4000, 1000))
    native = make_real_split("made", random_state=0)
    split = make_real_split("made", missing_rate=0.2, mechanism=mechanism, random_state=0)
    for name in PARTS:
        before, after = getattr(native, f"X_{name}").isna(), getattr(split, f"X_{name}").isna()
        assert (after | ~before).all(axis=None)
        given_cells = (~before).to_numpy().sum()
        hidden = (after & ~before).to_numpy().sum() / given_cells
        assert hidden == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / given_cells))
    kind = split.X_train["kind"]
    assert isinstance(kind.dtype, pd.CategoricalDtype)
    assert kind.isna().mean() == pytest.approx(0.2, abs=0.04)
    rows = split.truth["rows"]["train"]
    low, high = (split.X_train["row"].isna()[part].mean() for part in (rows < 2000, rows >= 2000))
    assert (high > 2 * low) == (mechanism == "mnar")


def test_official_split_stays_under_every_seed(give):
    give(labels(200, 80), n_train=150)
    rows = [make_real_split("made", random_state=s).truth["rows"] for s in (1, 2)]
    for part in rows:
        np.testing.assert_array_equal(part["test"], np.arange(150, 200))
    few = make_real_split("made", max_rows=100, random_state=1).truth["rows"]
    assert sum(map(len, few.values())) == 100
    assert few["test"].min() >= 150 > max(few["train"].max(), few["meta"].max())


def test_fewer_rows_keep_the_shares_of_the_classes(give):
    give(labels(1000, 100))
    split = make_real_split("made", max_rows=200, random_state=4)
    total = sum(len(getattr(split, f"y_{name}")) for name in PARTS)
    rare = sum(getattr(split, f"y_{name}").sum() for name in PARTS)
    assert (total, rare) == (200, 20)
    assert len(split.truth["rows"]["train"]) + len(split.y_meta) == 150


def test_meta_rows_hold_both_classes_where_there_are_enough(give):
    give(labels(2000, 12))
    split = make_real_split("made", random_state=0)
    assert np.bincount(split.y_meta).tolist() == [73, 2]
    assert np.bincount(split.y_train)[1] == 7
    give(labels(9000, 4500))
    assert len(make_real_split("made", random_state=0).y_meta) == 300
    give(labels(60, 30))
    assert len(make_real_split("made", random_state=0).y_meta) == 10


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=5).filter(sum),
    st.floats(0, 1),
    st.integers(1, 2),
    st.integers(0, 99),
)
def test_drawn_rows_are_distinct_and_leave_some_of_each_class(sizes, share, least, seed):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.arange(len(codes)) + 5
    count = int(share * len(rows))
    codes = np.concatenate([np.full(5, 0), codes])
    chosen = real._drawn(codes, rows, count, np.random.default_rng(seed), least=least)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(rows)
    taken = np.bincount(codes[chosen], minlength=len(sizes))
    for code, size in enumerate(sizes):
        if code != int(np.argmax(sizes)):
            assert taken[code] >= min(least, max(size - least, 0))
            assert size - taken[code] >= min(least, size)


def test_columns_with_hardly_a_training_value_are_dropped_from_all_parts(monkeypatch):
    data = made(labels(100, 40))
    seen = make_given(monkeypatch, data).truth["rows"]["train"]
    for count, kept in ((9, False), (10, True)):
        column = pd.Series(np.nan, index=data.X.index)
        column[seen[:count]] = 1.0
        split = make_given(monkeypatch, replace(data, X=data.X.assign(rare=column)))
        for name in PARTS:
            assert ("rare" in getattr(split, f"X_{name}")) == kept


def make_given(monkeypatch, data):
    monkeypatch.setitem(DATASETS, "made", lambda: data)
    return make_real_split("made", random_state=0)


def test_files_are_read_once_for_the_cells_of_a_set(monkeypatch):
    calls = []
    monkeypatch.setitem(DATASETS, "made", lambda: calls.append(1) or made(labels(100, 40)))
    first, second = (make_real_split("made", random_state=s) for s in (0, 0))
    assert calls == [1]
    # What a cell does to its table, the next one does not see.
    first.X_train.iloc[:] = np.nan
    again = make_real_split("made", random_state=0)
    pd.testing.assert_frame_equal(second.X_train, again.X_train)


def test_what_cannot_work_is_said_before_any_work(give):
    with pytest.raises(UnknownNameError, match="data set"):
        make_real_split("breast-cancr", random_state=0)
    for wrong in (
        {"noise_rate": 1.5},
        {"missing_rate": -0.1},
        {"mechanism": "mnr"},
        {"imbalance": 0},
        {"max_rows": 5},
    ):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            make_real_split("breast-cancer", **wrong, random_state=0)
    with pytest.raises(InvalidInputError, match="imbalance needs classes"):
        make_real_split("diabetes", imbalance=0.05, random_state=0)
    give(labels(30, 10))
    with pytest.raises(InvalidInputError, match="use more rows"):
        make_real_split("made", random_state=0)
