"""Losses: closed-form derivatives against automatic ones, limits, convexity, two classes as one."""

from math import exp, log1p

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import grad, jacrev

from biam.losses import Huber, Logistic, SoftmaxCrossEntropy, SquaredError

N = 40
LOSSES = {
    "squared": (SquaredError(), 1),
    "huber": (Huber(), 1),
    "huber-narrow": (Huber(0.1), 1),
    "huber-wide": (Huber(50.0), 1),
    "logistic": (Logistic(), 1),
    "softmax-2": (SoftmaxCrossEntropy(), 2),
    "softmax-5": (SoftmaxCrossEntropy(), 5),
}
SMOOTH = {name: pair for name, pair in LOSSES.items() if name not in ("huber", "huber-narrow")}
all_losses = pytest.mark.parametrize(("loss", "d"), LOSSES.values(), ids=LOSSES)
smooth_losses = pytest.mark.parametrize(("loss", "d"), SMOOTH.values(), ids=SMOOTH)
floats = st.floats(-50, 50)


def batch(loss, d, *, n=N, dtype=torch.float64):
    g = torch.Generator().manual_seed(d)
    f = (3 * torch.randn(n, d, generator=g, dtype=torch.float64)).to(dtype)
    v = torch.randn(n, d, generator=g, dtype=torch.float64).to(dtype)
    if isinstance(loss, SoftmaxCrossEntropy):
        return f, torch.randint(0, d, (n,), generator=g), v
    if isinstance(loss, Logistic):
        return f, torch.randint(0, 2, (n,), generator=g).to(dtype), v
    return f, torch.randn(n, generator=g, dtype=torch.float64).to(dtype), v


def row_value(loss):
    """l of one row of outputs, shape (d,), and one target."""
    return lambda f, y: loss.value(f[None], y[None])[0]


@all_losses
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_shapes_and_types_are_kept(loss, d, dtype):
    f, y, v = batch(loss, d, dtype=dtype)
    before = f.clone()
    value, gradient, curvature = loss.value(f, y), loss.gradient(f, y), loss.curvature(f, y, v)
    assert value.shape == (N,)
    assert gradient.shape == curvature.shape == (N, d)
    assert value.dtype == gradient.dtype == curvature.dtype == dtype
    assert torch.equal(f, before)


@all_losses
def test_losses_are_not_negative_and_vary(loss, d):
    f, y, _ = batch(loss, d)
    assert (loss.value(f, y) >= 0).all()
    assert loss.value(f, y).std() > 0.01


@all_losses
def test_gradient_is_that_of_autograd(loss, d):
    f, y, _ = batch(loss, d)
    expected = torch.vmap(grad(row_value(loss)))(f, y)
    torch.testing.assert_close(loss.gradient(f, y), expected, rtol=1e-12, atol=1e-14)


@all_losses
def test_value_passes_gradcheck(loss, d):
    f, y, _ = batch(loss, d, n=8)
    assert torch.autograd.gradcheck(lambda f: loss.value(f, y), f.requires_grad_())


@smooth_losses
def test_curvature_is_the_hessian_times_a_vector(loss, d):
    f, y, v = batch(loss, d)
    H = torch.vmap(jacrev(grad(row_value(loss))))(f, y)
    expected = torch.einsum("nij,nj->ni", H, v)
    torch.testing.assert_close(loss.curvature(f, y, v), expected, rtol=1e-10, atol=1e-12)


@all_losses
def test_curvature_is_positive_semi_definite_and_symmetric(loss, d):
    f, y, v = batch(loss, d)
    u = v.roll(1, 0)
    assert ((v * loss.curvature(f, y, v)).sum(1) >= -1e-12).all()
    forth, back = (u * loss.curvature(f, y, v)).sum(1), (v * loss.curvature(f, y, u)).sum(1)
    torch.testing.assert_close(forth, back)


@all_losses
@given(share=st.floats(0, 1))
def test_losses_are_convex_in_the_outputs(loss, d, share):
    f, y, v = batch(loss, d)
    between = loss.value(share * f + (1 - share) * v, y)
    chord = share * loss.value(f, y) + (1 - share) * loss.value(v, y)
    assert (between <= chord + 1e-10).all()


@pytest.mark.parametrize("delta", [0.1, 1.345, 3.0])
@given(f=floats, g=floats, y=floats)
def test_huber_lies_under_the_parabola_of_its_curvature(delta, f, g, y):
    # The bound that makes reweighted least squares descend.
    loss, target = Huber(delta), torch.tensor([y], dtype=torch.float64)
    here, there = (torch.tensor([[x]], dtype=torch.float64) for x in (f, g))
    step = there - here
    slope, bend = loss.gradient(here, target), loss.curvature(here, target, step)
    parabola = loss.value(here, target) + (step * (slope + bend / 2)).sum(1)
    assert loss.value(there, target) <= parabola + 1e-9 * (1 + parabola.abs())


def test_huber_of_a_large_delta_is_the_squared_error():
    f, y, v = batch(SquaredError(), 1)
    square, huber = SquaredError(), Huber(1e6)
    assert torch.equal(huber.value(f, y), square.value(f, y))
    assert torch.equal(huber.gradient(f, y), square.gradient(f, y))
    assert torch.equal(huber.curvature(f, y, v), square.curvature(f, y, v))


def test_huber_of_a_small_delta_is_the_absolute_error():
    f, y, _ = batch(SquaredError(), 1)
    delta = 1e-8
    expected = (f[:, 0] - y).abs()
    torch.testing.assert_close(Huber(delta).value(f, y) / (2 * delta), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(Huber(delta).gradient(f, y) / (2 * delta), (f - y[:, None]).sign())


def test_huber_is_smooth_where_its_two_pieces_meet():
    y = torch.zeros(2, dtype=torch.float64)
    f = torch.tensor([[1.345], [1.345 + 1e-9]], dtype=torch.float64)
    assert Huber().value(f, y).diff().abs() < 1e-8
    assert Huber().gradient(f, y).diff(dim=0).abs() < 1e-8


def test_huber_curvature_at_a_perfect_fit_is_that_of_the_square():
    y = torch.ones(1)
    assert Huber(10.0).curvature(y[:, None], y, torch.ones(1, 1)).item() == 2


@given(a=st.floats(-700, 700), b=st.floats(-50, 50), label=st.integers(0, 1))
def test_two_class_softmax_is_the_logistic_of_the_difference(a, b, label):
    f = torch.tensor([[a, b]], dtype=torch.float64)
    margin, target = f[:, 1:] - f[:, :1], torch.tensor([label])
    soft, logistic = SoftmaxCrossEntropy(), Logistic()
    expected = logistic.value(margin, target.double())
    torch.testing.assert_close(soft.value(f, target), expected, rtol=1e-12, atol=1e-12)
    slope = logistic.gradient(margin, target.double())
    expected = torch.cat([-slope, slope], 1)
    torch.testing.assert_close(soft.gradient(f, target), expected, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("f", [-50.0, -1.0, 0.0, 1.0, 21.0, 25.0, 50.0])
def test_logistic_keeps_its_digits_far_out(f):
    row, zero = torch.tensor([[f]], dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    expected = max(f, 0) + log1p(exp(-abs(f)))
    assert Logistic().value(row, zero).item() == pytest.approx(expected, rel=1e-14)


@given(shift=st.floats(-100, 100))
def test_softmax_does_not_see_a_common_shift(shift):
    f, y, _ = batch(SoftmaxCrossEntropy(), 5)
    loss = SoftmaxCrossEntropy()
    torch.testing.assert_close(loss.value(f + shift, y), loss.value(f, y))
    torch.testing.assert_close(loss.gradient(f, y).sum(1), torch.zeros(N, dtype=torch.float64))


@pytest.mark.parametrize(
    ("loss", "d"), [(Logistic(), 1), (SoftmaxCrossEntropy(), 2)], ids=["logistic", "softmax"]
)
def test_extreme_outputs_give_finite_values(loss, d):
    f = torch.tensor([[1e4] * d, [-1e4] * d])
    f[:, -1] *= -1
    y = torch.tensor([0, 1]) if d == 2 else torch.tensor([0.0, 1.0])
    assert loss.value(f, y).isfinite().all()
    assert loss.gradient(f, y).isfinite().all()
    assert loss.curvature(f, y, torch.ones(2, d)).isfinite().all()
