"""What is hidden, and what an oracle knows of it."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.experiments.hidden import Hidden, make_disc, make_gaussian, make_ring, make_uci


def test_holes_are_where_values_are_hidden():
    data = Hidden(np.arange(4.0).reshape(2, 2), np.array([[True, False], [False, False]]))
    assert np.isnan(data.holes).tolist() == data.missing.tolist()
    assert data.holes[1].tolist() == [2.0, 3.0]


def test_the_first_half_is_hidden_above_its_mean():
    data = make_uci("breast", random_state=0)
    assert data.X.shape == (569, 30)
    np.testing.assert_allclose(data.X.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(0), 1)
    assert not data.missing[:, 15:].any()
    assert (data.missing[:, :15] == (data.X[:, :15] > 0)).all()
    assert data.missing.mean() == pytest.approx(0.1995, abs=5e-5)


def test_the_mean_row_of_the_paper():
    data = make_uci("breast", random_state=0)
    fill = np.nanmean(data.holes, 0)
    error = (data.X - fill)[data.missing]
    assert np.sqrt((error**2).mean()) == pytest.approx(1.82, abs=0.005)


def test_a_higher_cutoff_hides_less():
    rates = [make_uci("breast", cutoff=c, random_state=0).missing.mean() for c in (0, 0.5, 1)]
    assert rates[0] > rates[1] > rates[2] > 0
    with pytest.raises(UnknownNameError, match="did you mean 'breast'"):
        make_uci("breats", random_state=0)


@pytest.mark.realdata(
    "banknote/data_banknote_authentication.txt", "yeast/yeast.data",
    "concrete/Concrete_Data.xls", "wine-quality/winequality-red.csv",
    "wine-quality/winequality-white.csv",
)  # fmt: skip
@pytest.mark.parametrize(
    ("name", "shape", "stated"),
    [
        ("banknote", (1372, 4), 1.73),
        ("concrete", (1030, 8), 1.85),
        ("red", (1599, 11), 1.83),
        ("white", (4898, 11), 1.74),
        # All eight columns, as in the course report of Cuevas and Lopetegui; the paper, by its
        # mean row, has seven.
        ("yeast", (1484, 8), 1.73),
        ("yeast", (1484, 7), 1.69),
    ],
)
def test_sizes_and_stated_mean_rows(name, shape, stated):
    data = make_uci(name, n_columns=shape[1], random_state=0)
    assert data.X.shape == shape
    error = (data.X - np.nanmean(data.holes, 0))[data.missing]
    assert np.sqrt((error**2).mean()) == pytest.approx(stated, abs=0.01)


def test_oracle_of_the_gaussian_is_the_mean_of_what_is_hidden():
    data = make_gaussian(20_000, random_state=0)
    gone = data.missing[:, 0]
    error = (data.X[:, 0] - data.truth["oracle"])[gone]
    assert np.sqrt((error**2).mean()) == pytest.approx(0.459, abs=0.01)
    # A conditional mean leaves errors that the other column cannot explain.
    assert abs(error.mean()) < 0.01 and abs(np.corrcoef(error, data.X[gone, 1])[0, 1]) < 0.02
    assert np.sqrt((data.X[gone, 0] ** 2).mean()) == pytest.approx(0.998, abs=0.02)


def test_the_ring_has_two_branches_and_draws_that_look_like_it():
    data = make_ring(4000, random_state=0)
    gone = data.missing[:, 0]
    assert gone.mean() == pytest.approx(0.25, abs=0.02) and not data.missing[:, 1].any()
    assert (np.abs(data.X[gone, 0]) <= data.X[gone, 1]).all()
    assert np.sqrt((data.X[gone, 0] ** 2).mean()) == pytest.approx(1.93, abs=0.05)
    drawn = data.truth["oracle_draws"][:, gone]
    assert (np.abs(drawn) <= data.X[gone, 1] + 1e-9).all()
    assert drawn.mean() == pytest.approx(0, abs=0.05)
    radius = np.hypot(drawn, data.X[gone, 1])
    assert (radius.mean(), radius.std()) == pytest.approx((4.5, 0.5), abs=0.06)


def test_grey_pixels_of_the_disc_are_seen():
    data = make_disc("digits", n_rows=50, radius=2, random_state=0)
    assert data.X.shape == (50, 64) and data.shape == (8, 8)
    disc = data.truth["disc"]
    assert disc.sum() == 13 and disc.reshape(8, 8)[4, 4]
    assert (data.missing == (disc & (np.abs(data.X) > 0.5))).all()
    assert data.X.min() == -1 and data.X.max() == 1
    with pytest.raises(InvalidInputError, match="at most 1797"):
        make_disc("digits", n_rows=5000, random_state=0)


@pytest.mark.realdata("mnist/train-images-idx3-ubyte", "mnist/t10k-images-idx3-ubyte")
def test_mnist_behind_a_disc():
    data = make_disc("mnist", random_state=0)
    assert data.X.shape == (2000, 784) and data.truth["disc"].sum() == 81
