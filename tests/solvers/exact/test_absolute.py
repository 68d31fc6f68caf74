"""Weighted quantiles, robust scales, and least absolute errors by reweighting."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from biam.solvers.exact.absolute import Absolute, robust_scale, weighted_quantile
from biam.solvers.exact.labels import Labels

NUMBERS = st.integers(-8, 8).map(float)
TIMES = st.integers(0, 3)
DRAWN = st.lists(st.tuples(NUMBERS, TIMES), min_size=1, max_size=12).filter(
    lambda rows: any(times for _, times in rows)
)
SHARES = st.sampled_from([0.1, 0.25, 0.3, 0.5, 0.6, 0.75, 0.9])


def quantile(x, weight, share):
    return weighted_quantile(torch.tensor(x), torch.tensor(weight).double(), share)


def labels(y):
    y = torch.as_tensor(y)
    none = torch.zeros(len(y), dtype=torch.bool)
    return Labels(y, none, torch.ones(len(y)).double(), torch.zeros(len(y), 0).double())


@given(rows=DRAWN, share=SHARES)
def test_whole_weights_are_repeated_rows(rows, share):
    x, times = zip(*rows, strict=True)
    repeated = [value for value, n in rows for _ in range(n)]
    assert quantile(x, times, share) == quantile(repeated, [1] * len(repeated), share)


@given(rows=DRAWN, share=SHARES)
def test_no_more_than_the_share_lies_below_and_no_more_than_the_rest_above(rows, share):
    x, weight = (np.array(part, float) for part in zip(*rows, strict=True))
    found = quantile(x, weight, share)
    assert weight[x < found].sum() <= share * weight.sum() + 1e-9
    assert weight[x > found].sum() <= (1 - share) * weight.sum() + 1e-9


@given(rows=DRAWN, share=SHARES, scale=st.sampled_from([0.5, 2.0, 64.0]), shift=NUMBERS)
def test_units_order_and_sign_of_the_values_say_nothing(rows, share, scale, shift):
    x, weight = (np.array(part, float) for part in zip(*rows, strict=True))
    found = quantile(x, weight, share)
    assert quantile(scale * x + shift, weight, share) == scale * found + shift
    assert quantile(x, 8 * weight, share) == found
    assert quantile(x[::-1].copy(), weight[::-1].copy(), share) == found
    assert quantile(-x, weight, 1 - share) == -found


@given(rows=DRAWN)
def test_quantiles_rise_with_the_share(rows):
    x, weight = zip(*rows, strict=True)
    found = [quantile(x, weight, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert found == sorted(found)


@given(x=st.lists(NUMBERS, min_size=1, max_size=12))
def test_the_half_is_the_median(x):
    assert quantile(x, [1] * len(x), 0.5) == np.median(x)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.95])
@pytest.mark.parametrize("scale", [0.01, 3.0])
def test_normal_errors_have_their_deviation_at_any_share(share, scale):
    # Errors at the quantiles themselves: nothing is left to chance.
    error = scale * torch.as_tensor(norm.ppf((np.arange(4000) + 0.5) / 4000))
    found = robust_scale(error, torch.ones(4000).double(), share)
    assert found == pytest.approx(scale, rel=2e-3)


def test_a_small_share_sees_the_right_labels_where_half_are_wrong():
    error = np.random.default_rng(0).normal(size=4000)
    error[::2] += 30 * np.random.default_rng(1).normal(size=2000)
    noise = Absolute(labels(0 * error))
    noise.refresh(torch.as_tensor(-error), torch.zeros(4000).double())
    # Of half the rows, .3 of all are .6: the quantile of what is right is a little too wide.
    assert noise.narrow(0) < norm.ppf(0.8) / norm.ppf(0.65) < 2.5 < noise.scale


def test_errors_that_a_fit_has_made_zero_do_not_make_the_scale_narrow():
    error = np.random.default_rng(0).normal(size=400)
    error[:100] = 0
    noise = Absolute(labels(0 * error))
    noise.refresh(torch.as_tensor(-error), torch.zeros(400).double())
    assert noise.narrow(100) == pytest.approx(1, abs=0.15)
    assert noise.narrow(0) < 0.3


def test_rows_of_no_weight_and_equal_rows_leave_a_scale():
    error, weight = torch.tensor([1.0, -1.0, 50.0]).double(), torch.tensor([1.0, 1.0, 0.0]).double()
    assert robust_scale(error, weight) == pytest.approx(1 / norm.ppf(0.75))
    noise = Absolute(labels(np.full(5, 3.0)))
    assert 0 < noise.scale < 1e-3 and 0 < noise.narrow(1) < 1e-3


def fitted(A, y, steps=200):
    noise = Absolute(labels(y))
    f = torch.zeros(len(y)).double()
    for _ in range(steps):
        precision, residual, _ = noise.working(f)
        p, target = precision.numpy(), (f + residual).numpy()
        w = np.linalg.solve((A * p[:, None]).T @ A, A.T @ (p * target))
        f = torch.as_tensor(A @ w)
        noise.refresh(f, torch.zeros_like(f))
    return w, noise, f


def drawn(seed=0, n=200):
    stream = np.random.default_rng(seed)
    A = np.column_stack([np.ones(n), stream.normal(size=n)])
    return A, A @ [1.0, 2.0] + 0.1 * stream.normal(size=n)


def test_least_absolute_errors_are_reached_by_reweighting():
    A, y = drawn()
    y[:60] += 100
    w, noise, f = fitted(A, y, 30)
    np.testing.assert_allclose(w, [1, 2], atol=0.1)
    assert noise.scale == pytest.approx(0.1, abs=0.15)
    assert noise.progress(f, f) == {"scale": noise.scale}
    assert noise.advance(f, f, f, f, f) == (1.0, 0.0)


def test_the_fixed_point_is_the_minimum_of_a_smoothed_absolute_error():
    A, y = drawn(1)
    y[:30] += 5
    w, noise, f = fitted(A, y)
    error, bend = y - f.numpy(), 0.1 * noise.scale
    # The slope of Huber's loss: errors within the bend count by their size.
    pull = A.T @ np.clip(error / bend, -1, 1)
    away = A.T @ np.clip((error - 0.05) / bend, -1, 1)
    assert np.abs(pull).max() < 1e-3 < 1 < np.abs(away).max()
    assert w == pytest.approx([1, 2], abs=0.1)
