"""Imputers of pictures: what is around a hole says what is in it, though nothing ever showed it."""

import numpy as np
import pytest
from sklearn.base import clone

from biam.exceptions import InvalidInputError
from biam.imputation import ConvMIWAEImputer, ConvNotMIWAEImputer

FAST = {"channels": 4, "latent_channels": 2, "n_levels": 3, "progress": False, "random_state": 0}
TINY = FAST | {"max_iter": 5, "n_importance": 20}
SHAPE = (16, 16)


def grey(x):
    return 10 * (0.5 - x.abs())


@pytest.fixture(scope="module")
def stripes():
    """Upright bands of black and white; the middle is hidden in every picture."""
    rng = np.random.default_rng(0)
    place = np.arange(16)[None] + rng.integers(0, 8, 150)[:, None]
    X = np.repeat(np.where(place % 8 < 4, 1.0, -1.0)[:, None], 16, 1)
    holes = X.copy()
    holes[:, 6:10, 6:10] = np.nan
    return X.reshape(150, -1), holes.reshape(150, -1)


def test_the_side_of_a_pixel_that_is_never_seen_comes_from_its_context(stripes):
    X, holes = stripes
    gone = np.isnan(holes)
    options = FAST | {"channels": 8, "max_iter": 160, "lr": 0.01, "n_importance": 10}
    filled = ConvNotMIWAEImputer(SHAPE, grey, **options).fit_transform(holes)
    np.testing.assert_array_equal(filled[~gone], X[~gone])
    # To know nothing costs 1, and no position by itself ever showed a side.
    assert np.sqrt(((filled - X)[gone] ** 2).mean()) < 0.3


def test_a_row_does_not_depend_on_those_beside_it(stripes):
    _, holes = stripes
    fitted = ConvMIWAEImputer(SHAPE, **TINY).fit(holes)
    whole = fitted.transform(holes[:6])
    np.testing.assert_allclose(fitted.transform(holes[4:6]), whole[4:], atol=1e-5)
    again = clone(fitted).fit(holes)
    np.testing.assert_array_equal(again.transform(holes[:6]), whole)


def test_draws_and_diagnostics(stripes):
    _, holes = stripes
    fitted = ConvNotMIWAEImputer(SHAPE, grey, **TINY).fit(holes)
    drawn = fitted.sample(holes[:5], 3)
    assert drawn.shape == (3, 5, 256) and np.isfinite(drawn).all()
    # The rule hides no grey.
    assert (np.abs(drawn[:, np.isnan(holes[:5])]) > 0.2).mean() > 0.9
    rows = fitted.diagnose(holes[:5])
    assert rows["bound"].shape == (5,) and (rows["ess"] >= 1).all() and (rows["ess"] <= 20).all()
    assert fitted.score(holes[:5]) == pytest.approx(rows["bound"].mean())
    assert len(fitted.history_) == 1


def test_units_of_the_table_do_not_matter(stripes):
    _, holes = stripes
    plain = ConvNotMIWAEImputer(SHAPE, grey, **TINY).fit_transform(holes)
    scaled = ConvNotMIWAEImputer(SHAPE, lambda x: grey((x - 100) / 50), **TINY)
    np.testing.assert_allclose(scaled.fit_transform(100 + 50 * holes), 100 + 50 * plain, rtol=1e-3)


def test_any_size_is_padded_to_whole_places(stripes):
    _, holes = stripes
    odd = holes.reshape(-1, 16, 16)[:20, :9, :7].reshape(20, -1)
    filled = ConvMIWAEImputer((9, 7), **TINY).fit_transform(odd)
    assert filled.shape == odd.shape and np.isfinite(filled).all()


def test_a_table_without_gaps_stays_as_it_is(stripes):
    X, _ = stripes
    np.testing.assert_array_equal(ConvNotMIWAEImputer(SHAPE, grey, **TINY).fit_transform(X), X)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((16, 15), {}), "expected 16 x 15"),
        (((12,), {}), "image_shape"),
        ((SHAPE, {"lr": 0}), "lr"),
        ((SHAPE, {"n_levels": 1}), "n_levels"),
        ((SHAPE, {"max_shift": -1}), "max_shift"),
    ],
)
def test_errors_come_before_work(stripes, arguments, message):
    shape, options = arguments
    with pytest.raises(InvalidInputError, match=message):
        ConvMIWAEImputer(shape, **TINY | options).fit(stripes[1])
    with pytest.raises(InvalidInputError, match="mechanism"):
        ConvNotMIWAEImputer(SHAPE, "grey", **TINY).fit(stripes[1])
    with pytest.raises(InvalidInputError, match="no value"):
        ConvMIWAEImputer(SHAPE, **TINY).fit(np.full((3, 256), np.nan))
