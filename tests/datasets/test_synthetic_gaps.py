"""Related features: their correlation, their margins, the sum that makes y."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biam.datasets.synthetic_gaps import GAP_SHAPES, NOISE, make_related_regression
from biam.exceptions import InvalidInputError


def parts(split):
    return (
        (split.X_train, split.y_train),
        (split.X_meta, split.y_meta),
        (split.X_test, split.y_test),
    )


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_every_pair_has_the_correlation_and_every_margin_is_standard_normal(correlation):
    split = make_related_regression(40_000, 8, correlation=correlation)
    X = np.concatenate([X for X, _ in parts(split)])
    off = np.corrcoef(X.T)[np.triu_indices(len(GAP_SHAPES), 1)]
    np.testing.assert_allclose(off, correlation, atol=0.03)
    np.testing.assert_allclose(X.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(X.std(0), 1, atol=0.03)


@given(st.floats(0, 0.95), st.integers(0, 100))
def test_y_is_the_sum_of_the_shapes_and_noise(correlation, seed):
    split = make_related_regression(200, 100, correlation=correlation, random_state=seed)
    rest = np.concatenate(
        [
            y * split.truth["y_scale"]
            + split.truth["y_centre"]
            - sum(g(x) for g, x in zip(GAP_SHAPES, X.T, strict=True))
            for X, y in parts(split)
        ]
    )
    assert 0.8 * NOISE < rest.std() < 1.2 * NOISE
    assert abs(rest.mean()) < 0.1


def test_sizes_units_and_seeds():
    split = make_related_regression(400, 150, random_state=7)
    assert [len(y) for _, y in parts(split)] == [300, 100, 150]
    assert split.y_train.mean() == pytest.approx(0, abs=1e-12)
    assert split.y_train.std() == pytest.approx(1)
    again, other = (make_related_regression(400, 150, random_state=seed) for seed in (7, 8))
    np.testing.assert_array_equal(again.X_test, split.X_test)
    assert (other.X_test != split.X_test).all()
    # The features of one seed share their draws whatever the correlation.
    related = make_related_regression(400, 150, correlation=0.5, random_state=7)
    assert np.corrcoef(related.X_train[:, 0], split.X_train[:, 0])[0, 1] > 0.5


def test_the_first_shape_is_lowest_at_the_mean():
    x = np.linspace(-2, 2, 41)
    assert x[GAP_SHAPES[0](x).argmin()] == pytest.approx(0)


def test_wrong_sizes_are_refused():
    with pytest.raises(InvalidInputError, match="correlation"):
        make_related_regression(100, correlation=1.0)
    with pytest.raises(InvalidInputError, match="n_samples"):
        make_related_regression(5)
    with pytest.raises(InvalidInputError, match="n_test"):
        make_related_regression(n_test=0)
