"""M-GAM: terms by hand, decided by the training rows alone; both losses; additive scores."""

import numpy as np
import pytest

from biam.baselines.mgam import MGAMClassifier, MGAMRegressor, MissingTerms

NAN = np.nan
X = np.array([[1.0, 5.0], [2.0, NAN], [3.0, 7.0], [4.0, NAN]])
G = np.random.default_rng(0)
TABLE = np.where(G.uniform(size=(200, 3)) < 0.2, NAN, G.normal(size=(200, 3)))
SIGNAL = 2.0 * np.isnan(TABLE[:, 0]) + (np.nan_to_num(TABLE[:, 1], nan=1) <= 0)


def test_terms_by_hand():
    # One threshold, the median: x0 <= 2.5, x1 <= 6; x1 has gaps.
    found = MissingTerms(1).fit(X).transform(X)
    expected = [[1, 1, 0, 0], [1, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(found, expected)


def test_test_rows_decide_nothing():
    terms = MissingTerms(3).fit(TABLE[:100])
    whole = terms.transform(TABLE)
    np.testing.assert_array_equal(terms.transform(TABLE[:100]), whole[:100])
    np.testing.assert_array_equal(terms.transform(TABLE[150:151]), whole[150:151])
    complete = MissingTerms(3).fit(np.nan_to_num(TABLE))
    # A gap in a column that had none in training makes no term, and no threshold holds.
    assert complete.transform(np.full((1, 3), NAN)).sum() == 0


def test_terms_vary_over_the_training_rows():
    found = MissingTerms().fit(TABLE).transform(TABLE)
    assert (found.min(0) < found.max(0)).all()
    assert set(np.unique(found)) == {0.0, 1.0}


def test_regression_finds_the_planted_terms():
    y = SIGNAL + 0.05 * G.normal(size=200)
    model = MGAMRegressor(n_quantiles=5).fit(TABLE, y)
    assert np.mean((model.predict(TABLE) - y) ** 2) < 0.2 * y.var()
    assert np.count_nonzero(model.coef_) < 20


@pytest.mark.parametrize("loss", ["Logistic", "Exponential"])
def test_classification(loss):
    y = (SIGNAL + 0.5 * G.normal(size=200) > 1).astype(int)
    model = MGAMClassifier(n_quantiles=3, loss=loss).fit(TABLE, y)
    assert np.mean(model.predict(TABLE) == y) > 0.8
    # Both losses aim at the same log-odds: on average the probabilities are the frequency.
    assert abs(model.predict_proba(TABLE)[:, 1].mean() - y.mean()) < 0.1


def test_without_validation_the_smallest_penalty_is_taken():
    y = (SIGNAL > 1).astype(int) ^ (G.uniform(size=200) < 0.2)
    sparse, dense = (
        np.count_nonzero(MGAMClassifier(validation=v).fit(TABLE, y).coef_) for v in (0.2, 0.0)
    )
    assert dense > sparse
