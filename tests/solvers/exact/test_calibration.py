"""The line finds what noise did to all logits alike, and changes nothing where little is known."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from biam.solvers.exact.calibration import Line, fit_line


def rows(n, shift=0.0, slope=1.0, seed=0):
    stream = np.random.default_rng(seed)
    f = stream.normal(-1, 1.5, n)
    y = (stream.random(n) < expit(shift + slope * f)).astype(float)
    return torch.as_tensor(f), torch.as_tensor(y), torch.ones(n).double()


@pytest.mark.parametrize(("shift", "slope"), [(0.0, 1.0), (1.2, 2.5), (-0.4, 0.5)])
def test_many_rows_give_the_line_of_logistic_regression(shift, slope):
    f, y, weight = rows(20_000, shift, slope)
    line = fit_line(f, y, weight)
    other = LogisticRegression(C=np.inf).fit(f[:, None], y)
    found = np.array([line.shift, line.slope])
    np.testing.assert_allclose(found, [other.intercept_[0], other.coef_[0, 0]], atol=0.02)
    np.testing.assert_allclose(found, [shift, slope], atol=0.1)


def test_rows_without_weight_change_nothing():
    f, y, weight = rows(50)
    assert fit_line(f, y, 0 * weight) == Line()
    assert torch.equal(Line()(f), f)


@given(seed=st.integers(0, 200))
@settings(max_examples=25)
def test_few_rows_move_the_logits_less_than_their_most_probable_line(seed):
    f, y, weight = rows(8, 0.0, 2.0, seed)
    line = fit_line(f, y, weight)
    assert 0.3 < line.slope < 2.0
    f, y, weight = rows(400, 0.0, 1.0, seed)
    assert abs(np.log(fit_line(f, y, weight).slope)) < 0.35


def test_a_row_of_weight_two_is_two_rows():
    f, y, weight = rows(200, 1.0, 2.0)
    twice = fit_line(torch.cat([f, f[:50]]), torch.cat([y, y[:50]]), torch.ones(250).double())
    weight[:50] = 2
    line = fit_line(f, y, weight)
    assert (line.shift, line.slope) == pytest.approx((twice.shift, twice.slope), abs=1e-5)
