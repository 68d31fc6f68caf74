"""New rows lie where each mode says, as many as asked for; missing values are refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from biam.exceptions import InvalidInputError
from biam.mitigation.smote import Smote, embed


def table(n_rare=12, n_common=40, p=3, seed=0):
    g = np.random.default_rng(seed)
    X = np.concatenate([g.normal(2, 1, (n_rare, p)), g.normal(0, 1, (n_common, p))])
    return X, np.array([1] * n_rare + [0] * n_common)


def pairs(own):
    """All ordered pairs of rows, shape (m, p) twice."""
    i, j = (~np.eye(len(own), dtype=bool)).nonzero()
    return own[i], own[j]


@given(st.integers(2, 15), st.integers(15, 30), st.sampled_from(["segment", "attribute"]))
def test_classes_end_level(n_rare, n_common, mode):
    X, y = table(n_rare, n_common)
    X_new, y_new = Smote(mode=mode).fit_resample(X, y)
    assert np.bincount(y_new).tolist() == [n_common, n_common]
    np.testing.assert_array_equal(X_new[: len(X)], X)


@pytest.mark.parametrize(("amount", "new"), [(50, 6), (100, 12), (300, 36)])
@pytest.mark.parametrize("mode", ["segment", "attribute", "midpoint"])
def test_amount_is_per_cent_of_the_class(amount, new, mode):
    X, y = table()
    _, y_new = Smote(amount, mode).fit_resample(X, y)
    assert np.sum(y_new == 1) == 12 + new
    assert np.sum(y_new == 0) == 40


def test_segment_rows_lie_between_two_rows_of_the_class():
    X, y = table()
    new = Smote(200).fit_resample(X, y)[0][len(X) :]
    first, second = pairs(X[y == 1])
    for row in new:
        legs = np.linalg.norm(first - row, axis=1) + np.linalg.norm(second - row, axis=1)
        assert np.min(legs - np.linalg.norm(first - second, axis=1)) < 1e-9


def test_attribute_rows_fill_boxes_and_leave_the_segments():
    X, y = table()
    new = Smote(300, "attribute").fit_resample(X, y)[0][len(X) :]
    first, second = pairs(X[y == 1])
    low, high = np.minimum(first, second), np.maximum(first, second)
    off = 0
    for row in new:
        inside = ((low <= row) & (row <= high)).all(1)
        assert inside.any()
        legs = np.linalg.norm(first - row, axis=1) + np.linalg.norm(second - row, axis=1)
        off += np.min(legs - np.linalg.norm(first - second, axis=1)) > 1e-3
    assert off > len(new) / 2


def test_midpoints_are_means_of_near_pairs():
    X, y = table()
    own = X[y == 1]
    new = Smote(200, "midpoint", k_neighbors=2).fit_resample(X, y)[0][len(X) :]
    near = np.argsort(np.linalg.norm(own[:, None] - own[None], axis=2), axis=1)[:, 1:3]
    middles = (own[:, None] + own[near]) / 2
    distance = np.linalg.norm(middles.reshape(-1, 1, 3) - new[None], axis=2)
    assert distance.min(0).max() < 1e-12


def test_nominal_columns_keep_their_categories():
    X, y = table()
    X[:, 2] = np.arange(len(X)) % 3 + 5
    X_new, y_new = Smote(nominal=(2,)).fit_resample(X, y)
    assert set(X_new[:, 2]) == {5, 6, 7}
    assert np.sum(y_new == 1) == 40


def test_same_seed_same_rows():
    X, y = table()
    for mode in ("segment", "attribute"):
        first, again, other = (
            Smote(mode=mode, random_state=s).fit_resample(X, y)[0] for s in (1, 1, 2)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)


def test_level_classes_stay_as_they_are():
    X, y = table(10, 10)
    X_new, _ = Smote().fit_resample(X, y)
    assert len(X_new) == 20


@pytest.mark.parametrize("mode", ["segment", "midpoint"])
def test_few_rows_lower_the_neighbours_and_one_is_refused(mode):
    X, y = table(3)
    assert np.sum(Smote(mode=mode).fit_resample(X, y)[1] == 1) == 40
    X, y = table(1)
    with pytest.raises(InvalidInputError, match="two rows of each class"):
        Smote(mode=mode).fit_resample(X, y)


def test_missing_values_and_nominal_middles_are_refused():
    X, y = table()
    X[0, 0] = np.nan
    with pytest.raises(InvalidInputError, match="1 NaN and 52 labels; impute first"):
        Smote().fit_resample(X, y)
    with pytest.raises(InvalidInputError, match="a category has no middle"):
        Smote(mode="midpoint", nominal=(1,))
    with pytest.raises(InvalidInputError, match="unknown mode"):
        Smote(mode="line")


def test_embedding_is_the_extractor_in_evaluation_mode():
    extractor = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.9))
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0))
    found = embed(extractor, x, size=3)
    np.testing.assert_allclose(found, extractor[0](x).detach().numpy(), rtol=1e-6)
    rows, labels = Smote(mode="midpoint").fit_resample(found, np.array([1, 1, 0, 0, 0, 0, 0]))
    assert rows.shape == (10, 4) and labels.sum() == 5
